#pragma once
// What the tests of fused_attention run on: cases of every mask, a plain computation in float64, memory between guards.
#include "kernels/guarded.h"
#include "kernels/loops.h"
#include "kernels/run_fused_attention.h"
#include "kernels/sorted_entmax.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "attend/core/random.h"
#include "support/expect_error.h"

namespace attend::kernels {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Sizes and masks of a call, with numbers that follow from them.
struct Case {
  std::int64_t batch = 1, heads = 1, key_heads = 1, queries = 1, keys = 1, size = 8, value_size = 8;
  std::int64_t left = kEverything, right = kEverything;
  std::vector<std::int64_t> query_lengths, key_lengths;
  ScoreKind score = ScoreKind::kProduct;
  bool keep = false, bias = false, slopes = false;
  std::int64_t document = 0;                                // keep shows a query its own stretch of so many keys; 0: here and there
  bool first_key = false;                                   // and key 0
  std::int64_t farthest = -1;                               // of distances that add to a score; −1: none do
  std::vector<std::int64_t> first_steps;                    // of items, for slopes and distances
  double drop = 0;                                          // rate
  std::vector<bool> shared = {false, false, false, false};  // of items, heads, rows and keys: the bias has one number for all
  double cap = 0;                                           // of the scores; 0: none
  std::int64_t radius = -1;                                 // of windows around centres; −1: there are none
  bool scattered = false;                                   // centres of rows that follow each other are far apart
  double deviation = 0;                                     // of their Gaussians; 0: none
  bool renormalised = false;
  Normaliser normaliser = Normaliser::kSoftmax;
  double noise = -1;   // its scale in the scores; 0: it is that of the choice alone; −1: there is none
  double stretch = 1;  // of the queries: large ones make sharp rows
  std::string name;
};

struct Inputs {
  std::vector<double> q, k, v;     // [B, H, T, D], [B, Hk, S, D], [B, Hk, S, Dv]
  std::vector<std::uint8_t> keep;  // [B, H, T, S]
  std::vector<double> energy;      // [H, D]
  std::vector<float> energy_float;
  std::vector<float> slopes;
  std::vector<std::uint64_t> drop_keys;   // [B, H, T]
  std::vector<std::uint64_t> noise_keys;  // [B, H, T]
  std::vector<double> centres;            // [B, H, T]
  std::vector<double> far;                // [H, 2F + 1]
  std::vector<float> far_float;
  std::vector<double> bias;  // its numbers, and those that a kernel with sums in float32 reads
  std::vector<float> bias_float;
};

// Strides of the bias, 0 where it is shared.
inline std::array<std::int64_t, 4> bias_strides(const Case& c) {
  const std::int64_t sizes[] = {c.batch, c.heads, c.queries, c.keys};
  std::array<std::int64_t, 4> strides{};
  std::int64_t step = 1;
  for (std::size_t i = 4; i-- > 0;) {
    if (c.shared[i]) continue;
    strides[i] = step;
    step *= sizes[i];
  }
  return strides;
}
inline std::size_t bias_place(const Case& c, std::int64_t b, std::int64_t h, std::int64_t t, std::int64_t s) {
  const auto x = bias_strides(c);
  return static_cast<std::size_t>(b * x[0] + h * x[1] + t * x[2] + s * x[3]);
}
inline std::int64_t bias_numbers(const Case& c) {
  return (c.shared[0] ? 1 : c.batch) * (c.shared[1] ? 1 : c.heads) * (c.shared[2] ? 1 : c.queries) * (c.shared[3] ? 1 : c.keys);
}

// As a float of either kind holds it, so that every kind computes with the same numbers.
inline double rounded(double x, Number number) {
  if (number == Number::kFloat64) return x;
  const auto single = static_cast<float>(x);
  if (number == Number::kFloat32) return single;
  std::uint32_t bits;
  std::memcpy(&bits, &single, 4);
  bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
  float half;
  std::memcpy(&half, &bits, 4);
  return half;
}

inline Inputs inputs_of(const Case& c, Number number) {
  Inputs in;
  const auto fill = [&](std::vector<double>& x, std::int64_t count, double step, double by) {
    for (std::int64_t i = 0; i < count; ++i)
      x.push_back(rounded(by * 1.4 * std::cos(step * static_cast<double>(i) + 0.3 * static_cast<double>(i % 7)), number));
  };
  fill(in.q, c.batch * c.heads * c.queries * c.size, 0.731, c.stretch);
  fill(in.k, c.batch * c.key_heads * c.keys * c.size, 1.173, 1);
  fill(in.v, c.batch * c.key_heads * c.keys * c.value_size, 0.577, 1);
  if (c.score != ScoreKind::kProduct) fill(in.energy, c.heads * c.size, 2.31, 0.4);
  in.energy_float.assign(in.energy.begin(), in.energy.end());
  const auto cells = c.batch * c.heads * c.queries * c.keys;
  for (std::int64_t i = 0; c.keep && i < cells; ++i) {
    const auto t = i / c.keys % c.queries, s = i % c.keys;
    if (c.document > 0)
      in.keep.push_back(t / c.document == s / c.document || (c.first_key && s == 0));
    else
      in.keep.push_back(i % 5 != 0 && i / c.keys % 11 != 3);  // rows 3, 14, ... see nothing
  }
  for (std::int64_t i = 0; c.bias && i < bias_numbers(c); ++i)
    in.bias.push_back(i % 13 == 0 ? -kInfinity : rounded(std::sin(0.37 * static_cast<double>(i)), Number::kFloat32));
  in.bias_float.assign(in.bias.begin(), in.bias.end());
  for (std::int64_t i = 0; c.farthest >= 0 && i < c.heads * (2 * c.farthest + 1); ++i)
    in.far.push_back(rounded(std::cos(0.83 * static_cast<double>(i)), Number::kFloat32));
  in.far_float.assign(in.far.begin(), in.far.end());
  for (std::int64_t i = 0; c.drop > 0 && i < c.batch * c.heads * c.queries; ++i)
    in.drop_keys.push_back(0x9e3779b97f4a7c15u * static_cast<std::uint64_t>(i + 1));
  for (std::int64_t i = 0; c.noise >= 0 && i < c.batch * c.heads * c.queries; ++i)
    in.noise_keys.push_back(0xd1b54a32d192ed03u * static_cast<std::uint64_t>(i + 1));
  for (std::int64_t i = 0; c.radius >= 0 && i < c.batch * c.heads * c.queries; ++i) {
    // Whole numbers, halves, some beyond either end; of scattered ones a third of the source apart.
    const auto t = i % c.queries, step = c.scattered ? t * (c.keys / 3 + 1) % (c.keys + 4) - 2 : t * c.keys / c.queries;
    in.centres.push_back(static_cast<double>(step) + static_cast<double>(i % 4) * 0.25);
  }
  for (std::int64_t h = 0; c.slopes && h < c.heads; ++h) in.slopes.push_back(0.25f / static_cast<float>(h + 1));
  return in;
}

inline double scale_of(const Case& c) { return c.score == ScoreKind::kProduct ? 1 / std::sqrt(static_cast<double>(c.size)) : 0.8; }
inline double activated(ScoreKind score, double x) { return score == ScoreKind::kTanh ? std::tanh(x) : std::max(x, 0.0); }

// The step of a row, and the place of what its distance to a key adds.
inline std::int64_t step_of(const Case& c, std::int64_t b, std::int64_t t) {
  const auto of_item = [&](const std::vector<std::int64_t>& given, std::int64_t otherwise) {
    return given.empty() ? otherwise : given[static_cast<std::size_t>(b)];
  };
  return t + of_item(c.first_steps, of_item(c.key_lengths, c.keys) - of_item(c.query_lengths, c.queries));
}
inline std::size_t far_place(const Case& c, std::int64_t h, std::int64_t s, std::int64_t step) {
  return static_cast<std::size_t>(h * (2 * c.farthest + 1) + std::clamp(s - step, -c.farthest, c.farthest) + c.farthest);
}

// What a weight is multiplied by when values are mixed: the mixer that ops/dropout.h draws with.
inline double kept(const Case& c, const Inputs& in, std::int64_t row, std::int64_t s) {
  if (c.drop == 0) return 1;
  const auto key = in.drop_keys[static_cast<std::size_t>(row)];
  auto x = static_cast<std::uint32_t>(s) ^ static_cast<std::uint32_t>(key);
  const auto mix = [&] {
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    x ^= x >> 16;
  };
  mix();
  x += static_cast<std::uint32_t>(key >> 32);
  mix();
  return static_cast<std::int32_t>(x) < static_cast<std::int64_t>(c.drop * 4294967296.0) - 2147483648 ? 0 : 1 / (1 - c.drop);
}

// What a call gives, as float64.
struct Outputs {
  std::vector<double> context, lse, entropy, maximum, columns;
  std::vector<std::int64_t> argmax, choice;
  std::vector<double> log_choice;
  std::vector<double> slope_context, slopes;  // [B, H, T, Dv], and [B, H, T, S]: r, of the plain computation
  std::vector<double> drawn;                  // [B, H, T, S]: what the choice is the largest of, of the plain computation
  std::vector<double> top_weights, pooled_mean, pooled_max, row_weights;
  std::vector<std::int64_t> top_keys;
  std::vector<double> scores, weights;  // [B, H, T, S], of the plain computation
  std::vector<double> products;         // the same, before distances and biases; NaN where not seen
};

// What is asked of every call with statistics: the largest weights of each row, means and maxima of blocks, and these rows in full.
constexpr std::int64_t kTop = 3, kPoolRows = 7, kPoolKeys = 5;
inline std::int64_t top_of(const Case& c) { return std::min(kTop, c.keys); }
inline std::vector<std::int64_t> rows_of(const Case& c) {
  std::set<std::int64_t> rows{0, c.queries / 2, c.queries - 1};
  return c.queries > 0 ? std::vector<std::int64_t>(rows.begin(), rows.end()) : std::vector<std::int64_t>{};
}

// Statistics of weights [B, H, T, S].
inline void add_statistics_plainly(const Case& c, Outputs& out) {
  const auto down = (c.queries + kPoolRows - 1) / kPoolRows, across = (c.keys + kPoolKeys - 1) / kPoolKeys;
  for (std::int64_t head = 0; head < c.batch * c.heads; ++head) {
    const auto w = [&](std::int64_t t, std::int64_t s) {
      return out.weights[static_cast<std::size_t>((head * c.queries + t) * c.keys + s)];
    };
    for (std::int64_t t = 0; t < c.queries; ++t) {
      std::vector<std::int64_t> keys(static_cast<std::size_t>(c.keys));
      std::iota(keys.begin(), keys.end(), 0);
      std::stable_sort(keys.begin(), keys.end(), [&](std::int64_t a, std::int64_t b) { return w(t, a) > w(t, b); });
      for (std::int64_t k = 0; k < top_of(c); ++k) {
        const auto key = keys[static_cast<std::size_t>(k)];
        out.top_weights.push_back(w(t, key));
        out.top_keys.push_back(w(t, key) > 0 ? key : -1);
      }
    }
    for (std::int64_t i = 0; i < down; ++i)
      for (std::int64_t j = 0; j < across; ++j) {
        double total = 0, most = 0, count = 0;
        for (std::int64_t t = i * kPoolRows; t < std::min((i + 1) * kPoolRows, c.queries); ++t)
          for (std::int64_t s = j * kPoolKeys; s < std::min((j + 1) * kPoolKeys, c.keys); ++s) {
            total += w(t, s), count += 1;
            most = std::max(most, w(t, s));
          }
        out.pooled_mean.push_back(total / count);
        out.pooled_max.push_back(most);
      }
    for (const auto t : rows_of(c))
      for (std::int64_t s = 0; s < c.keys; ++s) out.row_weights.push_back(w(t, s));
  }
}

inline Outputs plainly(const Case& c, const Inputs& in) {
  Outputs out;
  out.columns.assign(static_cast<std::size_t>(c.batch * c.heads * c.keys), 0);
  for (std::int64_t b = 0; b < c.batch; ++b)
    for (std::int64_t h = 0; h < c.heads; ++h)
      for (std::int64_t t = 0; t < c.queries; ++t) {
        const auto kh = b * c.key_heads + h / (c.heads / c.key_heads), row = (b * c.heads + h) * c.queries + t;
        const auto tb = c.query_lengths.empty() ? c.queries : c.query_lengths[static_cast<std::size_t>(b)];
        const auto sb = c.key_lengths.empty() ? c.keys : c.key_lengths[static_cast<std::size_t>(b)];
        std::vector<double> e(static_cast<std::size_t>(c.keys), -kInfinity);
        const auto near = [&](std::int64_t s) { return static_cast<double>(s) - in.centres[static_cast<std::size_t>(row)]; };
        const auto exponent = [&](std::int64_t s) { return c.deviation > 0 ? -near(s) * near(s) / (2 * c.deviation * c.deviation) : 0; };
        std::vector<double> gumbel(e.size(), 0);
        if (c.noise >= 0) {
          RandomStream stream(in.noise_keys[static_cast<std::size_t>(row)]);
          for (auto& g : gumbel) g = -std::log(-std::log((static_cast<double>(stream() >> 12) + 0.5) * 0x1.0p-52));
        }
        std::vector<double> products(static_cast<std::size_t>(c.keys), std::nan(""));
        double m = -kInfinity;
        for (std::int64_t s = 0; s < sb && t < tb; ++s) {
          const auto at = t + sb - tb;
          const auto cell = static_cast<std::size_t>(row * c.keys + s);
          if (s < at - c.left || s > at + c.right || (c.keep && !in.keep[cell])) continue;
          if (c.radius >= 0 && std::abs(near(s)) > static_cast<double>(c.radius)) continue;
          double x = 0;
          for (std::int64_t d = 0; d < c.size; ++d) {
            const auto a = in.q[static_cast<std::size_t>(row * c.size + d)],
                       k = in.k[static_cast<std::size_t>((kh * c.keys + s) * c.size + d)];
            x += c.score == ScoreKind::kProduct ? a * k : in.energy[static_cast<std::size_t>(h * c.size + d)] * activated(c.score, a + k);
          }
          x *= scale_of(c);
          if (c.cap > 0) x = c.cap * std::tanh(x / c.cap);
          products[static_cast<std::size_t>(s)] = x;
          if (c.slopes)
            x -= static_cast<double>(in.slopes[static_cast<std::size_t>(h)]) * static_cast<double>(std::abs(s - step_of(c, b, t)));
          if (c.farthest >= 0) x += in.far[far_place(c, h, s, step_of(c, b, t))];
          if (c.renormalised) x += exponent(s);
          if (c.noise > 0) x += c.noise * gumbel[static_cast<std::size_t>(s)];
          if (c.bias) x += in.bias[bias_place(c, b, h, t, s)];
          e[static_cast<std::size_t>(s)] = x;
          m = std::max(m, x);
        }
        double l = 0, spread = 0;
        for (const auto x : e)
          if (x > -kInfinity) l += std::exp(x - m), spread += std::exp(x - m) * (x - m);
        out.argmax.push_back(-1);
        out.scores.insert(out.scores.end(), e.begin(), e.end());
        out.products.insert(out.products.end(), products.begin(), products.end());
        double most = 0;
        std::vector<double> w(e.size(), 0);  // what values are multiplied by
        for (std::int64_t s = 0; s < c.keys && l > 0; ++s) {
          const auto i = static_cast<std::size_t>(s);
          if (e[i] > -kInfinity) w[i] = std::exp(e[i] - m) / l * (c.deviation > 0 && !c.renormalised ? std::exp(exponent(s)) : 1);
          if (w[i] > most) most = w[i], out.argmax.back() = s;
        }
        out.lse.push_back(l > 0 ? m + std::log(l) : -kInfinity);
        out.entropy.push_back(l > 0 ? std::log(l) - spread / l : 0);
        if (c.normaliser != Normaliser::kSoftmax && l > 0) {
          const int power = c.normaliser == Normaliser::kEntmax15 ? 2 : 1;
          const auto found = sorted_weights(e, power);
          w = found.weights;
          const auto peak = std::max_element(w.begin(), w.end());
          out.argmax.back() = peak - w.begin();
          most = *peak;
          out.lse.back() =
              e[static_cast<std::size_t>(out.argmax.back())] - power * found.above[static_cast<std::size_t>(out.argmax.back())];
          out.entropy.back() = 0;
          for (const auto x : w)
            if (x > 0) out.entropy.back() -= x * std::log(x);
        }
        std::vector<double> slopes(w.size(), 0);
        for (std::size_t i = 0; i < w.size(); ++i) slopes[i] = w[i] > 0 ? c.normaliser == Normaliser::kEntmax15 ? std::sqrt(w[i]) : 1 : 0;
        const auto all_slopes = std::accumulate(slopes.begin(), slopes.end(), 0.0);
        out.slopes.insert(out.slopes.end(), slopes.begin(), slopes.end());
        for (std::int64_t d = 0; d < c.value_size && c.normaliser != Normaliser::kSoftmax; ++d) {
          double x = 0;
          for (std::int64_t s = 0; s < c.keys; ++s)
            if (const auto y = slopes[static_cast<std::size_t>(s)]; y > 0)
              x += kept(c, in, row, s) * y * in.v[static_cast<std::size_t>((kh * c.keys + s) * c.value_size + d)];
          out.slope_context.push_back(all_slopes > 0 ? x / all_slopes : 0);
        }
        out.maximum.push_back(most);
        for (std::int64_t d = 0; d < c.value_size; ++d) {
          double x = 0;
          for (std::int64_t s = 0; s < c.keys; ++s)
            if (const auto y = w[static_cast<std::size_t>(s)]; y > 0)
              x += kept(c, in, row, s) * y * in.v[static_cast<std::size_t>((kh * c.keys + s) * c.value_size + d)];
          out.context.push_back(x);
        }
        for (std::int64_t s = 0; s < c.keys; ++s)
          out.columns[static_cast<std::size_t>((b * c.heads + h) * c.keys + s)] += w[static_cast<std::size_t>(s)];
        out.weights.insert(out.weights.end(), w.begin(), w.end());
        auto drawn = w;
        for (std::size_t i = 0; i < w.size(); ++i) drawn[i] = w[i] > 0 ? std::log(w[i]) + (c.noise == 0 ? gumbel[i] : 0) : -kInfinity;
        const auto best = std::max_element(drawn.begin(), drawn.end());
        out.choice.push_back(l > 0 ? best - drawn.begin() : -1);
        out.log_choice.push_back(l > 0 ? std::log(w[static_cast<std::size_t>(best - drawn.begin())]) : 0);
        out.drawn.insert(out.drawn.end(), drawn.begin(), drawn.end());
      }
  add_statistics_plainly(c, out);
  return out;
}

struct How {
  Isa isa = Isa::kPortable;
  Number number = Number::kFloat32;
  bool statistics = true;
  int workers = 1;
  bool swapped = false;  // [B, L, H, D] in memory
  bool at_page = true;
  bool packed = false;              // keys and values are packed beforehand
  std::vector<std::int64_t> items;  // and of these items
};

// Packs the keys and values of a call, which then reads them there alone.
inline std::shared_ptr<const PackedSource> pack_beforehand(const How& how, FusedAttention& call) {
  if (!how.packed) return nullptr;
  OneWorker one;
  std::shared_ptr<const PackedSource> source = std::make_shared<PackedSource>(call, true, how.isa, one);
  if (!how.items.empty()) source = selected(*source, how.items);
  call.packed = source.get();
  call.key.data = call.value.data = nullptr;
  return source;
}

// The call without its tensors; lengths and masks are those of `c` and `in`, which must live as long.
inline FusedAttention described(const Case& c, const Inputs& in, Number number) {
  FusedAttention call;
  call.number = number;
  call.batch = c.batch, call.heads = c.heads, call.key_heads = c.key_heads;
  call.queries = c.queries, call.keys = c.keys, call.size = c.size, call.value_size = c.value_size;
  call.scale = scale_of(c), call.soft_cap = c.cap;
  call.score = c.score;
  call.energy = number == Number::kFloat64 ? static_cast<const void*>(in.energy.data()) : in.energy_float.data();
  call.left = c.left, call.right = c.right;
  call.query_lengths = c.query_lengths.empty() ? nullptr : c.query_lengths.data();
  call.key_lengths = c.key_lengths.empty() ? nullptr : c.key_lengths.data();
  const auto cells = [&](auto& x) { x.batch = c.heads * c.queries * c.keys, x.head = c.queries * c.keys, x.row = c.keys, x.key = 1; };
  if (c.keep) call.keep.data = in.keep.data(), cells(call.keep);
  if (c.bias) {
    const auto x = bias_strides(c);
    call.bias = {nullptr, x[0], x[1], x[2], x[3]};
    call.bias.data = number == Number::kFloat64 ? static_cast<const void*>(in.bias.data()) : in.bias_float.data();
  }
  if (c.slopes) call.slopes = in.slopes.data();
  if (c.farthest >= 0) {
    call.by_distance = number == Number::kFloat64 ? static_cast<const void*>(in.far.data()) : in.far_float.data();
    call.farthest = c.farthest;
  }
  if (!c.first_steps.empty()) call.first_steps = c.first_steps.data();
  if (c.radius >= 0) call.window = {in.centres.data(), c.radius, c.deviation, c.renormalised};
  call.normaliser = c.normaliser;
  if (c.noise >= 0) call.noise = {in.noise_keys.data(), c.noise};
  if (c.drop > 0) call.drop_keys = in.drop_keys.data(), call.drop_rate = c.drop;
  return call;
}

struct Ran {
  Outputs out;
  std::string bits;  // of the context
  Isa isa;
};

inline Ran run(const Case& c, const Inputs& in, const How& how) {
  const auto bytes = bytes_of(how.number);
  const auto real = how.number == Number::kFloat64 ? Number::kFloat64 : Number::kFloat32;
  auto call = described(c, in, how.number);
  // Strides of [B, H, L, D] in this order, or with H and L swapped.
  const auto strides = [&](std::int64_t heads, std::int64_t rows, std::int64_t size, auto& x) {
    x.batch = heads * rows * size;
    x.head = how.swapped ? size : rows * size;
    x.row = how.swapped ? heads * size : size;
  };
  const auto put = [&](const std::vector<double>& from, const Bytes& to, std::int64_t heads, std::int64_t rows, std::int64_t size,
                       Rows& x) {
    strides(heads, rows, size, x);
    x.data = to.data();
    for (std::int64_t b = 0; b < c.batch; ++b)
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t d = 0; d < size; ++d)
            write(to.data() + static_cast<std::size_t>(b * x.batch + h * x.head + i * x.row + d) * bytes,
                  from[static_cast<std::size_t>(((b * heads + h) * rows + i) * size + d)], how.number);
  };
  const Bytes q(in.q.size() * bytes, how.at_page), k(in.k.size() * bytes, how.at_page), v(in.v.size() * bytes, how.at_page);
  put(in.q, q, c.heads, c.queries, c.size, call.query);
  put(in.k, k, c.key_heads, c.keys, c.size, call.key);
  put(in.v, v, c.key_heads, c.keys, c.value_size, call.value);
  const auto rows = static_cast<std::size_t>(c.batch * c.heads * c.queries), columns = static_cast<std::size_t>(c.batch * c.heads * c.keys);
  const auto wide = bytes_of(real);
  const Bytes context(rows * static_cast<std::size_t>(c.value_size) * bytes, how.at_page), lse(rows * wide, how.at_page),
      entropy(rows * wide, how.at_page), maximum(rows * wide, how.at_page), argmax(rows * 8, how.at_page), choice(rows * 8, how.at_page),
      log_choice(rows * wide, how.at_page), slope_context(rows * static_cast<std::size_t>(c.value_size) * wide, how.at_page),
      lse_rest(rows * wide, how.at_page), sums(columns * wide, how.at_page);
  const auto top = static_cast<std::size_t>(top_of(c));
  const auto asked = rows_of(c);
  const auto blocks =
      static_cast<std::size_t>(c.batch * c.heads * ((c.queries + kPoolRows - 1) / kPoolRows) * ((c.keys + kPoolKeys - 1) / kPoolKeys));
  const auto cells = static_cast<std::size_t>(c.batch * c.heads * c.keys) * asked.size();
  const Bytes top_weights(rows * top * wide, how.at_page), top_keys(rows * top * 8, how.at_page), mean(blocks * wide, how.at_page),
      peak(blocks * wide, how.at_page), full(cells * wide, how.at_page);
  FusedResults results;
  strides(c.heads, c.queries, c.value_size, results.context);
  results.context.data = context.data();
  if (how.statistics) {
    results.lse = lse.data(), results.entropy = entropy.data(), results.maximum = maximum.data(), results.column_sums = sums.data();
    results.argmax = reinterpret_cast<std::int64_t*>(argmax.data());
    if (c.normaliser != Normaliser::kSoftmax) results.slope_context = slope_context.data(), results.lse_rest = lse_rest.data();
    if (c.keys <= kMostWhole) {
      results.choice = reinterpret_cast<std::int64_t*>(choice.data());
      results.log_choice = log_choice.data();
    }
    results.top = top_of(c), results.top_weights = top_weights.data();
    results.top_keys = reinterpret_cast<std::int64_t*>(top_keys.data());
    results.pool_rows = kPoolRows, results.pool_keys = kPoolKeys;
    results.pooled_mean = mean.data(), results.pooled_max = peak.data();
    results.rows = asked.data(), results.row_count = static_cast<std::int64_t>(asked.size()), results.row_weights = full.data();
  }
  Ran ran;
  Crew crew(how.workers);
  OneWorker one;
  Workers& workers = how.workers > 1 ? static_cast<Workers&>(crew) : one;
  const auto source = pack_beforehand(how, call);
  ran.isa = run_fused_attention(how.isa, call, results, workers, "test");
  for (const auto* guarded : {&q, &k, &v, &context, &lse, &entropy, &maximum, &argmax, &choice, &log_choice, &slope_context, &lse_rest,
                              &sums, &top_weights, &top_keys, &mean, &peak, &full})
    EXPECT_TRUE(guarded->guarded());
  for (std::int64_t b = 0; b < c.batch; ++b)
    for (std::int64_t h = 0; h < c.heads; ++h)
      for (std::int64_t t = 0; t < c.queries; ++t)
        for (std::int64_t d = 0; d < c.value_size; ++d) {
          const char* at =
              context.data() +
              static_cast<std::size_t>(b * results.context.batch + h * results.context.head + t * results.context.row + d) * bytes;
          ran.bits.append(at, bytes);
          ran.out.context.push_back(read(at, how.number));
        }
  for (std::size_t i = 0; how.statistics && i < rows; ++i) {
    ran.out.lse.push_back(read(lse.data() + i * wide, real) + (results.lse_rest ? read(lse_rest.data() + i * wide, real) : 0));
    ran.out.entropy.push_back(read(entropy.data() + i * wide, real));
    ran.out.maximum.push_back(read(maximum.data() + i * wide, real));
    ran.out.argmax.push_back(results.argmax[i]);
    if (!results.choice) continue;
    ran.out.choice.push_back(results.choice[i]);
    ran.out.log_choice.push_back(read(log_choice.data() + i * wide, real));
  }
  const auto numbers = [&](const Bytes& from, std::size_t count, std::vector<double>& to) {
    for (std::size_t i = 0; how.statistics && i < count; ++i) to.push_back(read(from.data() + i * wide, real));
  };
  numbers(sums, columns, ran.out.columns);
  if (results.slope_context) numbers(slope_context, rows * static_cast<std::size_t>(c.value_size), ran.out.slope_context);
  numbers(top_weights, rows * top, ran.out.top_weights);
  numbers(mean, blocks, ran.out.pooled_mean);
  numbers(peak, blocks, ran.out.pooled_max);
  numbers(full, cells, ran.out.row_weights);
  for (std::size_t i = 0; how.statistics && i < rows * top; ++i) ran.out.top_keys.push_back(results.top_keys[i]);
  return ran;
}

