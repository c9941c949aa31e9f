#include "mixed_score.h"

#include <algorithm>

namespace attend {

MixedScore::MixedScore(const std::vector<std::string>& names, const MechanismOptions& o) {
  ATTEND_CHECK(static_cast<std::int64_t>(names.size()) == o.heads, kValue, "model.head_scores: {} scores for {} heads; give one each",
               names.size(), o.heads);
  auto one = o;
  one.heads = 1;
  for (std::size_t h = 0; h < names.size(); ++h) {
    one.of<InnerScoreOptions>().score = names[h];
    heads_.push_back(register_module(fmt::format("head_{}", h), make_inner_score("model.head_scores", one)));
    widths_.push_back(heads_.back()->prepare(at::zeros({1, 1, 1, o.key_size}, float_options())).size(3));
  }
}

at::Tensor MixedScore::prepare(const at::Tensor& keys) const {
  const auto widest = *std::max_element(widths_.begin(), widths_.end());
  std::vector<at::Tensor> prepared;
  for (std::size_t h = 0; h < heads_.size(); ++h)
    prepared.push_back(at::constant_pad_nd(heads_[h]->prepare(keys.narrow(1, static_cast<std::int64_t>(h), 1)), {0, widest - widths_[h]}));
  return at::cat(prepared, 1);
}

at::Tensor MixedScore::scores(const at::Tensor& query, const at::Tensor& prepared) const {
  std::vector<at::Tensor> scores;
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    const auto at = static_cast<std::int64_t>(h);
    scores.push_back(heads_[h]->scores(query.narrow(1, at, 1), prepared.narrow(1, at, 1).narrow(3, 0, widths_[h])));
  }
  return at::cat(scores, 1);
}

std::int64_t MixedScore::reach() const {
  auto reach = heads_[0]->reach();
  for (const auto& head : heads_) reach = std::min(reach, head->reach());
  return reach;
}

}  // namespace attend
