// Attention's way back, tile by tile. Included by sources that are compiled once an instruction set, as vectors.h.
//
// With P the weights, anew from lse, and δ' of a row what its statistics and its context take from each dO·v:
//   δ' = Σ dO·O − g_lse + g_entropy H + g_max max P + Σ_s P g_col[s] + g_choice
//   dS = P ∘ (M ∘ dO Vᵀ + g_col − δ' − g_entropy ln P), and at the row's argmax g_max max P more, at its choice g_choice
//   dV = (M ∘ P)ᵀ dO,  dbias = dS; of products dK = scale dSᵀ Q, dQ = scale dS K
// M: 0 where a weight was dropped, else 1 / (1 − rate). Of scores z = C tanh(y / C) with a soft cap C, y gets dS ∘ (1 − (z / C)²).
// Of a sparse normaliser dS = R ∘ (M ∘ dO Vᵀ − δ'), R = P^(2−α) where P is above 0, δ' = Σ dO·(Σ_s R v / Σ_s R).
// Where a Gaussian G multiplies the weights, W = P ∘ G stands for P in dV and in every Σ, and dS = P ∘ (G ∘ (M ∘ dO Vᵀ + g_col) − ...).
#pragma once
#include "kernels/cpu/scores.h"

namespace {

using attend::kernels::FusedBackSizes;
using attend::kernels::FusedBackWork;
using attend::kernels::kBackKeys;
using attend::kernels::kBackRows;

// N, Scores: as of RowTile.
template <class N, class Scores>
struct BackTile {
  using V = typename N::V;
  using Real = typename N::Real;
  using Stored = typename N::Stored;
  using Row = typename N::Row;
  static constexpr int kLanes = V::kLanes;
  static constexpr int64_t kPanel = N::kPanel, kSlice = N::kSlice;
  static constexpr int64_t kTileRow = kBackKeys + 16;  // numbers from row to row of a tile
  static constexpr bool kRounded = N::kTogether > 1;
  static_assert(Scores::kPanel == kPanel && kBackKeys % kPanel == 0 && kBackKeys % kSumRows == 0 && kBackRows % kScoreRows == 0);

  static int64_t value_row(const FusedAttention& c) { return up_to_multiple(c.value_size, kSlice); }
  static int64_t value_slices(const FusedAttention& c, int64_t rows) { return value_row(c) / kSlice * N::slice_size(rows); }

  static FusedBackSizes sizes(const FusedBackWork& w) {
    const auto& c = w.call;
    const int64_t panels = w.tiles * (kBackKeys / kPanel);
    const auto bytes = [](int64_t count, auto of) { return up_to_multiple(count * static_cast<int64_t>(sizeof(of)), 64); };
    return {.plans = up_to_multiple(Scores::plan_bytes(c), 64),
            .key_panels = bytes(panels * Scores::panel_size(c), typename Scores::Key{}),
            .key_slices = bytes(Scores::key_slices(c), typename Scores::KeySlice{}),
            .value_panels = bytes(panels * N::panel_size(c.value_size), typename N::Panel{}),
            .query_rows = bytes(c.queries * Scores::query_size(c), typename Scores::Query{}),
            .query_slices = bytes(Scores::query_slices(c), typename Scores::QuerySlice{}),
            .gradient_rows = bytes(c.queries * N::row_size(c.value_size), Row{}),
            .gradient_slices = bytes(value_slices(c, c.queries), typename N::Slice{}),
            .offsets = bytes(c.queries, Real{}),
            .base2 = bytes(c.queries, Real{}),
            .query_parts = bytes(w.chunks * Scores::sums(c, c.queries), Real{}),
            .energy_parts = bytes(w.chunks * up_to_multiple(c.size, kLanes), Real{}),
            .ranges = c.window.centres || c.keep.data ? bytes(c.queries, KeyRange{}) : 0,
            .centre_parts = w.gradients.centre_gradient ? bytes(w.chunks * c.queries, Real{}) : 0};
  }

