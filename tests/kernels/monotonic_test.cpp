// Monotonic alignment: against a plain loop in float64 and against differences, for every instruction set that this processor has.
#include "kernels/run_monotonic.h"

#include "kernels/fused_cases.h"

namespace attend::kernels {
namespace {

struct Alignment {
  std::vector<double> p, before, flow;  // [R, S]
};

// Probabilities with 0 and 1 among them, an alignment before that sums to 1, and the gradient of w, as `number` holds them.
Alignment alignment_of(const MonotonicRows& c) {
  Alignment a;
  for (std::int64_t i = 0; i < c.rows * c.keys; ++i) {
    const auto x = static_cast<double>(i);
    a.p.push_back(i % 11 == 4 ? 0 : i % 13 == 6 ? 1 : rounded(0.5 + 0.49 * std::sin(1.7 * x) * std::cos(0.13 * x), c.number));
    a.before.push_back(rounded((1 + std::cos(2.3 * x)) / static_cast<double>(c.keys), c.number));
    a.flow.push_back(rounded(std::sin(0.9 * x), c.number));
  }
  return a;
}

struct Aligned {
  std::vector<double> w, p_gradient, before_gradient;
};

// y_s = Σ_{i <= s} v_i Π_{i <= j < s} (1 − p_j), the sum over all walks that arrive; gradients by the chain rule through y.
Aligned plainly_aligned(const MonotonicRows& c, const Alignment& a) {
  Aligned out;
  for (std::int64_t r = 0; r < c.rows; ++r) {
    const auto* p = a.p.data() + r * c.keys;
    const auto* v = a.before.data() + r * c.keys;
    const auto* g = a.flow.data() + r * c.keys;
    std::vector<double> y, n(static_cast<std::size_t>(c.keys) + 1, 0);
    for (std::int64_t s = 0; s < c.keys; ++s) y.push_back(v[s] + (s > 0 ? (1 - p[s - 1]) * y.back() : 0));
    for (std::int64_t s = c.keys - 1; s >= 0; --s)
      n[static_cast<std::size_t>(s)] = p[s] * g[s] + (1 - p[s]) * n[static_cast<std::size_t>(s) + 1];
    for (std::int64_t s = 0; s < c.keys; ++s) {
      const auto at = static_cast<std::size_t>(s);
      out.w.push_back(p[s] * y[at]);
      out.p_gradient.push_back(y[at] * (g[s] - n[at + 1]));
      out.before_gradient.push_back(n[at]);
    }
  }
  return out;
}

struct AlignedRan : Aligned {
  std::string bits;  // of all three
  Isa isa, back_isa;
};

AlignedRan run_aligned(const MonotonicRows& c, const Alignment& a, Isa isa, int workers = 1, bool at_page = true) {
  const auto bytes = bytes_of(c.number), size = a.p.size() * bytes;
  const Bytes p(size, at_page), v(size, at_page), g(size, at_page), w(size, at_page), dp(size, at_page), dv(size, at_page),
      again(size, at_page);
  for (std::size_t i = 0; i < a.p.size(); ++i) {
    write(p.data() + i * bytes, a.p[i], c.number);
    write(v.data() + i * bytes, a.before[i], c.number);
    write(g.data() + i * bytes, a.flow[i], c.number);
  }
  Crew crew(workers);
  AlignedRan ran;
  ran.isa = run_monotonic(isa, c, p.data(), v.data(), w.data(), crew, "test");
  ran.back_isa = run_monotonic_backward(isa, c, p.data(), v.data(), g.data(), dp.data(), dv.data(), crew, "test");
  run_monotonic_backward(isa, c, p.data(), v.data(), g.data(), again.data(), nullptr, crew, "test");
  EXPECT_EQ(std::memcmp(dp.data(), again.data(), size), 0);
  for (const auto* guarded : {&p, &v, &g, &w, &dp, &dv, &again}) EXPECT_TRUE(guarded->guarded());
  for (std::size_t i = 0; i < a.p.size(); ++i) {
    ran.w.push_back(read(w.data() + i * bytes, c.number));
    ran.p_gradient.push_back(read(dp.data() + i * bytes, c.number));
    ran.before_gradient.push_back(read(dv.data() + i * bytes, c.number));
  }
  ran.bits.assign(w.data(), size).append(dp.data(), size).append(dv.data(), size);
  return ran;
}

TEST(Monotonic, AgreesOnAwkwardSizes) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kFloat64})
      for (const std::int64_t rows : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 50})
        for (const std::int64_t keys : {0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 97, 200, 1025}) {
          if (keys > 200 && rows > 17) continue;
          const MonotonicRows c{number, rows, keys};
          SCOPED_TRACE(std::string(isa_name(isa)) + " [" + std::to_string(rows) + ", " + std::to_string(keys) + "]");
          const auto a = alignment_of(c);
          const auto right = plainly_aligned(c, a);
          const auto ran = run_aligned(c, a, isa, 1, rows % 2 == 1);
          EXPECT_EQ(ran.isa, number == Number::kFloat64 ? Isa::kPortable : std::min(isa, Isa::kAvx512));
          EXPECT_EQ(ran.isa, ran.back_isa);
          const double unit = number == Number::kFloat64 ? 1e-14 : 1e-6;
          EXPECT_LE(apart(ran.w, right.w), unit);
          EXPECT_LE(apart(ran.p_gradient, right.p_gradient), 4 * unit);
          EXPECT_LE(apart(ran.before_gradient, right.before_gradient), 4 * unit);
        }
}

