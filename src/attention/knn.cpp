#include "attend/attention/knn.h"

namespace attend {

void KnnOptions::visit(OptionVisitor& v) {
  v(keys, "knn_keys", 8, "knn: keys that a query reads, those with the largest scores", between(1, 1 << 24));
}

Knn::Knn(const MechanismOptions& o) : ScoredAttention("knn", make_inner_score("knn", o), o), nearest_(o.of<KnnOptions>().keys) {
  ATTEND_CHECK(nearest_ >= 1, kValue, "knn: knn_keys must be at least 1, got {}", nearest_);
}

at::Tensor Knn::weigh(ScoreCall& call) const {
  const auto keys = call.sizes.keys;
  if (nearest_ < keys) {
    // A stable sort keeps the lower of two equal keys; topk promises nothing.
    const auto order = std::get<1>(call.scores.detach().sort(/*stable=*/true, /*dim=*/-1, /*descending=*/true));  // [B, H, T, S]
    const auto nearest = order.narrow(-1, 0, nearest_);                                                           // [B, H, T, K]
    auto outside = at::ones(call.scores.sizes(), bool_options()).scatter(-1, nearest, false);                     // [B, H, T, S]
    const auto& empty = call.hidden.rows;  // their scores are finite and count for nothing
    if (empty.defined()) outside = outside.logical_and(empty.unsqueeze(-1).logical_not());
    call.scores = call.scores.masked_fill(outside, -std::numeric_limits<double>::infinity());  // [B, H, T, S]
  }
  auto weights = normalise(call, call.scores);  // [B, H, T, S]
  if (nearest_ < keys && call.result.kind == WeightKind::kSoftmax) call.result.kind = WeightKind::kSparse;
  return weights;
}

extern constinit const MechanismEntry knn_entry{
    .name = "knn",
    .sentence = "the nearest keys of each query, and no others",
    .formula = "w_t = softmax of e_t over the K largest scores, 0 elsewhere",
    .paper = "Gupta et al. 2021; Wu et al. 2022, §3.1",
    .parameters = "those of the inner score",
    .cost = "that of the inner score, and the choice B·H·T·S",
    .range = "global",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.wraps = true},
    .options = visit_with_inner_score<KnnOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<Knn>(o); }};

}  // namespace attend
