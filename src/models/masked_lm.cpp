#include "attend/models/masked_lm.h"

#include "attend/layers/blocks.h"
#include "attend/models/transformer_options.h"
#include "models/classifier_parts.h"
#include "models/output_layer.h"

namespace attend {

void MaskedLmOptions::visit(OptionVisitor& v) {
  v(output_transform, "output_transform", false, "masked_lm: a linear map, the activation and a norm before the output layer, as BERT has");
}

namespace {

SequenceEncoder::Of encoder_of_masked_lm(const ModelOptions& o) {
  return {.encoder = "transformer", .input_size = o.embedding, .types = true};
}

class EncoderMaskedLm final : public MaskedLm {
 public:
  EncoderMaskedLm(const ModelOptions& o, std::int64_t vocabulary) : activation_(activation_of(o.of<BlockOptions>().activation)) {
    ATTEND_CHECK(vocabulary >= 1, kValue, "masked_lm: it needs a vocabulary of what it reads, got one of {} entries", vocabulary);
    embedding_ =
        register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, o.of<EmbeddingScaleOptions>().embedding_scale));
    encoder_ = register_module("encoder", std::make_shared<SequenceEncoder>(o, encoder_of_masked_lm(o)));
    if (o.of<MaskedLmOptions>().output_transform) {
      transform_ = register_module("transform", std::make_shared<Linear>(o.embedding, o.embedding));
      transform_norm_ = register_module("transform_norm", std::make_shared<Norm>(o.embedding, o.of<BlockOptions>()));
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

extern constinit const ModelEntry masked_lm_entry{
    .name = "masked_lm",
    .kind = {Matter::kText, Matter::kMaskedWords},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_attending_network(o, v);
          visit_options<EmbeddingScaleOptions, TiedOptions, MaskedLmOptions>(o.own, v);
          visit_sequence_encoder(encoder_of_masked_lm(o), o, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "multi_head"; },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_masked_lm(o, source, target);
    }};

}  // namespace attend
