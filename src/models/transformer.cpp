#include "attend/models/transformer.h"

#include "models/decoder_stack.h"

namespace attend {
namespace {

class Transformer final : public Seq2Seq {
 public:
  Transformer(const ModelOptions& o, std::int64_t source_vocabulary, std::int64_t target_vocabulary) : o_(o) {
    ATTEND_CHECK(
        o.attention != "none", kValue,
        "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_seq2seq for the bottleneck baseline");
    ATTEND_CHECK(o.embedding % o.heads == 0, kValue, "model.embedding must be a multiple of model.heads, got {} and {}", o.embedding,
                 o.heads);
    ATTEND_CHECK(o.layer_attention.empty() || o.layer_attention.size() == static_cast<std::size_t>(o.decoder_layers), kValue,
                 "model.layer_attention: {} names for {} decoder layers; give one each", o.layer_attention.size(), o.decoder_layers);
    check_decoding(o, o.attention);
    for (const auto& name : o.layer_attention) check_decoding(o, name);
    auto target_embedding = register_module("target_embedding", std::make_shared<Embedding>(target_vocabulary, o.embedding, true));
    source_embedding_ = o.tied == "all"
                            ? target_embedding
                            : register_module("source_embedding", std::make_shared<Embedding>(source_vocabulary, o.embedding, true));
    source_positions_ = register_module("source_positions", input_positions(o));
    for (std::int64_t i = 0; i < o.encoder_layers; ++i)
      encoder_.push_back(register_module(fmt::format("encoder_{}", i), std::make_shared<EncoderLayer>(o, i)));
    if (o.norm == "pre") encoder_norm_ = register_module("encoder_norm", std::make_shared<LayerNorm>(o.embedding));
    decoder_.emplace(*this, o, target_embedding);
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    auto encoded = std::make_unique<TransformerSource>();
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
    encoded->memories = decoder_->prepare(x, lengths);
    return encoded;
  }

  at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    return decoder_->decode(encoded, inputs, observer);
  }
  at::Tensor logits(const at::Tensor& states) const override { return decoder_->logits(states); }
  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t steps) const override { return decoder_->start(encoded, steps); }
  at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& tokens, Observer* observer) const override {
    return decoder_->step(encoded, state, tokens, observer);
  }

 private:
  ModelOptions o_;
  std::shared_ptr<Embedding> source_embedding_;
  std::shared_ptr<InputPositions> source_positions_;
  std::vector<std::shared_ptr<EncoderLayer>> encoder_;
  std::shared_ptr<LayerNorm> encoder_norm_;
  std::optional<DecoderStack> decoder_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_transformer(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  return std::make_shared<Transformer>(options, source_vocabulary, target_vocabulary);
}

}  // namespace attend