// The largest difference; infinity where one is NaN or infinite and the other is not the same.
inline double apart(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return kInfinity;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const auto d = std::abs(a[i] - b[i]);
    if (!(d < kInfinity)) return kInfinity;
    worst = std::max(worst, d);
  }
  return worst;
}

inline std::vector<Isa> sets_here() {
  std::vector<Isa> sets;
  for (const auto isa : instruction_sets())
    if (cpu_has(isa)) sets.push_back(isa);
  return sets;
}

// Each set in turn, with the numbers that it may have loops of its own for.
inline std::vector<How> sets_and_numbers() {
  std::vector<How> all;
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16}) all.push_back({.isa = isa, .number = number});
  return all;
}

inline std::vector<Case> masked_cases() {
  return {{.queries = 49, .keys = 49, .right = 0, .name = "causal"},
          {.queries = 25, .keys = 97, .right = 0, .name = "causal, fewer queries"},
          {.queries = 97, .keys = 25, .right = 0, .name = "causal, more queries: the first rows see nothing"},
          {.queries = 113, .keys = 113, .left = 5, .right = 3, .name = "window"},
          {.queries = 257, .keys = 257, .left = 16, .right = 0, .name = "causal window"},
          {.batch = 3,
           .heads = 2,
           .key_heads = 2,
           .queries = 33,
           .keys = 47,
           .query_lengths = {33, 0, 17},
           .key_lengths = {47, 12, 0},
           .name = "lengths"},
          {.batch = 2,
           .heads = 2,
           .key_heads = 1,
           .queries = 48,
           .keys = 48,
           .right = 0,
           .query_lengths = {48, 31},
           .key_lengths = {40, 31},
           .name = "causal lengths"},
          {.heads = 8, .key_heads = 2, .queries = 17, .keys = 23, .name = "grouped"},
          {.queries = 25, .keys = 47, .keep = true, .name = "keep"},
          {.heads = 2, .key_heads = 1, .queries = 131, .keys = 143, .keep = true, .document = 29, .name = "documents"},
          {.queries = 131, .keys = 131, .right = 0, .keep = true, .document = 29, .first_key = true, .name = "documents and the first key"},
          {.queries = 7, .keys = 143, .keep = true, .document = 3, .first_key = true, .name = "documents of few queries"},
          {.queries = 25, .keys = 47, .bias = true, .name = "bias"},
          {.batch = 2,
           .heads = 2,
           .key_heads = 2,
           .queries = 50,
           .keys = 110,
           .bias = true,
           .shared = {true, false, false, false},
           .name = "bias of all items"},
          {.batch = 2,
           .heads = 4,
           .key_heads = 2,
           .queries = 25,
           .keys = 47,
           .bias = true,
           .shared = {false, true, true, false},
           .name = "bias of keys"},
          {.batch = 2,
           .heads = 2,
           .key_heads = 1,
           .queries = 25,
           .keys = 1100,
           .bias = true,
           .shared = {true, true, false, true},
           .name = "bias of rows"},
          {.heads = 2, .key_heads = 2, .queries = 25, .keys = 47, .slopes = true, .name = "slopes"},
          {.batch = 2,
           .heads = 2,
           .key_heads = 1,
           .queries = 51,
           .keys = 60,
           .key_lengths = {60, 33},
           .slopes = true,
           .farthest = 7,
           .first_steps = {0, 20},
           .name = "distances"},
          {.heads = 2, .key_heads = 1, .queries = 40, .keys = 1100, .right = 0, .farthest = 0, .name = "distances of several chunks"},
          {.heads = 2, .key_heads = 1, .queries = 51, .keys = 101, .right = 0, .drop = 0.3, .name = "dropped"},
          {.batch = 2,
           .heads = 4,
           .key_heads = 2,
           .queries = 49,
           .keys = 49,
           .size = 20,
           .value_size = 40,
           .left = 30,
           .right = 0,
           .query_lengths = {49, 20},
           .key_lengths = {49, 20},
           .keep = true,
           .bias = true,
           .slopes = true,
           .drop = 0.1,
           .name = "all at once"},
          {.queries = 30, .keys = 300, .stretch = 300, .name = "sharp"},
          {.heads = 4,
           .key_heads = 2,
           .queries = 50,
           .keys = 110,
           .right = 0,
           .keep = true,
           .bias = true,
           .slopes = true,
           .farthest = 3,
           .drop = 0.2,
           .cap = 1.5,
           .stretch = 4,
           .name = "capped"},
          {.queries = 26, .keys = 97, .cap = 50, .stretch = 300, .name = "capped, sharp"}};
}

