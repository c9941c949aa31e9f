// Steps of additive attention, for one instruction set. A vector holds channels, so that keys are read as they lie and no step packs
// anything.
#include "kernels/cpu/step_curves.h"

#include "kernels/cpu/step_source.h"

namespace {

using attend::kernels::kStepKeys;

template <class V>
struct Steps : StepCurves<V> {
  using Curves = StepCurves<V>;
  using Curves::all, Curves::head, Curves::keys_of, Curves::kLanes, Curves::kTogether, Curves::part, Curves::row_numbers;
  using typename Curves::Loops, typename Curves::Path, typename Curves::Plan, typename Curves::Real;

  // ---- Scores

  template <Path P, int Keys>
  static ATTEND_INLINE void score_keys(const AdditiveSteps& c, const Real* q, const Real* shared, const Real* keys, const Real* x,
                                       Real* to) {
    const int64_t row = row_numbers(c);
    V sums[Keys];
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) sums[i] = V::all(0);
    for (int64_t d = 0; d < c.size; d += kLanes) {
      V arguments[Keys];
      const V asked = V::load(q + d), u = V::load(shared + d);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) arguments[i] = Curves::template meet<P>(asked, part(keys + i * c.key.row + d, c.size - d));
      for (int64_t j = 0; j < c.features; ++j) {
        const V a = V::load(shared + (1 + j) * row + d);
#pragma GCC unroll 4
        for (int i = 0; i < Keys; ++i) arguments[i] = fma(V::all(x[i * c.features + j]), a, arguments[i]);
      }
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) sums[i] = fma(u, Curves::template curve<P>(arguments[i]), sums[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) to[i] = sum(sums[i]);
  }
  template <Path P>
  static void score_row(const StepWork& w, int64_t row, int64_t first, Real* scores, Real* q) {
    const auto& c = w.call;
    const int64_t b = row / c.queries / c.heads, h = row / c.queries % c.heads, r = row % c.queries;
    const int64_t until = least(first + kStepKeys, c.keys), end = least(until, keys_of(c, b));
    Curves::template take_query<P>(w, nullptr, row_of<Real>(c.query, b, h, r), q);
    const Real *shared = head(w, h), *keys = row_of<Real>(c.key, b, h, 0);
    const Real* x = c.features > 0 ? static_cast<const Real*>(c.feature) + row * c.keys * c.features : nullptr;
    Real* to = scores + row * c.keys;
    int64_t s = first;
    for (; s + kTogether <= end; s += kTogether) score_keys<P, kTogether>(c, q, shared, keys + s * c.key.row, x + s * c.features, to + s);
    for (; s < end; ++s) score_keys<P, 1>(c, q, shared, keys + s * c.key.row, x + s * c.features, to + s);
    for (; s < until; ++s) to[s] = 0;
  }
  static void score(const StepWork& w, int64_t row, int64_t first, void* scores, void* scratch) {
    Real *to = static_cast<Real*>(scores), *q = static_cast<Real*>(scratch);
    if (w.call.score == attend::kernels::ScoreKind::kRelu) return score_row<Path::kRelu>(w, row, first, to, q);
    score_row<Path::kTanh>(w, row, first, to, q);
  }

  // ---- The way back of a step

  struct StepScratch {
    Real *q, *dq, *flows;  // [E], [E], [kTogether, E]
    int32_t* list;         // [S]: keys that something flows to
    int64_t bytes;
    StepScratch(const AdditiveSteps& c, void* base) {
      Layout layout{static_cast<char*>(base)};
      layout.take(q, row_numbers(c));
      layout.take(dq, row_numbers(c));
      layout.take(flows, kTogether * row_numbers(c));
      layout.take(list, c.keys);
      bytes = layout.bytes;
    }
  };
  static int64_t scratch_bytes(const AdditiveSteps& c) { return StepScratch(c, nullptr).bytes; }

