#pragma once
#include "attend/models/answerer.h"

namespace attend {

/// Of masked_lm.
struct MaskedLmOptions {
  bool output_transform;  ///< a linear map, the activation and a norm before the output layer

  MaskedLmOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// A text with some of its words masked to scores of what each word may be: the encoder of a transformer, nothing that writes
/// (Devlin et al. 2019, BERT). Which token stands for a mask is the vocabulary's business. Threads may share it as any Network.
class MaskedLm : public Network {
 public:
  /// Questions::text, text_lengths and, with `token_types`, types -> states [B, S, N], unspecified in padding.
  virtual at::Tensor encode(const Questions& questions, Observer* observer) const = 0;
  /// states [.., N] -> scores over the vocabulary [.., V].
  virtual at::Tensor logits(const at::Tensor& states) const = 0;
};

/// Token vectors with positions, types (`token_types`) and a norm (`embedding_norm`), `encoder_layers` layers as in `transformer`, and an
/// output layer, which `tied` other than none shares with the token vectors; `output_transform` puts norm(act(W x + b)) before it. BERT is
/// norm: post, activation: gelu, positions: learned, embedding_scale: false, embedding_norm: true, token_types: 2, norm_epsilon: 1e-12,
/// tied: target, output_transform: true. The second vocabulary is not read.
std::shared_ptr<MaskedLm> make_masked_lm(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);

}  // namespace attend
