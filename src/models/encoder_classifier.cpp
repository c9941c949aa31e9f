#include "attend/models/encoder_classifier.h"

#include "models/classifier_parts.h"

namespace attend {
namespace {

class EncoderClassifier final : public Answerer {
 public:
  EncoderClassifier(const ModelOptions& o, std::int64_t vocabulary, std::int64_t answers) : o_(o), vocabulary_(vocabulary) {
    const bool scaled = (o.encoder == "transformer" || o.encoder == "universal") && o.input.embedding_scale;
    embedding_ =
        register_module("embedding", std::make_shared<Embedding>(o.whole ? vocabulary * o.longest : vocabulary, o.embedding, scaled));
    encoder_ = register_module("encoder", std::make_shared<SequenceEncoder>(o, o.embedding));
    pooling_ = register_module("pooling", std::make_shared<Pooling>(o, encoder_->output_size()));
    output_ = register_module("output", std::make_shared<Linear>(pooling_->output_size(), answers_of(answers)));
  }

  at::Tensor answer(const Questions& q, Observer* observer) const override {
    auto lengths = q.text_lengths;
    auto vectors = o_.whole ? whole_line(q.text, lengths) : (*embedding_)(q.text);  // [B, S, N]
    if (o_.whole) lengths = at::ones_like(lengths);
    if (o_.encoder == "recurrent") vectors = apply_dropout(*this, vectors, o_.dropout);
    const auto states = (*encoder_)(vectors, lengths, observer, q.types);
    const auto pooled = apply_dropout(*this, (*pooling_)(states, lengths, observer), o_.dropout);
    return at::log_softmax((*output_)(pooled), -1);
  }

  std::vector<Site> sites() const override { return joined_sites({encoder_->sites(), pooling_->sites()}); }

 private:
  // [B, 1, N]: the sum of the line's token vectors, each from the table of its place.
  at::Tensor whole_line(const at::Tensor& text, const at::Tensor& lengths) const {
    const auto places = text.size(1);
    ATTEND_CHECK(places <= o_.longest, kValue,
                 "encoder_classifier: a line has {} tokens, model.whole has tables for {}; raise model.longest", places, o_.longest);
    const auto ids = text + vocabulary_ * at::arange(places, at::kLong);
    const auto padding = within_lengths(lengths, places).logical_not().unsqueeze(-1);
    return (*embedding_)(ids).masked_fill(padding, 0.0).sum(1, /*keepdim=*/true);
  }

  ModelOptions o_;
  std::int64_t vocabulary_;
  std::shared_ptr<Embedding> embedding_;
  std::shared_ptr<SequenceEncoder> encoder_;
  std::shared_ptr<Pooling> pooling_;
  std::shared_ptr<Linear> output_;
};

}  // namespace

std::shared_ptr<Answerer> make_encoder_classifier(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers) {
  return std::make_shared<EncoderClassifier>(options, source_vocabulary, answers);
}

}  // namespace attend
