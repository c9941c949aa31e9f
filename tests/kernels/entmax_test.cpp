// Rows of sparsemax and entmax-1.5, and their gradients: against sorting and against differences, for every instruction set here.
#include "kernels/run_entmax.h"

#include "kernels/fused_cases.h"
#include "kernels/sorted_entmax.h"

namespace attend::kernels {
namespace {

struct EntmaxRan {
  std::vector<double> weights, gradient;
  std::string bits;  // of both
  Isa isa, back_isa;
};

// Scores and the gradient of the weights as float64, rounded to `number`.
EntmaxRan run_rows(const EntmaxRows& call, const std::vector<double>& scores, const std::vector<double>& flow, Isa isa, int workers = 1,
                   bool at_page = true) {
  const auto bytes = bytes_of(call.number), size = scores.size() * bytes;
  const Bytes z(size, at_page), w(size, at_page), g(size, at_page), dz(size, at_page);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    write(z.data() + i * bytes, scores[i], call.number);
    write(g.data() + i * bytes, flow[i], call.number);
  }
  Crew crew(workers);
  EntmaxRan ran;
  ran.isa = run_entmax_rows(isa, call, z.data(), w.data(), crew, "test");
  ran.back_isa = run_entmax_rows_backward(isa, call, w.data(), g.data(), dz.data(), crew, "test");
  for (const auto* guarded : {&z, &w, &g, &dz}) EXPECT_TRUE(guarded->guarded());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    ran.weights.push_back(read(w.data() + i * bytes, call.number));
    ran.gradient.push_back(read(dz.data() + i * bytes, call.number));
  }
  ran.bits.assign(w.data(), size).append(dz.data(), size);
  run_entmax_rows(isa, call, z.data(), z.data(), crew, "test");
  EXPECT_EQ(std::memcmp(z.data(), w.data(), size), 0);
  return ran;
}

// Scores of which every seventh, and all of every fifth row, are hidden.
std::vector<double> row_scores(const EntmaxRows& c, bool hidden) {
  std::vector<double> x;
  for (std::int64_t row = 0; row < c.rows; ++row)
    for (std::int64_t i = 0; i < c.size; ++i) {
      const auto at = static_cast<double>(row * c.size + i);
      x.push_back(hidden && (i % 7 == 3 || row % 5 == 2) ? -kInfinity : rounded(2 * std::cos(0.731 * at) + std::sin(0.113 * at), c.number));
    }
  return x;
}
std::vector<double> row_flow(const EntmaxRows& c) {
  std::vector<double> x;
  for (std::int64_t i = 0; i < c.rows * c.size; ++i) x.push_back(rounded(std::sin(1.1 * static_cast<double>(i)), c.number));
  return x;
}

TEST(EntmaxRows, AgreeWithSorting) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kFloat64})
      for (const double alpha : {1.5, 2.0})
        for (const std::int64_t rows : {1, 2, 17})
          for (const std::int64_t size : {1, 2, 15, 16, 17, 23, 31, 33, 97, 1025, 20001}) {
            if (size > 2000 && rows > 2) continue;
            const EntmaxRows c{number, alpha, rows, size};
            SCOPED_TRACE(std::string(isa_name(isa)) + " alpha " + std::to_string(alpha) + ", [" + std::to_string(rows) + ", " +
                         std::to_string(size) + "]");
            const auto scores = row_scores(c, true), flow = row_flow(c);
            const auto ran = run_rows(c, scores, flow, isa);
            EXPECT_EQ(ran.isa, number == Number::kFloat64 ? Isa::kPortable : std::min(isa, Isa::kAvx512));
            EXPECT_EQ(ran.isa, ran.back_isa);
            const double unit = number == Number::kFloat64 ? 1e-12 : 1e-6;
            for (std::int64_t row = 0; row < rows; ++row) {
              const auto first = scores.begin() + row * size;
              const auto right = sorted_weights(std::vector<double>(first, first + size), alpha == 2 ? 1 : 2).weights;
              double slopes = 0, along = 0;
              for (std::int64_t i = 0; i < size; ++i) {
                const auto at = static_cast<std::size_t>(row * size + i);
                const auto r = ran.weights[at] > 0 ? std::pow(ran.weights[at], 2 - alpha) : 0;
                slopes += r, along += r * flow[at];
              }
              for (std::int64_t i = 0; i < size; ++i) {
                const auto at = static_cast<std::size_t>(row * size + i);
                ASSERT_NEAR(ran.weights[at], right[static_cast<std::size_t>(i)], unit) << row << ' ' << i;
                const auto r = ran.weights[at] > 0 ? std::pow(ran.weights[at], 2 - alpha) : 0;
                ASSERT_NEAR(ran.gradient[at], r > 0 ? r * (flow[at] - along / slopes) : 0, r > 0 ? unit : 0) << row << ' ' << i;
              }
            }
          }
}