  struct Scratch {
    Real *weights, *scores, *slopes, *favours, *flows, *keys, *values, *unasked;
    int32_t* list;  // of keys
    Row *paired_weights, *paired_scores, *rounded_scores;
    int64_t bytes;
    Scratch(const FusedAttention& c, void* base) {
      Layout layout{static_cast<char*>(base)};
      layout.take(weights, kBackRows * kTileRow);
      layout.take(scores, kBackRows * kTileRow);
      layout.take(slopes, c.soft_cap > 0 ? kTileRow : 0);
      layout.take(list, kBackKeys + kLanes);
      layout.take(favours, c.window.centres ? kTileRow : 0);
      layout.take(flows, c.window.centres ? kTileRow : 0);
      layout.take(paired_weights, kRounded ? kBackRows / 2 * kTileRow : 0);
      layout.take(paired_scores, kRounded ? kBackRows / 2 * kTileRow : 0);
      layout.take(rounded_scores, kRounded ? kBackRows * kTileRow / 2 : 0);
      layout.take(keys, Scores::sums(c, kBackKeys));
      layout.take(unasked, up_to_multiple(c.size, kLanes));
      layout.take(values, kBackKeys * value_row(c));
      bytes = layout.bytes;
    }
  };
  static int64_t scratch_bytes(const FusedBackWork& w) { return Scratch(w.call, nullptr).bytes; }

  static void pack_keys(const FusedBackWork& w, int64_t head, int64_t first, int64_t last) {
    const auto& c = w.call;
    const int64_t b = head / c.key_heads, h = head % c.key_heads, keys = c.key_lengths ? c.key_lengths[b] : c.keys;
    const int64_t own = head - w.first_key_head;
    const auto plan = Scores::plan_of(c, w.plans, own);
    auto* key_panels = of_head<typename Scores::Key>(w.key_panels, w.sizes.key_panels, own);
    auto* value_panels = of_head<typename N::Panel>(w.value_panels, w.sizes.value_panels, own);
    for (int64_t tile = first; tile < last; ++tile) {
      const int64_t begin = tile * kBackKeys, end = least(begin + kBackKeys, keys);
      if (begin >= end) return;
      for (int64_t s = begin; s < end; s += kPanel) {
        if (!w.keys_there)
          Scores::take_keys(c, plan, row_of<Stored>(c.key, b, h, s), least(kPanel, end - s),
                            key_panels + s / kPanel * Scores::panel_size(c));
        N::take_panel(row_of<Stored>(c.value, b, h, s), c.value.row, least(kPanel, end - s), c.value_size, 1,
                      value_panels + s / kPanel * N::panel_size(c.value_size));
      }
      w.wild[own * w.tiles + tile] = !Scores::take_key_slices(
          c, plan, [&](int64_t s) { return row_of<Stored>(c.key, b, h, s); }, begin, end,
          of_head<typename Scores::KeySlice>(w.key_slices, w.sizes.key_slices, own));
    }
  }

  // context · flow
  template <class Number>
  static Real product(const Number* context, const Stored* flow, const FusedAttention& c) {
    V products = V::all(0);
    int64_t d = 0;
    for (; d + kLanes <= c.value_size; d += kLanes) products = fma(load_wide(context + d), load_wide(flow + d), products);
    Real total = sum(products);
    for (; d < c.value_size; ++d) total += widened(context[d]) * widened(flow[d]);
    return total;
  }