// Windows around centres: near each other and far apart, with and without a Gaussian of either kind.
inline std::vector<Case> windowed_cases() {
  std::vector<Case> cases;
  for (const auto scattered : {false, true})
    for (const auto deviation : {0.0, 2.5})
      for (const auto renormalised : {false, true}) {
        if (renormalised && deviation == 0) continue;
        const auto name = std::string(scattered ? "scattered" : "near") + (renormalised    ? ", renormalised"
                                                                           : deviation > 0 ? ", Gaussian"
                                                                                           : "");
        const auto add = [&](Case c, const char* what) {
          c.scattered = scattered, c.deviation = deviation, c.renormalised = renormalised, c.name = name + what;
          cases.push_back(c);
        };
        add({.queries = 113, .keys = 257, .radius = 5}, "");
        add({.queries = 50, .keys = 97, .radius = 0}, ", of one key");
        add({.queries = 26, .keys = 1100, .radius = 70}, ", wide");
        add({.queries = 26, .keys = 33, .radius = 100}, ", wider than the source");
        add({.batch = 3,
             .heads = 4,
             .key_heads = 2,
             .queries = 49,
             .keys = 110,
             .size = 20,
             .value_size = 40,
             .query_lengths = {49, 20, 7},
             .key_lengths = {110, 60, 0},
             .keep = true,
             .bias = true,
             .slopes = true,
             .drop = 0.2,
             .cap = 2,
             .radius = 7,
             .stretch = 2},
            ", all at once");
      }
  return cases;
}

