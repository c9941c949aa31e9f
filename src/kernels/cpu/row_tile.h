// A tile of queries on its way through the keys: scores, weights, sums of values. Included by sources that are compiled once an
// instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/row_weights.h"

namespace {

using attend::kernels::kResident;
using attend::kernels::kStreamed;
using attend::kernels::kValueBlock;

// N: the numbers that values are multiplied in (operands.h); Scores: what queries and keys make, as Products.
template <class N, class Scores>
struct RowTile : RowWeights<typename N::V> {
  using Rows = RowWeights<typename N::V>;
  using V = typename N::V;
  using Real = typename N::Real;
  using Stored = typename N::Stored;
  using Sight<Real>::c, Sight<Real>::b, Sight<Real>::h;
  using Rows::w, Rows::favoured, Rows::sparse, Rows::total, Rows::slopes;
  static constexpr int kLanes = V::kLanes;
  static constexpr int64_t kPanel = Scores::kPanel, kSlice = N::kSlice;
  static constexpr bool kRounded = N::kTogether > 1;  // weights are multiplied in numbers of their own
  static_assert(kPanel % kLanes == 0 && kPanel % 2 == 0);

  // Where things lie in a worker's scratch.
  struct Scratch {
    typename Scores::Query* query;
    Real *scores, *sums, *slope_sums, *line, *peaks, *draws;
    int32_t* list;  // of keys
    typename N::Row* weights;
    int64_t scores_row, sums_row, bytes;
    Scratch(const FusedWork& w, void* base) {
      const auto& call = w.call;
      Layout layout{static_cast<char*>(base)};
      // Of a long source a tile may still see few keys, and holds them whole. A cache line more a row, so that rows do not fall into the
      // same sets.
      scores_row = up_to_multiple(least(up_to_multiple(call.keys, kPanel), kResident), 16) + 16;
      sums_row = up_to_multiple(call.value_size, kSlice);
      layout.take(query, kTileRows * Scores::query_size(call));
      layout.take(scores, kTileRows * scores_row);
      layout.take(sums, kTileRows * sums_row);
      layout.take(slope_sums, w.results.slope_context ? kTileRows * sums_row : 0);
      layout.take(weights, kRounded ? kTileRows * weights_row() : 0);
      layout.take(line, w.block_parts ? scores_row : 0);
      layout.take(peaks, w.block_parts ? scores_row : 0);
      layout.take(draws, w.results.choice ? scores_row : 0);
      layout.take(list, call.normaliser != Normaliser::kSoftmax ? scores_row : 0);
      bytes = layout.bytes;
    }
    int64_t weights_row() const { return kRounded ? scores_row / N::kTogether + 16 : scores_row; }
  };

  Scratch s;
  int64_t head, own_key;  // own_key: of packed heads
  typename Scores::Plan plan;
  int64_t begin = 0, rows = 0;                                            // rows that are there: t in [begin, begin + rows)
  KeyRange seen[kTileRows], all_seen;                                     // by each of them, by any
  KeyRange scored[kTileRows / kScoreRows], summed[kTileRows / kSumRows];  // by any of a group
  RowTile(const FusedWork& work, int64_t of, void* scratch)
      : Rows(work, of),
        s(work, scratch),
        head(of),
        own_key(packed_head(work, b * c.key_heads + h / (c.heads / c.key_heads), work.first_head)),
        plan(Scores::plan_of(c, work.plans, own_key)) {}

  static KeyRange around(KeyRange a, KeyRange b) {
    return a.empty() ? b : b.empty() ? a : KeyRange{least(a.first, b.first), most(a.end, b.end)};
  }
  // What each group of Rows rows sees.
  template <int Rows>
  void join(KeyRange* groups) const {
    for (int64_t r = 0; r < rows; r += Rows) {
      const int64_t end = least(r + Rows, rows);
      KeyRange& group = groups[r / Rows];
      group = {seen[r].first, seen[end - 1].end};
      if (!this->wanders()) continue;
      group = seen[r];
      for (int64_t i = r + 1; i < end; ++i) group = around(group, seen[i]);
    }
  }

