// The gradients of a source from the records of steps. Included by sources that are compiled once an instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/step_curves.h"

namespace {

using attend::kernels::kSourceChannels;
using attend::kernels::score_record_size;

template <class V>
struct StepSource : StepCurves<V> {
  using Curves = StepCurves<V>;
  using Curves::all, Curves::head, Curves::keys_of, Curves::kLanes, Curves::kTogether, Curves::part, Curves::row_numbers;
  using typename Curves::Loops, typename Curves::Path, typename Curves::Plan, typename Curves::Real;

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
      for (int v = 0; v < Vectors; ++v) d[i][v] = Curves::template meet<P>(V::load(q + v * apart + flows[i].row * kLanes), key[v]);
    if constexpr (P == Path::kTanh || P == Path::kRelu)
      Curves::template add_features<Rows, Vectors>(
          c, there, [&](int i) ATTEND_INLINED { return flows[i].features; }, d);
    Curves::template curves<P, Rows * Vectors>(d[0]);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) {
      const V g = V::all(flows[i].gradient);
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) {
        V f;
        d[i][v] = Curves::template flow<P>(d[i][v], g, f);
        dk[v] = dk[v] + d[i][v];
        du[v] = du[v] + f;
      }
    }
    if constexpr (P == Path::kTanh || P == Path::kRelu) {
      int64_t j = 0;
      for (; j + 2 <= c.features; j += 2) add_to_features<Vectors, Rows, 2>(row, part + (1 + j) * row, flows, j, d);
      if (j < c.features) add_to_features<Vectors, Rows, 1>(row, part + (1 + j) * row, flows, j, d);
    }
  }
  template <int Vectors, int Rows, int Features>
  static ATTEND_INLINE void add_to_features(int64_t row, Real* part, const Flow* flows, int64_t j, const V (*d)[Vectors]) {
    V added[Features][Vectors];
#pragma GCC unroll 2
    for (int f = 0; f < Features; ++f)
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) added[f][v] = V::load(part + f * row + v * kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
      for (int f = 0; f < Features; ++f) {
        const V x = V::all(flows[i].features[j + f]);
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) added[f][v] = fma(x, d[i][v], added[f][v]);
      }
#pragma GCC unroll 2
    for (int f = 0; f < Features; ++f)
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) added[f][v].store(part + f * row + v * kLanes);
  }
  static void source(const StepWork& w, int64_t head_, int64_t first, void* scratch) {
    Curves::by_path(
        w, head_, [&]<Path P>(const Plan* plan, const AdditiveTable& table) { source_channels<P>(w, plan, table, head_, first, scratch); });
  }
  template <Path P>
  static void source_channels(const StepWork& w, const Plan* plan, const AdditiveTable& table, int64_t head_, int64_t first,
                              void* scratch) {
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
        Curves::template query_entry<P>(plan, part(row_at(i) + d, c.size - d)).store(s.q + (d - first) * rows + i * kLanes);
    Real total = 0;                                      // Σ of what flows to scores
    for (int64_t k = 0; k < c.keys; ++k) s.live[k] = 0;  // there may be none, and no place for them
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
  static void source_vectors(const StepWork& w, const AdditiveTable& table, const SourceScratch& s, int64_t head_, int64_t rows, int64_t d,
                             int64_t first, Real total, const Real* shared, Real* parts) {
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
        for (int v = 0; v < Vectors; ++v)
          key[v] = Curves::template key_at<P>(Loops::place(table, k, d / kLanes + v), c.size - d - v * kLanes);
        int64_t i = 0;
        for (; i + kTogether <= live; i += kTogether)
          source_rows<P, Vectors, kTogether>(c, key, q, apart, there, parts + d, flows + i, dk, f);
        for (; i < live; ++i) source_rows<P, Vectors, 1>(c, key, q, apart, there, parts + d, flows + i, dk, f);
      }
      Real* to = mutable_row_of<Real>(w.source.key, b, h, k) + d;
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) {
        du[v] = du[v] + f[v];
        put_part(to + v * kLanes, dk[v] * V::load(shared + d + v * kLanes) * all(Curves::template kSlope<P>), c.size - d - v * kLanes);
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
};

}  // namespace
