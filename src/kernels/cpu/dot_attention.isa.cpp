// The loops of dot_attention, compiled once an instruction set. C headers only.
#include "kernels/cpu/dot_attention.h"

#include "kernels/cpu/packing.h"

namespace {

using attend::kernels::DotAttention;
using attend::kernels::DotKernels;
using attend::kernels::DotWork;
using attend::kernels::kResident;
using attend::kernels::kStreamed;
using attend::kernels::kTileRows;
using attend::kernels::kValueBlock;

// V: vectors of the sums; Stored: numbers as they lie in memory.
template <class V, class Stored>
struct Dot {
  using Real = typename V::Real;
  static constexpr int kLanes = V::kLanes;
  static constexpr int64_t kPanel = kScoreVectors * kLanes;

  static constexpr int64_t kSlice = kSumVectors * kLanes;  // columns of values that are packed together

  static int64_t values_row(const DotAttention& c) { return up_to_multiple(c.value_size, kSlice); }
  static Real* packed_values(const DotWork& w, int64_t head, int64_t column, int64_t key) {
    return static_cast<Real*>(w.packed_values) + ((head - w.first_head) * values_row(w.call) + column) * w.call.keys + key * kSlice;
  }

  // Where things lie in a worker's scratch.
  struct Scratch {
    Real *query, *scores, *sums;
    int64_t scores_row, bytes;
    Scratch(const DotWork& w, void* base) {
      const auto& c = w.call;
      int64_t at = 0;
      const auto take = [&](int64_t count) {
        Real* p = base ? static_cast<Real*>(base) + at : nullptr;
        at += up_to_multiple(count, 64 / static_cast<int64_t>(sizeof(Real)));
        return p;
      };
      // Of a long source a tile may still see few keys, and holds them whole. A cache line more a row, so that rows do not fall into the
      // same sets.
      scores_row = up_to_multiple(least(up_to_multiple(c.keys, kPanel), kResident), 16) + 16;
      query = take(kTileRows * c.size);
      scores = take(kTileRows * scores_row);
      sums = take(kTileRows * values_row(c));
      bytes = at * static_cast<int64_t>(sizeof(Real));
    }
  };
  static int64_t scratch_bytes(const DotWork& w) { return Scratch(w, nullptr).bytes; }

  static void pack(const DotWork& w, int64_t head, int64_t first, int64_t last) {
    const auto& c = w.call;
    const int64_t b = head / c.key_heads, h = head % c.key_heads;
    const int64_t keys = c.key_lengths ? c.key_lengths[b] : c.keys;
    const Real scale = static_cast<Real>(c.scale * kLog2E);
    last = least(last, (keys + kPanel - 1) / kPanel);
    const int64_t own = head - w.first_head;
    for (int64_t p = first; p < last; ++p)
      pack_panel<V>(row_of<Stored>(c.key, b, h, p * kPanel), c.key.row, least(kPanel, keys - p * kPanel), c.size, scale,
                    static_cast<Real*>(w.packed_keys) + (own * w.panels + p) * c.size * kPanel);
    // Values, by whole blocks: of those that begin in these panels.
    const int64_t end = least(last * kPanel, keys);
    for (int64_t block = (first * kPanel + kValueBlock - 1) / kValueBlock; block * kValueBlock < end; ++block) {
      const int64_t until = least((block + 1) * kValueBlock, keys);
      V zero = V::all(0);
      for (int64_t s = block * kValueBlock; s < until; ++s)
        pack_slices<V>(row_of<Stored>(c.value, b, h, s), c.value_size, s, c.keys, packed_values(w, head, 0, 0), zero);
      const Real any = sum(zero);
      w.wild[own * ((c.keys + kValueBlock - 1) / kValueBlock) + block] = any != 0 || any != any;
    }
  }

  // One tile of queries on its way through the keys.
  struct Tile : Sight<Real> {
    using Sight<Real>::c, Sight<Real>::b, Sight<Real>::h, Sight<Real>::first_key, Sight<Real>::end_key;
    const DotWork& w;
    Scratch s;
    int64_t key_head, begin = 0, rows = 0;                         // rows that are there: t in [begin, begin + rows)
    Real maximum[kTileRows], total[kTileRows], spread[kTileRows];  // m, Σ p, Σ p (e − m), of base-2 scores
    int64_t argmax[kTileRows];

    Tile(const DotWork& work, int64_t head, void* scratch)
        : Sight<Real>(work.call, head), w(work), s(work, scratch), key_head(b * c.key_heads + h / (c.heads / c.key_heads)) {}

