#include "attend/models/rnn_lm.h"

#include "models/output_layer.h"
#include "models/recurrent_decoder.h"

namespace attend {
namespace {

// The decoder's options without what concerns a source.
ModelOptions alone(ModelOptions o) {
  o.attention = "none";
  o.fixed_context = false;
  return o;
}

class RnnLm final : public Seq2Seq {
 public:
  RnnLm(const ModelOptions& o, std::int64_t vocabulary) : o_(alone(o)) {
    ATTEND_CHECK(
        o.attention == "none", kValue,
        "model.attention: {} needs a source, which a language model does not have; use none, with output_attention: true to look back at "
        "its own outputs, or type transformer_lm",
        o.attention);
    embedding_ = register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, false));
    decoder_ = register_module("decoder", std::make_shared<RecurrentDecoder>(o_, 0));
    output_.emplace(*this, o, decoder_->output_size(), embedding_);
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& /*source*/, const at::Tensor& lengths, Observer* /*observer*/) const override {
    auto encoded = std::make_unique<RecurrentSource>();
    encoded->lengths = lengths;
    for (std::int64_t layer = 0; layer < o_.decoder_layers; ++layer)
      encoded->initial.push_back(decoder_->zero_state(layer, lengths.size(0)));
    return encoded;
  }

  at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    const auto vectors = apply_dropout((*embedding_)(inputs), o_.dropout, is_training());  // [B, T, Ne]
    return decoder_->decode(static_cast<const RecurrentSource&>(encoded), vectors, observer);
  }

  at::Tensor logits(const at::Tensor& states) const override { return (*output_)(states); }

  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t /*steps*/) const override {
    auto state = std::make_unique<RecurrentState>();
    decoder_->start(static_cast<const RecurrentSource&>(encoded), *state);
    return state;
  }

  at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& tokens, Observer* observer) const override {
    const auto out = decoder_->step(static_cast<const RecurrentSource&>(encoded), static_cast<RecurrentState&>(state),
                                    (*embedding_)(tokens.flatten()), observer);
    return out.view({tokens.size(0), tokens.size(1), -1});
  }

 private:
  ModelOptions o_;
  std::shared_ptr<Embedding> embedding_;
  std::shared_ptr<RecurrentDecoder> decoder_;
  std::optional<OutputLayer> output_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_rnn_lm(const ModelOptions& options, std::int64_t /*source*/, std::int64_t target_vocabulary) {
  return std::make_shared<RnnLm>(options, target_vocabulary);
}

}  // namespace attend