  // Rows from t on, up to `count`: of windows that lie far apart fewer, so that few scores are made that nobody asked for.
  void take_windows(int64_t t, int64_t count) {
    constexpr int64_t kEffort = 64;  // what a row costs beside its keys, in keys
    all_seen = {0, 0};
    int64_t apart = 0;
    for (rows = 0; rows < count; ++rows) {
      seen[rows] = this->range(t + rows);
      const auto more = around(all_seen, seen[rows]);
      apart += most(seen[rows].end - seen[rows].first, 0) + kEffort;
      const int64_t width = more.end - more.first;
      if (rows > 0 && ((rows + 1) * (width + kEffort) > 2 * apart || width > kResident - kPanel)) break;
      all_seen = more;
    }
  }

  // What the rows see that are taken.
  void see_rows() {
    all_seen = {0, 0};
    for (int64_t r = 0; r < rows; ++r) {
      seen[r] = this->range(begin + r);
      all_seen = this->wanders() ? around(all_seen, seen[r]) : KeyRange{seen[0].first, seen[r].end};
    }
  }

  // Takes up to `count` rows from t on.
  void start(int64_t t, int64_t count) {
    begin = t;
    if (c.window.centres) {
      take_windows(t, count);
    } else {
      rows = count;
      see_rows();
    }
    join<kScoreRows>(scored);
    join<kSumRows>(summed);
    for (int64_t r = 0; r < rows; ++r) {
      Scores::take_query(c, plan, row_of<Stored>(c.query, b, h, t + r), s.query + r * Scores::query_size(c));
      this->begin_row(r);
    }
    memset(s.sums, 0, static_cast<size_t>(rows * s.sums_row) * sizeof(Real));
    if (w.results.slope_context) memset(s.slope_sums, 0, static_cast<size_t>(rows * s.sums_row) * sizeof(Real));
    clear_rows(begin, begin + rows);
  }