    void start(int64_t t, int64_t count) {
      begin = t;
      rows = count;
      for (int64_t r = 0; r < rows; ++r) {
        const Stored* from = row_of<Stored>(c.query, b, h, t + r);
        widen_row<V>(from, c.size, s.query + r * c.size);
        maximum[r] = -INFINITY;
        total[r] = spread[r] = 0;
        argmax[r] = -1;
      }
      memset(s.sums, 0, static_cast<size_t>(kTileRows * values_row(c)) * sizeof(Real));
    }

    // The keys of the tile: all that one of its rows sees, from a panel's beginning.
    int64_t tile_first() const { return first_key(begin) / kPanel * kPanel; }
    int64_t tile_end() const { return end_key(begin + rows - 1); }

    // Base-2 scores of the keys [from, to) for every row; only panels that a row of the group may see.
    void score(int64_t from, int64_t to) {
      for (int64_t panel = from; panel < to; panel += kPanel) {
        const Real* packed =
            static_cast<const Real*>(w.packed_keys) + ((key_head - w.first_head) * w.panels + panel / kPanel) * c.size * kPanel;
        for (int64_t r = 0; r < rows; r += kScoreRows) {
          const int64_t group = least(kScoreRows, rows - r);
          if (panel >= end_key(begin + r + group - 1)) continue;
          multiply_rows<V>(group, s.query + r * c.size, c.size, packed, c.size, s.scores + r * s.scores_row + (panel - from), s.scores_row);
        }
      }
    }

    // Weights of the keys [from, to) in place of their scores, times one over what total[r] will be; keys that a row does not see
    // have 0. Where the largest score moves, what was summed before is scaled down.
    void weigh(int64_t from, int64_t to, bool again) {
      const int64_t width = up_to_multiple(to - from, kPanel);
      for (int64_t r = 0; r < rows; ++r) {
        Real* x = s.scores + r * s.scores_row;
        const int64_t first = least(most(first_key(begin + r) - from, 0), width), end = most(least(end_key(begin + r), to) - from, first);
        const int64_t low = first / kLanes * kLanes, high = up_to_multiple(end, kLanes);
        for (int64_t j = 0; j < low; j += kLanes) V::all(0).store(x + j);
        for (int64_t j = high; j < width; j += kLanes) V::all(0).store(x + j);
        if (first == end) {
          for (int64_t j = low; j < high; j += kLanes) V::all(0).store(x + j);
          continue;
        }
        for (int64_t j = low; j < first; ++j) x[j] = -INFINITY;
        for (int64_t j = end; j < high; ++j) x[j] = -INFINITY;
        if (this->shapes()) this->shape(begin + r, from + first, from + end, x + first);
        if (!again) take_maximum(r, from, x, low, high);
        const Real m = maximum[r] == -INFINITY ? 0 : maximum[r];
        if (again || !w.results.entropy)
          exponentials<false>(r, x, low, high, m, again);
        else
          exponentials<true>(r, x, low, high, m, again);
      }
    }

    void take_maximum(int64_t r, int64_t from, const Real* x, int64_t low, int64_t high) {
      V a = V::all(-INFINITY), other = a;
      int64_t j = low;
      for (; j + 2 * kLanes <= high; j += 2 * kLanes) {
        a = larger(V::load(x + j), a);
        other = larger(V::load(x + j + kLanes), other);
      }
      for (; j < high; j += kLanes) a = larger(V::load(x + j), a);
      const Real found = largest(larger(a, other));
      if (!(found > maximum[r])) return;
      const Real was = maximum[r];
      maximum[r] = found;
      if (w.results.argmax)
        for (j = low; j < high; j += kLanes)
          if (const int bits = equal_bits(V::load(x + j), V::all(found)); bits) {
            argmax[r] = from + j + __builtin_ctz(static_cast<unsigned>(bits));
            break;
          }
      if (was == -INFINITY) return;
      Real lanes[kLanes];
      exp2(V::all(was - found)).store(lanes);
      const Real down = lanes[0];
      spread[r] = down * (spread[r] + (was - found) * total[r]);
      total[r] *= down;
      Real* sums = s.sums + r * values_row(c);
      for (int64_t d = 0; d < values_row(c); d += kLanes) (V::load(sums + d) * V::all(down)).store(sums + d);
    }

