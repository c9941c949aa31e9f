#include "attend/models/masked_lm.h"

#include "models/classifier_parts.h"
#include "models/output_layer.h"

namespace attend {
namespace {

// The encoder is a transformer's, whatever classifiers are told.
ModelOptions with_transformer_encoder(ModelOptions o) {
  o.encoder = "transformer";
  return o;
}

class EncoderMaskedLm final : public MaskedLm {
 public:
  EncoderMaskedLm(const ModelOptions& o, std::int64_t vocabulary) : activation_(activation_of(o.block.activation)) {
    ATTEND_CHECK(vocabulary >= 1, kValue, "masked_lm: it needs a vocabulary of what it reads, got one of {} entries", vocabulary);
    embedding_ = register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, o.input.embedding_scale));
    encoder_ = register_module("encoder", std::make_shared<SequenceEncoder>(with_transformer_encoder(o), o.embedding));
    if (o.output_transform) {
      transform_ = register_module("transform", std::make_shared<Linear>(o.embedding, o.embedding));
      transform_norm_ = register_module("transform_norm", std::make_shared<Norm>(o.embedding, o.block));
    }
    output_.emplace(*this, o, o.embedding, embedding_);
  }

  at::Tensor encode(const Questions& q, Observer* observer) const override {
    return (*encoder_)((*embedding_)(q.text), q.text_lengths, observer, q.types);  // [B, S, N]
  }

  std::vector<Site> sites() const override { return encoder_->sites(); }

  at::Tensor logits(const at::Tensor& states) const override {
    return (*output_)(transform_ ? (*transform_norm_)(activate(activation_, (*transform_)(states))) : states);  // [.., V]
  }

 private:
  Activation activation_;
  std::shared_ptr<Embedding> embedding_;
  std::shared_ptr<SequenceEncoder> encoder_;
  std::shared_ptr<Linear> transform_;
  std::shared_ptr<Norm> transform_norm_;
  std::optional<OutputLayer> output_;
};

}  // namespace

std::shared_ptr<MaskedLm> make_masked_lm(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t /*target*/) {
  return std::make_shared<EncoderMaskedLm>(options, source_vocabulary);
}

}  // namespace attend
