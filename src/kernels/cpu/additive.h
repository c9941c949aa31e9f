// Scores e[t, s] = Σ_c v_c f(q[t, c] + k[s, c]), f = tanh or relu, and what flows back through them (Bahdanau et al. 2015, eq. A.1.2).
// Included by sources that are compiled once an instruction set, after packing.h.
//
// tanh(q + k) = 1 − 2ρ with ρ = 1/(1 + e^2q e^2k): both exponentials come from tables, so that a term costs a reciprocal and three
// products. Forward, two terms share the reciprocal: 1/x + 1/y = (x + y)/(x y).
#pragma once
#include "kernels/cpu/additive_tables.h"

namespace {

// Queries that are in registers together, forward and back; fewer where tanh is computed each time.
#if defined(ATTEND_ISA_avx512)
constexpr int kAddedRows = 6, kAddedRowsOfTanh = 4, kAddedRowsBack = 6, kAddedRowsBackOfTanh = 4;
#elif defined(ATTEND_ISA_avx2)
constexpr int kAddedRows = 2, kAddedRowsOfTanh = 1, kAddedRowsBack = 2, kAddedRowsBackOfTanh = 1;
#else
constexpr int kAddedRows = 2, kAddedRowsOfTanh = 1, kAddedRowsBack = 2, kAddedRowsBackOfTanh = 1;
#endif

template <class V>
struct AdditiveLoops : AdditiveTables<V> {
  using Tables = AdditiveTables<V>;
  using Tables::all, Tables::clamp, Tables::kLanes, Tables::kPanel, Tables::place;
  using typename Tables::Real, typename Tables::Path, typename Tables::Plan;
  using Back = attend::kernels::AdditiveBack;
  static constexpr int64_t kBlock = 64;  // channels that are summed before they are added to a score; their keys stay in the L1 cache

  template <Path P>
  static constexpr int kRows = P == Path::kTanh ? kAddedRowsOfTanh : kAddedRows;
  template <Path P>
  static constexpr int kRowsBack = P == Path::kTanh ? kAddedRowsBackOfTanh : kAddedRowsBack;

  // acc + w/x. Where 1/x is guessed, its step is part of the sum.
  static ATTEND_INLINE V add_quotient(V w, V x, V acc) {
    const V r = reciprocal(x);
    if constexpr (kReciprocalIsGuessed)
      return fma(w * r, fnma(x, r, V::all(2)), acc);
    else
      return fma(w, r, acc);
  }
  static ATTEND_INLINE V one_over(V x) {
    const V r = reciprocal(x);
    if constexpr (kReciprocalIsGuessed)
      return r * fnma(x, r, V::all(2));
    else
      return r;
  }
  // 1 + e^2(q + k). Where the tables do not keep it small, it ends at kCap, which is e^2x of x = kFar: tanh is 1 long before, and squares
  // of reciprocals are no denormal numbers, which would be slow.
  static constexpr double kCap = sizeof(Real) == 8 ? 0x1p80 : 0x1p50, kFar = (sizeof(Real) == 8 ? 80 : 50) / (2 * kLog2E);
  template <Path P>
  static ATTEND_INLINE V denominator(V q, V k) {
    if constexpr (P == Path::kTanh) return exp_twice(clamp(q + k, -kFar, kFar), 0) + V::all(1);
    const V x = fma(q, k, V::all(1));
    if constexpr (P == Path::kCapped) return smaller(all(kCap), x);
    return x;
  }
  // acc + what the channel c of a query adds.
  template <Path P>
  static ATTEND_INLINE V add_term(V q, V k, V w, V acc) {
    if constexpr (P == Path::kRelu) return fma(w, larger(V::all(0), q + k), acc);
    if constexpr (P == Path::kFolded) {
      const V x = fma(q, k, w), r = reciprocal(x);
      if constexpr (kReciprocalIsGuessed)
        return fma(r, fnma(x, r, V::all(2)), acc);
      else
        return acc + r;
    }
    return add_quotient(w, denominator<P>(q, k), acc);
  }

