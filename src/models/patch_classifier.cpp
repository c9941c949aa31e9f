#include "attend/models/patch_classifier.h"

#include "models/classifier_parts.h"

namespace attend {
namespace {

// Patches are a sequence of one length: the encoder is a stack of Transformer layers.
ModelOptions with_transformer(ModelOptions o) {
  ATTEND_CHECK(o.picture_width % o.patch == 0 && o.picture_height % o.patch == 0, kValue,
               "model.patch: squares of {} pixels do not fill a picture of {} x {}; choose a divisor of both", o.patch, o.picture_width,
               o.picture_height);
  if (o.encoder == "recurrent") o.encoder = "transformer";
  o.longest = (o.picture_width / o.patch) * (o.picture_height / o.patch);
  return o;
}

class PatchClassifier final : public Answerer {
 public:
  PatchClassifier(const ModelOptions& o, std::int64_t answers) : o_(with_transformer(o)) {
    patch_ = register_module("patch", std::make_shared<Linear>(o.picture_channels * o.patch * o.patch, o.embedding));
    encoder_ = register_module("encoder", std::make_shared<SequenceEncoder>(o_, o.embedding));
    pooling_ = register_module("pooling", std::make_shared<Pooling>(o_, encoder_->output_size()));
    output_ = register_module("output", std::make_shared<Linear>(pooling_->output_size(), answers_of(answers)));
  }

  at::Tensor answer(const Questions& q, Observer* observer) const override {
    const auto sizes = q.pictures.sizes();
    ATTEND_CHECK(sizes.size() == 4 && sizes[1] == o_.picture_channels && sizes[2] == o_.picture_height && sizes[3] == o_.picture_width,
                 kShape, "patch_classifier: pictures must be [B, {}, {}, {}], got {}", o_.picture_channels, o_.picture_height,
                 o_.picture_width, shape_text(q.pictures));
    const auto vectors = (*patch_)(patches_of(q.pictures, o_.patch));  // [B, L, N]
    const auto lengths = at::full({vectors.size(0)}, vectors.size(1), at::kLong);
    const auto states = (*encoder_)(vectors, lengths, observer);
    return at::log_softmax((*output_)(apply_dropout((*pooling_)(states, lengths, observer), o_.dropout, is_training())), -1);
  }

 private:
  ModelOptions o_;
  std::shared_ptr<Linear> patch_, output_;
  std::shared_ptr<SequenceEncoder> encoder_;
  std::shared_ptr<Pooling> pooling_;
};

}  // namespace

at::Tensor patches_of(const at::Tensor& x, std::int64_t p) {
  const auto batch = x.size(0), channels = x.size(1), rows = x.size(2) / p, columns = x.size(3) / p;
  ATTEND_CHECK(rows * p == x.size(2) && columns * p == x.size(3), kValue, "patches of {} pixels do not fill a picture of {} x {}", p,
               x.size(3), x.size(2));
  return x.reshape({batch, channels, rows, p, columns, p}).permute({0, 2, 4, 1, 3, 5}).reshape({batch, rows * columns, channels * p * p});
}

std::shared_ptr<Answerer> make_patch_classifier(const ModelOptions& options, std::int64_t /*source*/, std::int64_t answers) {
  return std::make_shared<PatchClassifier>(options, answers);
}

}  // namespace attend