  static void pack_queries(const FusedBackWork& w, int64_t head, int64_t first, int64_t last) {
    const auto& c = w.call;
    const auto& g = w.gradients;
    const Sight<Real> sight(c, head);
    const int64_t own = head - w.first_head;
    // Where there is a plan, each query head has keys of its own.
    const auto plan = Scores::plan_of(c, w.plans, packed_head(w, head, w.first_head));
    const auto given = [&](const void* x, int64_t t) { return x ? static_cast<const Real*>(x)[head * c.queries + t] : 0; };
    last = least(last, sight.queries);
    // A row that sees nothing may hold anything, and 0 · NaN is NaN.
    const auto query = [&](int64_t t) { return given(g.lse, t) == -INFINITY ? nullptr : row_of<Stored>(c.query, sight.b, sight.h, t); };
    const auto gradient = [&](int64_t t) {
      return given(g.lse, t) == -INFINITY ? nullptr : row_of<Stored>(g.context_gradient, sight.b, sight.h, t);
    };
    for (int64_t t = first; w.ranges && t < last; ++t) of_head<KeyRange>(w.ranges, w.sizes.ranges, own)[t] = sight.range(t);
    for (int64_t t = first; t < last; ++t) {
      Scores::take_query(c, plan, query(t),
                         of_head<typename Scores::Query>(w.query_rows, w.sizes.query_rows, own) + t * Scores::query_size(c));
      N::take_row(gradient(t), c.value_size, of_head<Row>(w.gradient_rows, w.sizes.gradient_rows, own) + t * N::row_size(c.value_size));
      const Real lse = given(g.lse, t);
      of_head<Real>(w.base2, w.sizes.base2, own)[t] = lse == -INFINITY ? INFINITY : lse * static_cast<Real>(score_unit(c));
      if (lse == -INFINITY) continue;
      const Stored* flow = gradient(t);
      Real offset = g.slope_context ? product(static_cast<const Real*>(g.slope_context) + (head * c.queries + t) * c.value_size, flow, c)
                                    : product(row_of<Stored>(g.context, sight.b, sight.h, t), flow, c);
      offset -= given(g.lse_gradient, t);
      if (g.entropy_gradient) offset += given(g.entropy_gradient, t) * given(g.entropy, t);
      if (g.maximum_gradient) offset += given(g.maximum_gradient, t) * given(g.maximum, t);
      offset += given(g.column_dots, t) + given(g.choice_gradient, t);
      of_head<Real>(w.offsets, w.sizes.offsets, own)[t] = offset;
    }
    Scores::take_query_slices(c, plan, query, first, last, of_head<typename Scores::QuerySlice>(w.query_slices, w.sizes.query_slices, own));
    N::take_slices(gradient, first, last, c.value_size, c.queries,
                   of_head<typename N::Slice>(w.gradient_slices, w.sizes.gradient_slices, own));
  }

  const FusedBackWork& w;
  const FusedAttention& c;
  const Sight<Real>& sight;
  const Scratch& s;
  int64_t head, key_head, chunk;
  int64_t base;        // the key that the places of sums begin with
  int64_t begin, end;  // keys, from a panel's beginning; the rows come with each call
  typename Scores::Plan plan;
  bool favoured;  // by a Gaussian that multiplies

  int64_t own() const { return head - w.first_head; }
  int64_t own_key() const { return packed_head(w, key_head, w.first_key_head); }
  KeyRange range(int64_t t) const {
    return w.ranges ? of_head<KeyRange>(w.ranges, w.sizes.ranges, own())[t] : KeyRange{sight.first_key(t), sight.end_key(t)};
  }
  bool wild() const { return w.wild[own_key() * w.tiles + begin / kBackKeys]; }
  auto* query_slices() const { return of_head<typename Scores::QuerySlice>(w.query_slices, w.sizes.query_slices, own()); }
  auto* key_slices() const { return of_head<typename Scores::KeySlice>(w.key_slices, w.sizes.key_slices, own_key()); }
  Real* energy_part() const {
    return w.energy_parts ? of_head<Real>(w.energy_parts, w.sizes.energy_parts, head) + chunk * up_to_multiple(c.size, kLanes) : s.unasked;
  }
  int64_t width() const { return up_to_multiple(end - begin, kPanel); }