TEST(Monotonic, GradientsMatchCentralDifferences) {
  const MonotonicRows c{Number::kFloat64, 3, 11};
  auto a = alignment_of(c);
  const auto ran = run_aligned(c, a, Isa::kPortable);
  const auto loss = [&] {
    double total = 0;
    const auto w = run_aligned(c, a, Isa::kPortable).w;
    for (std::size_t i = 0; i < w.size(); ++i) total += w[i] * a.flow[i];
    return total;
  };
  const auto difference = [&](double& x) {
    constexpr double kStep = 1e-6;
    const auto kept = x;
    x = kept + kStep;
    const auto more = loss();
    x = kept - kStep;
    const auto less = loss();
    x = kept;
    return (more - less) / (2 * kStep);
  };
  for (std::size_t i = 0; i < a.p.size(); ++i) {
    EXPECT_NEAR(ran.p_gradient[i], difference(a.p[i]), 1e-9) << i;
    EXPECT_NEAR(ran.before_gradient[i], difference(a.before[i]), 1e-9) << i;
  }
}

TEST(Monotonic, StopsWhereItMust) {
  for (const auto isa : sets_here()) {
    const MonotonicRows c{Number::kFloat32, 3, 70};
    Alignment a{std::vector<double>(210, 0), std::vector<double>(210, 0), std::vector<double>(210, 1)};
    for (std::size_t r = 0; r < 3; ++r) a.before[r * 70] = 1;
    a.p[50] = a.p[60] = 1;  // the first row stops at 50 whatever comes later, the second never, the third at once
    a.p[140] = 1;
    const auto w = run_aligned(c, a, isa).w;
    for (std::size_t i = 0; i < w.size(); ++i) EXPECT_EQ(w[i], i == 50 || i == 140 ? 1 : 0) << i;
  }
}

// Long walks that hardly ever stop: what is left in the end is as exact as what was there at the beginning.
TEST(Monotonic, LittleIsLostOnALongWay) {
  for (const auto isa : sets_here()) {
    const MonotonicRows c{Number::kFloat32, 17, 4001};
    Alignment a;
    for (std::int64_t i = 0; i < c.rows * c.keys; ++i) {
      a.p.push_back(rounded(i % 3 == 0 ? 0.02 : 1e-5, c.number));
      a.before.push_back(i % c.keys == 0 ? 1 : 0);
      a.flow.push_back(1);
    }
    const auto right = plainly_aligned(c, a);
    const auto ran = run_aligned(c, a, isa);
    for (std::size_t i = 0; i < ran.w.size(); ++i) ASSERT_NEAR(ran.w[i], right.w[i], 5e-4 * right.w[i]) << i;
  }
}

TEST(Monotonic, NotANumberStaysInItsRow) {
  for (const auto isa : sets_here()) {
    const MonotonicRows c{Number::kFloat32, 33, 20};
    auto a = alignment_of(c);
    const auto clean = run_aligned(c, a, isa);
    a.p[5 * 20 + 7] = std::numeric_limits<double>::quiet_NaN();
    const auto ran = run_aligned(c, a, isa);
    for (std::size_t i = 0; i < ran.w.size(); ++i) {
      if (i / 20 == 5) continue;
      EXPECT_EQ(ran.w[i], clean.w[i]);
      EXPECT_EQ(ran.p_gradient[i], clean.p_gradient[i]);
    }
    EXPECT_EQ(ran.w[5 * 20 + 6], clean.w[5 * 20 + 6]);  // what was passed before it
    EXPECT_TRUE(std::isnan(ran.w[5 * 20 + 7]));
  }
}

TEST(Monotonic, BitsDependOnTheRowAlone) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kFloat64}) {
      const MonotonicRows c{number, 61, 133};
      const auto a = alignment_of(c);
      const auto whole = run_aligned(c, a, isa);
      for (const int workers : {2, 3, 4}) EXPECT_EQ(run_aligned(c, a, isa, workers, workers % 2 == 0).bits, whole.bits);
      for (const std::int64_t row : {0, 17, 60}) {
        const auto part = [&](const auto& x) { return std::vector<double>(x.begin() + row * c.keys, x.begin() + (row + 1) * c.keys); };
        const auto alone = run_aligned({number, 1, c.keys}, {part(a.p), part(a.before), part(a.flow)}, isa);
        EXPECT_EQ(apart(alone.w, part(whole.w)), 0);
        EXPECT_EQ(apart(alone.p_gradient, part(whole.p_gradient)), 0);
        EXPECT_EQ(apart(alone.before_gradient, part(whole.before_gradient)), 0);
      }
    }
}

TEST(Monotonic, CallsThatCannotBeAreRefused) {
  OneWorker worker;
  float x[4] = {};
  EXPECT_ERROR(monotonic_alignment({Number::kFloat32, 2, -1}, x, x, x, worker), kShape, "monotonic: sizes must be at least 0");
  EXPECT_ERROR(monotonic_alignment_backward({Number::kBfloat16, 2, 2}, x, x, x, x, x, worker), kValue, "float32 or float64");
}

}  // namespace
}  // namespace attend::kernels