  // Of as many keys of a list: adds to dq, and gives the features of these keys theirs.
  template <Path P, int Keys>
  static ATTEND_INLINE void back_keys(const AdditiveSteps& c, const StepScratch& s, const AdditiveTable& table, const Real* shared,
                                      const int32_t* list, const Real* g, const Real* x, Real* dx) {
    const int64_t row = row_numbers(c);
    const Real* keys[Keys];
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) keys[i] = static_cast<const Real*>(table.data) + list[i] * table.row;
    for (int64_t d = 0, at = 0; d < c.size; d += kLanes, at += table.block) {
      V arguments[Keys];
      const V asked = V::load(s.q + d);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) arguments[i] = Curves::template meet<P>(asked, Curves::template key_at<P>(keys[i] + at, c.size - d));
      if constexpr (P == Path::kTanh || P == Path::kRelu)
        for (int64_t j = 0; j < c.features; ++j) {
          const V a = V::load(shared + (1 + j) * row + d);
#pragma GCC unroll 4
          for (int i = 0; i < Keys; ++i) arguments[i] = fma(V::all(x[list[i] * c.features + j]), a, arguments[i]);
        }
      V total = V::load(s.dq + d);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) {
        V f;
        const V flowing = Curves::template flow<P>(arguments[i], V::all(g[list[i]]), f);
        total = total + flowing;
        if (dx) flowing.store(s.flows + i * row + d);
      }
      total.store(s.dq + d);
    }
    if (!dx) return;
    const Real* back = shared + (1 + c.features) * row;
    int64_t j = 0;
    for (; j + 4 <= c.features; j += 4) feature_products<Keys, 4>(c, s.flows, back + j * row, list, j, dx);
    for (; j < c.features; ++j) feature_products<Keys, 1>(c, s.flows, back + j * row, list, j, dx);
  }
  // dx of as many features, from the j-th on, of as many keys.
  template <int Keys, int Features>
  static ATTEND_INLINE void feature_products(const AdditiveSteps& c, const Real* flows, const Real* back, const int32_t* list, int64_t j,
                                             Real* dx) {
    const int64_t row = row_numbers(c);
    V sums[Features][Keys];
#pragma GCC unroll 4
    for (int f = 0; f < Features; ++f)
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) sums[f][i] = V::all(0);
    for (int64_t d = 0; d < c.size; d += kLanes) {
      V x[Keys];
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) x[i] = V::load(flows + i * row + d);
#pragma GCC unroll 4
      for (int f = 0; f < Features; ++f) {
        const V a = V::load(back + f * row + d);
#pragma GCC unroll 4
        for (int i = 0; i < Keys; ++i) sums[f][i] = fma(x[i], a, sums[f][i]);
      }
    }
