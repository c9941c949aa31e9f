#include "models/transformer_layers.h"

namespace attend {
namespace {

// The mechanism of that name in heads: itself where it makes heads, else inside multi_head.
std::shared_ptr<Mechanism> make_heads(const ModelOptions& o, const std::string& name, bool self) {
  const auto& entry = find_mechanism(name);
  auto m = o.mechanism;
  if (self) {
    m.head_attention.clear();  // these are for the attention to the source
    m.head_scores.clear();
    if (relative_positions(o)) m.position = o.positions;
  }
  m.heads = o.heads;
  m.query_size = m.key_size = m.value_size = o.embedding;
  m.bias = o.attention_bias;
  if (m.scaling == "auto") m.scaling = "root";  // unscaled products saturate the softmax of a layer that starts at random
  if (entry.capabilities.makes_heads) return entry.make(m);
  (entry.make_score ? m.inner : m.head_attention) = name;
  return make_mechanism("multi_head", m);
}

// What layers read of their own sequence; the decoder's must be causal.
std::string self_attention(const ModelOptions& o) {
  const auto named = o.self_attention.empty() ? o.attention : o.self_attention;
  const auto& entry = find_mechanism(named);
  if (o.self_attention.empty()) return entry.make_score || entry.capabilities.makes_heads ? named : "scaled_dot";
  ATTEND_CHECK(
      !entry.capabilities.not_causal, kValue,
      "model.self_attention: {} cannot be causal, which a decoder's attention to itself must be; use it as model.attention, to the source, "
      "and one of {} here",
      named, fmt::join(score_names(), ", "));
  return named;
}

// The attention to the source of one layer.
std::string cross_attention(const ModelOptions& o, std::int64_t layer) {
  return o.layer_attention.empty() ? o.attention : o.layer_attention[static_cast<std::size_t>(layer)];
}

}  // namespace

bool relative_positions(const ModelOptions& o) { return o.positions != "none" && o.positions != "sinusoidal" && o.positions != "learned"; }

void check_heads(const ModelOptions& o) {
  ATTEND_CHECK(o.embedding % o.heads == 0 || o.mechanism.projections.head_size > 0, kValue,
               "model.embedding must be a multiple of model.heads, got {} and {}; or give model.head_size", o.embedding, o.heads);
}

ModelOptions options_of_stack(Module& owner, const std::string& name, ModelOptions o) {
  const auto& with = o.mechanism.position_options;
  if (o.positions == "relative_bias" && with.relative_shared)
    o.mechanism.shared_bias = owner.register_parameter(name, at::zeros({o.heads, with.relative_buckets}));  // [H, buckets]
  return o;
}

StackInput::StackInput(Module& owner, const ModelOptions& o, const std::string& prefix, bool places) {
  if (places)
    positions_ = owner.register_module(prefix + "positions", std::make_shared<InputPositions>(relative_positions(o) ? "none" : o.positions,
                                                                                              o.embedding, o.longest, o.input));
  if (o.input.token_types > 0)
    types_ = owner.register_parameter(prefix + "types", at::empty({o.input.token_types, o.embedding}).normal_(0, 0.02));  // [types, N]
  if (o.input.embedding_norm) norm_ = owner.register_module(prefix + "embedding_norm", std::make_shared<Norm>(o.embedding, o.block));
}

at::Tensor StackInput::operator()(const at::Tensor& vectors, std::int64_t offset, const at::Tensor& types) const {
  auto x = positions_ ? (*positions_)(vectors, offset) : vectors;  // [B, L, N]
  if (types_.defined()) x = x + type_vectors(vectors, types);
  return norm_ ? (*norm_)(x) : x;
}

at::Tensor StackInput::type_vectors(const at::Tensor& vectors, const at::Tensor& types) const {
  if (!types.defined()) return types_[0];  // [N]
  ATTEND_CHECK(types.sizes() == vectors.sizes().slice(0, 2), kShape, "model.token_types: the types must be {}, one a token, got {}",
               shape_text(vectors.select(2, 0)), shape_text(types));
  ATTEND_CHECK(types.ge(0).logical_and(types.lt(types_.size(0))).all().item<bool>(), kValue,
               "model.token_types: types must be 0 to {}, got {} to {}; raise model.token_types", types_.size(0) - 1,
               types.min().item<std::int64_t>(), types.max().item<std::int64_t>());
  return at::embedding(types_, types);  // [B, L, N]
}

Site encoder_site(const ModelOptions& o, std::int64_t layer, ColumnAxis of, SiteLayers layers) {
  return {.name = "encoder.self",
          .layer = layer,
          .rows = of == ColumnAxis::kCell ? RowAxis::kCell : RowAxis::kSource,
          .columns = of,
          .role = SiteRole::kSelf,
          .mechanism = self_attention(o),
          .layers = layers};
}

EncoderLayer::EncoderLayer(const ModelOptions& o, Site site)
    : site_(std::move(site)),
      self_(register_module("self", make_heads(o, self_attention(o), true))),
      feed_forward_(register_module("feed_forward", std::make_shared<FeedForward>(o.embedding, o.feed_forward, o.dropout, o.block))),
      around_self_(register_module("around_self", std::make_shared<Residual>(o))),
      around_feed_forward_(register_module("around_feed_forward", std::make_shared<Residual>(o))) {}

at::Tensor EncoderLayer::operator()(const at::Tensor& x, const at::Tensor& lengths, Observer* observer, std::int64_t times) const {
  auto site = site_;
  site.layer += times;
  auto attended = (*around_self_)(x, [&](const at::Tensor& y) {
    const auto states = y.unsqueeze(1);
    const auto memory = self_->prepare(states, states, Mask{.key_lengths = lengths});
    return attend_observed(*self_, states, memory, nullptr, site, observer).context.squeeze(1);
  });
  return (*around_feed_forward_)(attended, [&](const at::Tensor& y) { return (*feed_forward_)(y); });
}

DecoderLayer::DecoderLayer(const ModelOptions& o, std::int64_t index, bool alone)
    : index_(index),
      self_site_{.name = "decoder.self",
                 .layer = index,
                 .columns = ColumnAxis::kStep,
                 .role = SiteRole::kSelf,
                 .mechanism = self_attention(o),
                 .layers = SiteLayers::kStack},
      cross_site_{.name = "decoder.cross",
                  .layer = index,
                  .columns = ColumnAxis::kSource,
                  .role = SiteRole::kSource,
                  .mechanism = cross_attention(o, index),
                  .layers = SiteLayers::kStack},
      self_(register_module("self", make_heads(o, self_attention(o), true))),
      cross_(alone ? nullptr : register_module("cross", make_heads(o, cross_attention(o, index), false))),
      feed_forward_(register_module("feed_forward", std::make_shared<FeedForward>(o.embedding, o.feed_forward, o.dropout, o.block))),
      around_self_(register_module("around_self", std::make_shared<Residual>(o))),
      around_cross_(alone ? nullptr : register_module("around_cross", std::make_shared<Residual>(o))),
      around_feed_forward_(register_module("around_feed_forward", std::make_shared<Residual>(o))) {}

Memory DecoderLayer::prepare(const at::Tensor& states, const at::Tensor& lengths) const {
  return cross_->prepare(states.unsqueeze(1), states.unsqueeze(1), Mask{.key_lengths = lengths});
}

at::Tensor DecoderLayer::operator()(const at::Tensor& x, const Memory& memory, Observer* observer) const {
  auto y = (*around_self_)(x, [&](const at::Tensor& z) {
    const auto states = z.unsqueeze(1);
    const auto own = self_->prepare(states, states, Mask{.causal = true});
    return attend_observed(*self_, states, own, nullptr, self_site_, observer).context.squeeze(1);
  });
  return rest(y, memory, nullptr, observer);
}

at::Tensor DecoderLayer::step(const at::Tensor& x, const Memory& memory, TransformerState& state, Observer* observer) const {
  auto& cache = state.caches[static_cast<std::size_t>(index_)];
  auto y = (*around_self_)(x, [&](const at::Tensor& z) {
    const auto rows = z.reshape({-1, 1, 1, z.size(2)});  // [B·K, 1, 1, N]
    cache.append(self_->prepare(rows, rows, Mask{.first_key = state.used}), state.room);
    const auto result = attend_observed(*self_, rows, cache, nullptr, self_site_, observer);
    return result.context.view_as(z);
  });
  return rest(y, memory, state.attention[static_cast<std::size_t>(index_)].get(), observer);
}

at::Tensor DecoderLayer::rest(const at::Tensor& x, const Memory& memory, State* state, Observer* observer) const {
  auto y = x;
  if (cross_)
    y = (*around_cross_)(x, [&](const at::Tensor& z) {
      return attend_observed(*cross_, z.unsqueeze(1), memory, state, cross_site_, observer).context.squeeze(1);
    });
  return (*around_feed_forward_)(y, [&](const at::Tensor& z) { return (*feed_forward_)(z); });
}

}  // namespace attend
