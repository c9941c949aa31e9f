// What queries and keys make of each other, forward and back: products and additive scores. Included by sources that are compiled once an
// instruction set, as vectors.h.
//
// A kind of scores says
//   Plan, plan_bytes, make_plan, plan_of   what must be known of all keys of a head before one is packed
//   Query, Key, take_query, take_keys      packed queries, and panels of kPanel keys
//   multiply                               scores, in their unit (sight.h), of packed queries and the first `there` keys of a panel
// and on the way back, where dS is that of the scores e before `factor`,
//   KeySlice, QuerySlice, take_*_slices    what dS is multiplied by
//   sums, add                              numbers that `rows` rows of gradients take, and what adds a tile's to them
//   put_row                                row i of the sum of `parts` such places, `apart` numbers from one another, times what is missing
#pragma once
#include "kernels/cpu/operands.h"

#include "kernels/cpu/additive.h"

namespace {

// What a head has of a place that holds `size` bytes for each.
template <class T>
ATTEND_INLINE T* of_head(void* place, int64_t size, int64_t own) {
  return reinterpret_cast<T*>(static_cast<char*>(place) + size * own);
}

// The place of a key head of B·Hk among packed ones.
template <class Work>
ATTEND_INLINE int64_t packed_head(const Work& w, int64_t key_head, int64_t first) {
  const int64_t heads = w.call.key_heads;
  return w.items ? w.items[key_head / heads] * heads + key_head % heads : key_head - first;
}

// One bit for each lane of x whose number is not 0; NaN is none.
template <class V>
ATTEND_INLINE unsigned bits_of_weights(const typename V::Real* x) {
  return ~static_cast<unsigned>(equal_bits(V::load(x), V::all(0))) & ((1u << V::kLanes) - 1);
}

// The places of the numbers of x[0, n) that are not 0; x ends with a whole vector, 0 behind the last. Returns how many.
template <class V>
ATTEND_INLINE int64_t list_weights(const typename V::Real* x, int64_t n, int32_t* list) {
  int64_t found = 0;
  for (int64_t j = 0; j < n; j += V::kLanes)
    for (unsigned bits = bits_of_weights<V>(x + j); bits != 0; bits &= bits - 1)
      list[found++] = static_cast<int32_t>(j + __builtin_ctz(bits));
  return found;
}

// Products in numbers N.
template <class N>
struct Products {
  using Real = typename N::Real;
  using Stored = typename N::Stored;
  using Query = typename N::Row;
  using Key = typename N::Panel;
  using KeySlice = typename N::Slice;
  using QuerySlice = typename N::Slice;
  static constexpr int64_t kPanel = N::kPanel;
  static constexpr bool kListed = N::kTogether == 1;  // add_list() is there
  struct Plan {};

  static int64_t plan_bytes(const FusedAttention& /*c*/) { return 0; }
  static void make_plan(const FusedAttention& /*c*/, int64_t /*head*/, void* /*to*/) {}
  static Plan plan_of(const FusedAttention& /*c*/, void* /*plans*/, int64_t /*own*/) { return {}; }

  static Real factor(const FusedAttention& c) { return static_cast<Real>(c.scale * score_unit(c)); }
  static int64_t query_size(const FusedAttention& c) { return N::row_size(c.size); }
  static int64_t panel_size(const FusedAttention& c) { return N::panel_size(c.size); }
  static void take_query(const FusedAttention& c, Plan /*plan*/, const Stored* from, Query* to) { N::take_row(from, c.size, to); }
  static void take_keys(const FusedAttention& c, Plan /*plan*/, const Stored* from, int64_t there, Key* to) {
    N::take_panel(from, c.key.row, there, c.size, N::kScaledPanels ? factor(c) : 1, to);
  }
  static ATTEND_INLINE void multiply(const FusedAttention& c, Plan /*plan*/, int64_t rows, const Query* q, const Key* panel,
                                     int64_t /*there*/, Real* to, int64_t to_row) {
    N::multiply(rows, q, panel, c.size, N::kScaledPanels ? 1 : factor(c), to, to_row);
  }

  static int64_t sum_row(const FusedAttention& c) { return up_to_multiple(c.size, N::kSlice); }
  static int64_t key_slices(const FusedAttention& c) { return sum_row(c) / N::kSlice * N::slice_size(c.keys); }
  static int64_t query_slices(const FusedAttention& c) { return sum_row(c) / N::kSlice * N::slice_size(c.queries); }
  template <class At>
  static bool take_key_slices(const FusedAttention& c, Plan /*plan*/, const At& at, int64_t begin, int64_t end, KeySlice* to) {
    return N::take_slices(at, begin, end, c.size, c.keys, to);
  }
  template <class At>
  static void take_query_slices(const FusedAttention& c, Plan /*plan*/, const At& at, int64_t begin, int64_t end, QuerySlice* to) {
    N::take_slices(at, begin, end, c.size, c.queries, to);
  }
  static int64_t sums(const FusedAttention& c, int64_t rows) { return rows * sum_row(c); }
  static void put_row(const FusedAttention& c, int64_t /*h*/, const Real* sums, int64_t parts, int64_t apart, int64_t /*rows*/, int64_t i,
                      Stored* to) {
    using V = typename N::V;
    const V scale = V::all(static_cast<Real>(c.scale));
    for (int64_t d = 0; d < c.size; d += V::kLanes) {
      V sum = V::all(0);
      for (int64_t part = 0; part < parts; ++part) sum = sum + V::load(sums + part * apart + i * sum_row(c) + d);
      put_part(to + d, sum * scale, c.size - d);
    }
  }