#pragma GCC unroll 4
    for (int f = 0; f < Features; ++f)
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) dx[list[i] * c.features + j + f] = sum(sums[f][i]);
  }
  // Of all keys of a list, in the order in which tables hold them: channel by channel.
  template <Path P>
  static void back_channels(const AdditiveSteps& c, const StepScratch& s, const AdditiveTable& table, int64_t live, const Real* g) {
    for (int64_t d = 0; d < c.size; d += kLanes) {
      const V asked = V::load(s.q + d);
      const Real* keys = Loops::place(table, 0, d / kLanes);
      V sums[kTogether];
#pragma GCC unroll 4
      for (int i = 0; i < kTogether; ++i) sums[i] = V::all(0);
      const auto add = [&](int32_t key, V& to) ATTEND_INLINED {
        V f;
        to = to + Curves::template flow<P>(Curves::template meet<P>(asked, V::load(keys + key * table.row)), V::all(g[key]), f);
      };
      int64_t i = 0;
      for (; i + kTogether <= live; i += kTogether)
#pragma GCC unroll 4
        for (int j = 0; j < kTogether; ++j) add(s.list[i + j], sums[j]);
      for (; i < live; ++i) add(s.list[i], sums[0]);
#pragma GCC unroll 4
      for (int j = 1; j < kTogether; ++j) sums[0] = sums[0] + sums[j];
      sums[0].store(s.dq + d);
    }
  }
  static void backward(const StepWork& w, int64_t row, void* scratch) {
    Curves::by_path(w, row / w.call.queries,
                    [&]<Path P>(const Plan* plan, const AdditiveTable& table) { back_row<P>(w, plan, table, row, scratch); });
  }
  template <Path P>
  static void back_row(const StepWork& w, const Plan* plan, const AdditiveTable& table, int64_t row, void* scratch) {
    const auto& c = w.call;
    const int64_t b = row / c.queries / c.heads, h = row / c.queries % c.heads, r = row % c.queries, keys = keys_of(c, b);
    const StepScratch s(c, scratch);
    const Real *query = row_of<Real>(c.query, b, h, r), *shared = head(w, h);
    const Real* g = static_cast<const Real*>(w.step.scores) + row * c.keys;
    const Real* x = c.features > 0 ? static_cast<const Real*>(c.feature) + row * c.keys * c.features : nullptr;
    Real* dx = w.step.feature ? static_cast<Real*>(w.step.feature) + row * c.keys * c.features : nullptr;
    int64_t live = 0;
    for (int64_t k = 0; k < keys; ++k) {
      s.list[live] = static_cast<int32_t>(k);
      live += g[k] != 0;
    }
    if (dx) memset(dx, 0, static_cast<size_t>(c.keys * c.features) * sizeof(Real));
    memset(s.dq, 0, static_cast<size_t>(row_numbers(c)) * sizeof(Real));
    if (live > 0) Curves::template take_query<P>(w, plan, query, s.q);
    if constexpr (P == Path::kFolded || P == Path::kCapped) {
      back_channels<P>(c, s, table, live, g);
    } else {
      int64_t i = 0;
      for (; i + kTogether <= live; i += kTogether) back_keys<P, kTogether>(c, s, table, shared, s.list + i, g, x, dx);
      for (; i < live; ++i) back_keys<P, 1>(c, s, table, shared, s.list + i, g, x, dx);
    }
    Real* dq = static_cast<Real*>(w.step.query) + row * c.size;
    for (int64_t d = 0; d < c.size; d += kLanes)
      put_part(dq + d, V::load(s.dq + d) * V::load(shared + d) * all(Curves::template kSlope<P>), c.size - d);
    if (!w.step.record) return;
    Real* to = static_cast<Real*>(w.step.record) + row * score_record_size(c.size, c.keys, c.features);
    memcpy(to, query, static_cast<size_t>(c.size) * sizeof(Real));
    memcpy(to + c.size, g, static_cast<size_t>(keys) * sizeof(Real));
    memset(to + c.size + keys, 0, static_cast<size_t>(c.keys - keys) * sizeof(Real));
    if (x) memcpy(to + c.size + c.keys, x, static_cast<size_t>(c.keys * c.features) * sizeof(Real));
  }

  static constexpr attend::kernels::StepKernels kTable{.real_bytes = sizeof(Real),
                                                       .head_bytes = Curves::head_bytes,
                                                       .part_bytes = StepSource<V>::part_bytes,
                                                       .scratch_bytes = scratch_bytes,
                                                       .source_scratch_bytes = StepSource<V>::source_scratch_bytes,
                                                       .prepare = Curves::prepare,
                                                       .score = score,
                                                       .backward = backward,
                                                       .source = StepSource<V>::source,
                                                       .add_parts = StepSource<V>::add_parts};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
const StepKernels steps_float32_avx512 = Steps<Floats>::kTable;
#elif defined(ATTEND_ISA_avx2)
const StepKernels steps_float32_avx2 = Steps<Floats>::kTable;
#else
const StepKernels steps_float32_portable = Steps<Floats>::kTable, steps_float64_portable = Steps<Doubles>::kTable;
#endif

}  // namespace attend::kernels
