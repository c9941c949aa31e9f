#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Of location.
struct LocationOptions {
  std::int64_t size;     ///< S_max, keys that have a weight
  std::string overflow;  ///< keys beyond S_max get weight zero, or error

  LocationOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Location-based score: the query alone says where to look, by number; the keys are not read.
/// Formula: e[t, s] = (W q_t)_s; W [H, S_max, Dq]. Keys from S_max on get weight 0, as in the paper, or throw kValue with the option
/// location_overflow = error.
/// Paper: Luong, Pham & Manning 2015, §3.1, eq. 8.
/// Shapes: query [B, H, T, Dq], keys [B, H, S, any] -> [B, H, T, S].
/// Cost: B·H·T·min(S, S_max)·Dq.
/// Same as: at::matmul(q, W.mT()).narrow(3, 0, S).
/// Threads may share it as any Score.
class Location final : public Score {
 public:
  explicit Location(const MechanismOptions& options);
  at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const override;
  std::int64_t reach() const override { return overflow_is_error_ ? std::numeric_limits<std::int64_t>::max() : weight_.size(1); }

 private:
  bool overflow_is_error_;
  at::Tensor weight_;  // [H, S_max, Dq]
};

}  // namespace attend
