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

  // What as many vectors of channels add to the sums of as many keys: Σ u ρ, of which a score is Σ u less twice it; of relu the score.
  template <Path P, int Keys, int Vectors>
  static ATTEND_INLINE void score_channels(const AdditiveSteps& c, const Real* q, const Real* shared, const Real* keys, const Real* x,
                                           int64_t d, V* sums) {
    const int64_t row = row_numbers(c);
    V arguments[Keys][Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      const V asked = V::load(q + d + v * kLanes);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) {
        const Real* key = keys + i * c.key.row + d + v * kLanes;
        arguments[i][v] = Curves::template meet<P>(asked, Vectors == 1 ? part(key, c.size - d) : V::load(key));
      }
    }
    Curves::template add_features<Keys, Vectors>(
        c, shared + row + d, [&](int i) ATTEND_INLINED { return x + i * c.features; }, arguments);
    V u[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) u[v] = V::load(shared + d + v * kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) {
      if constexpr (P == Path::kRelu) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) sums[i] = fma(u[v], larger(V::all(0), arguments[i][v]), sums[i]);
      } else if constexpr (Vectors == 2) {
        const V first = Curves::template below<P>(arguments[i][0]), second = Curves::template below<P>(arguments[i][1]);
        sums[i] = Loops::add_quotient(fma(u[0], second, u[1] * first), first * second, sums[i]);
      } else {
        sums[i] = Loops::add_quotient(u[0], Curves::template below<P>(arguments[i][0]), sums[i]);
      }
    }
  }
  // `all_u`: Σ u, in a vector.
  template <Path P, int Keys>
  static ATTEND_INLINE void score_keys(const AdditiveSteps& c, const Real* q, const Real* shared, V all_u, const Real* keys, const Real* x,
                                       Real* to) {
    V sums[Keys];
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) sums[i] = V::all(0);
    int64_t d = 0;
    for (; d + 2 * kLanes <= c.size; d += 2 * kLanes) score_channels<P, Keys, 2>(c, q, shared, keys, x, d, sums);
    for (; d < c.size; d += kLanes) score_channels<P, Keys, 1>(c, q, shared, keys, x, d, sums);
    if constexpr (P != Path::kRelu) {
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) sums[i] = fnma(V::all(2), sums[i], all_u);
    }
    put_sums<Keys>(sums, to);
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
    V all_u = V::all(0);
    for (int64_t d = 0; d < c.size; d += kLanes) all_u = all_u + V::load(shared + d);
    int64_t s = first;
    for (; s + kTogether <= end; s += kTogether)
      score_keys<P, kTogether>(c, q, shared, all_u, keys + s * c.key.row, x + s * c.features, to + s);
    for (; s < end; ++s) score_keys<P, 1>(c, q, shared, all_u, keys + s * c.key.row, x + s * c.features, to + s);
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

  // As many vectors of channels of as many keys: adds to dq, and to dx where that is one number a key; of more features keeps what flows.
  template <Path P, int Keys, int Vectors>
  static ATTEND_INLINE void back_channels(const AdditiveSteps& c, const StepScratch& s, const Real* shared, const Real* const* keys,
                                          const int32_t* list, const Real* g, const Real* x, int64_t d, bool kept, V* dx) {
    const int64_t row = row_numbers(c);
    V arguments[Keys][Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      const V asked = V::load(s.q + d + v * kLanes);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) {
        const Real* key = keys[i] + d + v * kLanes;
        arguments[i][v] = Curves::template meet<P>(asked, Vectors == 1 ? part(key, c.size - d) : V::load(key));
      }
    }
    Curves::template add_features<Keys, Vectors>(
        c, shared + row + d, [&](int i) ATTEND_INLINED { return x + list[i] * c.features; }, arguments);
    Curves::template curves<P, Keys * Vectors>(arguments[0]);
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      const int64_t at = d + v * kLanes;
      V total = V::load(s.dq + at);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) {
        V f;
        arguments[i][v] = Curves::template flow<P>(arguments[i][v], V::all(g[list[i]]), f);
        total = total + arguments[i][v];
        if (kept) arguments[i][v].store(s.flows + i * row + at);
      }
      total.store(s.dq + at);
      if (!dx) continue;
      const V back = V::load(shared + 2 * row + at);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) dx[i] = fma(back, arguments[i][v], dx[i]);
    }
  }
  // Of as many keys of a list: adds to dq, and gives the features of these keys theirs.
  template <Path P, int Keys>
  static ATTEND_INLINE void back_keys(const AdditiveSteps& c, const StepScratch& s, const AdditiveTable& table, const Real* shared,
                                      const int32_t* list, const Real* g, const Real* x, Real* dx) {
    const int64_t row = row_numbers(c);
    const Real* keys[Keys];
    V only[Keys];
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) {
      keys[i] = static_cast<const Real*>(table.data) + list[i] * table.row;
      only[i] = V::all(0);
    }
    const auto all_channels = [&](bool kept, V* to) ATTEND_INLINED {
      int64_t d = 0;
      for (; d + 2 * kLanes <= c.size; d += 2 * kLanes) back_channels<P, Keys, 2>(c, s, shared, keys, list, g, x, d, kept, to);
      for (; d < c.size; d += kLanes) back_channels<P, Keys, 1>(c, s, shared, keys, list, g, x, d, kept, to);
    };
    if (!dx) return all_channels(false, nullptr);
    if (c.features == 1) {
      all_channels(false, only);
      Real sums[Keys];
      put_sums<Keys>(only, sums);
      for (int i = 0; i < Keys; ++i) dx[list[i]] = sums[i];
      return;
    }
    all_channels(true, nullptr);
    const Real* back = shared + (1 + c.features) * row;
    int64_t j = 0;
    for (; j + 5 <= c.features; j += 5) feature_products<Keys, 5>(c, s.flows, back + j * row, list, j, dx);
    for (; j + 2 <= c.features; j += 2) feature_products<Keys, 2>(c, s.flows, back + j * row, list, j, dx);
    if (j < c.features) feature_products<Keys, 1>(c, s.flows, back + j * row, list, j, dx);
  }
  // dx of as many features, from the j-th on, of as many keys.
  template <int Keys, int Features>
  static ATTEND_INLINE void feature_products(const AdditiveSteps& c, const Real* flows, const Real* back, const int32_t* list, int64_t j,
                                             Real* dx) {
    const int64_t row = row_numbers(c);
    V sums[Features][Keys];
#pragma GCC unroll 8
    for (int f = 0; f < Features; ++f)
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) sums[f][i] = V::all(0);
    for (int64_t d = 0; d < c.size; d += kLanes) {
      V x[Keys];
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) x[i] = V::load(flows + i * row + d);
#pragma GCC unroll 8
      for (int f = 0; f < Features; ++f) {
        const V a = V::load(back + f * row + d);
#pragma GCC unroll 4
        for (int i = 0; i < Keys; ++i) sums[f][i] = fma(x[i], a, sums[f][i]);
      }
    }
