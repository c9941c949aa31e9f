// The loops of additive scores: against a plain computation in float64, for every instruction set that this processor has.
#include "kernels/additive_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>

#include "kernels/cpu/fused_attention.h"
#include "kernels/fused_cases.h"

namespace attend::kernels {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Set {
  std::string name;
  Number number;
  const AdditiveKernels& loops;
};

std::vector<Set> additive_sets() {
  std::vector<Set> sets{{"portable float32", Number::kFloat32, additive_float32_portable},
                        {"portable bfloat16", Number::kBfloat16, additive_bfloat16_portable},
                        {"portable float64", Number::kFloat64, additive_float64_portable}};
#if defined(__x86_64__)
  if (cpu_has(Isa::kAvx2)) {
    sets.push_back({"avx2 float32", Number::kFloat32, additive_float32_avx2});
    sets.push_back({"avx2 bfloat16", Number::kBfloat16, additive_bfloat16_avx2});
  }
  if (cpu_has(Isa::kAvx512)) {
    sets.push_back({"avx512 float32", Number::kFloat32, additive_float32_avx512});
    sets.push_back({"avx512 bfloat16", Number::kBfloat16, additive_bfloat16_avx512});
  }
#endif
  return sets;
}

// Queries [rows, size], keys [keys, size], v [size], dS [rows, keys].
struct Head {
  std::int64_t rows, keys, size;
  bool relu = false;
  std::vector<double> q, k, v, ds;

