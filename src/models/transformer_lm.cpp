#include "attend/models/transformer_lm.h"

#include "models/decoder_stack.h"

namespace attend {
namespace {

class TransformerLm final : public Seq2Seq {
 public:
  TransformerLm(const ModelOptions& o, std::int64_t vocabulary) : layers_(static_cast<std::size_t>(o.decoder_layers)) {
    ATTEND_CHECK(o.attention != "none", kValue,
                 "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_lm");
    ATTEND_CHECK(o.embedding % o.heads == 0, kValue, "model.embedding must be a multiple of model.heads, got {} and {}", o.embedding,
                 o.heads);
    decoder_.emplace(*this, o, register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, true)), /*alone=*/true);
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& /*source*/, const at::Tensor& lengths, Observer* /*observer*/) const override {
    auto encoded = std::make_unique<TransformerSource>();
    encoded->lengths = lengths;
    encoded->memories.resize(layers_);
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
  std::size_t layers_;
  std::optional<DecoderStack> decoder_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_transformer_lm(const ModelOptions& options, std::int64_t /*source*/, std::int64_t target_vocabulary) {
  return std::make_shared<TransformerLm>(options, target_vocabulary);
}

}  // namespace attend