  // The first of the rows asked for in full that is not before t.
  int64_t asked_from(int64_t t) const {
    int64_t low = 0, high = w.results.row_count;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (w.results.rows[middle] < t)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  Real* asked_row(int64_t i) const { return static_cast<Real*>(w.results.row_weights) + (head * w.results.row_count + i) * c.keys; }
  void clear_rows(int64_t t, int64_t end) const {
    for (int64_t i = asked_from(t); i < w.results.row_count && w.results.rows[i] < end; ++i)
      memset(asked_row(i), 0, static_cast<size_t>(c.keys) * sizeof(Real));
  }

  // The keys of the tile: all that one of its rows sees, from a panel's beginning.
  int64_t tile_first() const { return all_seen.first / kPanel * kPanel; }
  int64_t tile_end() const { return all_seen.end; }

  // Scores of the keys [from, to) for every row, in their unit; only panels that a row of the group may see.
  void score(int64_t from, int64_t to) {
    for (int64_t panel = from; panel < to; panel += kPanel) {
      const auto* packed =
          static_cast<const typename Scores::Key*>(w.packed_keys) + (own_key * w.panels + panel / kPanel) * Scores::panel_size(c);
      for (int64_t r = 0; r < rows; r += kScoreRows) {
        const int64_t group = least(kScoreRows, rows - r);
        if (panel >= scored[r / kScoreRows].end || panel + kPanel <= scored[r / kScoreRows].first) continue;
        if (!this->any_kept(begin + r, group, panel, least(panel + kPanel, to))) continue;
        Scores::multiply(c, plan, group, s.query + r * Scores::query_size(c), packed, least(kPanel, to - panel),
                         s.scores + r * s.scores_row + (panel - from), s.scores_row);
      }
    }
  }

  // Weights of the keys [from, to) in place of their scores, times one over what total[r] will be; keys that a row does not see
  // have 0. Where the largest score moves, what was summed before is scaled down. `again`: all rows are known already.
  void weigh(int64_t from, int64_t to, bool again) {
    const int64_t width = up_to_multiple(to - from, kPanel);
    for (int64_t r = 0; r < rows; ++r) {
      Real* x = s.scores + r * s.scores_row;
      const int64_t first = least(most(seen[r].first - from, 0), width), end = most(least(seen[r].end, to) - from, first);
      const int64_t low = first == end ? width : first / kLanes * kLanes, high = first == end ? width : up_to_multiple(end, kLanes);
      for (int64_t j = 0; j < low; j += kLanes) V::all(0).store(x + j);
      for (int64_t j = high; j < width; j += kLanes) V::all(0).store(x + j);
      if (low < high) {
        if (c.soft_cap > 0) cap_scores<V, false>(c.soft_cap * score_unit(c), x + low, high - low, nullptr);
        for (int64_t j = low; j < first; ++j) x[j] = -INFINITY;
        for (int64_t j = end; j < high; ++j) x[j] = -INFINITY;
        if (this->shapes()) this->shape(begin + r, from + first, from + end, x + first);
        this->make_weights({r, begin + r, from, low, high, x, s.sums + r * s.sums_row, s.sums_row, s.draws}, again);
      }
    }
  }

  // The weights of the keys [from, to) as they are multiplied with values: some dropped, and rounded.
  void settle(int64_t from, int64_t to) {
    const int64_t width = up_to_multiple(to - from, kPanel);
    for (int64_t r = 0; r < rows; ++r) {
      Real* x = s.scores + r * s.scores_row;
      if (c.drop_keys) {
        const Drop drop = this->drop(begin + r);
        const V scale = V::all(this->kept_scale());
        for (int64_t j = 0; j < width; j += kLanes) dropped(drop, static_cast<uint32_t>(from + j), V::load(x + j), scale).store(x + j);
      }
      if constexpr (kRounded) N::round_row(x, width, s.weights + r * s.weights_row());
    }
  }

  // What multiplies a sparse row's gradient, w^(2−α) on the support, in place of its settled weights; where one was dropped it stays 0.
  void take_slopes(int64_t from, int64_t to) {
    const int64_t width = up_to_multiple(to - from, kPanel);
    const V scale = V::all(c.drop_keys ? this->kept_scale() : 1), down = V::all(1) / scale, zero = V::all(0);
    const bool squared = c.normaliser == Normaliser::kEntmax15;
    for (int64_t r = 0; r < rows; ++r) {
      Real* x = s.scores + r * s.scores_row;
      for (int64_t j = 0; j < width; j += kLanes) {
        const V weight = V::load(x + j);
        where_less(zero, weight, squared ? square_root(weight * down) * scale : scale, zero).store(x + j);
      }
      if constexpr (kRounded) N::round_row(x, width, s.weights + r * s.weights_row());
    }
  }

  // Adds the values of the keys [from, to), weighted, to sums: of sparse rows those of their lists, where these are short.
  void mix(int64_t from, int64_t to, Real* sums) {
    if constexpr (!kRounded) {
      constexpr int64_t kDenser = 4;  // a key of a list costs as much as so many of a block
      if (sparse && kDenser * count_weights(to - from) < rows * (to - from)) {
        for (int64_t r = 0; r < rows; ++r) mix_list(from, to, s.scores + r * s.scores_row, sums + r * s.sums_row);
        return;
      }
    }
    mix_blocks(from, to, sums);
  }

  // Weights that are not 0, of `width` keys of all rows.
  int64_t count_weights(int64_t width) const {
    int64_t found = 0;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < width; j += kLanes) found += __builtin_popcount(bits_of_weights<V>(s.scores + r * s.scores_row + j));
    return found;
  }

  // The values of the keys of one row that have a weight, in the order of mix_blocks().
  void mix_list(int64_t from, int64_t to, const Real* x, Real* sums) {
    const int64_t slices = s.sums_row / kSlice, found = list_weights<V>(x, to - from, s.list);
    const auto* values = static_cast<const typename N::Slice*>(w.packed_values) + own_key * slices * N::slice_size(c.keys) + from * kSlice;
    for (int64_t slice = 0; slice < slices; ++slice) {
      V sum[kSumVectors];
      for (int i = 0; i < kSumVectors; ++i) sum[i] = V::load(sums + slice * kSlice + i * kLanes);
      for (int64_t k = 0; k < found; ++k) {
        const auto* value = values + slice * N::slice_size(c.keys) + s.list[k] * kSlice;
        const V weight = V::all(x[s.list[k]]);
#pragma GCC unroll 4
        for (int i = 0; i < kSumVectors; ++i) sum[i] = fma(weight, V::load(value + i * kLanes), sum[i]);
      }
      for (int i = 0; i < kSumVectors; ++i) sum[i].store(sums + slice * kSlice + i * kLanes);
    }
  }