  // Scores of `count` queries from t on.
  void multiply_keys(int64_t t, int64_t count) const {
    const auto* queries = of_head<typename Scores::Query>(w.query_rows, w.sizes.query_rows, own()) + t * Scores::query_size(c);
    const auto* keys = of_head<typename Scores::Key>(w.key_panels, w.sizes.key_panels, own_key());
    for (int64_t j = 0; j < width(); j += kPanel) {
      const auto* panel = keys + (begin + j) / kPanel * Scores::panel_size(c);
      for (int64_t r = 0; r < count; r += kScoreRows)
        Scores::multiply(c, plan, least(kScoreRows, count - r), queries + r * Scores::query_size(c), panel, least(kPanel, end - begin - j),
                         s.weights + r * kTileRow + j, kTileRow);
    }
  }
  // dO Vᵀ of them.
  void multiply_values(int64_t t, int64_t count) const {
    const auto* gradients = of_head<Row>(w.gradient_rows, w.sizes.gradient_rows, own()) + t * N::row_size(c.value_size);
    const auto* values = of_head<typename N::Panel>(w.value_panels, w.sizes.value_panels, own_key());
    for (int64_t j = 0; j < width(); j += kPanel) {
      const auto* panel = values + (begin + j) / kPanel * N::panel_size(c.value_size);
      for (int64_t r = 0; r < count; r += kScoreRows)
        N::multiply(least(kScoreRows, count - r), gradients + r * N::row_size(c.value_size), panel, c.value_size, 1,
                    s.scores + r * kTileRow + j, kTileRow);
    }
  }

  // Weights and dS of the keys [first, last), up to whole vectors, from their scores and what flows into the weights.
  template <bool Entropy>
  ATTEND_INLINE void differentiate_softmax(Real* p, Real* ds, int64_t first, int64_t last, V shift, V offset, int64_t at) const {
    const auto& g = w.gradients;
    const V spread = V::all(Entropy ? static_cast<const Real*>(g.entropy_gradient)[at] * static_cast<Real>(kLn2) : 0);
    for (int64_t j = first / kLanes * kLanes; j < last; j += kLanes) {
      const V y = V::load(p + j) - shift, weight = exp2(y);
      V slope = V::load(ds + j) - offset;
      if (Entropy) slope = slope - spread * larger(V::all(static_cast<Real>(-1e30)), y);
      weight.store(p + j);
      (weight * slope).store(ds + j);
    }
  }
  // Of a sparse normaliser, by how much scores exceed their threshold, in place of them; 0 where a key has no weight or is not seen. Where
  // few keys have one, dO·v is made of these alone, and true is returned.
  bool take_listed(int64_t t, int64_t count) const {
    const auto& g = w.gradients;
    int64_t all = 0;
    for (int64_t r = 0; r < count; ++r) {
      Real* p = s.weights + r * kTileRow;
      const int64_t at = head * c.queries + t + r;
      const Real threshold = of_head<Real>(w.base2, w.sizes.base2, own())[t + r];
      const KeyRange seen = range(t + r);
      const int64_t first = least(most(seen.first - begin, 0), width());
      const int64_t last = threshold == INFINITY ? first : most(least(seen.end, end) - begin, first);
      if (sight.shapes()) sight.shape(t + r, begin + first, begin + last, p + first);
      const V zero = V::all(0), shift = V::all(threshold), rest = V::all(static_cast<const Real*>(g.lse_rest)[at]);
      for (int64_t j = first / kLanes * kLanes; j < last; j += kLanes) larger(zero, (V::load(p + j) - shift) - rest).store(p + j);
      for (int64_t j = 0; j < first; ++j) p[j] = 0;
      for (int64_t j = last; j < width(); ++j) p[j] = 0;
      for (int64_t j = 0; j < width(); j += kLanes) all += __builtin_popcount(bits_of_weights<V>(p + j));
    }
    constexpr int64_t kDenser = 6;  // a key of a list costs as much as so many of a tile
    if (kDenser * all > count * width()) return false;
    const auto* flows = of_head<Row>(w.gradient_rows, w.sizes.gradient_rows, own()) + t * N::row_size(c.value_size);
    for (int64_t r = 0; r < count; ++r) {
      Real* ds = s.scores + r * kTileRow;
      memset(ds, 0, static_cast<size_t>(width()) * sizeof(Real));
      const int64_t found = list_weights<V>(s.weights + r * kTileRow, width(), s.list);
      for (int64_t k = 0; k < found; ++k)
        ds[s.list[k]] = product(flows + r * c.value_size, row_of<Stored>(c.value, sight.b, key_head % c.key_heads, begin + s.list[k]), c);
    }
    return true;
  }
  // What take_listed() found goes into all sums.
  void add_listed(int64_t t, int64_t count) const {
    const int64_t row = value_row(c);
    const auto* flows = of_head<typename N::Slice>(w.gradient_slices, w.sizes.gradient_slices, own());
    for (int64_t r = 0; r < count; ++r) {
      const Real *p = s.weights + r * kTileRow, *ds = s.scores + r * kTileRow;
      int64_t found = list_weights<V>(p, width(), s.list);
      for (int64_t d = 0; d < row; d += kLanes) {
        const V flow = V::load(flows + d / kSlice * N::slice_size(c.queries) + (t + r) * kSlice + d % kSlice);
        for (int64_t k = 0; k < found; ++k) {
          Real* to = s.values + (begin - base + s.list[k]) * row + d;
          fma(V::all(p[s.list[k]]), flow, V::load(to)).store(to);
        }
      }
      found = list_weights<V>(ds, width(), s.list);
      Scores::add_list(*this, t + r, ds, s.list, found, s.keys,
                       of_head<Real>(w.query_parts, w.sizes.query_parts, own()) + chunk * Scores::sums(c, c.queries));
    }
  }

