#pragma once
// Options of transformer layers, which several models are built from.
#include "attend/layers/blocks.h"
#include "attend/models/model_options.h"

namespace attend {

/// Of every transformer layer.
struct TransformerOptions {
  std::string self_attention;  ///< empty: the attention itself where it is a score, else scaled_dot
  std::int64_t feed_forward;   ///< F
  std::string norm;            ///< pre or post
  std::string positions;       ///< none, sinusoidal, learned, relative, relative_bias, rotary or alibi
  bool attention_bias;

  TransformerOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a stack of decoder layers that read a source.
struct LayerAttentionOptions {
  std::vector<std::string> layer_attention;  ///< one a layer in place of one for all

  LayerAttentionOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of tables by position.
struct LongestOptions {
  std::int64_t longest;  ///< positions in a learned table

  LongestOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of what reads tokens.
struct EmbeddingScaleOptions {
  bool embedding_scale;  ///< token vectors are multiplied by √N

  EmbeddingScaleOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of what becomes of token vectors before the first layer.
struct EmbeddingNormOptions {
  bool embedding_norm;  ///< a norm over token vectors, positions and types together

  EmbeddingNormOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of models that are given a type with each token.
struct TokenTypeOptions {
  std::int64_t token_types;  ///< rows of a table that is added; 0 = none

  TokenTypeOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
