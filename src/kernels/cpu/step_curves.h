// What a query and a key of a step of additive attention make of each other. Included by sources that are compiled once an instruction set,
// as vectors.h.
#pragma once
#include "kernels/cpu/additive_steps.h"

#include "kernels/cpu/scores.h"

namespace {

using attend::kernels::AdditivePath;
using attend::kernels::AdditiveSteps;
using attend::kernels::AdditiveTable;
using attend::kernels::StepWork;

#if defined(ATTEND_AVX512)
constexpr int kStepTogether = 4;  // keys, or rows, that are in registers together
#else
constexpr int kStepTogether = 2;
#endif

template <class V>
struct StepCurves {
  using Real = typename V::Real;
  using Path = AdditivePath;
  using Plan = attend::kernels::AdditivePlan;
  using Loops = AdditiveLoops<V>;
  static constexpr int kLanes = V::kLanes, kTogether = kStepTogether;
  // 2^50, of float64 2^80, is e^2x where tanh x has long been 1; squares of its reciprocal are no denormal numbers, which would be slow.
  static constexpr double kFar = sizeof(Real) == 8 ? 80 : 50, kTwice = 2 * kLog2E;

  static int64_t row_numbers(const AdditiveSteps& c) { return up_to_multiple(c.size, kLanes); }
  static int64_t keys_of(const AdditiveSteps& c, int64_t b) { return c.key_lengths ? c.key_lengths[b] : c.keys; }
  static ATTEND_INLINE V all(double x) { return V::all(static_cast<Real>(x)); }

  // What all rows of a head share, in rows of whole vectors with 0 behind the last channel: scale u, then of each feature
  // what it adds to an argument, then what flows back to it.
  static int64_t head_bytes(const AdditiveSteps& c) { return row_numbers(c) * (1 + 2 * c.features) * static_cast<int64_t>(sizeof(Real)); }
  static const Real* head(const StepWork& w, int64_t h) {
    return static_cast<const Real*>(w.heads) + h * row_numbers(w.call) * (1 + 2 * w.call.features);
  }
  static void prepare(const StepWork& w, int64_t h) {
    const auto& c = w.call;
    const bool is_tanh = c.score == attend::kernels::ScoreKind::kTanh;
    const int64_t row = row_numbers(c);
    const Real* u = static_cast<const Real*>(c.energy) + h * c.size;
    Real* to = static_cast<Real*>(w.heads) + h * row * (1 + 2 * c.features);
    memset(to, 0, static_cast<size_t>(head_bytes(c)));
    for (int64_t d = 0; d < c.size; ++d) to[d] = u[d] * static_cast<Real>(c.scale);
    for (int64_t j = 0; j < c.features; ++j) {
      const Real* a = static_cast<const Real*>(c.feature_weights) + (h * c.features + j) * c.size;
      Real *there = to + (1 + j) * row, *back = there + c.features * row;
      for (int64_t d = 0; d < c.size; ++d) {
        there[d] = is_tanh ? a[d] * static_cast<Real>(kTwice) : a[d];
        back[d] = to[d] * a[d] * (is_tanh ? 4 : 1);
      }
    }
  }

  // ---- What a query and a key make of each other, in kinds of paths: kTanh and kRelu from the numbers themselves, the others from tables.

