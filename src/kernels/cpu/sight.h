// Which keys the rows of a head see, and what distance, bias and keep make of their scores: one and the same in both directions.
// Included by sources that are compiled once an instruction set, as vectors.h.
#pragma once
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

// Base-2 scores x[0, n) between −cap and cap, in their place; with Slopes, what that multiplies their gradients by. n is a multiple of the
// lanes.
template <class V, bool Slopes>
void cap_scores(double cap, typename V::Real* x, int64_t n, typename V::Real* slopes) {
  using Real = typename V::Real;
  const V down = V::all(static_cast<Real>(1 / (cap * kLog2E))), up = V::all(static_cast<Real>(cap * kLog2E)), one = V::all(1);
  for (int64_t j = 0; j < n; j += V::kLanes) {
    const V y = tanh_of(V::load(x + j) * down);
    if constexpr (Slopes) fnma(y, y, one).store(slopes + j);
    (y * up).store(x + j);
  }
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

  // Row t sees keys of [first_key, end_key), which is empty when the second is not larger. Neither falls from row to row.
  int64_t first_key(int64_t t) const { return most(0, t + keys - queries - c.left); }
  int64_t end_key(int64_t t) const { return least(keys, t + keys - queries + c.right + 1); }

  Drop drop(int64_t t) const {
    const uint64_t key = c.drop_keys[(b * c.heads + h) * c.queries + t];
    return {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32),
            static_cast<int32_t>(static_cast<int64_t>(c.drop_rate * 4294967296.0) - 2147483648)};
  }
  Real kept_scale() const { return static_cast<Real>(1 / (1 - c.drop_rate)); }

  int64_t step(int64_t t) const { return t + (c.first_steps ? c.first_steps[b] : keys - queries); }
  // The number of far_h for a key and a step.
  int64_t distance(int64_t key, int64_t step) const { return most(-c.farthest, least(key - step, c.farthest)) + c.farthest; }

  bool shapes() const { return c.slopes || c.by_distance || c.bias.data || c.keep.data; }
  // What distance, bias and keep make of the scores of the keys [first, end) of row t; x[0] is that of key `first`.
  void shape(int64_t t, int64_t first, int64_t end, Real* x) const {
    if (c.slopes) {
      const Real slope = static_cast<Real>(c.slopes[h] * kLog2E);
      const int64_t here = step(t);
      for (int64_t j = first; j < end; ++j) x[j - first] -= slope * static_cast<Real>(j > here ? j - here : here - j);
    }
    if (c.by_distance) {
      const Real* far = static_cast<const Real*>(c.by_distance) + h * (2 * c.farthest + 1);
      const int64_t here = step(t);
      for (int64_t j = first; j < end; ++j) x[j - first] += far[distance(j, here)] * static_cast<Real>(kLog2E);
    }
    if (c.bias.data) {
      const Real* bias = static_cast<const Real*>(c.bias.data) + b * c.bias.batch + h * c.bias.head + t * c.bias.row;
      const Real base2 = static_cast<Real>(kLog2E);
      if (c.bias.key == 1)  // so that the compiler sees vectors
        for (int64_t j = first; j < end; ++j) x[j - first] += bias[j] * base2;
      else
        for (int64_t j = first; j < end; ++j) x[j - first] += bias[j * c.bias.key] * base2;
    }
    if (c.keep.data) {
      const uint8_t* keep = c.keep.data + b * c.keep.batch + h * c.keep.head + t * c.keep.row;
      for (int64_t j = first; j < end; ++j)
        if (!keep[j * c.keep.key]) x[j - first] = -INFINITY;
    }
  }
};

}  // namespace
