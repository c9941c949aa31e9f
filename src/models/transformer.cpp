#include "attend/models/transformer.h"

#include "attend/layers/basic.h"

namespace attend {
namespace {

std::shared_ptr<Mechanism> make_heads(const ModelOptions& o) {
  // `attention` names the score inside the heads; multi_head itself means the score of `score`.
  const auto inner = o.attention == "multi_head" ? o.score : o.attention;
  return make_mechanism("multi_head", {.heads = o.heads,
                                       .query_size = o.embedding,
                                       .key_size = o.embedding,
                                       .value_size = o.embedding,
                                       .energy_size = o.energy,
                                       .bias = o.attention_bias,
                                       .normed = o.normed,
                                       .concat_plain_source = o.concat_plain_source,
                                       .inner = inner,
                                       .dropout = o.attention_dropout});
}

// x + part(x) with the norm before (pre) or after (post) it.
class Residual : public torch::nn::Module {
 public:
  Residual(const ModelOptions& o)
      : norm_(register_module("norm", std::make_shared<LayerNorm>(o.embedding))), post_(o.norm == "post"), dropout_(o.dropout) {}
  template <class Part>
  at::Tensor operator()(const at::Tensor& x, Part&& part) const {
    if (post_) return (*norm_)(x + apply_dropout(part(x), dropout_, is_training()));
    return x + apply_dropout(part((*norm_)(x)), dropout_, is_training());
  }

 private:
  std::shared_ptr<LayerNorm> norm_;
  bool post_;
  double dropout_;
};

class EncoderLayer : public torch::nn::Module {
 public:
  EncoderLayer(const ModelOptions& o, std::int64_t index)
      : index_(index),
        self_(register_module("self", make_heads(o))),
        feed_forward_(register_module("feed_forward", std::make_shared<FeedForward>(o.embedding, o.feed_forward, o.dropout))),
        around_self_(register_module("around_self", std::make_shared<Residual>(o))),
        around_feed_forward_(register_module("around_feed_forward", std::make_shared<Residual>(o))) {}

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& lengths, Observer* observer) const {
    auto attended = (*around_self_)(x, [&](const at::Tensor& y) {
      const auto states = y.unsqueeze(1);
      const auto memory = self_->prepare(states, states, Mask{.key_lengths = lengths});
      return attend_observed(*self_, states, memory, nullptr, {"encoder.self", index_}, observer).context.squeeze(1);
    });
    return (*around_feed_forward_)(attended, [&](const at::Tensor& y) { return (*feed_forward_)(y); });
  }

 private:
  std::int64_t index_;
  std::shared_ptr<Mechanism> self_;
  std::shared_ptr<FeedForward> feed_forward_;
  std::shared_ptr<Residual> around_self_, around_feed_forward_;
};

// Keys and values of the steps so far, in buffers with room for more: [rows, H, room, D].
struct Cache {
  Memory memory(std::int64_t used) const {
    return {.keys = keys.narrow(2, 0, used), .values = values.narrow(2, 0, used), .mask = {}, .visible = {}, .hidden = Hidden{}};
  }
  void append(const Memory& step, std::int64_t used, std::int64_t most) {
    put(keys, step.keys, used, most);
    put(values, step.values, used, most);
  }
  void reorder(const at::Tensor& rows, std::int64_t used) {
    for (auto* buffer : {&keys, &values}) {
      auto sizes = buffer->sizes().vec();
      sizes[0] = rows.size(0);
      auto next = at::empty(sizes, buffer->options());
      next.narrow(2, 0, used).copy_(buffer->narrow(2, 0, used).index_select(0, rows));
      *buffer = next;
    }
  }
  at::Tensor keys, values;

 private:
  // Most sentences end long before `most` steps, so room is made by doubling.
  static void put(at::Tensor& buffer, const at::Tensor& step, std::int64_t used, std::int64_t most) {
    if (!buffer.defined() || used == buffer.size(2)) {
      auto sizes = step.sizes().vec();
      sizes[2] = std::min(most, std::max<std::int64_t>(16, 2 * used));
      const auto larger = at::empty(sizes, step.options());
      if (used > 0) larger.narrow(2, 0, used).copy_(buffer);
      buffer = larger;
    }
    buffer.select(2, used).copy_(step.select(2, 0));
  }
};

struct TransformerEncoded final : Encoded {
  std::vector<Memory> memories;  // one a decoder layer