  // dK += dSᵀ Q, dQ += dS K, of `count` queries from t on. `turned` is dS as columns are summed by it, `rows` as rows are.
  template <class Tile>
  static void add(const Tile& tile, int64_t t, int64_t count, const typename N::Row* turned, const typename N::Row* by_rows,
                  int64_t by_rows_row, Real* key_sums, Real* query_sums) {
    const auto& c = tile.c;
    const int64_t keys = tile.end - tile.begin, row = sum_row(c);
    add_all_turned<N>(turned, Tile::kTileRow, keys, tile.query_slices(), N::slice_size(c.queries), t, count, c.size,
                      key_sums + (tile.begin - tile.base) * row);
    Real* queries = query_sums + t * row;
    for (int64_t d = 0; d < row; d += N::kSlice) {
      const auto* all = tile.key_slices() + d / N::kSlice * N::slice_size(c.keys);
      if (tile.wild()) {
        for (int64_t r = 0; r < count; ++r)
          for (int64_t j = 0; j < keys; ++j)
            if (const Real x = tile.s.scores[r * Tile::kTileRow + j]; x != 0)
              for (int64_t k = 0; k < N::kSlice; ++k) queries[r * row + d + k] += x * N::number(all, tile.begin + j, k);
        continue;
      }
      const auto* slice = all + tile.begin / N::kTogether * N::kSlice;
      for (int64_t r = 0; r < count; r += kSumRows)
        N::add(least(kSumRows, count - r), c.size - d, by_rows + r * by_rows_row, by_rows_row, slice, keys, queries + r * row + d, row);
    }
  }

  // The same of one query t and the keys of a list, each with its dS.
  template <class Tile>
  static void add_list(const Tile& tile, int64_t t, const Real* ds, const int32_t* list, int64_t found, Real* key_sums, Real* query_sums) {
    using V = typename N::V;
    const auto& c = tile.c;
    const int64_t row = sum_row(c);
    for (int64_t d = 0; d < row; d += V::kLanes) {
      const int64_t slice = d / N::kSlice, at = d % N::kSlice;
      const V query = V::load(tile.query_slices() + slice * N::slice_size(c.queries) + t * N::kSlice + at);
      const auto* keys = tile.key_slices() + slice * N::slice_size(c.keys) + tile.begin * N::kSlice + at;
      V sum = V::load(query_sums + t * row + d);
      for (int64_t k = 0; k < found; ++k) {
        const V slope = V::all(ds[list[k]]);
        Real* to = key_sums + (tile.begin - tile.base + list[k]) * row + d;
        sum = fma(slope, V::load(keys + list[k] * N::kSlice), sum);
        fma(slope, query, V::load(to)).store(to);
      }
      sum.store(query_sums + t * row + d);
    }
  }
};

// Additive scores u · f(q + k); their tables: additive.h. Every query head has keys of its own.
template <class V, class Stored_>
struct Additive {
  using Real = typename V::Real;
  using Stored = Stored_;
  using Loops = AdditiveLoops<V>;
  using Query = Real;
  using Key = Real;
  using KeySlice = Real;
  using QuerySlice = Real;
  static constexpr int64_t kPanel = Loops::kPanel;
  static constexpr bool kListed = false;
  static constexpr int kLanes = V::kLanes;
  struct Plan {
    const attend::kernels::AdditivePlan* plan;
    const Real* weights;
  };

