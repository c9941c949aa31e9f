#pragma once
// Another score for each head.
#include "attend/attention/score.h"

namespace attend {

// Head h scores by names[h]; the parameters of head h are its own (head_h.*).
class MixedScore final : public Score {
 public:
  // Throws kValue unless there is one name a head, and for a name that is more than a score.
  MixedScore(const std::vector<std::string>& names, const MechanismOptions& options);
  at::Tensor prepare(const at::Tensor& keys) const override;  // [B, H, S, D] -> [B, H, S, widest], narrower ones padded with zeros
  at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const override;
  std::int64_t reach() const override;

 private:
  std::vector<std::shared_ptr<Score>> heads_;
  std::vector<std::int64_t> widths_;  // of what each head prepares
};

}  // namespace attend