  std::unique_ptr<Encoded> select(const at::Tensor& items) const override {
    auto chosen = std::make_unique<TransformerEncoded>();
    chosen->lengths = lengths.index_select(0, items);
    for (const auto& memory : memories) chosen->memories.push_back(memory.select(items));
    return chosen;
  }
};

struct TransformerState final : DecoderState {
  std::vector<Cache> caches;
  std::int64_t used = 0, room = 0, beams = 1;

  void reorder(const at::Tensor& rows, std::int64_t new_beams) override {
    beams = new_beams;
    if (used == 0) return;
    const auto old_rows = caches.front().keys.size(0);
    if (old_rows == rows.size(0) && at::equal(rows, at::arange(old_rows, rows.options()))) return;
    for (auto& cache : caches) cache.reorder(rows, used);
  }
};

class DecoderLayer : public torch::nn::Module {
 public:
  DecoderLayer(const ModelOptions& o, std::int64_t index)
      : index_(index),
        self_(register_module("self", make_heads(o))),
        cross_(register_module("cross", make_heads(o))),
        feed_forward_(register_module("feed_forward", std::make_shared<FeedForward>(o.embedding, o.feed_forward, o.dropout))),
        around_self_(register_module("around_self", std::make_shared<Residual>(o))),
        around_cross_(register_module("around_cross", std::make_shared<Residual>(o))),
        around_feed_forward_(register_module("around_feed_forward", std::make_shared<Residual>(o))) {}

  Memory prepare(const at::Tensor& states, const at::Tensor& lengths) const {
    return cross_->prepare(states.unsqueeze(1), states.unsqueeze(1), Mask{.key_lengths = lengths});
  }

  // All steps at once, [B, T, N].
  at::Tensor operator()(const at::Tensor& x, const Memory& memory, Observer* observer) const {
    auto y = (*around_self_)(x, [&](const at::Tensor& z) {
      const auto states = z.unsqueeze(1);
      const auto own = self_->prepare(states, states, Mask{.causal = true});
      return attend_observed(*self_, states, own, nullptr, {"decoder.self", index_}, observer).context.squeeze(1);
    });
    return rest(y, memory, observer);
  }

  // One step of every hypothesis, [B, K, N]: each has its own earlier steps, all share the source.
  at::Tensor step(const at::Tensor& x, const Memory& memory, Cache& cache, const TransformerState& state, Observer* observer) const {
    auto y = (*around_self_)(x, [&](const at::Tensor& z) {
      const auto rows = z.reshape({-1, 1, 1, z.size(2)});  // [B·K, 1, 1, N]
      cache.append(self_->prepare(rows, rows, Mask{}), state.used, state.room);
      const auto result = attend_observed(*self_, rows, cache.memory(state.used + 1), nullptr, {"decoder.self", index_}, observer);
      return result.context.view_as(z);
    });
    return rest(y, memory, observer);
  }

 private:
  at::Tensor rest(const at::Tensor& x, const Memory& memory, Observer* observer) const {
    auto y = (*around_cross_)(x, [&](const at::Tensor& z) {
      return attend_observed(*cross_, z.unsqueeze(1), memory, nullptr, {"decoder.cross", index_}, observer).context.squeeze(1);
    });
    return (*around_feed_forward_)(y, [&](const at::Tensor& z) { return (*feed_forward_)(z); });
  }

