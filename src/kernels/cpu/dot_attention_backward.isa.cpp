// The loops of dot_attention_backward, compiled once an instruction set. C headers only.
//
// With P the weights, anew from lse, and δ' = Σ dO·O − g_lse + g_entropy H of a row:
//   dS = P ∘ (dO Vᵀ − δ' − g_entropy ln P),  dV = Pᵀ dO,  dK = scale dSᵀ Q,  dQ = scale dS K.
#include "kernels/cpu/packing.h"

namespace {

using attend::kernels::DotAttention;
using attend::kernels::DotBackKernels;
using attend::kernels::DotBackWork;
using attend::kernels::kBackKeys;
using attend::kernels::kBackRows;

template <class V, class Stored>
struct DotBack {
  using Real = typename V::Real;
  static constexpr int kLanes = V::kLanes;
  static constexpr int64_t kPanel = kScoreVectors * kLanes, kSlice = kSumVectors * kLanes;
  static constexpr int64_t kTileRow = kBackKeys + 16;  // numbers from row to row of a tile
  static_assert(kBackKeys % kPanel == 0 && kBackKeys % kSumRows == 0 && kBackRows % kScoreRows == 0);

  static int64_t sliced(int64_t size) { return up_to_multiple(size, kSlice); }

  struct Scratch {
    Real *weights, *scores, *keys, *values;
    int64_t bytes;
    Scratch(const DotAttention& c, void* base) {
      int64_t at = 0;
      const auto take = [&](int64_t count) {
        Real* p = base ? static_cast<Real*>(base) + at : nullptr;
        at += up_to_multiple(count, 64 / static_cast<int64_t>(sizeof(Real)));
        return p;
      };
      weights = take(kBackRows * kTileRow);
      scores = take(kBackRows * kTileRow);
      keys = take(kBackKeys * sliced(c.size));
      values = take(kBackKeys * sliced(c.value_size));
      bytes = at * static_cast<int64_t>(sizeof(Real));
    }
  };
  static int64_t scratch_bytes(const DotBackWork& w) { return Scratch(w.call, nullptr).bytes; }

  // The keys [begin, end) of x as panels [*, size, panel], times `by`.
  static void pack_panels(const attend::kernels::Rows& x, int64_t b, int64_t h, int64_t size, int64_t begin, int64_t end, Real by,
                          Real* to) {
    for (int64_t panel = begin; panel < end; panel += kPanel, to += size * kPanel)
      pack_panel<V>(row_of<Stored>(x, b, h, panel), x.row, least(kPanel, end - panel), size, by, to);
  }

  static void clear_slices(int64_t size, int64_t at, int64_t rows, Real* slices) {
    for (int64_t column = 0; column < size; column += kSlice)
      memset(slices + column * rows + at * kSlice, 0, static_cast<size_t>(kSlice) * sizeof(Real));
  }

  static void pack_keys(const DotBackWork& w, int64_t head, int64_t first, int64_t last) {
    const auto& c = w.call;
    const int64_t b = head / c.key_heads, h = head % c.key_heads, keys = c.key_lengths ? c.key_lengths[b] : c.keys;
    const int64_t own = head - w.first_key_head;
    for (int64_t tile = first; tile < last; ++tile) {
      const int64_t begin = tile * kBackKeys, end = least(begin + kBackKeys, keys), panel = begin / kPanel;
      if (begin >= end) return;
      pack_panels(c.key, b, h, c.size, begin, end, static_cast<Real>(c.scale * kLog2E),
                  static_cast<Real*>(w.key_panels) + (own * w.panels + panel) * c.size * kPanel);
      pack_panels(c.value, b, h, c.value_size, begin, end, 1,
                  static_cast<Real*>(w.value_panels) + (own * w.panels + panel) * c.value_size * kPanel);
      V zero = V::all(0);
      for (int64_t s = begin; s < end; ++s)
        pack_slices<V>(row_of<Stored>(c.key, b, h, s), c.size, s, c.keys, static_cast<Real*>(w.key_slices) + own * sliced(c.size) * c.keys,
                       zero);
      const Real any = sum(zero);
      w.wild[own * ((c.keys + kBackKeys - 1) / kBackKeys) + tile] = any != 0 || any != any;
    }
  }