// Choices and noise. That of the choice alone changes no weight.
inline std::vector<Case> drawn_cases() {
  std::vector<Case> cases;
  for (auto c : masked_cases()) {
    if (c.stretch > 100) continue;
    c.noise = 0, c.name += ", drawn";
    cases.push_back(c);
    c.noise = 1.5, c.name += " into the scores";
    cases.push_back(c);
  }
  return cases;
}

// The masked cases with the normalisers that give weights of 0, and windows.
inline std::vector<Case> sparse_cases() {
  std::vector<Case> cases;
  for (const auto normaliser : {Normaliser::kEntmax15, Normaliser::kSparsemax}) {
    auto all = masked_cases();
    all.push_back({.queries = 51, .keys = 513, .name = "long"});
    all.push_back({.heads = 2,
                   .key_heads = 1,
                   .queries = 50,
                   .keys = 97,
                   .keep = true,
                   .radius = 9,
                   .scattered = true,
                   .deviation = 4,
                   .renormalised = true,
                   .name = "window"});
    for (auto c : all) {
      if (c.stretch > 100) continue;
      c.normaliser = normaliser, c.name += normaliser == Normaliser::kEntmax15 ? ", entmax-1.5" : ", sparsemax";
      cases.push_back(c);
      if (!c.bias && c.heads == c.key_heads) {
        c.score = ScoreKind::kTanh, c.name += ", tanh";
        cases.push_back(c);
      }
    }
  }
  return cases;
}

