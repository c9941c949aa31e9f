#include "attend/models/transformer_options.h"

#include "attend/attention/multi_head.h"
#include "models/transformer_layers.h"

namespace attend {

namespace {

std::vector<std::string> self_attention_choices() {
  auto names = attention_choices();
  std::erase(names, "none");
  return names;
}

}  // namespace

void TransformerOptions::visit(OptionVisitor& v) {
  v(self_attention, "self_attention", "",
    "within a transformer's encoder and decoder; empty: attention itself where it is a score, else scaled_dot",
    one_of(self_attention_choices()));
  v(feed_forward, "feed_forward", 1024, "hidden size of a transformer's feed-forward part", between(1, 1 << 20));
  v(norm, "norm", "pre", "the norm before or after each part of a transformer's layer", one_of({"pre", "post"}));
  v(positions, "positions", "sinusoidal", "how a transformer knows the order of tokens",
    one_of({"none", "sinusoidal", "learned", "relative", "relative_bias", "rotary", "alibi"}));
  v(attention_bias, "attention_bias", true, "biases in a transformer's attention projections");
}

void LayerAttentionOptions::visit(OptionVisitor& v) {
  v(layer_attention, "layer_attention", {}, "attention to the source for each decoder layer of a transformer in place of one for all");
}
void LongestOptions::visit(OptionVisitor& v) { v(longest, "longest", 512, "positions in a learned table", between(1, 1 << 24)); }
void EmbeddingScaleOptions::visit(OptionVisitor& v) {
  v(embedding_scale, "embedding_scale", true, "a transformer multiplies token vectors by the root of their size");
}
void EmbeddingNormOptions::visit(OptionVisitor& v) {
  v(embedding_norm, "embedding_norm", false, "a transformer's norm over token vectors and positions, before the first layer");
}
void TokenTypeOptions::visit(OptionVisitor& v) {
  v(token_types, "token_types", 0, "kinds of tokens, such as the first and the second sentence, that have a vector each; 0 is none",
    between(0, 1 << 16));
}

namespace {

// Where a mechanism makes no heads itself, it runs inside those of multi_head.
void visit_in_heads(const std::string& name, OptionSet& set, OptionVisitor& v) {
  if (name == "none") return;  // which no transformer takes; whoever builds it says so
  visit_options<HeadOptions, ProjectionOptions>(set, v);
  find_mechanism(name).options(set, v);
}

}  // namespace

void visit_input_positions(const std::string& kind, OptionSet& set, OptionVisitor& v) {
  if (kind == "sinusoidal" || kind == "learned") v.once<InputOptions>(set);
  if (kind == "learned") v.once<LongestOptions>(set);
}

void visit_transformer_layers(ModelOptions& o, OptionVisitor& v, bool places) {
  visit_options<TransformerOptions, BlockOptions>(o.own, v);
  // What runs inside heads is said of the attention to a source, which has been visited before, if there is one.
  v.pass_over<MultiHeadOptions>();
  auto& within = o.of<MultiHeadOptions>();
  const auto kept = std::exchange(within, {});
  visit_in_heads(self_attention(o), o.own, v);
  within = kept;
  const auto& positions = o.of<TransformerOptions>().positions;
  visit_position(positions, o.own, v);
  v.once<EmbeddingNormOptions>(o.own);
  if (places) visit_input_positions(positions, o.own, v);
}

void visit_cross_attention(ModelOptions& o, OptionVisitor& v) {
  v.once<LayerAttentionOptions>(o.own);
  const auto names = o.of<LayerAttentionOptions>().layer_attention;
  if (names.empty()) visit_in_heads(attention_of(o), o.own, v);
  for (const auto& name : names) visit_in_heads(name, o.own, v);
}

}  // namespace attend
