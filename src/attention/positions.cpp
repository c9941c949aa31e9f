#include "attend/attention/positions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "attend/attention/scaled_dot.h"
#include "attend/ops/rotary.h"

namespace attend {
namespace {

// −2i/R of the pairs of `turned` numbers, float64 [R/2].
at::Tensor exponents(std::int64_t turned) { return at::arange(turned / 2, double_options()) * (-2.0 / static_cast<double>(turned)); }

// θ for contexts longer than those of training, as Llama 3 has it: slow pairs turn slower still, fast ones as they did. [R/2]
at::Tensor llama3_rates(const at::Tensor& rates, const RotaryOptions& o) {
  const auto low = o.low_frequency_factor, high = o.high_frequency_factor;
  ATTEND_CHECK(high > low, kValue,
               "positions rotary: rotary_high_frequency_factor must be above rotary_low_frequency_factor, got {} and {}", high, low);
  const auto waves = rates * (static_cast<double>(o.original_length) / (2 * std::numbers::pi));  // L₀/λ [R/2]
  const auto kept = ((waves - low) / (high - low)).clamp(0.0, 1.0);                              // m [R/2]
  return ((1 - kept) / o.factor + kept) * rates;                                                 // [R/2]
}

}  // namespace

void RelativeOptions::visit(OptionVisitor& v) {
  v(reach, "position_reach", 16, "positions relative: distances beyond this count as this far", between(1, 1 << 20));
}

void RelativeBiasOptions::visit(OptionVisitor& v) {
  v(buckets, "relative_buckets", 32, "positions relative_bias: rows of the table, even", between(4, 1 << 16));
  v(farthest, "relative_farthest", 128, "positions relative_bias: distances from here on share the last row", between(2, 1 << 24));
  v(shared, "relative_shared", false, "positions relative_bias: one table for all layers of a stack, as T5 has it");
}

void RotaryOptions::visit(OptionVisitor& v) {
  v(pairs, "rotary_pairs", "adjacent", "positions rotary: which numbers are a pair, as the weights were made",
    one_of({"adjacent", "halves"}));
  v(base, "rotary_base", 10000.0, "positions rotary: a larger base turns slower", between(1, 1e12));
  v(share, "rotary_share", 1.0, "positions rotary: share of a head that is turned, its first numbers", between(0.001, 1));
  v(scaling, "rotary_scaling", "none", "positions rotary: how sequences longer than those of training are read",
    one_of({"none", "linear", "dynamic", "llama3"}));
  v(factor, "rotary_factor", 1.0, "rotary_scaling: how many times longer they may be", between(1, 1e6));
  v(low_frequency_factor, "rotary_low_frequency_factor", 1.0,
    "rotary_scaling llama3: pairs that turn less often than this over rotary_original_length are slowed by the whole factor",
    between(0.001, 1e6));
  v(high_frequency_factor, "rotary_high_frequency_factor", 4.0, "rotary_scaling llama3: pairs that turn more often are left alone",
    between(0.001, 1e6));
  v(original_length, "rotary_original_length", 8192, "rotary_scaling dynamic, llama3: the longest sequence of training",
    between(1, 1 << 30));
}

void visit_position(const std::string& scheme, OptionSet& set, OptionVisitor& v) {
  if (scheme == "relative") v.once<RelativeOptions>(set);
  if (scheme == "relative_bias") v.once<RelativeBiasOptions>(set);
  if (scheme == "rotary") v.once<RotaryOptions>(set);
}

Rotation::Rotation(const RotaryOptions& o, std::int64_t head_size)
    : base_(o.base),
      factor_(o.factor),
      original_(static_cast<double>(o.original_length)),
      adjacent_(o.pairs == "adjacent"),
      dynamic_(o.scaling == "dynamic"),
      turned_(static_cast<std::int64_t>(o.share * static_cast<double>(head_size))) {
  ATTEND_CHECK(turned_ >= 2 && turned_ % 2 == 0, kValue,
               "positions rotary: rotary_share {} leaves {} of the {} numbers of a head, which must be even and at least 2; use {}",
               o.share, turned_, head_size, turned_ > 2 ? turned_ - turned_ % 2 : 2);
  ATTEND_CHECK(
      !dynamic_ || turned_ > 2, kValue,
      "positions rotary: rotary_scaling dynamic needs at least two pairs of numbers, got a head of {} with rotary_share {}; use linear",
      head_size, o.share);
  if (dynamic_) return;
  rates_ = at::pow(base_, exponents(turned_));  // [R/2]
  if (o.scaling == "linear") rates_ = rates_ / factor_;
  if (o.scaling == "llama3") rates_ = llama3_rates(rates_, o);
}

at::Tensor Rotation::operator()(const at::Tensor& x, const at::Tensor& positions, const at::Tensor& lengths) const {
  auto rates = rates_;
  if (dynamic_) {
    const auto longer = lengths.to(at::kDouble).clamp_min(original_) * factor_ / original_ - (factor_ - 1);  // [B or 1]
    const auto base =
        base_ * longer.pow(static_cast<double>(turned_) / static_cast<double>(turned_ - 2)).view({-1, 1, 1});  // [B or 1, 1, 1]
    rates = at::pow(base, exponents(turned_));                                                                 // [B or 1, 1, R/2]
  }
  return turn_pairs(x, positions.to(at::kDouble).unsqueeze(-1) * rates, adjacent_);
}

Positions::Positions(const MechanismOptions& o, std::string_view score) : heads_(o.heads) {
  stay_wide();
  const std::vector<std::string> names{"relative", "relative_bias", "rotary", "alibi"};
  const auto found = std::find(names.begin(), names.end(), o.position);
  if (found == names.end()) fail_unknown_name("position", o.position, names);
  kind_ = static_cast<Kind>(found - names.begin());
  if (kind_ == Kind::kRelative) {
    reach_ = o.of<RelativeOptions>().reach;
    ATTEND_CHECK(score == "dot" || score == "scaled_dot", kValue,
                 "positions relative: they enter the product of query and key, which {} does not have; use dot or scaled_dot, or positions "
                 "relative_bias or alibi",
                 score);
    ATTEND_CHECK(o.of<SoftCapOptions>().cap == 0, kValue,
                 "positions relative: they enter the product before a soft cap could, got soft_cap {}; use soft_cap 0 or other positions",
                 o.of<SoftCapOptions>().cap);
    ATTEND_CHECK(reach_ >= 1, kValue, "positions relative: position_reach must be at least 1, got {}", reach_);
    const auto value_size = o.value_size > 0 ? o.value_size : o.key_size;
    if (score == "scaled_dot") scale_ = scaled_dot_scale(o);
    key_table_ = register_parameter("key_table", initial_weight({o.heads, 2 * reach_ + 1, o.key_size}, o.key_size));      // [H, 2R+1, D]
    value_table_ = register_parameter("value_table", initial_weight({o.heads, 2 * reach_ + 1, value_size}, value_size));  // [H, 2R+1, Dv]
  }
  if (kind_ == Kind::kRelativeBias) {
    const auto buckets = o.of<RelativeBiasOptions>().buckets;
    farthest_ = o.of<RelativeBiasOptions>().farthest;
    ATTEND_CHECK(buckets % 2 == 0 && farthest_ > buckets / 2, kValue,
                 "positions relative_bias: relative_buckets must be even and relative_farthest above half of it, got {} and {}", buckets,
                 farthest_);
    bias_ = o.shared_bias.defined() ? o.shared_bias
                                    : register_parameter("bias", at::zeros({o.heads, buckets}, float_options()));  // [H, buckets]
  }
  if (kind_ == Kind::kRotary) {
    const auto& rotary = o.of<RotaryOptions>();
    const bool part = rotary.share < 1;
    ATTEND_CHECK(o.query_size == o.key_size && (part || o.key_size % 2 == 0), kValue,
                 "positions rotary: queries and keys of one even size are turned pair by pair, got {} and {}", o.query_size, o.key_size);
    rotation_.emplace(rotary, o.key_size);
  }
}

at::Tensor Positions::keys(const at::Tensor& keys, std::int64_t first, const at::Tensor& lengths) const {
  if (!rotation_) return keys;
  const auto end = first + keys.size(2);
  const auto places = at::arange(first, end, index_options()).unsqueeze(0);  // [1, S]
  return (*rotation_)(keys, places, lengths.defined() ? lengths : at::full({1}, end, index_options()));
}

at::Tensor Positions::query(const at::Tensor& query, const at::Tensor& t_abs, const at::Tensor& lengths) const {
  return rotation_ ? (*rotation_)(query, t_abs, lengths) : query;
}

void Positions::extend(Span& span, const at::Tensor& t_abs, bool causal) const {
  if (kind_ == Kind::kAlibi) span.slopes = alibi_slopes(heads_);  // [H]
  if (kind_ == Kind::kRelativeBias) {
    const auto away = at::arange(-farthest_, farthest_ + 1, index_options());                            // [2F + 1]
    span.by_distance = bias_.index_select(1, relative_buckets(away, causal, bias_.size(1), farthest_));  // [H, 2F + 1]
  }
  if (kind_ == Kind::kAlibi || kind_ == Kind::kRelativeBias) span.steps = t_abs;
}

at::Tensor Positions::scores(const at::Tensor& scores, const at::Tensor& query, const at::Tensor& t_abs) const {
  if (kind_ != Kind::kRelative) return scores;
  const auto products = at::matmul(query, key_table_.mT()) * scale_;  // [B, H, T, 2R+1]
  const auto row = (distances(t_abs, scores.size(3)).clamp(-reach_, reach_) + reach_).unsqueeze(1).expand(scores.sizes());  // [B, H, T, S]
  return scores + products.gather(3, row);
}

at::Tensor Positions::values(const at::Tensor& mixing, const at::Tensor& t_abs) const {
  if (kind_ != Kind::kRelative) return {};
  const auto row = (distances(t_abs, mixing.size(3)).clamp(-reach_, reach_) + reach_).unsqueeze(1).expand(mixing.sizes());  // [B, H, T, S]
  const auto per_distance =  // [B, H, T, 2R+1]
      at::zeros({mixing.size(0), mixing.size(1), mixing.size(2), 2 * reach_ + 1}, mixing.options()).scatter_add(3, row, mixing);
  return at::matmul(per_distance, value_table_);
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, bool adjacent) {
  RotaryOptions options;
  options.pairs = adjacent ? "adjacent" : "halves";
  return Rotation(options, x.size(3))(x, positions, at::full({1}, x.size(2), index_options()));
}

at::Tensor alibi_slopes(std::int64_t heads) {
  const auto powers = [](std::int64_t n) {  // 2^(−8(h+1)/n), h < n
    return at::pow(2.0, (at::arange(n, double_options()) + 1) * (-8.0 / static_cast<double>(n)));
  };
  std::int64_t whole = 1;
  while (2 * whole <= heads) whole *= 2;
  if (whole == heads) return powers(heads);
  const auto between = powers(2 * whole).slice(0, 0, 2 * whole, 2);  // [whole]; every second slope of twice as many heads
  return at::cat({powers(whole), between.narrow(0, 0, heads - whole)});
}

at::Tensor relative_buckets(const at::Tensor& distance, bool causal, std::int64_t buckets, std::int64_t farthest) {
  const auto count = causal ? buckets : buckets / 2, exact = count / 2;
  const auto away = causal ? (-distance).clamp_min(0) : distance.abs();  // [..]
  const auto logarithm = (away.to(at::kDouble).clamp_min(1) / static_cast<double>(exact)).log() /
                         std::log(static_cast<double>(farthest) / static_cast<double>(exact));                             // [..]
  const auto far = (exact + (logarithm * static_cast<double>(count - exact)).floor().to(at::kLong)).clamp_max(count - 1);  // [..]
  const auto bucket = at::where(away.lt(exact), away, far);                                                                // [..]
  return causal ? bucket : bucket + distance.gt(0).to(at::kLong) * count;  // the future's after the past's
}

}  // namespace attend
