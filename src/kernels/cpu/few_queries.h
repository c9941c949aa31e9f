// Few queries, as a decoder's step has them: keys and values are read where they lie, since packing them would take longer than the
// products. All else is that of a tile of queries. Included by sources that are compiled once an instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/row_tile.h"

namespace {

template <class V, class Stored_>
struct FewQueries : RowTile<Wide<V, Stored_>, Products<Wide<V, Stored_>>> {
  using Numbers = Wide<V, Stored_>;
  using Tile = RowTile<Numbers, Products<Numbers>>;
  using Stored = Stored_;
  using Real = typename V::Real;
  using Tile::c, Tile::b, Tile::s, Tile::rows, Tile::seen;
  static constexpr int kLanes = V::kLanes, kGroup = 4;  // queries that a key is read for at a time

  FewQueries(const FusedWork& work, int64_t of, void* scratch) : Tile(work, of, scratch) {}

  // Key s and value s as they lie in memory, of the key head that this query head reads.
  const Stored* key_at(int64_t at) const { return row_of<Stored>(c.key, item_of(at), key_head(), at); }
  const Stored* value_at(int64_t at) const { return row_of<Stored>(c.value, item_of(at), key_head(), at); }
  int64_t item_of(int64_t at) const { return c.cache_rows ? c.cache_rows[b * c.keys + at] : b; }
  int64_t key_head() const { return this->h / (c.heads / c.key_heads); }

  // Those of the keys [from, to) that some of the rows [r, r + count) see.
  KeyRange keys_of(int64_t r, int64_t count, int64_t from, int64_t to) const {
    KeyRange all = seen[r];
    for (int64_t i = r + 1; i < r + count; ++i) all = Tile::around(all, seen[i]);
    return {most(all.first, from), least(all.end, to)};
  }

