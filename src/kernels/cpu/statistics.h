// Statistics of rows of weights while they lie in the cache: largest keys, column sums, means and maxima over blocks. Included by sources
// that are compiled once an instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/rows.h"
#include "kernels/cpu/scores.h"

namespace {

using attend::kernels::FusedWork;
using attend::kernels::kMostTop;

// The largest scores of a row so far, falling, with their keys; of equal ones the lower key first. −∞ and −1 where there are fewer.
template <class Real>
struct Largest {
  bool begun;
  Real scores[kMostTop];
  int64_t keys[kMostTop];
};

// Takes the scores x[0, n) of the keys from `first` on, all behind those seen before, into the `wanted` largest; says which of x alone is
// the first. n is a multiple of the lanes.
template <class V>
typename V::Real find_largest(const typename V::Real* x, int64_t n, int64_t first, int64_t wanted, Largest<typename V::Real>& largest,
                              int64_t* key) {
  using Real = typename V::Real;
  const auto find = [&](Real* scores, int64_t* keys) {
    top_k_row<V>(x, n, static_cast<int>(wanted), keys, scores);
    for (int64_t k = 0; k < wanted; ++k) keys[k] += keys[k] >= 0 ? first : 0;
    *key = keys[0];
    return scores[0];
  };
  if (!largest.begun) {
    largest.begun = true;
    return find(largest.scores, largest.keys);
  }
  Real now[kMostTop], scores[kMostTop];
  int64_t keys_now[kMostTop], keys[kMostTop];
  const Real found = find(now, keys_now);
  for (int64_t k = 0, i = 0, j = 0; k < wanted; ++k) {
    const bool old = largest.scores[i] >= now[j];
    scores[k] = old ? largest.scores[i] : now[j];
    keys[k] = old ? largest.keys[i++] : keys_now[j++];
  }
  for (int64_t k = 0; k < wanted; ++k) largest.scores[k] = scores[k], largest.keys[k] = keys[k];
  return found;
}

// The weights of the largest, and their keys; 0 and −1 where a weight is 0 and where there are fewer. `scores`: it is they that were
// compared, else the weights before they are shared.
template <class V>
void put_largest(const Largest<typename V::Real>& largest, bool scores, typename V::Real maximum, typename V::Real share, int64_t wanted,
                 typename V::Real* weights, int64_t* keys) {
  static_assert(kMostTop % V::kLanes == 0);
  typename V::Real found[kMostTop];
  if (largest.begun)
    for (int64_t k = 0; k < wanted; k += V::kLanes) {
      const V x = V::load(largest.scores + k);
      ((scores ? exp2(x - V::all(maximum)) : x) * V::all(share)).store(found + k);
    }
  for (int64_t k = 0; k < wanted; ++k) {
    const bool there = largest.begun && largest.keys[k] >= 0 && found[k] != 0;
    weights[k] = there ? found[k] : 0;
    keys[k] = there ? largest.keys[k] : -1;
  }
}

// columns[j] += Σ_r shares[r] x[r][j] for j < width.
template <class V>
void add_columns(const typename V::Real* x, int64_t row, int64_t rows, const typename V::Real* shares, int64_t width,
                 typename V::Real* columns) {
  for (int64_t j = 0; j < width; j += V::kLanes) {
    const int there = static_cast<int>(least(V::kLanes, width - j));
    V y = there == V::kLanes ? V::load(columns + j) : V::load_part(columns + j, there);
    for (int64_t r = 0; r < rows; ++r) y = fma(V::all(shares[r]), V::load(x + r * row + j), y);
    if (there == V::kLanes)
      y.store(columns + j);
    else
      y.store_part(columns + j, there);
  }
}

// Sum and maximum of x[0, n) and y[0, n).
template <class V>
ATTEND_INLINE void reduce(const typename V::Real* x, const typename V::Real* y, int64_t n, typename V::Real* total,
                          typename V::Real* peak) {
  V a = V::all(0), m = a;
  int64_t j = 0;
  for (; j + V::kLanes <= n; j += V::kLanes) {
    a = a + V::load(x + j);
    m = larger(V::load(y + j), m);
  }
  if (j < n) {
    a = a + V::load_part(x + j, static_cast<int>(n - j));
    m = larger(V::load_part(y + j, static_cast<int>(n - j)), m);
  }
  *total = sum(a);
  *peak = largest(m);
}

// Adds the weights of rows t from `begin` on and keys [from, to) to the sums and maxima of their blocks, and to columns[0, to − from)
// unless null. `part` is the chunk's among w.block_parts, `first_block` its first block of rows; line and peaks have room for a row of
// scores.
template <class V>
void add_blocks(const FusedWork& w, const typename V::Real* x, int64_t row, int64_t rows, const typename V::Real* shares, int64_t begin,
                int64_t from, int64_t to, typename V::Real* line, typename V::Real* peaks, int64_t part, int64_t first_block,
                typename V::Real* columns) {
  using Real = typename V::Real;
  const auto& out = w.results;
  const int64_t across = (w.call.keys + out.pool_keys - 1) / out.pool_keys;
  Real* masses = static_cast<Real*>(w.block_parts) + part * 2 * w.part_blocks * across;
  Real* maxima = masses + w.part_blocks * across;
  for (int64_t r = 0; r < rows;) {
    const int64_t block = (begin + r) / out.pool_rows, end = least((block + 1) * out.pool_rows - begin, rows);
    for (int64_t j = 0; j < to - from; j += V::kLanes) {
      V a = V::all(0), m = a;
      for (int64_t i = r; i < end; ++i) {
        const V p = V::all(shares[i]) * V::load(x + i * row + j);
        a = a + p;
        m = larger(p, m);
      }
      a.store(line + j);
      m.store(peaks + j);
    }
    for (int64_t j = 0; columns && j < to - from; j += V::kLanes) {
      const int there = static_cast<int>(least(V::kLanes, to - from - j));
      (V::load_part(columns + j, there) + V::load(line + j)).store_part(columns + j, there);
    }
    Real* mass = masses + (block - first_block) * across;
    Real* maximum = maxima + (block - first_block) * across;
    for (int64_t key = from; key < to;) {
      const int64_t column = key / out.pool_keys, until = least((column + 1) * out.pool_keys, to);
      Real total, peak;
      reduce<V>(line + (key - from), peaks + (key - from), until - key, &total, &peak);
      mass[column] += total;
      if (peak > maximum[column]) maximum[column] = peak;
      key = until;
    }
    r = end;
  }
}

template <class Real>
void clear_parts(const FusedWork& w, int64_t part) {
  const auto& c = w.call;
  if (w.column_parts) memset(static_cast<Real*>(w.column_parts) + part * c.keys, 0, static_cast<size_t>(c.keys) * sizeof(Real));
  if (w.block_parts) {
    const int64_t numbers = 2 * w.part_blocks * ((c.keys + w.results.pool_keys - 1) / w.results.pool_keys);
    memset(static_cast<Real*>(w.block_parts) + part * numbers, 0, static_cast<size_t>(numbers) * sizeof(Real));
  }
}

// Column sums and blocks of a head from those of its chunks, in their order.
template <class Real>
void add_parts(const FusedWork& w, int64_t head) {
  const auto& c = w.call;
  const auto& out = w.results;
  if (out.column_sums) {
    Real* sums = static_cast<Real*>(out.column_sums) + head * c.keys;
    memset(sums, 0, static_cast<size_t>(c.keys) * sizeof(Real));
    for (int64_t chunk = 0; chunk < w.chunks; ++chunk) {
      const Real* part = static_cast<const Real*>(w.column_parts) + (head * w.chunks + chunk) * c.keys;
      for (int64_t s = 0; s < c.keys; ++s) sums[s] += part[s];
    }
  }
  if (!out.pooled_mean) return;
  const int64_t down = (c.queries + out.pool_rows - 1) / out.pool_rows, across = (c.keys + out.pool_keys - 1) / out.pool_keys;
  Real* mean = static_cast<Real*>(out.pooled_mean) + head * down * across;
  Real* maximum = static_cast<Real*>(out.pooled_max) + head * down * across;
  memset(mean, 0, static_cast<size_t>(down * across) * sizeof(Real));
  memset(maximum, 0, static_cast<size_t>(down * across) * sizeof(Real));
  for (int64_t chunk = 0; chunk < w.chunks; ++chunk) {
    const Real* masses = static_cast<const Real*>(w.block_parts) + (head * w.chunks + chunk) * 2 * w.part_blocks * across;
    const Real* maxima = masses + w.part_blocks * across;
    const int64_t first = chunk * w.chunk / out.pool_rows, end = least(first + w.part_blocks, down);
    for (int64_t i = 0; i < (end - first) * across; ++i) {
      mean[first * across + i] += masses[i];
      if (maxima[i] > maximum[first * across + i]) maximum[first * across + i] = maxima[i];
    }
  }
  for (int64_t i = 0; i < down; ++i)
    for (int64_t j = 0; j < across; ++j) {
      const int64_t rows = least(out.pool_rows, c.queries - i * out.pool_rows), keys = least(out.pool_keys, c.keys - j * out.pool_keys);
      mean[i * across + j] /= static_cast<Real>(rows * keys);
    }
}

}  // namespace