#pragma GCC unroll 8
    for (int f = 0; f < Features; ++f) {
      Real of_keys[Keys];
      put_sums<Keys>(sums[f], of_keys);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) dx[list[i] * c.features + j + f] = of_keys[i];
    }
  }
  // Of all keys of a list, in the order in which tables hold them: channel by channel.
  template <Path P>
  static void back_table(const AdditiveSteps& c, const StepScratch& s, const AdditiveTable& table, int64_t live, const Real* g) {
    for (int64_t d = 0; d < c.size; d += kLanes) {
      const V asked = V::load(s.q + d);
      const Real* keys = Loops::place(table, 0, d / kLanes);
      V sums[kTogether];
#pragma GCC unroll 4
      for (int i = 0; i < kTogether; ++i) sums[i] = V::all(0);
      const auto add = [&]<int Keys>(const int32_t* list) ATTEND_INLINED {
        V x[Keys];
#pragma GCC unroll 4
        for (int j = 0; j < Keys; ++j) x[j] = Curves::template meet<P>(asked, V::load(keys + list[j] * table.row));
        Curves::template curves<P, Keys>(x);
#pragma GCC unroll 4
        for (int j = 0; j < Keys; ++j) {
          V f;
          sums[j] = sums[j] + Curves::template flow<P>(x[j], V::all(g[list[j]]), f);
        }
      };
      int64_t i = 0;
      for (; i + kTogether <= live; i += kTogether) add.template operator()<kTogether>(s.list + i);
      for (; i < live; ++i) add.template operator()<1>(s.list + i);
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
      back_table<P>(c, s, table, live, g);
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