  static void pack_queries(const DotBackWork& w, int64_t head, int64_t first, int64_t last) {
    const auto& c = w.call;
    const auto& g = w.gradients;
    const Sight<Real> sight(c, head);
    const int64_t own = head - w.first_head;
    for (int64_t t = first; t < least(last, sight.queries); ++t) {
      const int64_t at = head * c.queries + t, mine = own * c.queries + t;  // in what is given, and in what is packed
      const Real lse = static_cast<const Real*>(g.lse)[at];
      static_cast<Real*>(w.base2)[mine] = lse == -INFINITY ? INFINITY : lse * static_cast<Real>(kLog2E);
      if (lse == -INFINITY) {  // a row that sees nothing may hold anything, and 0 · NaN is NaN
        clear_slices(c.size, t, c.queries, static_cast<Real*>(w.query_slices) + own * sliced(c.size) * c.queries);
        clear_slices(c.value_size, t, c.queries, static_cast<Real*>(w.gradient_slices) + own * sliced(c.value_size) * c.queries);
        if (w.query_rows) memset(static_cast<Real*>(w.query_rows) + mine * c.size, 0, static_cast<size_t>(c.size) * sizeof(Real));
        if (w.gradient_rows)
          memset(static_cast<Real*>(w.gradient_rows) + mine * c.value_size, 0, static_cast<size_t>(c.value_size) * sizeof(Real));
        continue;
      }
      const Stored *query = row_of<Stored>(c.query, sight.b, sight.h, t), *context = row_of<Stored>(g.context, sight.b, sight.h, t),
                   *gradient = row_of<Stored>(g.context_gradient, sight.b, sight.h, t);
      V unused = V::all(0);
      pack_slices<V>(query, c.size, t, c.queries, static_cast<Real*>(w.query_slices) + own * sliced(c.size) * c.queries, unused);
      pack_slices<V>(gradient, c.value_size, t, c.queries, static_cast<Real*>(w.gradient_slices) + own * sliced(c.value_size) * c.queries,
                     unused);
      if (w.query_rows) widen_row<V>(query, c.size, static_cast<Real*>(w.query_rows) + mine * c.size);
      if (w.gradient_rows) widen_row<V>(gradient, c.value_size, static_cast<Real*>(w.gradient_rows) + mine * c.value_size);
      V products = V::all(0);
      int64_t d = 0;
      for (; d + kLanes <= c.value_size; d += kLanes) products = fma(load_wide(context + d), load_wide(gradient + d), products);
      Real offset = sum(products);
      for (; d < c.value_size; ++d) offset += widened(context[d]) * widened(gradient[d]);
      if (g.lse_gradient) offset -= static_cast<const Real*>(g.lse_gradient)[at];
      if (g.entropy_gradient) offset += static_cast<const Real*>(g.entropy_gradient)[at] * static_cast<const Real*>(g.entropy)[at];
      static_cast<Real*>(w.offsets)[mine] = offset;
    }
  }

  // One tile: `rows` queries of a head from t on and the keys [begin, end).
  struct Tile {
    const DotBackWork& w;
    const DotAttention& c;
    const Sight<Real>& sight;
    const Scratch& s;
    int64_t head, key_head, part;  // part: of query_parts
    int64_t begin, end;

    int64_t own() const { return head - w.first_head; }
    int64_t own_key() const { return key_head - w.first_key_head; }
    int64_t width() const { return up_to_multiple(end - begin, kPanel); }

    const Real* rows_of(const attend::kernels::Rows& stored, const void* wide, int64_t size, int64_t t, int64_t* row) const {
      if (wide) {
        *row = size;
        return static_cast<const Real*>(wide) + (own() * c.queries + t) * size;
      }
      *row = stored.row;
      return reinterpret_cast<const Real*>(row_of<Stored>(stored, sight.b, sight.h, t));
    }

    void multiply(const Real* rows, int64_t row, int64_t count, const void* panels, int64_t size, Real* to) const {
      for (int64_t j = 0; j < width(); j += kPanel) {
        const Real* panel = static_cast<const Real*>(panels) + (own_key() * w.panels + (begin + j) / kPanel) * size * kPanel;
        for (int64_t r = 0; r < count; r += kScoreRows)
          multiply_rows<Singles<V>>(least(kScoreRows, count - r), rows + r * row, row, panel, size, 1, to + r * kTileRow + j, kTileRow);
      }
    }

