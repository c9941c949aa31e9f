#include "attend/models/patch_classifier.h"

#include "attend/models/encoder_classifier.h"
#include "models/picture_encoder.h"

namespace attend {
namespace {

class PatchClassifier final : public Answerer {
 public:
  PatchClassifier(const ModelOptions& o, std::int64_t answers) : dropout_(o.dropout) {
    encoder_ = register_module("encoder", std::make_shared<PictureEncoder>(o, /*convolutions=*/0));
    pooling_ = register_module("pooling", std::make_shared<Pooling>(o, encoder_->output_size(), ColumnAxis::kCell));
    output_ = register_module("output", std::make_shared<Linear>(pooling_->output_size(), checked_answers(answers)));
  }

  at::Tensor answer(const Questions& q, Observer* observer) const override {
    const auto states = (*encoder_)(q.pictures, observer);  // [B, L, N]
    return at::log_softmax((*output_)(apply_dropout(*this, (*pooling_)(states, {}, observer), dropout_)), -1);
  }

  std::vector<Site> sites() const override { return joined_sites({encoder_->sites(), pooling_->sites()}); }

 private:
  double dropout_;
  std::shared_ptr<Linear> output_;
  std::shared_ptr<PictureEncoder> encoder_;
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

extern constinit const ModelEntry patch_classifier_entry{
    .name = "patch_classifier",
    .kind = {Matter::kPicture, Matter::kAnswer},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_attending_network(o, v);
          visit_picture_encoder(o, v, /*convolutions=*/0);
          visit_pooling(o, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "multi_head"; },
    .looks_by = [](const ModelOptions& o) { return o.of<PoolingChoiceOptions>().pooling; },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_patch_classifier(o, source, target);
    }};

}  // namespace attend
