// Steps of additive attention, for one instruction set. A vector holds channels, so that keys are read as they lie and no step packs
// anything.
#include "kernels/cpu/additive_steps.h"

#include "kernels/cpu/scores.h"

namespace {

using attend::kernels::AdditivePath;
using attend::kernels::AdditiveSteps;
using attend::kernels::kSourceChannels;
using attend::kernels::kStepKeys;
using attend::kernels::score_record_size;
using attend::kernels::StepWork;

#if defined(ATTEND_AVX512)
constexpr int kStepTogether = 4;  // keys, or rows, that are in registers together
#else
constexpr int kStepTogether = 2;
#endif

template <class V>
struct Steps {
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
  // 1/(1 + e^2x), of which tanh x is 1 − 2 of it.
  template <Path P>
  static ATTEND_INLINE V rho(V x) {
    if constexpr (P == Path::kTanh) return Loops::one_over(exp2(smaller(all(kFar), x)) + V::all(1));
    return Loops::one_over(x);
  }
  template <Path P>
  static ATTEND_INLINE V curve(V x) {
    if constexpr (P == Path::kRelu) return larger(V::all(0), x);
    return fnma(V::all(2), rho<P>(x), V::all(1));
  }
  // `f`: g times what Σ g curve is made of, see energy_sum; returned: g curve' / slope.
  template <Path P>
  static ATTEND_INLINE V flow(V x, V g, V& f) {
    if constexpr (P == Path::kRelu) {
      f = g * larger(V::all(0), x);
      return where_positive(x, g);
    }
    const V r = rho<P>(x);
    f = g * r;
    return fnma(f, r, f);
  }
  template <Path P>
  static constexpr double kSlope = P == Path::kRelu ? 1 : 4;

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
    const attend::kernels::AdditiveTable raw{const_cast<Real*>(row_of<Real>(c.key, head / c.heads, head % c.heads, 0)), c.key.row, kLanes};
    if (c.score == attend::kernels::ScoreKind::kRelu) return body.template operator()<Path::kRelu>(nullptr, raw);
    body.template operator()<Path::kTanh>(nullptr, raw);
  }
  // Tables end with whole vectors, stored keys with the last channel.
  template <Path P>
  static ATTEND_INLINE V key_at(const Real* p, int64_t left) {
    return P == Path::kFolded || P == Path::kCapped ? V::load(p) : part(p, left);
  }

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
      for (int i = 0; i < Keys; ++i) arguments[i] = meet<P>(asked, part(keys + i * c.key.row + d, c.size - d));
      for (int64_t j = 0; j < c.features; ++j) {
        const V a = V::load(shared + (1 + j) * row + d);
#pragma GCC unroll 4
        for (int i = 0; i < Keys; ++i) arguments[i] = fma(V::all(x[i * c.features + j]), a, arguments[i]);
      }
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) sums[i] = fma(u, curve<P>(arguments[i]), sums[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) to[i] = sum(sums[i]);
  }
  template <Path P>
  static void score_row(const StepWork& w, int64_t row, int64_t first, Real* scores, Real* q) {
    const auto& c = w.call;
    const int64_t b = row / c.queries / c.heads, h = row / c.queries % c.heads, r = row % c.queries;
    const int64_t until = least(first + kStepKeys, c.keys), end = least(until, keys_of(c, b));
    take_query<P>(w, nullptr, row_of<Real>(c.query, b, h, r), q);
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
  static ATTEND_INLINE void back_keys(const AdditiveSteps& c, const StepScratch& s, const attend::kernels::AdditiveTable& table,
                                      const Real* shared, const int32_t* list, const Real* g, const Real* x, Real* dx) {
    const int64_t row = row_numbers(c);
    const Real* keys[Keys];
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) keys[i] = static_cast<const Real*>(table.data) + list[i] * table.row;
    for (int64_t d = 0, at = 0; d < c.size; d += kLanes, at += table.block) {
      V arguments[Keys];
      const V asked = V::load(s.q + d);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) arguments[i] = meet<P>(asked, key_at<P>(keys[i] + at, c.size - d));
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
        const V flowing = flow<P>(arguments[i], V::all(g[list[i]]), f);
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
  static void back_channels(const AdditiveSteps& c, const StepScratch& s, const attend::kernels::AdditiveTable& table, int64_t live,
                            const Real* g) {
    for (int64_t d = 0; d < c.size; d += kLanes) {
      const V asked = V::load(s.q + d);
      const Real* keys = Loops::place(table, 0, d / kLanes);
      V sums[kTogether];
#pragma GCC unroll 4
      for (int i = 0; i < kTogether; ++i) sums[i] = V::all(0);
      const auto add = [&](int32_t key, V& to) ATTEND_INLINED {
        V f;
        to = to + flow<P>(meet<P>(asked, V::load(keys + key * table.row)), V::all(g[key]), f);
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
    by_path(w, row / w.call.queries,
            [&]<Path P>(const Plan* plan, const attend::kernels::AdditiveTable& table) { back_row<P>(w, plan, table, row, scratch); });
  }
  template <Path P>
  static void back_row(const StepWork& w, const Plan* plan, const attend::kernels::AdditiveTable& table, int64_t row, void* scratch) {
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
    if (live > 0) take_query<P>(w, plan, query, s.q);
    if constexpr (P == Path::kFolded || P == Path::kCapped) {
      back_channels<P>(c, s, table, live, g);
    } else {
      int64_t i = 0;
      for (; i + kTogether <= live; i += kTogether) back_keys<P, kTogether>(c, s, table, shared, s.list + i, g, x, dx);
      for (; i < live; ++i) back_keys<P, 1>(c, s, table, shared, s.list + i, g, x, dx);
    }
    Real* dq = static_cast<Real*>(w.step.query) + row * c.size;
    for (int64_t d = 0; d < c.size; d += kLanes) put_part(dq + d, V::load(s.dq + d) * V::load(shared + d) * all(kSlope<P>), c.size - d);
    if (!w.step.record) return;
    Real* to = static_cast<Real*>(w.step.record) + row * score_record_size(c.size, c.keys, c.features);
    memcpy(to, query, static_cast<size_t>(c.size) * sizeof(Real));
    memcpy(to + c.size, g, static_cast<size_t>(keys) * sizeof(Real));
    memset(to + c.size + keys, 0, static_cast<size_t>(c.keys - keys) * sizeof(Real));
    if (x) memcpy(to + c.size + c.keys, x, static_cast<size_t>(c.keys * c.features) * sizeof(Real));
  }

  // ---- The way back of the source

  // Rows of all records that something flows from to a key, in the order of the records.
  struct Flow {
    const Real* features;
    Real gradient;
    int32_t row;
  };
  struct SourceScratch {
    Real* q;        // [channels / lanes, rows, lanes]
    Flow* flows;    // [S, rows]
    int32_t* live;  // [S]
    int64_t bytes;
    SourceScratch(const AdditiveSteps& c, int64_t rows, void* base) {
      Layout layout{static_cast<char*>(base)};
      layout.take(q, kSourceChannels * rows);
      layout.take(flows, c.keys * rows);
      layout.take(live, c.keys);
      bytes = layout.bytes;
    }
  };
  static int64_t source_scratch_bytes(const AdditiveSteps& c, int64_t records) {
    return SourceScratch(c, records * c.queries, nullptr).bytes;
  }
  static int64_t part_bytes(const AdditiveSteps& c) { return row_numbers(c) * (1 + c.features) * static_cast<int64_t>(sizeof(Real)); }

  // What as many rows add to a key, to the energy and to the feature weights, of as many vectors of channels. `apart`: numbers from one
  // vector's queries to the next one's.
  template <Path P, int Vectors, int Rows>
  static ATTEND_INLINE void source_rows(const AdditiveSteps& c, const V* key, const Real* q, int64_t apart, const Real* there, Real* part,
                                        const Flow* flows, V* dk, V* du) {
    const int64_t row = row_numbers(c);
    V d[Rows][Vectors];
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) d[i][v] = meet<P>(V::load(q + v * apart + flows[i].row * kLanes), key[v]);
    if constexpr (P == Path::kTanh || P == Path::kRelu)
      for (int64_t j = 0; j < c.features; ++j) {
        V a[Vectors];
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) a[v] = V::load(there + j * row + v * kLanes);
#pragma GCC unroll 4
        for (int i = 0; i < Rows; ++i) {
          const V x = V::all(flows[i].features[j]);
#pragma GCC unroll 2
          for (int v = 0; v < Vectors; ++v) d[i][v] = fma(x, a[v], d[i][v]);
        }
      }
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) {
      const V g = V::all(flows[i].gradient);
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) {
        V f;
        d[i][v] = flow<P>(d[i][v], g, f);
        dk[v] = dk[v] + d[i][v];
        du[v] = du[v] + f;
      }
    }
    if constexpr (P == Path::kTanh || P == Path::kRelu)
      for (int64_t j = 0; j < c.features; ++j) {
        V added[Vectors];
#pragma GCC unroll 4
        for (int i = 0; i < Rows; ++i) {
          const V x = V::all(flows[i].features[j]);
#pragma GCC unroll 2
          for (int v = 0; v < Vectors; ++v) added[v] = i == 0 ? x * d[i][v] : fma(x, d[i][v], added[v]);
        }
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
          Real* to = part + (1 + j) * row + v * kLanes;
          (V::load(to) + added[v]).store(to);
        }
      }
  }
  static void source(const StepWork& w, int64_t head_, int64_t first, void* scratch) {
    by_path(w, head_, [&]<Path P>(const Plan* plan, const attend::kernels::AdditiveTable& table) {
      source_channels<P>(w, plan, table, head_, first, scratch);
    });
  }
  template <Path P>
  static void source_channels(const StepWork& w, const Plan* plan, const attend::kernels::AdditiveTable& table, int64_t head_,
                              int64_t first, void* scratch) {
    const auto& c = w.call;
    const int64_t b = head_ / c.heads, h = head_ % c.heads, keys = keys_of(c, b), rows = w.records_count * c.queries,
                  record = score_record_size(c.size, c.keys, c.features), row = row_numbers(c),
                  end = least(first + kSourceChannels, c.size);
    const SourceScratch s(c, rows, scratch);
    const auto row_at = [&](int64_t i) {
      return static_cast<const Real*>(w.records[i / c.queries]) + (head_ * c.queries + i % c.queries) * record;
    };
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t d = first; d < end; d += kLanes)
        query_entry<P>(plan, part(row_at(i) + d, c.size - d)).store(s.q + (d - first) * rows + i * kLanes);
    Real total = 0;  // Σ of what flows to scores
    memset(s.live, 0, static_cast<size_t>(c.keys) * sizeof(int32_t));
    for (int64_t i = 0; i < rows; ++i) {
      const Real *g = row_at(i) + c.size, *x = g + c.keys;
      for (int64_t k = 0; k < keys; ++k) {
        s.flows[k * rows + s.live[k]] = {x + k * c.features, g[k], static_cast<int32_t>(i)};
        s.live[k] += g[k] != 0;
        total += g[k];
      }
    }
    const Real* shared = head(w, h);
    Real* parts = static_cast<Real*>(w.parts) + head_ * row * (1 + c.features);
    for (int64_t j = 0; j < c.features; ++j)
      for (int64_t d = first; d < end; d += kLanes) V::all(0).store(parts + (1 + j) * row + d);
    int64_t d = first;
    for (; d + 2 * kLanes <= end; d += 2 * kLanes) source_vectors<P, 2>(w, table, s, head_, rows, d, first, total, shared, parts);
    for (; d < end; d += kLanes) source_vectors<P, 1>(w, table, s, head_, rows, d, first, total, shared, parts);
  }
  template <Path P, int Vectors>
  static void source_vectors(const StepWork& w, const attend::kernels::AdditiveTable& table, const SourceScratch& s, int64_t head_,
                             int64_t rows, int64_t d, int64_t first, Real total, const Real* shared, Real* parts) {
    const auto& c = w.call;
    const int64_t b = head_ / c.heads, h = head_ % c.heads, apart = rows * kLanes;
    const Real *q = s.q + (d - first) * rows, *there = shared + row_numbers(c) + d;
    V du[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) du[v] = V::all(0);
    for (int64_t k = 0; k < c.keys; ++k) {
      V key[Vectors], dk[Vectors], f[Vectors];
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) dk[v] = f[v] = V::all(0);
      const Flow* flows = s.flows + k * rows;
      if (const int64_t live = s.live[k]; live > 0) {
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) key[v] = key_at<P>(Loops::place(table, k, d / kLanes + v), c.size - d - v * kLanes);
        int64_t i = 0;
        for (; i + kTogether <= live; i += kTogether)
          source_rows<P, Vectors, kTogether>(c, key, q, apart, there, parts + d, flows + i, dk, f);
        for (; i < live; ++i) source_rows<P, Vectors, 1>(c, key, q, apart, there, parts + d, flows + i, dk, f);
      }
      Real* to = mutable_row_of<Real>(w.source.key, b, h, k) + d;
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) {
        du[v] = du[v] + f[v];
        put_part(to + v * kLanes, dk[v] * V::load(shared + d + v * kLanes) * all(kSlope<P>), c.size - d - v * kLanes);
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) (P == Path::kRelu ? du[v] : fma(V::all(-2), du[v], V::all(total))).store(parts + d + v * kLanes);
  }

  static void add_parts(const StepWork& w, int64_t h) {
    const auto& c = w.call;
    const int64_t row = row_numbers(c);
    const Real* shared = head(w, h);
    const V slope = V::all(c.score == attend::kernels::ScoreKind::kRelu ? 1 : 4), scale = all(c.scale);
    for (int64_t j = 0; j <= c.features; ++j) {
      Real* to = j == 0 ? static_cast<Real*>(w.source.energy) : static_cast<Real*>(w.source.feature_weights);
      if (!to) continue;
      to += (j == 0 ? h : h * c.features + j - 1) * c.size;
      for (int64_t d = 0; d < c.size; d += kLanes) {
        V sum = V::all(0);
        for (int64_t b = 0; b < c.batch; ++b)
          sum = sum + V::load(static_cast<const Real*>(w.parts) + ((b * c.heads + h) * (1 + c.features) + j) * row + d);
        put_part(to + d, sum * (j == 0 ? scale : V::load(shared + d) * slope), c.size - d);
      }
    }
  }

  static constexpr attend::kernels::StepKernels kTable{.real_bytes = sizeof(Real),
                                                       .head_bytes = head_bytes,
                                                       .part_bytes = part_bytes,
                                                       .scratch_bytes = scratch_bytes,
                                                       .source_scratch_bytes = source_scratch_bytes,
                                                       .prepare = prepare,
                                                       .score = score,
                                                       .backward = backward,
                                                       .source = source,
                                                       .add_parts = add_parts};
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