TEST(EntmaxRows, GradientsMatchCentralDifferences) {
  for (const double alpha : {1.5, 2.0}) {
    const EntmaxRows c{Number::kFloat64, alpha, 3, 9};
    auto scores = row_scores(c, false);
    const auto flow = row_flow(c);
    const auto loss = [&] {
      double total = 0;
      const auto w = run_rows(c, scores, flow, Isa::kPortable).weights;
      for (std::size_t i = 0; i < w.size(); ++i) total += w[i] * flow[i];
      return total;
    };
    const auto gradient = run_rows(c, scores, flow, Isa::kPortable).gradient;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      constexpr double kStep = 1e-6;
      const auto kept = scores[i];
      scores[i] = kept + kStep;
      const auto more = loss();
      scores[i] = kept - kStep;
      const auto less = loss();
      scores[i] = kept;
      EXPECT_NEAR(gradient[i], (more - less) / (2 * kStep), 1e-7) << alpha << ' ' << i;
    }
  }
}

TEST(EntmaxRows, BitsDependOnTheRowAlone) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kFloat64})
      for (const double alpha : {1.5, 2.0}) {
        const EntmaxRows c{number, alpha, 91, 517};
        const auto scores = row_scores(c, true), flow = row_flow(c);
        const auto whole = run_rows(c, scores, flow, isa);
        for (const int workers : {2, 3, 4}) EXPECT_EQ(run_rows(c, scores, flow, isa, workers, workers % 2 == 0).bits, whole.bits);
        for (const std::int64_t row : {0, 6, 90}) {
          const auto from = row * c.size, to = from + c.size;
          const auto part = [&](const auto& x) { return std::vector<double>(x.begin() + from, x.begin() + to); };
          const auto alone = run_rows({number, alpha, 1, c.size}, part(scores), part(flow), isa);
          EXPECT_EQ(apart(alone.weights, part(whole.weights)), 0);
          EXPECT_EQ(apart(alone.gradient, part(whole.gradient)), 0);
        }
      }
}

TEST(EntmaxRows, NothingIsDoneToNothing) {
  for (const auto isa : sets_here()) {
    EXPECT_TRUE(run_rows({Number::kFloat32, 2, 0, 5}, {}, {}, isa).weights.empty());
    EXPECT_TRUE(run_rows({Number::kFloat32, 1.5, 5, 0}, {}, {}, isa).weights.empty());
  }
}

TEST(EntmaxRows, CallsThatCannotBeAreRefused) {
  OneWorker worker;
  float x[4] = {};
  EXPECT_ERROR(entmax_rows({Number::kFloat32, 1.25, 2, 2}, x, x, worker), kValue, "entmax: alpha must be 1.5 or 2, got 1.25");
  EXPECT_ERROR(entmax_rows({Number::kBfloat16, 2, 2, 2}, x, x, worker), kValue, "float32 or float64");
  EXPECT_ERROR(entmax_rows_backward({Number::kFloat32, 2, -1, 2}, x, x, x, worker), kShape, "entmax_backward: sizes must be at least 0");
}

}  // namespace
}  // namespace attend::kernels