  void mix_blocks(int64_t from, int64_t to, Real* sums) {
    const uint8_t* wild = w.wild + own_key * ((c.keys + kValueBlock - 1) / kValueBlock);
    const int64_t slices = s.sums_row / kSlice;
    const auto* values = static_cast<const typename N::Slice*>(w.packed_values) + own_key * slices * N::slice_size(c.keys);
    const typename N::Row* weights;
    if constexpr (kRounded)
      weights = s.weights;
    else
      weights = s.scores;
    const int64_t row = s.weights_row();
    for (int64_t key = from; key < to;) {
      const int64_t until = least((key / kValueBlock + 1) * kValueBlock, to);
      if (wild[key / kValueBlock]) {
        mix_wild(key, until, key - from, values, sums);
      } else {
        for (int64_t slice = 0; slice < slices; ++slice) {
          const auto* v = values + slice * N::slice_size(c.keys) + key / N::kTogether * kSlice;
          for (int64_t r = 0; r < rows; r += kSumRows) {
            const KeyRange own = summed[r / kSumRows];
            const int64_t first = most(own.first / N::kTogether * N::kTogether, key), end = least(until, own.end);
            if (end > first)
              N::add(least(kSumRows, rows - r), c.value_size - slice * kSlice, weights + r * row + (first - from) / N::kTogether, row,
                     v + (first - key) / N::kTogether * kSlice, end - first, sums + r * s.sums_row + slice * kSlice, s.sums_row);
          }
        }
      }
      key = until;
    }
  }

  // Where a value is NaN or infinite: a weight of 0 must not make NaN of it.
  void mix_wild(int64_t key, int64_t until, int64_t at, const typename N::Slice* values, Real* sums) {
    for (int64_t r = 0; r < rows; ++r) {
      const Real* p = s.scores + r * s.scores_row + at;
      for (int64_t j = 0; j < until - key; ++j)
        if (p[j] != 0)
          for (int64_t column = 0; column < s.sums_row; ++column)
            sums[r * s.sums_row + column] += p[j] * N::number(values + column / kSlice * N::slice_size(c.keys), key + j, column % kSlice);
    }
  }

  // One over the sum of each row, 0 where it sees nothing.
  void take_shares(Real* shares) const {
    for (int64_t r = 0; r < rows; ++r) shares[r] = total[r] != 0 ? 1 / total[r] : 0;  // NaN is live
  }

  // What is counted of the weights of the keys [from, to), every total being known.
  void count(int64_t from, int64_t to, int64_t chunk) {
    const auto& out = w.results;
    Real shares[kTileRows];
    take_shares(shares);
    Real* columns = w.column_parts ? static_cast<Real*>(w.column_parts) + (head * w.chunks + chunk) * c.keys + from : nullptr;
    if (w.block_parts)
      add_blocks<V>(w, s.scores, s.scores_row, rows, shares, begin, from, to, s.line, s.peaks, head * w.chunks + chunk,
                    begin / w.chunk * w.chunk / out.pool_rows, columns);
    else if (columns)
      add_columns<V>(s.scores, s.scores_row, rows, shares, to - from, columns);
    for (int64_t i = asked_from(begin); i < out.row_count && out.rows[i] < begin + rows; ++i) {
      const int64_t r = out.rows[i] - begin, first = most(seen[r].first, from), end = least(seen[r].end, to);
      const Real* x = s.scores + r * s.scores_row - from;
      Real* full = asked_row(i);
      for (int64_t j = first; j < end; ++j) full[j] = x[j] * shares[r];
    }
  }

