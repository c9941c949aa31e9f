#include "attend/attention/positions.h"

#include <algorithm>
#include <cmath>

#include "attend/attention/score.h"

namespace attend {
namespace {

constexpr std::int64_t kBuckets = 32;
constexpr double kFarthest = 128;  // T5: distances from here on share the last bucket

at::Tensor distances(const at::Tensor& t_abs, std::int64_t keys) {  // s − t_abs [B or 1, T, S]
  return at::arange(keys, at::kLong) - t_abs.unsqueeze(-1);
}

}  // namespace

Positions::Positions(const MechanismOptions& o, std::string_view score)
    : heads_(o.heads), reach_(o.position_reach), adjacent_(o.rotary_pairs == "adjacent") {
  const std::vector<std::string> names{"relative", "relative_bias", "rotary", "alibi"};
  const auto found = std::find(names.begin(), names.end(), o.position);
  if (found == names.end()) fail_unknown_name("position", o.position, names);
  kind_ = static_cast<Kind>(found - names.begin());
  if (kind_ == Kind::kRelative) {
    ATTEND_CHECK(score == "dot" || score == "scaled_dot", kValue,
                 "positions relative: they enter the product of query and key, which {} does not have; use dot or scaled_dot, or positions "
                 "relative_bias or alibi",
                 score);
    ATTEND_CHECK(reach_ >= 1, kValue, "positions relative: position_reach must be at least 1, got {}", reach_);
    const auto value_size = o.value_size > 0 ? o.value_size : o.key_size;
    if (score == "scaled_dot") scale_ = 1 / std::sqrt(static_cast<double>(o.key_size));
    key_table_ = register_parameter("key_table", initial_weight({o.heads, 2 * reach_ + 1, o.key_size}, o.key_size));
    value_table_ = register_parameter("value_table", initial_weight({o.heads, 2 * reach_ + 1, value_size}, value_size));
  }
  if (kind_ == Kind::kRelativeBias) bias_ = register_parameter("bias", at::zeros({o.heads, kBuckets}));
  if (kind_ == Kind::kRotary)
    ATTEND_CHECK(o.query_size == o.key_size && o.key_size % 2 == 0, kValue,
                 "positions rotary: queries and keys of one even size are turned pair by pair, got {} and {}", o.query_size, o.key_size);
}

at::Tensor Positions::keys(const at::Tensor& keys, std::int64_t first) const {
  if (kind_ != Kind::kRotary) return keys;
  return rotate(keys, at::arange(first, first + keys.size(2), at::kLong).unsqueeze(0), adjacent_);
}

at::Tensor Positions::query(const at::Tensor& query, const at::Tensor& t_abs) const {
  return kind_ == Kind::kRotary ? rotate(query, t_abs, adjacent_) : query;
}

at::Tensor Positions::scores(const at::Tensor& scores, const at::Tensor& query, const at::Tensor& t_abs, bool causal) const {
  if (kind_ == Kind::kRotary) return scores;
  const auto distance = distances(t_abs, scores.size(3));  // [B or 1, T, S]
  if (kind_ == Kind::kAlibi)
    return scores - alibi_slopes(heads_).to(scores.scalar_type()).view({1, -1, 1, 1}) * distance.abs().unsqueeze(1);
  if (kind_ == Kind::kRelativeBias) {
    const auto buckets = relative_buckets(distance, causal);
    return scores + bias_.to(scores.scalar_type()).index_select(1, buckets.flatten()).unflatten(1, buckets.sizes()).transpose(0, 1);
  }
  const auto products = at::matmul(query, key_table_.to(query.scalar_type()).mT()) * scale_;  // [B, H, T, 2R+1]
  const auto row = (distance.clamp(-reach_, reach_) + reach_).unsqueeze(1).expand(scores.sizes());
  return scores + products.gather(3, row);
}

at::Tensor Positions::values(const at::Tensor& mixing, const at::Tensor& t_abs) const {
  if (kind_ != Kind::kRelative) return {};
  const auto row = (distances(t_abs, mixing.size(3)).clamp(-reach_, reach_) + reach_).unsqueeze(1).expand(mixing.sizes());
  const auto per_distance =
      at::zeros({mixing.size(0), mixing.size(1), mixing.size(2), 2 * reach_ + 1}, mixing.options()).scatter_add(3, row, mixing);
  return at::matmul(per_distance, value_table_.to(mixing.scalar_type()));
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, bool adjacent) {
  const auto size = x.size(3), half = size / 2;
  const auto format = at::TensorOptions().dtype(at::kDouble);
  const auto turn = at::pow(10000.0, at::arange(half, format) * (-2.0 / static_cast<double>(size)));
  const auto angle = positions.to(at::kDouble).unsqueeze(-1) * turn;  // [B or 1, L, D/2]
  const auto c = angle.cos().to(x.scalar_type()).unsqueeze(1), s = angle.sin().to(x.scalar_type()).unsqueeze(1);
  const auto pairs = adjacent ? x.unflatten(3, {half, 2}) : x.unflatten(3, {2, half}).transpose(3, 4);  // [B, H, L, D/2, 2]
  const auto a = pairs.select(4, 0), b = pairs.select(4, 1);
  const auto turned = at::stack({a * c - b * s, a * s + b * c}, adjacent ? 4 : 3);
  return turned.flatten(3, 4);
}

at::Tensor alibi_slopes(std::int64_t heads) {
  const auto powers = [](std::int64_t n) {  // 2^(−8(h+1)/n), h < n
    return at::pow(2.0, (at::arange(n, at::kDouble) + 1) * (-8.0 / static_cast<double>(n)));
  };
  std::int64_t whole = 1;
  while (2 * whole <= heads) whole *= 2;
  if (whole == heads) return powers(heads);
  const auto between = powers(2 * whole).slice(0, 0, 2 * whole, 2);  // every second slope of twice as many heads
  return at::cat({powers(whole), between.narrow(0, 0, heads - whole)});
}

at::Tensor relative_buckets(const at::Tensor& distance, bool causal) {
  const auto count = causal ? kBuckets : kBuckets / 2, exact = count / 2;
  const auto away = causal ? (-distance).clamp_min(0) : distance.abs();
  const auto logarithm =
      (away.to(at::kDouble).clamp_min(1) / static_cast<double>(exact)).log() / std::log(kFarthest / static_cast<double>(exact));
  const auto far = (exact + (logarithm * static_cast<double>(count - exact)).floor().to(at::kLong)).clamp_max(count - 1);
  const auto bucket = at::where(away.lt(exact), away, far);
  return causal ? bucket : bucket + distance.gt(0).to(at::kLong) * count;  // the future's after the past's
}

}  // namespace attend