  // Scores of the keys [from, to), in their unit, for every row that sees them.
  void score(int64_t from, int64_t to) {
    for (int64_t r = 0; r < rows; r += kGroup) {
      const int64_t group = least(kGroup, rows - r);
      const auto [first, end] = keys_of(r, group, from, to);
      Real* scores = s.scores + r * s.scores_row - from;
      switch (group) {
        case 1: score_rows<1, 8>(r, first, end, scores); break;
        case 2: score_rows<2, 4>(r, first, end, scores); break;
        case 3: score_rows<3, 2>(r, first, end, scores); break;
        default: score_rows<4, 2>(r, first, end, scores);
      }
    }
  }
  template <int R, int Keys>
  void score_rows(int64_t r, int64_t first, int64_t end, Real* scores) {
    const Real* query = s.query + r * c.size;
    int64_t at = first;
    for (; at + Keys <= end; at += Keys) dots<R, Keys>(query, at, scores + at);
    for (; at < end; ++at) dots<R, 1>(query, at, scores + at);
  }
  // The bits of a product do not depend on how many are computed at a time.
  template <int R, int Keys>
  ATTEND_INLINE void dots(const Real* query, int64_t at, Real* scores) {
    const Stored* own[Keys];
#pragma GCC unroll 8
    for (int j = 0; j < Keys; ++j) own[j] = key_at(at + j);
    const int64_t whole = c.size / kLanes * kLanes;
    V sums[R][Keys];
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < Keys; ++j) sums[i][j] = V::all(0);
    for (int64_t d = 0; d < whole; d += kLanes) {
#pragma GCC unroll 8
      for (int j = 0; j < Keys; ++j) {
        const V k = load_wide(own[j] + d);
#pragma GCC unroll 4
        for (int i = 0; i < R; ++i) sums[i][j] = fma(V::load(query + i * c.size + d), k, sums[i][j]);
      }
    }
    const Real by = Products<Numbers>::factor(c);
    Real products[R * Keys];
    put_sums<R * Keys>(&sums[0][0], products);
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < Keys; ++j) {
        Real product = products[i * Keys + j];
        for (int64_t d = whole; d < c.size; ++d) product += query[i * c.size + d] * widened(own[j][d]);
        scores[i * s.scores_row + j] = product * by;
      }
  }

  // Adds the values of the keys [from, to), weighted. What has the weight 0 is not read: it may be NaN.
  void mix(int64_t from, int64_t to, Real* into) {
    constexpr int kTogether = 4;  // vectors of a value's numbers
    const int64_t whole = c.value_size / kLanes * kLanes;
    for (int64_t r = 0; r < rows; r += kGroup) {
      const int64_t group = least(kGroup, rows - r);
      const auto [first, end] = keys_of(r, group, from, to);
      const Real* weights = s.scores + r * s.scores_row - from;
      int64_t d = 0;
      for (; d + kTogether * kLanes <= whole; d += kTogether * kLanes)
        mix_any<kTogether>(group, weights, first, end, into + r * s.sums_row, d);
      for (; d < whole; d += kLanes) mix_any<1>(group, weights, first, end, into + r * s.sums_row, d);
      for (; d < c.value_size; ++d)
        for (int64_t i = 0; i < group; ++i)
          for (int64_t at = first; at < end; ++at)
            if (const Real p = weights[i * s.scores_row + at]; p != 0) into[(r + i) * s.sums_row + d] += p * widened(value_at(at)[d]);
    }
  }
  template <int Vectors>
  void mix_any(int64_t group, const Real* weights, int64_t first, int64_t end, Real* into, int64_t d) {
    switch (group) {
      case 1: return mix_rows<1, Vectors>(weights, first, end, into, d);
      case 2: return mix_rows<2, Vectors>(weights, first, end, into, d);
      case 3: return mix_rows<3, Vectors>(weights, first, end, into, d);
      default: return mix_rows<4, Vectors>(weights, first, end, into, d);
    }
  }
  template <int R, int Vectors>
  void mix_rows(const Real* weights, int64_t first, int64_t end, Real* into, int64_t d) {
    Real* to = into + d;
    V sums[R][Vectors];
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j) sums[i][j] = V::load(to + i * s.sums_row + j * kLanes);
    for (int64_t at = first; at < end; ++at) {
      const Stored* value = value_at(at) + d;
#pragma GCC unroll 4
      for (int i = 0; i < R; ++i) {
        const Real p = weights[i * s.scores_row + at];
        if (p == 0) continue;
#pragma GCC unroll 4
        for (int j = 0; j < Vectors; ++j) sums[i][j] = fma(V::all(p), load_wide(value + j * kLanes), sums[i][j]);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j) sums[i][j].store(to + i * s.sums_row + j * kLanes);
  }

  static void forward(const FusedWork& w, int64_t head, int64_t chunk, void* scratch) {
    Tile::template forward_by<FewQueries>(w, head, chunk, scratch);
  }

  // A long source in pieces of kPieceKeys keys, which workers share: scores by pieces, weights by rows that lie whole, sums of values by
  // pieces again, and what these add up to. A piece that has come from memory serves all query heads that read its key head. Items with
  // fewer keys than kInPieces are computed whole, so that no bit depends on how far they are padded.
  static int64_t rows_bytes(const FusedWork& w) { return w.call.queries * whole_row(w.call) * static_cast<int64_t>(sizeof(Real)); }
  static int64_t sums_bytes(const FusedWork& w) {
    return w.pieces * w.call.queries * up_to_multiple(w.call.value_size, Numbers::kSlice) * static_cast<int64_t>(sizeof(Real));
  }

  static void score_piece(const FusedWork& w, int64_t key_head, int64_t piece, void* scratch) {
    each_head(w, key_head, scratch, [&](FewQueries& tile) ATTEND_INLINED {
      const auto [from, to] = tile.piece_keys(piece);
      if (from >= to) return;
      for (int64_t r = 0; r < tile.rows; ++r)
        Products<Numbers>::take_query(tile.c, tile.plan, row_of<Stored>(tile.c.query, tile.b, tile.h, r), tile.s.query + r * tile.c.size);
      tile.s.scores += from - tile.tile_first();
      tile.score(from, to);
    });
  }

  static void weigh_rows(const FusedWork& w, int64_t head, void* scratch) {
    FewQueries tile(w, head, scratch);
    if (!tile.in_pieces()) return forward(w, head, 0, scratch);
    clear_parts<Real>(w, head);
    if (tile.take_rows()) tile.weigh_whole();
    for (int64_t t = tile.queries; t < tile.c.queries; ++t) tile.put_empty(t);
  }

  static void mix_piece(const FusedWork& w, int64_t key_head, int64_t piece, void* scratch) {
    each_head(w, key_head, scratch, [&](FewQueries& tile) ATTEND_INLINED {
      Real* sums = tile.piece_sums(piece);
      memset(sums, 0, static_cast<size_t>(tile.rows * tile.s.sums_row) * sizeof(Real));
      const auto [from, to] = tile.piece_keys(piece);
      if (from >= to) return;
      tile.s.scores += from - tile.tile_first();
      tile.mix(from, to, sums);
    });
  }

  static void add_pieces(const FusedWork& w, int64_t head) {
    const FewQueries tile(w, head, nullptr);
    if (!tile.in_pieces()) return;
    for (int64_t r = 0; r < tile.queries; ++r) {
      Stored* context = mutable_row_of<Stored>(w.results.context, tile.b, tile.h, r);
      for (int64_t d = 0; d < tile.c.value_size; ++d) {
        Real sum = 0;
        for (int64_t piece = 0; piece < w.pieces; ++piece) sum += tile.piece_sums(piece)[r * tile.s.sums_row + d];
        put(context + d, sum);
      }
    }
  }

 private:
  static int64_t whole_row(const attend::kernels::FusedAttention& call) { return up_to_multiple(call.keys, Tile::kPanel) + 16; }
  // The rows of each query head that reads a key head, one head after the other.
  template <class Do>
  static void each_head(const FusedWork& w, int64_t key_head, void* scratch, const Do& act) {
    const int64_t group = w.call.heads / w.call.key_heads;
    for (int64_t i = 0; i < group; ++i) {
      FewQueries tile(w, key_head * group + i, scratch);
      if (tile.in_pieces() && tile.take_rows()) act(tile);
    }
  }
  bool in_pieces() const { return this->keys >= attend::kernels::kInPieces; }
  // All rows that are there, with their scores in the place that pieces share; false where there is none.
  bool take_rows() {
    rows = this->queries;
    if (rows == 0) return false;
    this->begin = 0;
    this->see_rows();
    s.scores_row = whole_row(c);
    s.scores = static_cast<Real*>(this->w.whole_rows) + (this->head - this->w.first_whole) * c.queries * s.scores_row;
    return true;
  }
  KeyRange piece_keys(int64_t piece) const {
    using attend::kernels::kPieceKeys;
    return {most(piece * kPieceKeys, this->tile_first()), least((piece + 1) * kPieceKeys, this->tile_end())};
  }
  Real* piece_sums(int64_t piece) const {
    return static_cast<Real*>(this->w.piece_sums) + ((this->head - this->w.first_whole) * this->w.pieces + piece) * c.queries * s.sums_row;
  }
  // Weights in place of the scores of whole rows, each divided by its sum, and all that is asked for beside contexts.
  void weigh_whole() {
    using attend::kernels::kStreamed;
    const int64_t first = this->tile_first(), end = this->tile_end();
    for (int64_t r = 0; r < rows; ++r) this->begin_row(r);
    this->clear_rows(0, rows);
    memset(s.sums, 0, static_cast<size_t>(rows * s.sums_row) * sizeof(Real));
    this->weigh(first, end, false);
    Real* const all = s.scores;
    for (int64_t from = first; from < end; from += kStreamed) {
      s.scores = all + (from - first);
      this->count(from, least(from + kStreamed, end), 0);
    }
    s.scores = all;
    this->settle(first, end);
    Real shares[kTileRows];
    this->take_shares(shares);
    for (int64_t r = 0; r < rows; ++r) {
      const V share = V::all(shares[r]);
      Real* x = s.scores + r * s.scores_row;
      for (int64_t j = 0; j < end - first; j += kLanes) (V::load(x + j) * share).store(x + j);
      this->put_row(r, this->head * c.queries + r);
    }
  }
};

}  // namespace