  void finish() {
    const auto& out = w.results;
    for (int64_t r = 0; r < rows; ++r) {
      const bool live = total[r] != 0;  // NaN is live
      const Real share = live ? 1 / total[r] : 0;
      const int64_t at = head * c.queries + begin + r;
      if (out.context.data) {
        Stored* context = mutable_row_of<Stored>(out.context, b, h, begin + r);
        const Real* sums = s.sums + r * s.sums_row;
        for (int64_t d = 0; d < c.value_size; ++d) put(context + d, live ? sums[d] * share : static_cast<Real>(0));
      }
      if (out.slope_context) {
        const Real each = live ? 1 / slopes[r] : 0;
        Real* context = static_cast<Real*>(out.slope_context) + at * c.value_size;
        for (int64_t d = 0; d < c.value_size; ++d) context[d] = live ? s.slope_sums[r * s.sums_row + d] * each : 0;
      }
      this->put_row(r, at);
    }
  }

  // A row that sees nothing.
  void put_empty(int64_t t) const {
    clear_rows(t, t + 1);
    const auto& out = w.results;
    const int64_t at = head * c.queries + t;
    if (out.context.data) {
      Stored* context = mutable_row_of<Stored>(out.context, b, h, t);
      for (int64_t d = 0; d < c.value_size; ++d) put(context + d, static_cast<Real>(0));
    }
    if (out.slope_context)
      memset(static_cast<Real*>(out.slope_context) + at * c.value_size, 0, static_cast<size_t>(c.value_size) * sizeof(Real));
    this->put_no_row(at);
  }

  static int64_t scratch_bytes(const FusedWork& w) { return Scratch(w, nullptr).bytes; }
  static int64_t keys_bytes(const FusedAttention& c) {
    return up_to_multiple(c.keys, attend::kernels::kBackKeys) / kPanel * Scores::panel_size(c) *
           static_cast<int64_t>(sizeof(typename Scores::Key));
  }
  static int64_t values_bytes(const FusedAttention& c) {
    return (c.value_size + kSlice - 1) / kSlice * N::slice_size(c.keys) * static_cast<int64_t>(sizeof(typename N::Slice));
  }

  static void make_plan(const FusedWork& w, int64_t key_head) {
    Scores::make_plan(w.call, key_head, of_head<char>(w.plans, Scores::plan_bytes(w.call), key_head - w.first_head));
  }

  static void pack(const FusedWork& w, int64_t key_head, int64_t first, int64_t last) {
    const auto& c = w.call;
    const int64_t b = key_head / c.key_heads, h = key_head % c.key_heads;
    const int64_t keys = c.key_lengths ? c.key_lengths[b] : c.keys;
    last = least(last, (keys + kPanel - 1) / kPanel);
    const int64_t own = key_head - w.first_head;
    const auto plan = Scores::plan_of(c, w.plans, own);
    for (int64_t p = first; p < last; ++p)
      Scores::take_keys(c, plan, row_of<Stored>(c.key, b, h, p * kPanel), least(kPanel, keys - p * kPanel),
                        static_cast<typename Scores::Key*>(w.packed_keys) + (own * w.panels + p) * Scores::panel_size(c));
    if (!w.packed_values) return;
    // Values, by whole blocks: of those that begin in these panels.
    const int64_t end = least(last * kPanel, keys), slices = (c.value_size + kSlice - 1) / kSlice;
    auto* values = static_cast<typename N::Slice*>(w.packed_values) + own * slices * N::slice_size(c.keys);
    for (int64_t block = (first * kPanel + kValueBlock - 1) / kValueBlock; block * kValueBlock < end; ++block)
      w.wild[own * ((c.keys + kValueBlock - 1) / kValueBlock) + block] =
          !N::take_slices([&](int64_t i) { return row_of<Stored>(c.value, b, h, i); }, block * kValueBlock,
                          least((block + 1) * kValueBlock, keys), c.value_size, c.keys, values);
  }