  double& query(std::int64_t t, std::int64_t c) { return q[static_cast<std::size_t>(t * size + c)]; }
  double& key(std::int64_t s, std::int64_t c) { return k[static_cast<std::size_t>(s * size + c)]; }
  double& gradient(std::int64_t t, std::int64_t s) { return ds[static_cast<std::size_t>(t * keys + s)]; }
};

// Numbers within ±spread around the centers, v within ±1.
Head head_of(std::int64_t rows, std::int64_t keys, std::int64_t size, double spread = 3, double query_center = 0, double key_center = 0) {
  Head h{.rows = rows, .keys = keys, .size = size, .q = {}, .k = {}, .v = {}, .ds = {}};
  const auto fill = [](std::vector<double>& x, std::int64_t count, double step, double center, double by) {
    for (std::int64_t i = 0; i < count; ++i)
      x.push_back(center + by * std::cos(step * static_cast<double>(i) + 0.3 * static_cast<double>(i % 7)));
  };
  fill(h.q, rows * size, 0.731, query_center, spread);
  fill(h.k, keys * size, 1.173, key_center, spread);
  fill(h.v, size, 0.577, 0, 1);
  fill(h.ds, rows * keys, 0.391, 0, 1);
  return h;
}

// As the loops store them; v and dS are of the kind of the sums.
void round(Head& h, Number number) {
  const auto sums = number == Number::kFloat64 ? Number::kFloat64 : Number::kFloat32;
  for (auto* x : {&h.q, &h.k})
    for (auto& y : *x) y = rounded(y, number);
  for (auto* x : {&h.v, &h.ds})
    for (auto& y : *x) y = rounded(y, sums);
}

struct Results {
  AdditivePath path{};
  std::vector<double> scores, dq, dk, dv;  // [rows, keys], [rows, size], [keys, size], [size]
};

Results plainly(Head& h) {
  Results r;
  r.scores.assign(static_cast<std::size_t>(h.rows * h.keys), 0);
  r.dq.assign(h.q.size(), 0), r.dk.assign(h.k.size(), 0), r.dv.assign(h.v.size(), 0);
  for (std::int64_t t = 0; t < h.rows; ++t)
    for (std::int64_t s = 0; s < h.keys; ++s)
      for (std::int64_t c = 0; c < h.size; ++c) {
        const double x = h.query(t, c) + h.key(s, c), y = std::tanh(x), e = std::exp(-std::abs(x));
        const double f = h.relu ? std::max(x, 0.) : y, slope = h.relu ? (x > 0 ? 1 : 0) : 4 * e * e / (1 + e * e) / (1 + e * e);
        r.scores[static_cast<std::size_t>(t * h.keys + s)] += h.v[static_cast<std::size_t>(c)] * (std::isnan(x) ? kNan : f);
        const double g = h.gradient(t, s);
        if (g == 0) continue;
        r.dq[static_cast<std::size_t>(t * h.size + c)] += g * slope;
        r.dk[static_cast<std::size_t>(s * h.size + c)] += g * slope;
        r.dv[static_cast<std::size_t>(c)] += g * f;
      }
  return r;
}

struct AdditiveHow {
  bool at_page = true, by_blocks = true, wild = false;
  std::int64_t tile = kTileRows;  // rows that are scored together, and rows of a tile on the way back
};

Results run(const Set& set, const Head& h, const AdditiveHow& how = {}) {
  const auto& loops = set.loops;
  const auto sums = set.number == Number::kFloat64 ? Number::kFloat64 : Number::kFloat32;
  const auto wide = static_cast<std::int64_t>(bytes_of(sums)), stored = static_cast<std::int64_t>(bytes_of(set.number));
  EXPECT_EQ(loops.real_bytes, wide);
  std::vector<std::unique_ptr<Bytes>> all;
  const auto room = [&](std::int64_t numbers, std::int64_t bytes) {
    all.push_back(std::make_unique<Bytes>(static_cast<std::size_t>(numbers * bytes), how.at_page));
    return all.back()->data();
  };
  const auto put = [&](const std::vector<double>& from, Number number) {
    const auto bytes = static_cast<std::int64_t>(bytes_of(number));
    char* to = room(static_cast<std::int64_t>(from.size()), bytes);
    for (std::size_t i = 0; i < from.size(); ++i) write(to + i * bytes_of(number), from[i], number);
    return to;
  };
  const auto get = [&](const char* from, std::int64_t at) { return read(from + at * wide, sums); };
  const char *q = put(h.q, set.number), *k = put(h.k, set.number), *v = put(h.v, sums), *ds = put(h.ds, sums);

  Results r;
  AdditiveRange range;
  loops.take_range(k, h.size, h.keys, h.size, range);
  EXPECT_EQ(range.finite, std::all_of(h.k.begin(), h.k.end(), [](double x) { return std::isfinite(x); }));
  char* weights = room(h.size, wide);
  const auto plan = loops.plan(h.relu, range, v, h.size, weights);
  r.path = plan.path;

  const auto panels = (h.keys + loops.panel - 1) / loops.panel, row = panels * loops.panel;
  char *queries = room(h.rows * h.size, wide), *packed = room(panels * h.size * loops.panel, wide), *scores = room(h.rows * row, wide);
  for (std::int64_t t = 0; t < h.rows; ++t)
    loops.prepare_query(plan, q + t * h.size * stored, weights, h.size, queries + t * h.size * wide);
  for (std::int64_t p = 0; p < panels; ++p) {
    const auto there = std::min(loops.panel, h.keys - p * loops.panel);
    char* panel = packed + p * h.size * loops.panel * wide;
    loops.prepare_panel(plan, k + p * loops.panel * h.size * stored, h.size, there, h.size, panel);
    for (std::int64_t t = 0; t < h.rows; t += how.tile)
      loops.score(plan, queries + t * h.size * wide, std::min(how.tile, h.rows - t), panel, there, weights, h.size,
                  scores + (t * row + p * loops.panel) * wide, row);
  }
  for (std::int64_t t = 0; t < h.rows; ++t)
    for (std::int64_t s = 0; s < h.keys; ++s) r.scores.push_back(get(scores, t * row + s));

  // Gradients begin at 1, which is taken away again: they are added to.
  const auto blocks = (h.size + loops.lanes - 1) / loops.lanes;
  const auto table = [&](std::int64_t rows) {
    char* data = room(rows * blocks * loops.lanes, wide);
    return how.by_blocks ? AdditiveTable{data, loops.lanes, rows * loops.lanes} : AdditiveTable{data, blocks * loops.lanes, loops.lanes};
  };
  const auto start = [&](char* data, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) write(data + i * wide, 1, sums);
  };
  AdditiveBack back{.plan = &plan, .ds = ds, .ds_row = h.keys, .rows = h.rows, .keys = h.keys, .size = h.size, .wild = how.wild};
  back.query_table = table(h.rows), back.key_table = table(h.keys), back.dq = table(h.rows), back.dk = table(h.keys);
  char* dv = room(blocks * loops.lanes, wide);
  back.dv = dv;
  start(static_cast<char*>(back.dq.data), h.rows * blocks * loops.lanes);
  start(static_cast<char*>(back.dk.data), h.keys * blocks * loops.lanes);
  start(dv, blocks * loops.lanes);
  for (std::int64_t t = 0; t < h.rows; ++t) loops.prepare_query_row(plan, q + t * h.size * stored, h.size, t, back.query_table);
  for (std::int64_t s = 0; s < h.keys; ++s) loops.prepare_key_row(plan, k + s * h.size * stored, h.size, s, back.key_table);
  for (std::int64_t t = 0; t < h.rows; t += how.tile) {
    auto tile = back;
    tile.rows = std::min(how.tile, h.rows - t);
    tile.ds = ds + t * h.keys * wide;
    for (auto* x : {&tile.query_table, &tile.dq}) x->data = static_cast<char*>(x->data) + t * x->row * wide;
    loops.backward(tile);
  }
  const auto take = [&](const AdditiveTable& x, std::int64_t rows, std::vector<double>& to) {
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t c = 0; c < h.size; ++c)
        to.push_back(get(static_cast<const char*>(x.data), i * x.row + c / loops.lanes * x.block + c % loops.lanes) - 1);
  };
  take(back.dq, h.rows, r.dq);
  take(back.dk, h.keys, r.dk);
  for (std::int64_t c = 0; c < h.size; ++c) r.dv.push_back(get(dv, c) - 1);
  for (const auto& x : all) EXPECT_TRUE(x->guarded());
  return r;
}