  // `taken`: p holds what take_listed() leaves.
  void differentiate_sparse(Real* p, Real* ds, const KeyRange& keys, V shift, V offset, V rest, bool taken) const {
    const bool squared = c.normaliser == Normaliser::kEntmax15;
    const V zero = V::all(0), one = V::all(1), half = V::all(static_cast<Real>(0.5));
    for (int64_t j = keys.first / kLanes * kLanes; j < keys.end; j += kLanes) {
      const V given = V::load(p + j), above = taken ? given : larger(zero, (given - shift) - rest), root = squared ? above * half : one;
      where_less(zero, above, root * (V::load(ds + j) - offset), zero).store(ds + j);
      (squared ? root * root : above).store(p + j);
    }
  }

  // s − p of the key begin + j.
  Real away(int64_t t, int64_t j) const { return static_cast<Real>(static_cast<double>(begin + j) - sight.centre(t)); }
  // What flows into the weights of the keys [first, last), times their Gaussian.
  void favour_flow(int64_t t, int64_t first, int64_t last, Real* ds) const {
    const Gaussian<V> gaussian(sight, t, begin);
    for (int64_t j = first / kLanes * kLanes; j < last; j += kLanes) {
      const V factor = gaussian.at(j), flow = V::load(ds + j) * factor;
      factor.store(s.favours + j);
      flow.store(s.flows + j);
      flow.store(ds + j);
    }
  }
  // The weights p of a softmax times their Gaussian; returns Σ of what flows into its exponents times s − p.
  Real favour_weights(int64_t t, int64_t first, int64_t last, Real* p) const {
    const Real start = away(t, 0);
    Real pull = 0;
    for (int64_t j = first; j < last; ++j) {
      pull += p[j] == 0 ? 0 : p[j] * s.flows[j] * (start + static_cast<Real>(j));
      p[j] *= s.favours[j];
    }
    return pull;
  }