// One of each kind of weights beside plain softmax, of items that are padded.
inline std::vector<Case> kinds_of_weights() {
  const Case padded{.batch = 2,
                    .heads = 2,
                    .key_heads = 1,
                    .queries = 130,
                    .keys = 210,
                    .size = 20,
                    .value_size = 24,
                    .query_lengths = {130, 50},
                    .key_lengths = {210, 90}};
  std::vector<Case> cases(6, padded);
  cases[0].radius = 6, cases[0].scattered = true, cases[0].deviation = 3, cases[0].name = "Gaussian";
  cases[1].radius = 11, cases[1].name = "window";
  cases[2].noise = 0, cases[2].name = "drawn";
  cases[3].noise = 2, cases[3].name = "noise";
  cases[4].normaliser = Normaliser::kEntmax15, cases[4].drop = 0.2, cases[4].name = "entmax-1.5";
  cases[5].normaliser = Normaliser::kSparsemax, cases[5].stretch = 5, cases[5].cap = 3, cases[5].name = "sparsemax";
  return cases;
}

// The masked cases that have keys for each query head, with additive scores.
inline std::vector<Case> additive_cases() {
  std::vector<Case> cases;
  for (const auto score : {ScoreKind::kTanh, ScoreKind::kRelu})
    for (auto c : [&] {
           auto all = masked_cases();
           for (const auto& windowed : windowed_cases()) all.push_back(windowed);
           return all;
         }()) {
      c.key_heads = c.heads;
      c.score = score;
      c.stretch = 1;
      c.name += score == ScoreKind::kTanh ? ", tanh" : ", relu";
      cases.push_back(c);
    }
  return cases;
}

}  // namespace attend::kernels