double magnitude(const std::vector<double>& x) {
  double total = 0;
  for (const auto y : x) total += std::abs(y);
  return total;
}

// Runs it and compares all; the path, that a test may say which one it means.
AdditivePath expect_right(const Set& set, Head h, const AdditiveHow& how = {}) {
  SCOPED_TRACE(set.name + " T=" + std::to_string(h.rows) + " S=" + std::to_string(h.keys) + " E=" + std::to_string(h.size));
  round(h, set.number);
  const auto right = plainly(h);
  const auto ran = run(set, h, how);
  const double unit = set.number == Number::kFloat64 ? 1e-14 : 1.2e-6;
  double reach = 1;  // of f
  if (h.relu)
    for (const auto* x : {&h.q, &h.k})
      for (const auto y : *x) reach = std::max(reach, 2 * std::abs(y));
  const double last_bit = set.number == Number::kFloat64 ? 1e-300 : 3e-45 * static_cast<double>(h.size);  // of denormal numbers
  EXPECT_LE(apart(ran.scores, right.scores), unit * reach * magnitude(h.v) + last_bit);
  double row = 1, column = 1;  // gradients begin at 1
  for (std::int64_t t = 0; t < h.rows; ++t) {
    double total = 1;
    for (std::int64_t s = 0; s < h.keys; ++s) total += std::abs(h.gradient(t, s));
    row = std::max(row, total);
  }
  for (std::int64_t s = 0; s < h.keys; ++s) {
    double total = 1;
    for (std::int64_t t = 0; t < h.rows; ++t) total += std::abs(h.gradient(t, s));
    column = std::max(column, total);
  }
  EXPECT_LE(apart(ran.dq, right.dq), unit * row);
  EXPECT_LE(apart(ran.dk, right.dk), unit * column);
  EXPECT_LE(apart(ran.dv, right.dv), unit * reach * (1 + magnitude(h.ds)));
  return ran.path;
}

TEST(AdditiveLoops, AgreeOnAwkwardSizes) {
  for (const auto& set : additive_sets())
    for (const std::int64_t size : {1, 5, 16, 31, 64, 512}) {
      for (const std::int64_t rows : {1, 2, 3, 5, 6, 7, 23, 24, 49})
        EXPECT_EQ(expect_right(set, head_of(rows, 17, size)), AdditivePath::kFolded);
      for (const std::int64_t keys : {1, 2, 15, 16, 23, 31, 33, 40, 97})
        EXPECT_EQ(expect_right(set, head_of(5, keys, size)), AdditivePath::kFolded);
      auto relu = head_of(7, 33, size);
      relu.relu = true;
      EXPECT_EQ(expect_right(set, relu), AdditivePath::kRelu);
    }
}

