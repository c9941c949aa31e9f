#include "models/transformer_layers.h"

#include "attend/attention/dot.h"
#include "attend/attention/multi_head.h"

namespace attend {
namespace {

MechanismOptions sizes_in_layers(const ModelOptions& o) {
  return {.heads = o.of<HeadOptions>().heads,
          .query_size = o.embedding,
          .key_size = o.embedding,
          .value_size = o.embedding,
          .bias = o.of<TransformerOptions>().attention_bias,
          .own = o.own};
}

// The mechanism of that name in heads: itself where it makes heads, else inside multi_head.
std::shared_ptr<Mechanism> make_heads(const std::string& name, MechanismOptions m) {
  const auto& entry = find_mechanism(name);
  if (m.own.of<ScalingOptions>().scaling == "auto")
    m.of<ScalingOptions>().scaling = "root";  // unscaled products saturate the softmax of a layer that starts at random
  if (entry.capabilities.makes_heads) return entry.make(m);
  if (entry.make_score)
    m.of<InnerScoreOptions>().score = name;
  else
    m.of<MultiHeadOptions>().head_attention = name;
  return make_mechanism("multi_head", m);
}

std::shared_ptr<Mechanism> make_self_attention(const ModelOptions& o, const at::Tensor& shared_bias) {
  const auto name = self_attention(o);
  ATTEND_CHECK(
      !find_mechanism(name).capabilities.not_causal, kValue,
      "model.self_attention: {} cannot be causal, which a decoder's attention to itself must be; use it as model.attention, to the source, "
      "and one of {} here",
      name, fmt::join(score_names(), ", "));
  auto m = sizes_in_layers(o);
  m.of<MultiHeadOptions>() = {};  // what runs inside heads is said of the attention to the source
  if (relative_positions(o)) m.position = o.of<TransformerOptions>().positions;
  m.shared_bias = shared_bias;
  return make_heads(name, m);
}

// The attention to the source of one layer.
std::string cross_attention(const ModelOptions& o, std::int64_t layer) {
  const auto& each = o.of<LayerAttentionOptions>().layer_attention;
  return each.empty() ? attention_of(o) : each[static_cast<std::size_t>(layer)];
}

std::shared_ptr<FeedForward> make_feed_forward(const ModelOptions& o) {
  return std::make_shared<FeedForward>(o.embedding, o.of<TransformerOptions>().feed_forward, o.dropout, o.of<BlockOptions>());
}

}  // namespace

std::string self_attention(const ModelOptions& o) {
  const auto& given = o.of<TransformerOptions>().self_attention;
  if (given.empty()) {
    const auto usual = attention_of(o);
    if (usual == "none") return usual;
    const auto& entry = find_mechanism(usual);
    return entry.make_score || entry.capabilities.makes_heads ? usual : "scaled_dot";
  }
  return given;
}

bool relative_positions(const ModelOptions& o) {
  const auto& positions = o.of<TransformerOptions>().positions;
  return positions != "none" && positions != "sinusoidal" && positions != "learned";
}

void check_heads(const ModelOptions& o) {
  const auto heads = o.of<HeadOptions>().heads;
  ATTEND_CHECK(o.embedding % heads == 0 || o.of<ProjectionOptions>().head_size > 0, kValue,
               "model.embedding must be a multiple of model.heads, got {} and {}; or give model.head_size", o.embedding, heads);
}

at::Tensor shared_relative_bias(Module& owner, const std::string& name, const ModelOptions& o) {
  if (o.of<TransformerOptions>().positions != "relative_bias") return {};
  const auto& own = o.of<RelativeBiasOptions>();
  if (!own.shared) return {};
  return owner.register_parameter(name, at::zeros({o.of<HeadOptions>().heads, own.buckets}, float_options()));  // [H, buckets]
}

StackInput::StackInput(Module& owner, const ModelOptions& o, const std::string& prefix, const Of& of) {
  if (of.places) {
    const auto kind = relative_positions(o) ? "none" : o.of<TransformerOptions>().positions;
    positions_ = owner.register_module(prefix + "positions", make_positions(kind, o.embedding, o.own));
  }
  if (of.types) {
    if (const auto types = o.of<TokenTypeOptions>().token_types; types > 0)
      types_ = owner.register_parameter(prefix + "types", at::empty({types, o.embedding}, float_options()).normal_(0, 0.02));  // [types, N]
  }
  if (o.of<EmbeddingNormOptions>().embedding_norm)
    norm_ = owner.register_module(prefix + "embedding_norm", std::make_shared<Norm>(o.embedding, o.of<BlockOptions>()));
}

std::shared_ptr<InputPositions> make_positions(const std::string& kind, std::int64_t size, const OptionSet& options) {
  // Of sinusoids it is only how long a table is made at first.
  const auto longest = kind == "learned" ? options.of<LongestOptions>().longest : 512;
  return std::make_shared<InputPositions>(kind, size, longest, kind == "none" ? InputOptions() : options.of<InputOptions>());
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

EncoderLayer::EncoderLayer(const ModelOptions& o, Site site, const at::Tensor& shared_bias)
    : site_(std::move(site)),
      self_(register_module("self", make_self_attention(o, shared_bias))),
      feed_forward_(register_module("feed_forward", make_feed_forward(o))),
      around_self_(register_module("around_self", std::make_shared<Residual>(o))),
      around_feed_forward_(register_module("around_feed_forward", std::make_shared<Residual>(o))) {}

at::Tensor EncoderLayer::operator()(const at::Tensor& x, const at::Tensor& lengths, Observer* observer, std::int64_t times) const {
  auto site = site_;
  site.layer += times;
  auto attended = (*around_self_)(x, [&](const at::Tensor& y) {
    const auto states = y.unsqueeze(1);  // [B, 1, S, N]
    const auto memory = self_->prepare(states, states, Mask{.key_lengths = lengths});
    return attend_observed(*self_, states, memory, nullptr, site, observer).context.squeeze(1);
  });
  return (*around_feed_forward_)(attended, [&](const at::Tensor& y) { return (*feed_forward_)(y); });
}

DecoderLayer::DecoderLayer(const ModelOptions& o, std::int64_t index, const at::Tensor& shared_bias, bool alone)
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
                  .mechanism = alone ? "" : cross_attention(o, index),
                  .layers = SiteLayers::kStack},
      self_(register_module("self", make_self_attention(o, shared_bias))),
      cross_(alone ? nullptr : register_module("cross", make_heads(cross_attention(o, index), sizes_in_layers(o)))),
      feed_forward_(register_module("feed_forward", make_feed_forward(o))),
      around_self_(register_module("around_self", std::make_shared<Residual>(o))),
      around_cross_(alone ? nullptr : register_module("around_cross", std::make_shared<Residual>(o))),
      around_feed_forward_(register_module("around_feed_forward", std::make_shared<Residual>(o))) {}

Memory DecoderLayer::prepare(const at::Tensor& states, const at::Tensor& lengths) const {
  return cross_->prepare(states.unsqueeze(1), states.unsqueeze(1), Mask{.key_lengths = lengths});
}

at::Tensor DecoderLayer::operator()(const at::Tensor& x, const Memory& memory, Observer* observer) const {
  auto y = (*around_self_)(x, [&](const at::Tensor& z) {
    const auto states = z.unsqueeze(1);  // [B, 1, T, N]
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