    // Weights and dS in place of scores and of dO Vᵀ; 0 where the row does not see the key.
    template <bool Entropy>
    void differentiate(int64_t t, int64_t count) const {
      for (int64_t r = 0; r < count; ++r) {
        Real *p = s.weights + r * kTileRow, *ds = s.scores + r * kTileRow;
        const int64_t at = head * c.queries + t + r, mine = own() * c.queries + t + r;
        const Real base2 = static_cast<const Real*>(w.base2)[mine];
        const int64_t first = least(most(sight.first_key(t + r) - begin, 0), width());
        const int64_t last = base2 == INFINITY ? first : most(least(sight.end_key(t + r), end) - begin, first);
        if (sight.shapes()) sight.shape(t + r, begin + first, begin + last, p + first);
        const V shift = V::all(base2), offset = V::all(static_cast<const Real*>(w.offsets)[mine]);
        const V spread = V::all(Entropy ? static_cast<const Real*>(w.gradients.entropy_gradient)[at] * static_cast<Real>(kLn2) : 0);
        for (int64_t j = first / kLanes * kLanes; j < last; j += kLanes) {
          const V y = V::load(p + j) - shift, weight = exp2(y);
          V slope = V::load(ds + j) - offset;
          if (Entropy) slope = slope - spread * larger(V::all(static_cast<Real>(-1e30)), y);
          weight.store(p + j);
          (weight * slope).store(ds + j);
        }
        // By selection: what stands there may be NaN. Where a row sees a key whose weight is 0, its value may be infinite.
        for (int64_t j = 0; j < first; ++j) p[j] = ds[j] = 0;
        for (int64_t j = last; j < width(); ++j) p[j] = ds[j] = 0;
        if (c.keep.data || c.bias.data)
          for (int64_t j = first; j < last; ++j) ds[j] = p[j] == 0 ? 0 : ds[j];
      }
    }

    void add(int64_t t, int64_t count) const {
      const int64_t keys = end - begin;
      const auto turned = [&](const Real* tile, const void* slices, int64_t size, Real* sums) {
        for (int64_t d = 0; d < size; d += kSlice) {
          const Real* slice = static_cast<const Real*>(slices) + (own() * sliced(size) + d) * c.queries + t * kSlice;
          for (int64_t j = 0; j < keys; j += kSumRows)
            add_rows<Singles<V>, true>(least(kSumRows, keys - j), tile + j, kTileRow, slice, count, sums + j * sliced(size) + d,
                                       sliced(size));
        }
      };
      turned(s.weights, w.gradient_slices, c.value_size, s.values);
      turned(s.scores, w.query_slices, c.size, s.keys);
      const int64_t size = sliced(c.size);
      Real* queries = static_cast<Real*>(w.query_parts) + (part * c.queries + t) * size;
      const bool wild = w.wild[own_key() * ((c.keys + kBackKeys - 1) / kBackKeys) + begin / kBackKeys];
      for (int64_t d = 0; d < c.size; d += kSlice) {
        const Real* slice = static_cast<const Real*>(w.key_slices) + (own_key() * size + d) * c.keys + begin * kSlice;
        if (wild) {
          for (int64_t r = 0; r < count; ++r)
            for (int64_t j = 0; j < keys; ++j)
              if (const Real x = s.scores[r * kTileRow + j]; x != 0)
                for (int64_t k = 0; k < kSlice; ++k) queries[r * size + d + k] += x * slice[j * kSlice + k];
          continue;
        }
        for (int64_t r = 0; r < count; r += kSumRows)
          add_rows<Singles<V>, false>(least(kSumRows, count - r), s.scores + r * kTileRow, kTileRow, slice, keys, queries + r * size + d,
                                      size);
      }
    }

    void pass(int64_t t, int64_t count) const {
      int64_t row;
      const Real* rows = rows_of(c.query, w.query_rows, c.size, t, &row);
      multiply(rows, row, count, w.key_panels, c.size, s.weights);
      rows = rows_of(w.gradients.context_gradient, w.gradient_rows, c.value_size, t, &row);
      multiply(rows, row, count, w.value_panels, c.value_size, s.scores);
      if (w.gradients.entropy_gradient)
        differentiate<true>(t, count);
      else
        differentiate<false>(t, count);
      add(t, count);
    }
  };