TEST(AdditiveLoops, RowsAndBlocksAreTheSameTable) {
  for (const auto& set : additive_sets())
    for (const auto at_page : {true, false})
      for (const auto by_blocks : {true, false}) expect_right(set, head_of(13, 29, 37), {.at_page = at_page, .by_blocks = by_blocks});
}

// Wider and wider keys: each path takes over before the one before it errs, whatever the queries are.
TEST(AdditiveLoops, EveryPathIsRightToItsEdge) {
  for (const auto& set : additive_sets()) {
    std::array<int, 4> seen{};
    for (double spread = 1; spread < 900; spread *= 1.23)
      for (const double queries : {0.5, 4., 30., 500.}) {
        SCOPED_TRACE(std::to_string(spread) + " " + std::to_string(queries));
        auto h = head_of(7, 33, 48, spread);
        for (auto& x : h.q) x *= queries / spread;
        for (const bool sparse : {false, true}) {
          if (sparse) {  // two small v side by side, where tanh is 1: the largest denominators
            h.v[5] = 0, h.v[6] = 1e-20, h.v[7] = -1e-19;
            for (const int c : {6, 7}) h.key(0, c) = spread, h.query(0, c) = queries;
          }
          ++seen.at(static_cast<std::size_t>(expect_right(set, h)));
        }
      }
    EXPECT_GT(seen.at(static_cast<std::size_t>(AdditivePath::kFolded)), 0) << set.name;
    EXPECT_GT(seen.at(static_cast<std::size_t>(AdditivePath::kTanh)), 0) << set.name;
    if (set.number != Number::kFloat64) {  // whose exponents reach far enough for all keys that tables hold
      EXPECT_GT(seen.at(static_cast<std::size_t>(AdditivePath::kCapped)), 0) << set.name;
    }
  }
}

TEST(AdditiveLoops, LargePreactivations) {
  for (const auto& set : additive_sets()) {
    for (const double at : {20., 45., 50., 90., 280., 1000.}) {
      SCOPED_TRACE(at);
      expect_right(set, head_of(7, 33, 31, 3, at, -at));      // far apart, and near each other's opposite
      expect_right(set, head_of(7, 33, 31, 3, -at, at - 5));  // one-sided
      expect_right(set, head_of(7, 33, 31, 3, at, at));       // all of them 1
      expect_right(set, head_of(7, 33, 31, 50, at, -at));     // wide besides
      auto h = head_of(7, 33, 31, 1);
      for (std::size_t i = 0; i < h.q.size(); ++i) h.q[i] = i % 3 == 0 ? at : -at;
      for (std::size_t i = 0; i < h.k.size(); ++i) h.k[i] = i % 5 < 3 ? at : 5 - at;
      expect_right(set, h);
    }
    Head pair{.rows = 1, .keys = 1, .size = 1, .q = {50}, .k = {-45}, .v = {1}, .ds = {1}};
    EXPECT_EQ(expect_right(set, pair), AdditivePath::kFolded);
  }
}

TEST(AdditiveLoops, AnyV) {
  for (const auto& set : additive_sets()) {
    auto h = head_of(5, 19, 12);
    for (const double v : {0., 1e-44, 1e-40, 1e-38, 1e-30, 1e-15, 1e-10, 1e10, 1e30}) {
      SCOPED_TRACE(v);
      std::fill(h.v.begin(), h.v.end(), v);
      expect_right(set, h);
      h.v[3] *= -0.5, h.v[4] = 0, h.v[5] *= 1e-5, h.v[6] *= 1e-12, h.v[7] *= -1e-20;
      expect_right(set, h);
    }
    h.v.assign(12, 1);
    h.v[4] = kNan;
    round(h, set.number);
    for (const auto x : run(set, h).scores) EXPECT_TRUE(std::isnan(x));
  }
}