  // The scores of Rows queries and Vectors of the panel's vectors, which lie `apart`: from `size` channels; added to what is there unless
  // they are the first.
  template <Path P, int Rows, int Vectors>
  static ATTEND_INLINE void score_channels(const Plan& p, bool first, const Real* queries, int64_t queries_row, const Real* panel,
                                           int64_t apart, const Real* weights, int64_t size, Real* scores, int64_t scores_row) {
    V sums[Rows][Vectors];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sums[i][j] = V::all(0);
    int64_t c = 0;
    if constexpr (P == Path::kFolded) {
      for (; c + 2 <= size; c += 2) {
        const V w = V::all(weights[c]), other_w = V::all(weights[c + 1]);
#pragma GCC unroll 8
        for (int j = 0; j < Vectors; ++j) {
          const V k = V::load(panel + j * apart + c * kLanes), other_k = V::load(panel + j * apart + (c + 1) * kLanes);
#pragma GCC unroll 16
          for (int i = 0; i < Rows; ++i) {
            const V x = fma(V::all(queries[i * queries_row + c]), k, w);
            const V y = fma(V::all(queries[i * queries_row + c + 1]), other_k, other_w);
            sums[i][j] = add_quotient(x + y, x * y, sums[i][j]);
          }
        }
      }
    }
    for (; c < size; ++c) {
      const V w = V::all(weights[c]);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) {
        const V k = V::load(panel + j * apart + c * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < Rows; ++i) sums[i][j] = add_term<P>(V::all(queries[i * queries_row + c]), k, w, sums[i][j]);
      }
    }
    const V factor = all(p.factor), constant = all(p.constant);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) {
        Real* to = scores + i * scores_row + j * kLanes;
        fma(factor, sums[i][j], first ? constant : V::load(to)).store(to);
      }
  }
  template <Path P, int Vectors, int Rows = kRows<P>>
  static ATTEND_INLINE void score_rows(const Plan& p, bool first, int64_t rows, const Real* queries, int64_t queries_row, const Real* panel,
                                       int64_t apart, const Real* weights, int64_t size, Real* scores, int64_t scores_row) {
    if (rows >= Rows)
      return score_channels<P, Rows, Vectors>(p, first, queries, queries_row, panel, apart, weights, size, scores, scores_row);
    if constexpr (Rows > 1)
      score_rows<P, Vectors, Rows - 1>(p, first, rows, queries, queries_row, panel, apart, weights, size, scores, scores_row);
  }
  template <Path P, int Vectors>
  static void score_panel(const Plan& p, const Real* queries, int64_t rows, const Real* panel, const Real* weights, int64_t size,
                          Real* scores, int64_t scores_row) {
    for (int64_t c = 0; c < size; c += kBlock)
      for (int64_t r = 0; r < rows; r += kRows<P>)
        score_rows<P, Vectors>(p, c == 0, rows - r, queries + r * size + c, size, panel + c * kLanes, size * kLanes, weights + c,
                               least(kBlock, size - c), scores + r * scores_row, scores_row);
  }
  template <Path P>
  static void score_path(const Plan& p, const Real* queries, int64_t rows, const Real* panel, int64_t there, const Real* weights,
                         int64_t size, Real* scores, int64_t scores_row) {
    if (there <= kLanes) return score_panel<P, 1>(p, queries, rows, panel, weights, size, scores, scores_row);
    score_panel<P, kScoreVectors>(p, queries, rows, panel, weights, size, scores, scores_row);
  }

  // The scores of prepared queries [rows, size] and the first `there` keys of a panel, up to a whole vector; what lies behind it stays as
  // it is. Behind the last key stands some finite number, or NaN in a row that holds one.
  static void score(const Plan& p, const Real* queries, int64_t rows, const Real* panel, int64_t there, const Real* weights, int64_t size,
                    Real* scores, int64_t scores_row) {
    switch (p.path) {
      case Path::kFolded: return score_path<Path::kFolded>(p, queries, rows, panel, there, weights, size, scores, scores_row);
      case Path::kCapped: return score_path<Path::kCapped>(p, queries, rows, panel, there, weights, size, scores, scores_row);
      case Path::kTanh: return score_path<Path::kTanh>(p, queries, rows, panel, there, weights, size, scores, scores_row);
      case Path::kRelu: return score_path<Path::kRelu>(p, queries, rows, panel, there, weights, size, scores, scores_row);
    }
  }

  // What flows back through a tile of at most kBackRows queries, dS being that of the scores before v and what v holds:
  //   dq[t] += Σ_s dS f'(q + k),  dk[s] += Σ_t dS f'(q + k),  both yet without v;  dv += Σ_t,s dS f(q + k).
  // Behind the last channel dq, dk and dv hold harmless numbers.
  static void backward(const Back& b) {
    switch (b.plan->path) {
      case Path::kFolded: return back<Path::kFolded>(b);
      case Path::kCapped: return back<Path::kCapped>(b);
      case Path::kTanh: return back<Path::kTanh>(b);
      case Path::kRelu: return back<Path::kRelu>(b);
    }
  }

  template <Path P>
  static void back(const Back& b) {
    Real totals[attend::kernels::kBackRows];  // Σ dS of a group
    for (int64_t r = 0; r < b.rows; r += kRowsBack<P>) {
      V total = V::all(0);
      for (int64_t i = r; i < least(r + kRowsBack<P>, b.rows); ++i) {
        const Real* x = static_cast<const Real*>(b.ds) + i * b.ds_row;
        int64_t s = 0;
        for (; s + kLanes <= b.keys; s += kLanes) total = total + V::load(x + s);
        if (s < b.keys) total = total + V::load_part(x + s, static_cast<int>(b.keys - s));
      }
      totals[r / kRowsBack<P>] = sum(total);
    }
    for (int64_t c = 0, block = 0; c < b.size; c += kLanes, ++block)
      for (int64_t r = 0; r < b.rows; r += kRowsBack<P>)
        if (b.wild)
          back_rows<P, true>(b, block, r, totals[r / kRowsBack<P>]);
        else
          back_rows<P, false>(b, block, r, totals[r / kRowsBack<P>]);
  }
  template <Path P, bool Wild, int Rows = kRowsBack<P>>
  static ATTEND_INLINE void back_rows(const Back& b, int64_t block, int64_t r, Real total) {
    if (b.rows - r >= Rows) return back_group<P, Wild, Rows>(b, block, r, total);
    if constexpr (Rows > 1) back_rows<P, Wild, Rows - 1>(b, block, r, total);
  }
  // Rows queries from r on, all keys, one block of channels.
  template <Path P, bool Wild, int Rows>
  static __attribute__((noinline)) void back_group(const Back& b, int64_t block, int64_t r, Real total) {
    constexpr bool kIsRelu = P == Path::kRelu;
    const V slope = V::all(kIsRelu ? 1 : 4);  // tanh' = 4 ρ (1 − ρ)
    V q[Rows], dq[Rows], summed = V::all(0);  // summed: Σ dS ρ, of relu Σ dS f
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      q[i] = V::load(place(b.query_table, r + i, block));
      dq[i] = V::all(0);
    }
    const Real* ds[Rows];
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) ds[i] = static_cast<const Real*>(b.ds) + (r + i) * b.ds_row;
    const Real* k_at = place(b.key_table, 0, block);
    Real* dk_at = place(b.dk, 0, block);
    const int64_t keys = b.keys, k_row = b.key_table.row, dk_row = b.dk.row;
    for (int64_t s = 0; s < keys; ++s) {
      const V k = V::load(k_at);
      V weighted = V::all(0), sloped = V::all(0);
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
        const Real number = ds[i][s];
        const V g = V::all(number);
        V f, d;
        if constexpr (kIsRelu) {
          const V x = q[i] + k, y = larger(V::all(0), x);
          f = g * (Wild && number == 0 ? V::all(0) : y);
          d = where_positive(x, g);
        } else {
          const V y = one_over(denominator<P>(q[i], k)), rho = Wild && number == 0 ? V::all(0) : y;
          f = g * rho;
          d = fnma(f, rho, f);
        }
        weighted = i == 0 ? f : weighted + f;
        sloped = i == 0 ? d : sloped + d;
        dq[i] = dq[i] + d;
      }
      summed = summed + weighted;
      fma(slope, sloped, V::load(dk_at)).store(dk_at);
      k_at += k_row;
      dk_at += dk_row;
    }
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      Real* to = place(b.dq, r + i, block);
      fma(slope, dq[i], V::load(to)).store(to);
    }
    Real* to = static_cast<Real*>(b.dv) + block * kLanes;
    (V::load(to) + (kIsRelu ? summed : fma(V::all(-2), summed, V::all(total)))).store(to);
  }
};

}  // namespace