  static void backward(const DotBackWork& w, int64_t key_head, int64_t chunk, void* scratch) {
    const auto& c = w.call;
    const int64_t b = key_head / c.key_heads, h = key_head % c.key_heads, group = c.heads / c.key_heads, size = sliced(c.size);
    const int64_t keys = c.key_lengths ? c.key_lengths[b] : c.keys;
    const Scratch s(c, scratch);
    for (int64_t i = 0; i < group; ++i) {
      const int64_t head = b * c.heads + h * group + i;
      memset(static_cast<Real*>(w.query_parts) + ((head - w.first_head) * w.chunks + chunk) * c.queries * size, 0,
             static_cast<size_t>(c.queries * size) * sizeof(Real));
    }
    const int64_t until = least((chunk + 1) * w.chunk, c.keys);
    for (int64_t begin = chunk * w.chunk; begin < until; begin += kBackKeys) {
      const int64_t all = least(begin + kBackKeys, until), end = least(all, keys);
      memset(s.keys, 0, static_cast<size_t>(kBackKeys * size) * sizeof(Real));
      memset(s.values, 0, static_cast<size_t>(kBackKeys * sliced(c.value_size)) * sizeof(Real));
      for (int64_t i = 0; begin < end && i < group; ++i) {
        const int64_t head = b * c.heads + h * group + i;
        const Sight<Real> sight(c, head);
        const Tile tile{w, c, sight, s, head, key_head, (head - w.first_head) * w.chunks + chunk, begin, end};
        for (int64_t t = 0; t < sight.queries; t += kBackRows) {
          const int64_t count = least(kBackRows, sight.queries - t);
          if (sight.end_key(t + count - 1) > begin && sight.first_key(t) < end) tile.pass(t, count);
        }
      }
      const auto put_rows = [&](const attend::kernels::MutableRows& to, const Real* sums, int64_t columns, Real by) {
        for (int64_t j = 0; j < all - begin; ++j) {
          Stored* row = static_cast<Stored*>(to.data) + b * to.batch + h * to.head + (begin + j) * to.row;
          for (int64_t d = 0; d < columns; ++d) put(row + d, sums[j * sliced(columns) + d] * by);
        }
      };
      put_rows(w.gradients.key_gradient, s.keys, c.size, static_cast<Real>(c.scale));
      put_rows(w.gradients.value_gradient, s.values, c.value_size, 1);
    }
  }

  static void add_queries(const DotBackWork& w, int64_t head, int64_t first, int64_t last) {
    const auto& c = w.call;
    const auto& to = w.gradients.query_gradient;
    const int64_t size = sliced(c.size), queries = c.query_lengths ? c.query_lengths[head / c.heads] : c.queries;
    for (int64_t t = first; t < last; ++t) {
      Stored* row = static_cast<Stored*>(to.data) + head / c.heads * to.batch + head % c.heads * to.head + t * to.row;
      for (int64_t d = 0; d < c.size; ++d) {
        Real sum = 0;
        for (int64_t chunk = 0; t < queries && chunk < w.chunks; ++chunk)
          sum += static_cast<const Real*>(w.query_parts)[(((head - w.first_head) * w.chunks + chunk) * c.queries + t) * size + d];
        put(row + d, sum * static_cast<Real>(c.scale));
      }
    }
  }

  static constexpr DotBackKernels kTable{kPanel, kSlice, sizeof(Real), scratch_bytes, pack_keys, pack_queries, backward, add_queries};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
const DotBackKernels dot_back_float32_avx512 = DotBack<Floats, float>::kTable, dot_back_bfloat16_avx512 = DotBack<Floats, Half16>::kTable;
#elif defined(ATTEND_ISA_avx2)
const DotBackKernels dot_back_float32_avx2 = DotBack<Floats, float>::kTable, dot_back_bfloat16_avx2 = DotBack<Floats, Half16>::kTable;
#else
const DotBackKernels dot_back_float32_portable = DotBack<Floats, float>::kTable,
                     dot_back_bfloat16_portable = DotBack<Floats, Half16>::kTable,
                     dot_back_float64_portable = DotBack<Doubles, double>::kTable;
#endif

}  // namespace attend::kernels