// NaN stays where it came from: in the scores of its row or key, whatever path is taken.
TEST(AdditiveLoops, NanStaysInItsRowAndKey) {
  for (const auto& set : additive_sets())
    for (const double spread : {2., 20., 400.})
      for (const bool relu : {false, true}) {
        auto h = head_of(8, 35, 21, spread);
        h.relu = relu;
        round(h, set.number);
        const auto before = run(set, h);
        h.query(3, 20) = kNan, h.key(17, 4) = kNan, h.key(33, 0) = -kNan;
        const auto ran = run(set, h);
        EXPECT_EQ(ran.path, before.path);
        for (std::int64_t t = 0; t < h.rows; ++t)
          for (std::int64_t s = 0; s < h.keys; ++s) {
            const auto cell = static_cast<std::size_t>(t * h.keys + s);
            if (t == 3 || s == 17 || s == 33)
              EXPECT_TRUE(std::isnan(ran.scores[cell])) << set.name << " " << t << " " << s;
            else
              EXPECT_NEAR(ran.scores[cell], before.scores[cell], 4e-6 * magnitude(h.v) * (relu ? spread : 1)) << set.name;
          }
      }
}

TEST(AdditiveLoops, InfinityIsTheEndOfTanh) {
  for (const auto& set : additive_sets()) {
    auto h = head_of(8, 35, 21);
    h.query(3, 20) = kInfinity, h.query(4, 1) = -kInfinity;
    expect_right(set, h);
    h.key(7, 3) = kInfinity;
    EXPECT_EQ(expect_right(set, h), AdditivePath::kTanh);
  }
}

// A key that is NaN and hidden from some queries, and a query that is NaN and sees nothing: dS is 0 there, and nothing of it is left.
TEST(AdditiveLoops, WhatIsHiddenDoesNotFlowBack) {
  for (const auto& set : additive_sets())
    for (const double spread : {2., 20., 400.})
      for (const double poison : {kNan, kInfinity})
        for (const bool relu : {false, true}) {
          auto h = head_of(13, 35, 21, spread);
          h.relu = relu;
          for (std::int64_t t = 0; t < h.rows; ++t) h.gradient(t, 17) = 0;
          for (std::int64_t s = 0; s < h.keys; ++s) h.gradient(4, s) = 0;
          round(h, set.number);
          auto right = plainly(h);
          h.key(17, 4) = poison, h.query(4, 20) = poison;
          const auto ran = run(set, h, {.wild = true});
          const double unit = (relu ? spread : 1) * 4e-6;
          EXPECT_LE(apart(ran.dq, right.dq), unit * 36) << set.name;
          EXPECT_LE(apart(ran.dk, right.dk), unit * 14) << set.name;
          EXPECT_LE(apart(ran.dv, right.dv), unit * 455) << set.name;
        }
}

// A query's scores do not depend on the queries beside it, nor a key's on the keys of its panel while the range is the same.
TEST(AdditiveLoops, BitsOfARowAreItsOwn) {
  for (const auto& set : additive_sets())
    for (const double spread : {2., 20., 400.}) {
      auto h = head_of(24, 40, 300, spread);
      round(h, set.number);
      const auto together = run(set, h);
      for (const std::int64_t tile : {1, 5, 7}) EXPECT_EQ(run(set, h, {.tile = tile}).scores, together.scores) << set.name;
      EXPECT_EQ(run(set, h).dq, together.dq);
      const auto careful = run(set, h, {.wild = true});  // flags of what is not there change nothing
      EXPECT_EQ(careful.dq, together.dq) << set.name;
      EXPECT_EQ(careful.dk, together.dk) << set.name;
      EXPECT_EQ(careful.dv, together.dv) << set.name;
    }
}

TEST(AdditiveLoops, NothingIsAddedOfNothing) {
  for (const auto& set : additive_sets()) {
    AdditiveRange range;
    set.loops.take_range(nullptr, 0, 0, 4, range);
    EXPECT_TRUE(range.finite);
    EXPECT_GT(range.low, range.high);
    double v[4] = {}, weights[4];
    for (int i = 0; i < 4; ++i)
      write(reinterpret_cast<char*>(v) + i * set.loops.real_bytes, 1, set.loops.real_bytes == 8 ? Number::kFloat64 : Number::kFloat32);
    const auto plan = set.loops.plan(false, range, v, 4, weights);
    EXPECT_EQ(plan.path, AdditivePath::kFolded);
    expect_right(set, head_of(3, 0, 4));
    expect_right(set, head_of(0, 3, 4));
  }
}

}  // namespace
}  // namespace attend::kernels