  std::int64_t index_;
  std::shared_ptr<Mechanism> self_, cross_;
  std::shared_ptr<FeedForward> feed_forward_;
  std::shared_ptr<Residual> around_self_, around_cross_, around_feed_forward_;
};

class Transformer final : public Seq2Seq {
 public:
  Transformer(const ModelOptions& o, std::int64_t source_vocabulary, std::int64_t target_vocabulary) : o_(o) {
    ATTEND_CHECK(
        o.attention != "none", kValue,
        "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_seq2seq for the bottleneck baseline");
    ATTEND_CHECK(o.embedding % o.heads == 0, kValue, "model.embedding must be a multiple of model.heads, got {} and {}", o.embedding,
                 o.heads);
    target_embedding_ = register_module("target_embedding", std::make_shared<Embedding>(target_vocabulary, o.embedding, true));
    source_embedding_ = o.tied == "all"
                            ? target_embedding_
                            : register_module("source_embedding", std::make_shared<Embedding>(source_vocabulary, o.embedding, true));
    source_positions_ = register_module("source_positions", std::make_shared<InputPositions>(o.positions, o.embedding, o.longest));
    target_positions_ = register_module("target_positions", std::make_shared<InputPositions>(o.positions, o.embedding, o.longest));
    for (std::int64_t i = 0; i < o.encoder_layers; ++i)
      encoder_.push_back(register_module(fmt::format("encoder_{}", i), std::make_shared<EncoderLayer>(o, i)));
    for (std::int64_t i = 0; i < o.decoder_layers; ++i)
      decoder_.push_back(register_module(fmt::format("decoder_{}", i), std::make_shared<DecoderLayer>(o, i)));
    if (o.norm == "pre") {
      encoder_norm_ = register_module("encoder_norm", std::make_shared<LayerNorm>(o.embedding));
      decoder_norm_ = register_module("decoder_norm", std::make_shared<LayerNorm>(o.embedding));
    }
    if (o.tied == "none")
      output_weight_ = register_parameter("output_weight", Linear(o.embedding, target_vocabulary).weight.detach().clone());
    output_bias_ = register_parameter("output_bias", at::zeros({target_vocabulary}));
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    auto encoded = std::make_unique<TransformerEncoded>();
    encoded->lengths = lengths;
    auto* follower = number_observer(observer);
    // A padded query's row is never read, but what it holds would come back as 0·NaN in the gradients of the keys.
    const auto padding = within_lengths(lengths, source.size(1)).logical_not().unsqueeze(-1);  // [B, S, 1]
    const auto vectors = (*source_embedding_)(source).masked_fill(padding, 0.0);               // [B, S, N]
    auto x = apply_dropout((*source_positions_)(vectors), o_.dropout, is_training());
    if (follower) follower->number("encoder.embeddings", vectors);
    if (follower) follower->number("encoder.input", x);
    for (std::size_t i = 0; i < encoder_.size(); ++i) {
      x = (*encoder_[i])(x, lengths, observer);
      if (follower) follower->number(fmt::format("encoder.layer.{}", i), x);
    }
    if (encoder_norm_) x = (*encoder_norm_)(x);
    if (follower) follower->number("encoder.states", x);
    for (const auto& layer : decoder_) encoded->memories.push_back(layer->prepare(x, lengths));
    return encoded;
  }

  at::Tensor decode(const Encoded& base, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    const auto& encoded = static_cast<const TransformerEncoded&>(base);
    auto x = apply_dropout((*target_positions_)((*target_embedding_)(inputs)), o_.dropout, is_training());  // [B, T, N]
    for (std::size_t i = 0; i < decoder_.size(); ++i) x = (*decoder_[i])(x, encoded.memories[i], observer);
    return decoder_norm_ ? (*decoder_norm_)(x) : x;
  }

  at::Tensor logits(const at::Tensor& states) const override {
    return at::linear(states, output_weight_.defined() ? output_weight_ : target_embedding_->weight, output_bias_);
  }

  std::unique_ptr<DecoderState> start(const Encoded& /*encoded*/, std::int64_t steps) const override {
    auto state = std::make_unique<TransformerState>();
    state->caches.resize(decoder_.size());
    state->room = steps;
    return state;
  }

  at::Tensor step(const Encoded& base, DecoderState& base_state, const at::Tensor& tokens, Observer* observer) const override {
    const auto& encoded = static_cast<const TransformerEncoded&>(base);
    auto& state = static_cast<TransformerState&>(base_state);
    ATTEND_ASSERT(state.used < state.room);
    auto* follower = number_observer(observer);
    const auto vectors = (*target_embedding_)(tokens.reshape({-1, 1}));                             // [B·K, 1, N]
    auto x = (*target_positions_)(vectors, state.used).view({tokens.size(0), tokens.size(1), -1});  // [B, K, N]
    if (follower) follower->number("decoder.embedding", vectors.view_as(x));
    if (follower) follower->number("decoder.input", x);
    for (std::size_t i = 0; i < decoder_.size(); ++i) {
      x = decoder_[i]->step(x, encoded.memories[i], state.caches[i], state, observer);
      if (follower) follower->number(fmt::format("decoder.layer.{}", i), x);
    }
    ++state.used;
    if (decoder_norm_) x = (*decoder_norm_)(x);
    if (follower) follower->number("decoder.readout", x);
    return x;
  }

 private:
  ModelOptions o_;
  std::shared_ptr<Embedding> source_embedding_, target_embedding_;
  std::shared_ptr<InputPositions> source_positions_, target_positions_;
  std::vector<std::shared_ptr<EncoderLayer>> encoder_;
  std::vector<std::shared_ptr<DecoderLayer>> decoder_;
  std::shared_ptr<LayerNorm> encoder_norm_, decoder_norm_;
  at::Tensor output_weight_, output_bias_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_transformer(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  return std::make_shared<Transformer>(options, source_vocabulary, target_vocabulary);
}

}  // namespace attend