  // Weights and dS in place of scores and of dO Vᵀ; 0 where the row does not see the key.
  template <bool Entropy>
  void differentiate(int64_t t, int64_t count, bool taken = false) const {
    const auto& g = w.gradients;
    for (int64_t r = 0; r < count; ++r) {
      Real *p = s.weights + r * kTileRow, *ds = s.scores + r * kTileRow;
      const int64_t at = head * c.queries + t + r;
      const Real base2 = of_head<Real>(w.base2, w.sizes.base2, own())[t + r];
      const KeyRange seen = range(t + r);
      const int64_t first = least(most(seen.first - begin, 0), width());
      const int64_t last = base2 == INFINITY ? first : most(least(seen.end, end) - begin, first);
      if (const int64_t low = first / kLanes * kLanes; c.soft_cap > 0)
        cap_scores<V, true>(c.soft_cap * score_unit(c), p + low, up_to_multiple(last, kLanes) - low, s.slopes + low);
      if (!taken && sight.shapes()) sight.shape(t + r, begin + first, begin + last, p + first);
      if (c.drop_keys) {
        const Drop drop = sight.drop(t + r);
        const V scale = V::all(sight.kept_scale());
        for (int64_t j = 0; j < width(); j += kLanes) dropped(drop, static_cast<uint32_t>(begin + j), V::load(ds + j), scale).store(ds + j);
      }
      if (g.column_gradient) {
        const Real* columns = static_cast<const Real*>(g.column_gradient) + head * c.keys + begin;
        for (int64_t j = first; j < last; ++j) ds[j] += columns[j];
      }
      if (favoured) favour_flow(t + r, first, last, ds);
      const V shift = V::all(base2), offset = V::all(base2 == INFINITY ? 0 : of_head<Real>(w.offsets, w.sizes.offsets, own())[t + r]);
      if (c.normaliser != Normaliser::kSoftmax) {
        differentiate_sparse(p, ds, {first, last}, shift, offset, V::all(static_cast<const Real*>(g.lse_rest)[at]), taken);
      } else {
        differentiate_softmax<Entropy>(p, ds, first, last, shift, offset, at);
      }
      // By selection: what stands there may be NaN. Where a row sees a key whose weight is 0, its value may be infinite.
      for (int64_t j = 0; j < first; ++j) p[j] = ds[j] = 0;
      for (int64_t j = last; j < width(); ++j) p[j] = ds[j] = 0;
      if (c.keep.data || c.bias.data)
        for (int64_t j = first; j < last; ++j) ds[j] = p[j] == 0 ? 0 : ds[j];
      Real pull = 0;  // Σ of what flows into each exponent −(s − p)²/2ς², times (s − p)
      if (favoured) pull = favour_weights(t + r, first, last, p);
      if (c.drop_keys) {  // values were mixed by what is kept
        const Drop drop = sight.drop(t + r);
        const V scale = V::all(sight.kept_scale());
        for (int64_t j = 0; j < width(); j += kLanes) dropped(drop, static_cast<uint32_t>(begin + j), V::load(p + j), scale).store(p + j);
      }
      if (g.maximum_gradient)
        if (const int64_t j = g.argmax[at] - begin; j >= first && j < last) {
          const Real flow = static_cast<const Real*>(g.maximum_gradient)[at] * static_cast<const Real*>(g.maximum)[at];
          ds[j] += flow;
          if (favoured) pull += flow * away(t + r, j);
        }
      if (g.choice_gradient)
        if (const int64_t j = g.choice[at] - begin; j >= first && j < last) {
          const Real flow = static_cast<const Real*>(g.choice_gradient)[at];
          ds[j] += flow;
          if (favoured) pull += flow * away(t + r, j);
        }
      if (w.centre_parts) {
        if (c.window.renormalised)
          for (int64_t j = first; j < last; ++j) pull += ds[j] * away(t + r, j);
        of_head<Real>(w.centre_parts, w.sizes.centre_parts, own())[chunk * c.queries + t + r] += pull;
      }
      if (g.distance_gradient) {
        Real* sums = static_cast<Real*>(g.distance_gradient) + sight.h * (2 * c.farthest + 1);
        const int64_t step = sight.step(t + r);
        for (int64_t j = first; j < last; ++j) sums[sight.distance(begin + j, step)] += ds[j];
      }
      if (g.bias_gradient.data) {
        const auto& to = g.bias_gradient;
        Real* sums = static_cast<Real*>(to.data) + sight.b * to.batch + sight.h * to.head + (t + r) * to.row;
        if (to.key == 1)  // so that the compiler sees vectors
          for (int64_t j = first; j < last; ++j) sums[begin + j] += ds[j];
        else
          for (int64_t j = first; j < last; ++j) sums[(begin + j) * to.key] += ds[j];
      }
      if (c.soft_cap > 0)  // the slope of a score that is NaN is NaN
        for (int64_t j = first; j < last; ++j) ds[j] = ds[j] == 0 ? 0 : ds[j] * s.slopes[j];
    }
  }

