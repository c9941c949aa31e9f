// How the scores of a row become its weights, and what is known of a row then. Included by sources that are compiled once an instruction
// set, as vectors.h.
#pragma once
#include "kernels/cpu/statistics.h"

namespace {

using attend::kernels::kTileRows;

// The rows of a tile.
template <class V>
struct RowWeights : Sight<typename V::Real> {
  using Real = typename V::Real;
  using Sight<Real>::c;
  static constexpr int kLanes = V::kLanes;

  const FusedWork& w;
  bool favoured, sparse;                                         // by a Gaussian that multiplies; another normaliser than softmax
  Real maximum[kTileRows], total[kTileRows], spread[kTileRows];  // m, Σ p, Σ p (e − m), of base-2 scores
  // Of sparse rows m is the threshold, the total 1, the spread Σ p ln p.
  Real peak[kTileRows];                     // the largest p where it is not that of the largest score
  Real slopes[kTileRows], rest[kTileRows];  // of sparse rows: Σ r; what the threshold has beyond m
  int64_t argmax[kTileRows], choice[kTileRows];
  Real chosen[kTileRows];  // the p of the choice
  Largest<Real> largest[kTileRows];

  RowWeights(const FusedWork& work, int64_t of)
      : Sight<Real>(work.call, of), w(work), favoured(this->favours()), sparse(c.normaliser != Normaliser::kSoftmax) {}

  void begin_row(int64_t r) {
    maximum[r] = -INFINITY;
    total[r] = spread[r] = 0;
    argmax[r] = -1;
    largest[r].begun = false;
  }

  // Scores x of the keys from `from` on, in whole vectors [low, high) that hold all that query t sees, with −inf beside it.
  struct Row {
    int64_t r, t, from;  // r: of the tile
    int64_t low, high;
    Real* x;
    Real* sums;  // of values, so far
    int64_t sums_row;
    Real* draws;  // room for as many numbers as x has
  };

  // Weights in place of scores, times one over what total[r] will be. Where the largest score moves, what was summed before is scaled down.
  // `again`: the row is known already.
  void make_weights(const Row& row, bool again) {
    if (sparse)
      take_sparse(row);
    else
      take_softmax(row, again);
    if (favoured) favour(row);
    if (w.results.choice) choose(row);
  }

  void take_softmax(const Row& row, bool again) {
    if (!again) take_maximum(row);
    const Real m = maximum[row.r] == -INFINITY ? 0 : maximum[row.r];
    if (again || !w.results.entropy)
      exponentials<Spread::kNone>(row, m, again);
    else if (this->shapes())
      exponentials<Spread::kOfAny>(row, m, again);
    else
      exponentials<Spread::kOfFinite>(row, m, again);
  }

  // The weights of a whole row by its threshold (rows.h).
  void take_sparse(const Row& row) {
    const int64_t r = row.r;
    const bool squared = c.normaliser == Normaliser::kEntmax15;
    Real* x = row.x + row.low;
    const int64_t n = row.high - row.low;
    const auto found = squared ? entmax_weights_row<V, 2>(x, n) : entmax_weights_row<V, 1>(x, n);
    slopes[r] = found.slopes;
    if (found.tau == INFINITY) return;
    const double threshold =
        static_cast<double>(found.maximum) + (squared ? 2 : 1) * (static_cast<double>(found.tau) + static_cast<double>(found.rest));
    maximum[r] = static_cast<Real>(threshold);
    rest[r] = static_cast<Real>(threshold - static_cast<double>(maximum[r]));
    total[r] = 1;
    for (int64_t j = 0; w.results.entropy && j < n; ++j)
      if (x[j] > 0) spread[r] += x[j] * static_cast<Real>(log_of_positive(static_cast<double>(x[j])));
    peak[r] = find_peak(row, &argmax[r]);
  }

  // Multiplies the weights of a whole row by its Gaussian; the largest is found among what they are then.
  void favour(const Row& row) {
    const Gaussian<V> gaussian(*this, row.t, row.from);
    for (int64_t j = row.low; j < row.high; j += kLanes) (V::load(row.x + j) * gaussian.at(j)).store(row.x + j);
    peak[row.r] = find_peak(row, &argmax[row.r]);
  }

