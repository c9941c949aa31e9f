// Which keys the rows of a head see, and what a cap, distances, bias and keep make of their scores: one and the same in both directions.
// Included by sources that are compiled once an instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/draws.h"
#include "kernels/cpu/drop.h"
#include "kernels/cpu/functions.h"
#include "kernels/cpu/fused_attention.h"
#include "kernels/cpu/tiles.h"

namespace {

template <class Stored>
ATTEND_INLINE const Stored* row_of(const attend::kernels::Rows& x, int64_t b, int64_t h, int64_t i) {
  return static_cast<const Stored*>(x.data) + b * x.batch + h * x.head + i * x.row;
}

template <class Stored>
ATTEND_INLINE Stored* mutable_row_of(const attend::kernels::MutableRows& x, int64_t b, int64_t h, int64_t i) {
  return static_cast<Stored*>(x.data) + b * x.batch + h * x.head + i * x.row;
}

using attend::kernels::Normaliser;

// What scores are counted in: of a softmax in powers of 2, for the other normalisers as they are. Scores e times this.
ATTEND_INLINE double score_unit(const attend::kernels::FusedAttention& c) { return c.normaliser == Normaliser::kSoftmax ? kLog2E : 1; }

// Scores x[0, n) between −cap and cap, all in one unit, in their place; with Slopes, what that multiplies their gradients by. n is a
// multiple of the lanes.
template <class V, bool Slopes>
void cap_scores(double cap, typename V::Real* x, int64_t n, typename V::Real* slopes) {
  using Real = typename V::Real;
  const V down = V::all(static_cast<Real>(1 / cap)), up = V::all(static_cast<Real>(cap)), one = V::all(1);
  for (int64_t j = 0; j < n; j += V::kLanes) {
    const V y = tanh_of(V::load(x + j) * down);
    if constexpr (Slopes) fnma(y, y, one).store(slopes + j);
    (y * up).store(x + j);
  }
}

// The keys [first, end), none where the second is not larger.
struct KeyRange {
  int64_t first, end;
  bool empty() const { return end <= first; }
};

// The keys of [0, keys) that are within `radius` of a centre, by the test |s − centre| <= radius; all of them where it is NaN.
ATTEND_INLINE KeyRange keys_near(double centre, int64_t radius, int64_t keys) {
  const double reach = static_cast<double>(radius), all = static_cast<double>(keys);
  const auto near = [&](int64_t s) ATTEND_INLINED { return !(::fabs(static_cast<double>(s) - centre) > reach); };
  const auto within = [&](double x) ATTEND_INLINED { return static_cast<int64_t>(x > 0 ? (x < all ? x : all) : 0.0); };
  if (centre != centre) return {0, keys};
  // Differences are rounded; the test itself has the last word.
  int64_t first = within(::ceil(centre - reach)), end = within(::floor(centre + reach) + 1);
  while (first > 0 && near(first - 1)) --first;
  while (first < keys && !near(first) && static_cast<double>(first) < centre) ++first;
  end = most(end, first);
  while (end < keys && near(end)) ++end;
  while (end > first && !near(end - 1)) --end;
  return {first, end};
}

// The weight of a score that exceeds its row's threshold by y, in its unit.
template <class V>
ATTEND_INLINE V weight_of(Normaliser normaliser, V y) {
  if (normaliser == Normaliser::kSoftmax) return exp2(y);
  const V above = larger(V::all(0), y);
  if (normaliser == Normaliser::kSparsemax) return above;
  const V root = above * V::all(static_cast<typename V::Real>(0.5));
  return root * root;
}

template <class Real>
struct Sight {
  const attend::kernels::FusedAttention& c;
  int64_t b, h;           // of a head of B·H
  int64_t queries, keys;  // T_b, S_b

  Sight(const attend::kernels::FusedAttention& call, int64_t head)
      : c(call),
        b(head / c.heads),
        h(head % c.heads),
        queries(c.query_lengths ? c.query_lengths[b] : c.queries),
        keys(c.key_lengths ? c.key_lengths[b] : c.keys) {}