  void add(int64_t t, int64_t count) const {
    const Row *weights, *scores, *rows;
    int64_t rows_row = kTileRow;
    if constexpr (kRounded) {
      for (int64_t r = 0; r < count; r += 2) {
        const auto two = [&](const Real* tile, Row* to) {
          const Real* x = tile + r * kTileRow;
          N::round_two_rows(x, r + 1 < count ? x + kTileRow : nullptr, width(), to + r / 2 * kTileRow);
        };
        two(s.weights, s.paired_weights);
        two(s.scores, s.paired_scores);
      }
      for (int64_t r = 0; r < count; ++r) N::round_row(s.scores + r * kTileRow, width(), s.rounded_scores + r * (kTileRow / 2));
      weights = s.paired_weights, scores = s.paired_scores, rows = s.rounded_scores, rows_row = kTileRow / 2;
    } else {
      weights = s.weights, scores = rows = s.scores;
    }
    add_all_turned<N>(weights, kTileRow, end - begin, of_head<typename N::Slice>(w.gradient_slices, w.sizes.gradient_slices, own()),
                      N::slice_size(c.queries), t, count, c.value_size, s.values + (begin - base) * value_row(c));
    Scores::add(*this, t, count, scores, rows, rows_row, s.keys,
                of_head<Real>(w.query_parts, w.sizes.query_parts, own()) + chunk * Scores::sums(c, c.queries));
  }

  void pass(int64_t t, int64_t count) const {
    if (!sight.any_kept(t, count, begin, end)) return;
    multiply_keys(t, count);
    if constexpr (Scores::kListed)
      if (c.normaliser != Normaliser::kSoftmax && c.soft_cap == 0 && c.value.data) {
        const bool listed = take_listed(t, count);
        if (!listed) multiply_values(t, count);
        differentiate<false>(t, count, /*taken=*/true);
        return listed ? add_listed(t, count) : add(t, count);
      }
    multiply_values(t, count);
    if (w.gradients.entropy_gradient)
      differentiate<true>(t, count);
    else
      differentiate<false>(t, count);
    add(t, count);
  }

  // Runs of rows whose windows reach into the keys [base, all), and of these the panels that they reach.
  void pass_windows(int64_t all) {
    const auto reaches = [&](int64_t t) {
      const KeyRange seen = range(t);
      return !seen.empty() && seen.first < all && seen.end > base;
    };
    for (int64_t t = 0; t < sight.queries;) {
      if (!reaches(t)) {
        ++t;
        continue;
      }
      t = t / N::kTogether * N::kTogether;
      int64_t count = 0, first = all, last = base;
      for (; count < least(kBackRows, sight.queries - t) && (count < N::kTogether || reaches(t + count)); ++count) {
        if (!reaches(t + count)) continue;
        first = least(first, range(t + count).first);
        last = most(last, range(t + count).end);
      }
      begin = most(first, base) / kPanel * kPanel;
      end = least(last, all);
      pass(t, count);
      t += count;
    }
  }

