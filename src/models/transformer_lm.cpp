#include "attend/models/transformer_lm.h"

#include "models/transformer_layers.h"

namespace attend {
namespace {

struct NoSource final : Encoded {
  std::unique_ptr<Encoded> select(const at::Tensor& items) const override {
    auto chosen = std::make_unique<NoSource>();
    chosen->lengths = lengths.index_select(0, items);
    return chosen;
  }
};

class TransformerLm final : public Seq2Seq {
 public:
  TransformerLm(const ModelOptions& o, std::int64_t vocabulary) : o_(o) {
    ATTEND_CHECK(o.attention != "none", kValue,
                 "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_lm");
    ATTEND_CHECK(o.embedding % o.heads == 0, kValue, "model.embedding must be a multiple of model.heads, got {} and {}", o.embedding,
                 o.heads);
    embedding_ = register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, true));
    positions_ = register_module("positions", input_positions(o));
    for (std::int64_t i = 0; i < o.decoder_layers; ++i)
      layers_.push_back(register_module(fmt::format("decoder_{}", i), std::make_shared<DecoderLayer>(o, i, /*alone=*/true)));
    if (o.norm == "pre") norm_ = register_module("norm", std::make_shared<LayerNorm>(o.embedding));
    if (o.tied == "none") output_weight_ = register_parameter("output_weight", Linear(o.embedding, vocabulary).weight.detach().clone());
    output_bias_ = register_parameter("output_bias", at::zeros({vocabulary}));
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& /*source*/, const at::Tensor& lengths, Observer* /*observer*/) const override {
    auto encoded = std::make_unique<NoSource>();
    encoded->lengths = lengths;
    return encoded;
  }

  at::Tensor decode(const Encoded& /*encoded*/, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    auto x = apply_dropout((*positions_)((*embedding_)(inputs)), o_.dropout, is_training());  // [B, T, N]
    for (const auto& layer : layers_) x = (*layer)(x, {}, observer);
    return norm_ ? (*norm_)(x) : x;
  }

  at::Tensor logits(const at::Tensor& states) const override {
    return at::linear(states, output_weight_.defined() ? output_weight_ : embedding_->weight, output_bias_);
  }

  std::unique_ptr<DecoderState> start(const Encoded& /*encoded*/, std::int64_t steps) const override {
    auto state = std::make_unique<TransformerState>();
    state->caches.resize(layers_.size());
    state->attention.resize(layers_.size());
    state->room = steps;
    return state;
  }

  at::Tensor step(const Encoded& /*encoded*/, DecoderState& base, const at::Tensor& tokens, Observer* observer) const override {
    auto& state = static_cast<TransformerState&>(base);
    ATTEND_ASSERT(state.used < state.room);
    auto* follower = number_observer(observer);
    const auto vectors = (*embedding_)(tokens.reshape({-1, 1}));                             // [B·K, 1, N]
    auto x = (*positions_)(vectors, state.used).view({tokens.size(0), tokens.size(1), -1});  // [B, K, N]
    if (follower) follower->number("decoder.embedding", vectors.view_as(x));
    if (follower) follower->number("decoder.input", x);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      x = layers_[i]->step(x, {}, state, observer);
      if (follower) follower->number(fmt::format("decoder.layer.{}", i), x);
    }
    ++state.used;
    if (norm_) x = (*norm_)(x);
    if (follower) follower->number("decoder.readout", x);
    return x;
  }

 private:
  ModelOptions o_;
  std::shared_ptr<Embedding> embedding_;
  std::shared_ptr<InputPositions> positions_;
  std::vector<std::shared_ptr<DecoderLayer>> layers_;
  std::shared_ptr<LayerNorm> norm_;
  at::Tensor output_weight_, output_bias_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_transformer_lm(const ModelOptions& options, std::int64_t /*source*/, std::int64_t target_vocabulary) {
  return std::make_shared<TransformerLm>(options, target_vocabulary);
}

}  // namespace attend