  // The keys between the first and the last that row t may see. Neither bound falls from row to row, unless centres or keep say more.
  int64_t first_key(int64_t t) const { return most(0, t + keys - queries - c.left); }
  int64_t end_key(int64_t t) const { return least(keys, t + keys - queries + c.right + 1); }
  KeyRange range(int64_t t) const {
    KeyRange seen{first_key(t), end_key(t)};
    if (c.window.centres) {
      const auto near = keys_near(centre(t), c.window.radius, keys);
      seen = {most(seen.first, near.first), least(seen.end, near.end)};
    }
    if (c.keep.data && seen.first < seen.end) {
      const uint8_t* keep = keep_row(t);
      seen.first = next_kept(keep, seen.first, seen.end);
      seen.end = end_kept(keep, seen.first, seen.end);
    }
    return seen;
  }
  // Whether only range() knows what a row sees.
  bool wanders() const { return c.window.centres || c.keep.data; }

  const uint8_t* keep_row(int64_t t) const { return c.keep.data + b * c.keep.batch + h * c.keep.head + t * c.keep.row; }
  // Of the keys [first, end), the first that a row of keep shows; `end` where there is none.
  int64_t next_kept(const uint8_t* keep, int64_t first, int64_t end) const {
    if (c.keep.key == 0) return keep[0] ? first : end;
    if (c.keep.key == 1)
      for (; first + 8 <= end; first += 8) {
        uint64_t eight;
        memcpy(&eight, keep + first, 8);
        if (eight != 0) break;
      }
    while (first < end && !keep[first * c.keep.key]) ++first;
    return first;
  }
  // The end of the last that it shows; `first` where there is none.
  int64_t end_kept(const uint8_t* keep, int64_t first, int64_t end) const {
    if (c.keep.key == 0) return keep[0] ? end : first;
    if (c.keep.key == 1)
      for (; first + 8 <= end; end -= 8) {
        uint64_t eight;
        memcpy(&eight, keep + end - 8, 8);
        if (eight != 0) break;
      }
    while (first < end && !keep[(end - 1) * c.keep.key]) --end;
    return end;
  }
  // Whether one of the rows [t, t + rows) may see one of the keys [first, end), as far as keep says.
  bool any_kept(int64_t t, int64_t rows, int64_t first, int64_t end) const {
    if (!c.keep.data) return true;
    for (int64_t r = 0; r < (c.keep.row == 0 ? least(rows, 1) : rows); ++r)
      if (next_kept(keep_row(t + r), first, end) < end) return true;
    return false;
  }
  double centre(int64_t t) const { return c.window.centres[(b * c.heads + h) * c.queries + t]; }
  // −(s − p)²/2ς² in the unit of scores is this times (s − p)².
  double steepness() const { return c.window.centres && c.window.deviation > 0 ? -0.5 * score_unit(c) / square(c.window.deviation) : 0; }
  // Whether a Gaussian multiplies the weights.
  bool favours() const { return steepness() != 0 && !c.window.renormalised; }
  static double square(double x) { return x * x; }

  Drop drop(int64_t t) const {
    const uint64_t key = c.drop_keys[(b * c.heads + h) * c.queries + t];
    return {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32),
            static_cast<int32_t>(static_cast<int64_t>(c.drop_rate * 4294967296.0) - 2147483648)};
  }
  Real kept_scale() const { return static_cast<Real>(1 / (1 - c.drop_rate)); }

  int64_t step(int64_t t) const { return t + (c.first_steps ? c.first_steps[b] : keys - queries); }
  // The number of far_h for a key and a step.
  int64_t distance(int64_t key, int64_t step) const { return most(-c.farthest, least(key - step, c.farthest)) + c.farthest; }

  uint64_t noise_key(int64_t t) const { return c.noise.keys[(b * c.heads + h) * c.queries + t]; }
  bool noisy() const { return c.noise.keys && c.noise.scale != 0; }