  // The key of the largest of the weights of a whole row, or of w / −ln u: that is key s with the probability w[s], as the least of waiting
  // times at rates w is (the largest of ln w + g with Gumbel's g is the same).
  void choose(const Row& row) {
    int64_t place = row.low;
    if (c.noise.keys && c.noise.scale == 0) {
      draw_exponentials(this->noise_key(row.t), row.from + row.low, row.high - row.low, row.draws + row.low);
      for (int64_t j = row.low; j < row.high; j += kLanes) (V::load(row.x + j) / V::load(row.draws + j)).store(row.draws + j);
      find_maximum(row.draws, row.low, row.high, true, &place);
    } else {
      find_maximum(row.x, row.low, row.high, true, &place);
    }
    choice[row.r] = row.from + place;
    chosen[row.r] = row.x[place];
  }

  // The largest number of a row; where it is asked for, the first key that has it, and those that come after it.
  Real find_peak(const Row& row, int64_t* key) {
    if (w.results.top > 0)
      return find_largest<V>(row.x + row.low, row.high - row.low, row.from + row.low, w.results.top, largest[row.r], key);
    int64_t place = 0;
    const Real found = find_maximum(row.x, row.low, row.high, w.results.argmax != nullptr, &place);
    *key = row.from + place;
    return found;
  }

  // The largest of x[low, high), and, if asked, where it stands first: in the first block whose own largest numbers hold it.
  static Real find_maximum(const Real* x, int64_t low, int64_t high, bool placed, int64_t* place) {
    constexpr int64_t kBlock = 8 * kLanes, kBlocks = 128;  // whose maxima are kept
    V maxima[kBlocks];
    V most = V::all(-INFINITY);
    int64_t blocks = 0, j = low;
    for (; j + kBlock <= high; j += kBlock) {
      V a = larger(V::load(x + j + kLanes), V::load(x + j)), other = larger(V::load(x + j + 3 * kLanes), V::load(x + j + 2 * kLanes));
      a = larger(V::load(x + j + 4 * kLanes), a);
      other = larger(V::load(x + j + 5 * kLanes), other);
      a = larger(V::load(x + j + 6 * kLanes), a);
      other = larger(V::load(x + j + 7 * kLanes), other);
      a = larger(a, other);
      most = larger(a, most);
      if (blocks < kBlocks) maxima[blocks++] = a;
    }
    V rest = most;
    for (int64_t k = j; k < high; k += kLanes) rest = larger(V::load(x + k), rest);
    const Real found = ::largest(rest);
    if (!placed) return found;
    const V wanted = V::all(found);
    int64_t block = 0;
    while (block < blocks && !equal_bits(maxima[block], wanted)) ++block;
    for (j = low + block * kBlock; j < high; j += kLanes)
      if (const int bits = equal_bits(V::load(x + j), wanted); bits) {
        *place = j + __builtin_ctz(static_cast<unsigned>(bits));
        break;
      }
    return found;
  }

  void take_maximum(const Row& row) {
    const int64_t r = row.r;
    int64_t key = 0;
    const Real found = favoured ? find_maximum(row.x, row.low, row.high, false, &key) : find_peak(row, &key);
    if (!(found > maximum[r])) return;
    const Real was = maximum[r];
    maximum[r] = found;
    argmax[r] = key;
    if (was == -INFINITY) return;
    Real lanes[kLanes];
    exp2(V::all(was - found)).store(lanes);
    const Real down = lanes[0];
    spread[r] = down * (spread[r] + (was - found) * total[r]);
    total[r] *= down;
    for (int64_t d = 0; d < row.sums_row; d += kLanes) (V::load(row.sums + d) * V::all(down)).store(row.sums + d);
  }

  // Σ p y with y = x − m. A score of −∞ has the weight 0, and 0 · −∞ would be NaN: where they are to be expected each y is raised, which
  // takes time; elsewhere they lie at the ends of the row, or are found out by the sum.
  enum class Spread { kNone, kOfFinite, kOfAny };