    template <bool Spread>
    void exponentials(int64_t r, Real* x, int64_t low, int64_t high, Real m, bool again) {
      const V shift = V::all(m);
      V a = V::all(0), other = a, spread_a = a, spread_other = a;
      const V floor = V::all(static_cast<Real>(-1e30));
      int64_t j = low;
      for (; j + 2 * kLanes <= high; j += 2 * kLanes) {
        const V y = V::load(x + j) - shift, z = V::load(x + j + kLanes) - shift;
        const V p = exp2(y), q = exp2(z);
        a = a + p;
        other = other + q;
        if (Spread) {  // 0 · −∞ would be NaN
          spread_a = fma(p, larger(floor, y), spread_a);
          spread_other = fma(q, larger(floor, z), spread_other);
        }
        p.store(x + j);
        q.store(x + j + kLanes);
      }
      for (; j < high; j += kLanes) {
        const V y = V::load(x + j) - shift, p = exp2(y);
        a = a + p;
        if (Spread) spread_a = fma(p, larger(floor, y), spread_a);
        p.store(x + j);
      }
      if (again) return;
      total[r] += sum(a + other);
      if (Spread) spread[r] += sum(spread_a + spread_other);
    }

    // Adds the values of the keys [from, to), weighted.
    void mix(int64_t from, int64_t to) {
      const uint8_t* wild = w.wild + (key_head - w.first_head) * ((c.keys + kValueBlock - 1) / kValueBlock);
      const int64_t out_row = values_row(c);
      for (int64_t key = from; key < to;) {
        const int64_t until = least((key / kValueBlock + 1) * kValueBlock, to);
        if (wild[key / kValueBlock]) {
          mix_wild(key, until, key - from);
        } else {
          for (int64_t d = 0; d < c.value_size; d += kSlice) {
            const Real* v = packed_values(w, key_head, d, key);
            for (int64_t r = 0; r < rows; r += kSumRows) {
              const int64_t group = least(kSumRows, rows - r), end = least(until, end_key(begin + r + group - 1));
              if (end > key)
                add_rows<V, false>(group, s.scores + r * s.scores_row + (key - from), s.scores_row, v, end - key, s.sums + r * out_row + d,
                                   out_row);
            }
          }
        }
        key = until;
      }
    }

    // Where a value is NaN or infinite: a weight of 0 must not make NaN of it.
    void mix_wild(int64_t key, int64_t until, int64_t at) {
      for (int64_t r = 0; r < rows; ++r) {
        const Real* p = s.scores + r * s.scores_row + at;
        for (int64_t j = 0; j < until - key; ++j)
          if (p[j] != 0)
            for (int64_t column = 0; column < c.value_size; column += kSlice) {
              const Real* v = packed_values(w, key_head, column, key + j);
              Real* sums = s.sums + r * values_row(c) + column;
              for (int64_t d = 0; d < kSlice; ++d) sums[d] += p[j] * v[d];
            }
      }
    }

    // Adds to each key what the rows give it, total[r] being known.
    void add_to_columns(int64_t from, int64_t to, Real* columns) const {
      Real shares[kTileRows];
      for (int64_t r = 0; r < rows; ++r) shares[r] = total[r] != 0 ? 1 / total[r] : 0;  // NaN is live
      const int64_t width = to - from;
      for (int64_t j = 0; j < width; j += kLanes) {
        const int there = static_cast<int>(least(kLanes, width - j));
        V x = there == kLanes ? V::load(columns + from + j) : V::load_part(columns + from + j, there);
        for (int64_t r = 0; r < rows; ++r) x = fma(V::all(shares[r]), V::load(s.scores + r * s.scores_row + j), x);
        if (there == kLanes)
          x.store(columns + from + j);
        else
          x.store_part(columns + from + j, there);
      }
    }

    void finish() {
      const auto& out = w.results;
      for (int64_t r = 0; r < rows; ++r) {
        const bool live = total[r] != 0;  // NaN is live
        const Real share = live ? 1 / total[r] : 0;
        const int64_t at = (b * c.heads + h) * c.queries + begin + r;
        Stored* context =
            static_cast<Stored*>(out.context.data) + b * out.context.batch + h * out.context.head + (begin + r) * out.context.row;
        const Real* sums = s.sums + r * values_row(c);
        for (int64_t d = 0; d < c.value_size; ++d) put(context + d, live ? sums[d] * share : static_cast<Real>(0));
        if (out.lse)
          static_cast<Real*>(out.lse)[at] =
              live ? (maximum[r] + log2_of(total[r])) * static_cast<Real>(kLn2) : static_cast<Real>(-INFINITY);
        if (out.entropy) {
          const Real nats = (log2_of(total[r]) - spread[r] * share) * static_cast<Real>(kLn2);
          static_cast<Real*>(out.entropy)[at] = !live ? 0 : nats < 0 ? 0 : nats;
        }
        if (out.maximum) static_cast<Real*>(out.maximum)[at] = share;
        if (out.argmax) out.argmax[at] = live ? argmax[r] : -1;
      }
    }