  bool shapes() const { return c.slopes || c.by_distance || c.bias.data || c.keep.data || c.window.renormalised || noisy(); }
  // Adds c g = −c ln(−ln u) to the scores of the keys [first, end) of row t.
  void add_noise(int64_t t, int64_t first, int64_t end, Real* x) const {
    constexpr int64_t kTogether = 64;
    Real draws[kTogether];
    const Real by = static_cast<Real>(c.noise.scale * score_unit(c));
    for (int64_t j = first; j < end; j += kTogether) {
      const int64_t count = least(kTogether, end - j);
      draw_exponentials(noise_key(t), j, count, draws);
      for (int64_t i = 0; i < count; ++i) x[j - first + i] -= by * static_cast<Real>(log_of_positive(static_cast<double>(draws[i])));
    }
  }

  // What distance, bias and keep make of the scores of the keys [first, end) of row t; x[0] is that of key `first`.
  void shape(int64_t t, int64_t first, int64_t end, Real* x) const {
    if (c.slopes) {
      const Real slope = static_cast<Real>(c.slopes[h] * score_unit(c));
      const int32_t away = static_cast<int32_t>(step(t) - first), count = static_cast<int32_t>(end - first);
      for (int32_t j = 0; j < count; ++j) x[j] -= slope * static_cast<Real>(j > away ? j - away : away - j);
    }
    if (const double steep = steepness(); steep != 0 && c.window.renormalised) {
      const Real away = static_cast<Real>(static_cast<double>(first) - centre(t)), by = static_cast<Real>(steep);
      for (int64_t j = 0; j < end - first; ++j) {
        const Real distance = away + static_cast<Real>(j);
        x[j] += by * distance * distance;
      }
    }
    if (noisy()) add_noise(t, first, end, x);
    if (c.by_distance) {
      const Real* far = static_cast<const Real*>(c.by_distance) + h * (2 * c.farthest + 1);
      const int64_t here = step(t);
      const Real unit = static_cast<Real>(score_unit(c));
      for (int64_t j = first; j < end; ++j) x[j - first] += far[distance(j, here)] * unit;
    }
    if (c.bias.data) {
      const Real* bias = static_cast<const Real*>(c.bias.data) + b * c.bias.batch + h * c.bias.head + t * c.bias.row;
      const Real unit = static_cast<Real>(score_unit(c));
      if (c.bias.key == 1)  // so that the compiler sees vectors
        for (int64_t j = first; j < end; ++j) x[j - first] += bias[j] * unit;
      else
        for (int64_t j = first; j < end; ++j) x[j - first] += bias[j * c.bias.key] * unit;
    }
    if (c.keep.data) {
      const uint8_t* keep = keep_row(t);
      if (c.keep.key == 1)
        for (int64_t j = first; j < end; ++j) x[j - first] = keep[j] ? x[j - first] : -INFINITY;
      else
        for (int64_t j = first; j < end; ++j) x[j - first] = keep[j * c.keep.key] ? x[j - first] : -INFINITY;
    }
  }
};

// The Gaussian exp(−(s − p)²/2ς²) that multiplies the weights of a row's keys.
template <class V>
struct Gaussian {
  using Real = typename V::Real;
  V steepness, away, ramp;  // away: of the first key

  Gaussian(const Sight<Real>& sight, int64_t t, int64_t first)
      : steepness(V::all(static_cast<Real>(sight.steepness()))),
        away(V::all(static_cast<Real>(static_cast<double>(first) - sight.centre(t)))) {
    Real lanes[V::kLanes];
    for (int j = 0; j < V::kLanes; ++j) lanes[j] = static_cast<Real>(j);
    ramp = V::load(lanes);
  }
  // Of the keys first + j, first + j + 1, ...
  ATTEND_INLINE V at(int64_t j) const {
    const V distance = (away + V::all(static_cast<Real>(j))) + ramp;
    return exp2(distance * distance * steepness);
  }
};

}  // namespace