  static constexpr int64_t kPlanBytes = (sizeof(attend::kernels::AdditivePlan) + 63) / 64 * 64;
  static int64_t numbers_bytes(const FusedAttention& c) { return up_to_multiple(c.size * static_cast<int64_t>(sizeof(Real)), 64); }
  static int64_t plan_bytes(const FusedAttention& c) { return kPlanBytes + 2 * numbers_bytes(c); }
  static void make_plan(const FusedAttention& c, int64_t head, void* to) {
    const int64_t b = head / c.key_heads, h = head % c.key_heads;
    attend::kernels::AdditiveRange range;
    Loops::take_range(row_of<Stored>(c.key, b, h, 0), c.key.row, c.key_lengths ? c.key_lengths[b] : c.keys, c.size, range);
    char* place = static_cast<char*>(to);
    Real* weights = reinterpret_cast<Real*>(place + kPlanBytes);
    Real* energy = reinterpret_cast<Real*>(place + kPlanBytes + numbers_bytes(c));
    const Real* given = static_cast<const Real*>(c.energy) + h * c.size;
    for (int64_t d = 0; d < c.size; ++d) energy[d] = given[d] * static_cast<Real>(c.scale * score_unit(c));
    const auto plan = Loops::plan(c.score == attend::kernels::ScoreKind::kRelu, range, energy, c.size, weights);
    memcpy(place, &plan, sizeof(plan));
  }
  static Plan plan_of(const FusedAttention& c, void* plans, int64_t own) {
    const char* place = static_cast<char*>(plans) + plan_bytes(c) * own;
    return {reinterpret_cast<const attend::kernels::AdditivePlan*>(place), reinterpret_cast<const Real*>(place + kPlanBytes)};
  }

  static int64_t query_size(const FusedAttention& c) { return c.size; }
  static int64_t panel_size(const FusedAttention& c) { return c.size * kPanel; }
  static void take_query(const FusedAttention& c, Plan plan, const Stored* from, Query* to) {
    if (from)
      Loops::prepare_query(*plan.plan, from, plan.weights, c.size, to);
    else
      memset(to, 0, static_cast<size_t>(c.size) * sizeof(Query));
  }
  static void take_keys(const FusedAttention& c, Plan plan, const Stored* from, int64_t there, Key* to) {
    Loops::prepare_panel(*plan.plan, from, c.key.row, there, c.size, to);
  }
  static void multiply(const FusedAttention& c, Plan plan, int64_t rows, const Query* q, const Key* panel, int64_t there, Real* to,
                       int64_t to_row) {
    Loops::score(*plan.plan, q, rows, panel, there, plan.weights, c.size, to, to_row);
  }

  static int64_t sums(const FusedAttention& c, int64_t rows) { return up_to_multiple(c.size, kLanes) * rows; }
  static int64_t key_slices(const FusedAttention& c) { return sums(c, c.keys); }
  static int64_t query_slices(const FusedAttention& c) { return sums(c, c.queries); }
  static attend::kernels::AdditiveTable table(Real* data, int64_t rows, int64_t first) {
    return {data + first * kLanes, kLanes, rows * kLanes};
  }
  template <class At>
  static bool take_key_slices(const FusedAttention& c, Plan plan, const At& at, int64_t begin, int64_t end, KeySlice* to) {
    attend::kernels::AdditiveRange range;
    for (int64_t s = begin; s < end; ++s) {
      Loops::prepare_key_row(*plan.plan, at(s), c.size, s, table(to, c.keys, 0));
      Loops::take_range(at(s), 0, 1, c.size, range);
    }
    return range.finite;
  }
  template <class At>
  static void take_query_slices(const FusedAttention& c, Plan plan, const At& at, int64_t begin, int64_t end, QuerySlice* to) {
    for (int64_t t = begin; t < end; ++t) {
      if (const Stored* from = at(t))
        Loops::prepare_query_row(*plan.plan, from, c.size, t, table(to, c.queries, 0));
      else
        for (int64_t d = 0; d < c.size; d += kLanes) V::all(0).store(to + d * c.queries + t * kLanes);
    }
  }
  static void put_row(const FusedAttention& c, int64_t h, const Real* sums, int64_t parts, int64_t apart, int64_t rows, int64_t i,
                      Stored* to) {
    const Real* energy = static_cast<const Real*>(c.energy) + h * c.size;
    const V scale = V::all(static_cast<Real>(c.scale));
    for (int64_t d = 0; d < c.size; d += kLanes) {
      V sum = V::all(0);
      for (int64_t part = 0; part < parts; ++part) sum = sum + V::load(sums + part * apart + d * rows + i * kLanes);
      const int64_t there = c.size - d;
      const V u = there >= kLanes ? V::load(energy + d) : V::load_part(energy + d, static_cast<int>(there));
      put_part(to + d, sum * u * scale, there);
    }
  }

  template <class Tile>
  static void add(const Tile& tile, int64_t t, int64_t count, const Real* /*turned*/, const Real* /*by_rows*/, int64_t /*row*/,
                  Real* key_sums, Real* query_sums) {
    const auto& c = tile.c;
    attend::kernels::AdditiveBack back;
    back.plan = tile.plan.plan;
    back.ds = tile.s.scores, back.ds_row = Tile::kTileRow;
    back.rows = count, back.keys = tile.end - tile.begin, back.size = c.size;
    back.query_table = table(tile.query_slices(), c.queries, t);
    back.key_table = table(tile.key_slices(), c.keys, tile.begin);
    back.dq = table(query_sums, c.queries, t), back.dk = table(key_sums, attend::kernels::kBackKeys, tile.begin - tile.base);
    back.dv = tile.energy_part();
    back.wild = tile.wild();
    Loops::backward(back);
  }
};

}  // namespace