  static void backward(const FusedBackWork& w, int64_t key_head, int64_t chunk, void* scratch) {
    const auto& c = w.call;
    const int64_t b = key_head / c.key_heads, h = key_head % c.key_heads, group = c.heads / c.key_heads;
    const int64_t keys = c.key_lengths ? c.key_lengths[b] : c.keys, row = value_row(c), key_sums = Scores::sums(c, kBackKeys),
                  query_sums = Scores::sums(c, c.queries);
    const Scratch s(c, scratch);
    const auto plan = Scores::plan_of(c, w.plans, packed_head(w, key_head, w.first_key_head));
    for (int64_t i = 0; w.centre_parts && i < group; ++i)
      memset(of_head<Real>(w.centre_parts, w.sizes.centre_parts, b * c.heads + h * group + i - w.first_head) + chunk * c.queries, 0,
             static_cast<size_t>(c.queries) * sizeof(Real));
    for (int64_t i = 0; i < group; ++i)
      memset(of_head<Real>(w.query_parts, w.sizes.query_parts, b * c.heads + h * group + i - w.first_head) + chunk * query_sums, 0,
             static_cast<size_t>(query_sums) * sizeof(Real));
    if (w.energy_parts)
      memset(of_head<Real>(w.energy_parts, w.sizes.energy_parts, key_head) + chunk * up_to_multiple(c.size, kLanes), 0,
             static_cast<size_t>(up_to_multiple(c.size, kLanes)) * sizeof(Real));
    const int64_t until = least((chunk + 1) * w.chunk, c.keys);
    for (int64_t begin = chunk * w.chunk; begin < until; begin += kBackKeys) {
      const int64_t all = least(begin + kBackKeys, until), end = least(all, keys);
      memset(s.keys, 0, static_cast<size_t>(key_sums) * sizeof(Real));
      memset(s.values, 0, static_cast<size_t>(kBackKeys * row) * sizeof(Real));
      for (int64_t i = 0; begin < end && i < group; ++i) {
        const int64_t head = b * c.heads + h * group + i;
        const Sight<Real> sight(c, head);
        BackTile tile{w, c, sight, s, head, key_head, chunk, begin, begin, end, plan, sight.favours()};
        if (w.ranges) {
          tile.pass_windows(end);
          continue;
        }
        for (int64_t t = 0; t < sight.queries; t += kBackRows) {
          const int64_t count = least(kBackRows, sight.queries - t);
          if (sight.end_key(t + count - 1) > begin && sight.first_key(t) < end) tile.pass(t, count);
        }
      }
      const auto& gradients = w.gradients;
      for (int64_t j = 0; j < all - begin; ++j) {
        Stored* to = mutable_row_of<Stored>(gradients.key_gradient, b, h, begin + j);
        Scores::put_row(c, h, s.keys, 1, 0, kBackKeys, j, to);
        to = mutable_row_of<Stored>(gradients.value_gradient, b, h, begin + j);
        for (int64_t d = 0; d < c.value_size; d += kLanes) put_part(to + d, V::load(s.values + j * row + d), c.value_size - d);
      }
    }
  }

  static void add_queries(const FusedBackWork& w, int64_t head, int64_t first, int64_t last) {
    const auto& c = w.call;
    const int64_t b = head / c.heads, h = head % c.heads, queries = c.query_lengths ? c.query_lengths[b] : c.queries;
    const Real* parts = of_head<Real>(w.query_parts, w.sizes.query_parts, head - w.first_head);
    for (int64_t t = first; t < last; ++t) {
      Stored* to = mutable_row_of<Stored>(w.gradients.query_gradient, b, h, t);
      Scores::put_row(c, h, parts, t < queries ? w.chunks : 0, Scores::sums(c, c.queries), c.queries, t, to);
    }
    const Real* pulls = of_head<Real>(w.centre_parts, w.sizes.centre_parts, head - w.first_head);
    for (int64_t t = first; w.centre_parts && t < last; ++t) {
      Real sum = 0;
      for (int64_t chunk = 0; t < queries && chunk < w.chunks; ++chunk) sum += pulls[chunk * c.queries + t];
      w.gradients.centre_gradient[head * c.queries + t] = static_cast<double>(sum) / (c.window.deviation * c.window.deviation);
    }
  }

  static void add_energy(const FusedBackWork& w, int64_t h) {
    const auto& c = w.call;
    Real* to = static_cast<Real*>(w.gradients.energy_gradient) + h * c.size;
    for (int64_t d = 0; d < c.size; ++d) {
      Real sum = 0;
      for (int64_t b = 0; b < c.batch; ++b)
        for (int64_t chunk = 0; chunk < w.chunks; ++chunk)
          sum += of_head<Real>(w.energy_parts, w.sizes.energy_parts, b * c.heads + h)[chunk * up_to_multiple(c.size, kLanes) + d];
      to[d] = sum * static_cast<Real>(c.scale);
    }
  }

  static void make_plan(const FusedBackWork& w, int64_t key_head) {
    Scores::make_plan(w.call, key_head, of_head<char>(w.plans, w.sizes.plans, key_head - w.first_key_head));
  }
};

}  // namespace