    static float log2_of(float x) { return ::log2f(x); }
    static double log2_of(double x) { return ::log2(x); }
  };

  // Rows that see nothing.
  static void empty(const DotWork& w, int64_t b, int64_t h, int64_t t) {
    const auto& c = w.call;
    const auto& out = w.results;
    const int64_t at = (b * c.heads + h) * c.queries + t;
    Stored* context = static_cast<Stored*>(out.context.data) + b * out.context.batch + h * out.context.head + t * out.context.row;
    for (int64_t d = 0; d < c.value_size; ++d) put(context + d, static_cast<Real>(0));
    if (out.lse) static_cast<Real*>(out.lse)[at] = static_cast<Real>(-INFINITY);
    if (out.entropy) static_cast<Real*>(out.entropy)[at] = 0;
    if (out.maximum) static_cast<Real*>(out.maximum)[at] = 0;
    if (out.argmax) out.argmax[at] = -1;
  }

  static void forward(const DotWork& w, int64_t head, int64_t chunk, void* scratch) {
    const auto& c = w.call;
    Tile tile(w, head, scratch);
    Real* columns = w.column_parts ? static_cast<Real*>(w.column_parts) + (head * w.chunks + chunk) * c.keys : nullptr;
    if (columns) memset(columns, 0, static_cast<size_t>(c.keys) * sizeof(Real));
    const int64_t until = least((chunk + 1) * w.chunk, c.queries);
    int64_t t = chunk * w.chunk;
    for (const int64_t live = least(until, tile.queries); t < live; t += kTileRows) {
      tile.start(t, least(kTileRows, live - t));
      const int64_t first = tile.tile_first(), end = tile.tile_end();
      const bool whole = end - first <= kResident;
      const int64_t step = whole ? most(end - first, 1) : kStreamed;
      for (int64_t from = first; from < end; from += step) {
        const int64_t to = least(from + step, end);
        tile.score(from, to);
        tile.weigh(from, to, false);
        tile.mix(from, to);
        if (columns && whole) tile.add_to_columns(from, to, columns);
      }
      if (columns && !whole)  // the totals are known now
        for (int64_t from = first; from < end; from += step) {
          const int64_t to = least(from + step, end);
          tile.score(from, to);
          tile.weigh(from, to, true);
          tile.add_to_columns(from, to, columns);
        }
      tile.finish();
    }
    for (t = most(chunk * w.chunk, least(tile.queries, until)); t < until; ++t) empty(w, tile.b, tile.h, t);
  }

  static void add_columns(const DotWork& w, int64_t head) {
    Real* sums = static_cast<Real*>(w.results.column_sums) + head * w.call.keys;
    memset(sums, 0, static_cast<size_t>(w.call.keys) * sizeof(Real));
    for (int64_t chunk = 0; chunk < w.chunks; ++chunk) {
      const Real* part = static_cast<const Real*>(w.column_parts) + (head * w.chunks + chunk) * w.call.keys;
      for (int64_t s = 0; s < w.call.keys; ++s) sums[s] += part[s];
    }
  }

  static constexpr DotKernels kTable{kPanel, kSlice, sizeof(Real), scratch_bytes, pack, forward, add_columns};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
extern const DotKernels dot_float32_avx512, dot_bfloat16_avx512;
const DotKernels dot_float32_avx512 = Dot<Floats, float>::kTable, dot_bfloat16_avx512 = Dot<Floats, Half16>::kTable;
#elif defined(ATTEND_ISA_avx2)
extern const DotKernels dot_float32_avx2, dot_bfloat16_avx2;
const DotKernels dot_float32_avx2 = Dot<Floats, float>::kTable, dot_bfloat16_avx2 = Dot<Floats, Half16>::kTable;
#else
const DotKernels dot_float32_portable = Dot<Floats, float>::kTable, dot_bfloat16_portable = Dot<Floats, Half16>::kTable,
                 dot_float64_portable = Dot<Doubles, double>::kTable;
#endif

}  // namespace attend::kernels