  template <Spread S>
  void exponentials(const Row& row, Real m, bool again) {
    Real* x = row.x;
    const V shift = V::all(m), far = V::all(static_cast<Real>(-1e30));
    V a = V::all(0), other = a, spread_a = a, spread_other = a;
    const auto take = [&](int64_t at, bool raised, V& mass, V& sum_spread) ATTEND_INLINED {
      const V y = V::load(x + at) - shift, p = exp2(y);
      mass = mass + p;
      if (S != Spread::kNone) sum_spread = fma(p, raised ? larger(far, y) : y, sum_spread);
      p.store(x + at);
    };
    // The ends first, whatever is asked for: the order of the sums must not depend on it.
    int64_t j = row.low, end = row.high;
    take(j, true, a, spread_a);
    j += kLanes;
    if (j < end) take(end -= kLanes, true, other, spread_other);
    for (; j + 2 * kLanes <= end; j += 2 * kLanes) {
      take(j, S == Spread::kOfAny, a, spread_a);
      take(j + kLanes, S == Spread::kOfAny, other, spread_other);
    }
    for (; j < end; j += kLanes) take(j, S == Spread::kOfAny, a, spread_a);
    if (again) return;
    const Real mass = sum(a + other);
    total[row.r] += mass;
    if (S == Spread::kNone) return;
    Real spread_here = sum(spread_a + spread_other);
    if (spread_here != spread_here && mass == mass) spread_here = spread_of_weights(row);
    spread[row.r] += spread_here;
  }

  // Σ p log2 p.
  static Real spread_of_weights(const Row& row) {
    double found = 0;
    for (int64_t j = row.low; j < row.high; ++j)
      if (const double p = static_cast<double>(row.x[j]); p > 0) found += p * log_of_positive(p);
    return static_cast<Real>(found / kLn2);
  }

  // What is returned of a row beside sums of values; `at` counts rows of all heads.
  void put_row(int64_t r, int64_t at) const {
    const auto& out = w.results;
    const bool live = total[r] != 0;  // NaN is live
    const Real share = live ? 1 / total[r] : 0;
    const Real threshold = sparse ? maximum[r] : (maximum[r] + log2_of(total[r])) * static_cast<Real>(kLn2);
    if (out.lse) static_cast<Real*>(out.lse)[at] = live ? threshold : static_cast<Real>(-INFINITY);
    if (out.lse_rest) static_cast<Real*>(out.lse_rest)[at] = live ? rest[r] : 0;
    if (out.entropy) {
      const Real nats = sparse ? -spread[r] : (log2_of(total[r]) - spread[r] * share) * static_cast<Real>(kLn2);
      static_cast<Real*>(out.entropy)[at] = !live ? 0 : nats < 0 ? 0 : nats;
    }
    if (out.maximum) static_cast<Real*>(out.maximum)[at] = (favoured || sparse) && live ? peak[r] * share : share;
    if (out.argmax) out.argmax[at] = live ? argmax[r] : -1;
    if (out.choice) out.choice[at] = live ? choice[r] : -1;
    if (out.log_choice) static_cast<Real*>(out.log_choice)[at] = live ? log2_of(chosen[r] * share) * static_cast<Real>(kLn2) : 0;
    if (out.top > 0)
      put_largest<V>(largest[r], !favoured && !sparse, maximum[r], share, out.top, static_cast<Real*>(out.top_weights) + at * out.top,
                     out.top_keys + at * out.top);
  }
  // Of one that sees nothing.
  void put_no_row(int64_t at) const {
    const auto& out = w.results;
    if (out.lse) static_cast<Real*>(out.lse)[at] = static_cast<Real>(-INFINITY);
    if (out.entropy) static_cast<Real*>(out.entropy)[at] = 0;
    if (out.lse_rest) static_cast<Real*>(out.lse_rest)[at] = 0;
    if (out.maximum) static_cast<Real*>(out.maximum)[at] = 0;
    if (out.argmax) out.argmax[at] = -1;
    if (out.choice) out.choice[at] = -1;
    if (out.log_choice) static_cast<Real*>(out.log_choice)[at] = 0;
    for (int64_t k = 0; k < out.top; ++k) {
      static_cast<Real*>(out.top_weights)[at * out.top + k] = 0;
      out.top_keys[at * out.top + k] = -1;
    }
  }

  static float log2_of(float x) { return ::log2f(x); }
  static double log2_of(double x) { return ::log2(x); }
};

}  // namespace