  static void weigh_tile(const FusedWork& w, int64_t head, const attend::kernels::WeightTile& wanted, const void* lse, void* weights,
                         void* scratch) {
    RowTile tile(w, head, scratch);
    const auto& c = w.call;
    const int64_t width = wanted.end_key - wanted.first_key;
    memset(weights, 0, static_cast<size_t>((wanted.end_row - wanted.first_row) * width) * sizeof(Real));
    for (int64_t t = wanted.first_row; t < least(wanted.end_row, tile.queries); t += tile.rows) {
      tile.start(t, least(kTileRows, least(wanted.end_row, tile.queries) - t));
      const int64_t last = least(wanted.end_key, tile.tile_end());
      for (int64_t from = most(wanted.first_key / kPanel * kPanel, tile.tile_first()); from < last; from += kStreamed) {
        const int64_t to = least(from + kStreamed, last);
        tile.score(from, to);
        for (int64_t r = 0; r < tile.rows; ++r) {
          const int64_t first = most(most(tile.seen[r].first, from), wanted.first_key), end = least(tile.seen[r].end, to);
          const Real base2 = static_cast<const Real*>(lse)[t + r] * static_cast<Real>(score_unit(c));
          if (first >= end || base2 == -INFINITY) continue;
          Real* x = tile.s.scores + r * tile.s.scores_row + (first - from);
          if (c.soft_cap > 0) cap_scores<V, false>(c.soft_cap * score_unit(c), x, up_to_multiple(end - first, kLanes), nullptr);
          if (tile.shapes()) tile.shape(t + r, first, end, x);
          Real* to_row = static_cast<Real*>(weights) + (t + r - wanted.first_row) * width + (first - wanted.first_key);
          const V shift = V::all(base2);
          if (tile.favoured) {
            const Gaussian<V> gaussian(tile, t + r, first);
            for (int64_t j = 0; j < end - first; j += kLanes)
              put_part(to_row + j, exp2(V::load(x + j) - shift) * gaussian.at(j), end - first - j);
          } else {
            for (int64_t j = 0; j < end - first; j += kLanes)
              put_part(to_row + j, weight_of<V>(c.normaliser, V::load(x + j) - shift), end - first - j);
          }
        }
      }
    }
  }

  static void forward(const FusedWork& w, int64_t head, int64_t chunk, void* scratch) { forward_by<RowTile>(w, head, chunk, scratch); }

  // By this tile or by one that scores and mixes in its own way.
  template <class Tile>
  static void forward_by(const FusedWork& w, int64_t head, int64_t chunk, void* scratch) {
    const auto& c = w.call;
    Tile tile(w, head, scratch);
    const bool counts = w.column_parts || w.block_parts || w.results.row_count > 0;
    clear_parts<Real>(w, head * w.chunks + chunk);
    const int64_t until = least((chunk + 1) * w.chunk, c.queries);
    int64_t t = chunk * w.chunk;
    for (const int64_t live = least(until, tile.queries); t < live; t += tile.rows) {
      tile.start(t, least(kTileRows, live - t));
      const int64_t first = tile.tile_first(), end = tile.tile_end();
      const bool whole = end - first <= kResident;
      const int64_t step = whole ? most(end - first, 1) : kStreamed;
      for (int64_t from = first; from < end; from += step) {
        const int64_t to = least(from + step, end);
        tile.score(from, to);
        tile.weigh(from, to, false);
        if (counts && whole) tile.count(from, to, chunk);
        if (!w.results.context.data) continue;
        tile.settle(from, to);
        tile.mix(from, to, tile.s.sums);
        if (!w.results.slope_context) continue;
        tile.take_slopes(from, to);
        tile.mix(from, to, tile.s.slope_sums);
      }
      if (counts && !whole)  // the totals are known now
        for (int64_t from = first; from < end; from += step) {
          const int64_t to = least(from + step, end);
          tile.score(from, to);
          tile.weigh(from, to, true);
          tile.count(from, to, chunk);
        }
      tile.finish();
    }
    for (t = most(chunk * w.chunk, least(tile.queries, until)); t < until; ++t) tile.put_empty(t);
  }
};

}  // namespace