  template <Path P>
  static ATTEND_INLINE V query_entry(const Plan* plan, V q) {
    if constexpr (P == Path::kTanh) return q * all(kTwice);
    if constexpr (P == Path::kRelu) return q;
    return Loops::query_entry(*plan, q);
  }
  template <Path P>
  static ATTEND_INLINE V meet(V q, V k) {
    if constexpr (P == Path::kTanh) return fma(k, all(kTwice), q);
    if constexpr (P == Path::kRelu) return q + k;
    return Loops::template denominator<P>(q, k);
  }
  // 1 + e^2x, of which tanh x is 1 less twice its reciprocal ρ.
  template <Path P>
  static ATTEND_INLINE V below(V x) {
    if constexpr (P == Path::kTanh) return exp2(smaller(all(kFar), x)) + V::all(1);
    return x;
  }
  // What flow() takes in place of as many x: each ρ, two by one reciprocal, 1/x = y/(x y), where x is capped; of relu x itself.
  template <Path P, int Count>
  static ATTEND_INLINE void curves(V* x) {
    if constexpr (P == Path::kFolded) {
#pragma GCC unroll 8
      for (int i = 0; i < Count; ++i) x[i] = Loops::one_over(x[i]);
    } else if constexpr (P != Path::kRelu) {
#pragma GCC unroll 8
      for (int i = 0; i < Count; ++i) x[i] = below<P>(x[i]);
#pragma GCC unroll 4
      for (int i = 0; i + 1 < Count; i += 2) {
        const V both = Loops::one_over(x[i] * x[i + 1]), other = x[i];
        x[i] = x[i + 1] * both;
        x[i + 1] = other * both;
      }
      if constexpr (Count % 2 != 0) x[Count - 1] = Loops::one_over(x[Count - 1]);
    }
  }
  // `f`: g times what Σ g f is made of, ρ or relu x; returned: g f' / slope.
  template <Path P>
  static ATTEND_INLINE V flow(V curve, V g, V& f) {
    if constexpr (P == Path::kRelu) {
      f = g * larger(V::all(0), curve);
      return where_positive(curve, g);
    }
    f = g * curve;
    return fnma(f, curve, f);
  }
  template <Path P>
  static constexpr double kSlope = P == Path::kRelu ? 1 : 4;

  // Adds Σ_j a_j x[i][j] to the arguments of as many pairs of a query and a key, of as many vectors of channels. `there`: a at the first of
  // these channels; of_pair(i): the features of a pair.
  template <int Pairs, int Vectors, class OfPair>
  static ATTEND_INLINE void add_features(const AdditiveSteps& c, const Real* there, const OfPair& of_pair, V (*arguments)[Vectors]) {
    const int64_t row = row_numbers(c);
    for (int64_t j = 0; j < c.features; ++j) {
      V a[Vectors];
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) a[v] = V::load(there + j * row + v * kLanes);
#pragma GCC unroll 4
      for (int i = 0; i < Pairs; ++i) {
        const V x = V::all(of_pair(i)[j]);
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) arguments[i][v] = fma(x, a[v], arguments[i][v]);
      }
    }
  }

  static ATTEND_INLINE V part(const Real* p, int64_t left) { return left >= kLanes ? V::load(p) : V::load_part(p, static_cast<int>(left)); }
  template <Path P>
  static void take_query(const StepWork& w, const Plan* plan, const Real* from, Real* to) {
    for (int64_t d = 0; d < w.call.size; d += kLanes) query_entry<P>(plan, part(from + d, w.call.size - d)).store(to + d);
  }

  // Runs body.operator()<P>(plan, keys' table) for the path of a head of B·H.
  template <class Body>
  static ATTEND_INLINE void by_path(const StepWork& w, int64_t head, const Body& body) {
    const auto& c = w.call;
    if (w.packed.plans) {
      using Scores = Additive<V, Real>;
      const int64_t own = packed_head(w.packed, head, 0);
      const Plan* plan = Scores::plan_of(w.packed.call, w.packed.plans, own).plan;
      const auto table = Scores::table(of_head<Real>(w.packed.key_slices, w.packed.sizes.key_slices, own), c.keys, 0);
      if (plan->path == Path::kFolded) return body.template operator()<Path::kFolded>(plan, table);
      if (plan->path == Path::kCapped) return body.template operator()<Path::kCapped>(plan, table);
    }
    const AdditiveTable raw{const_cast<Real*>(row_of<Real>(c.key, head / c.heads, head % c.heads, 0)), c.key.row, kLanes};
    if (c.score == attend::kernels::ScoreKind::kRelu) return body.template operator()<Path::kRelu>(nullptr, raw);
    body.template operator()<Path::kTanh>(nullptr, raw);
  }
  // Tables end with whole vectors, stored keys with the last channel.
  template <Path P>
  static ATTEND_INLINE V key_at(const Real* p, int64_t left) {
    return P == Path::kFolded || P == Path::kCapped ? V::load(p) : part(p, left);
  }
};

}  // namespace
