#include "kernels/run_logsumexp.h"

#include <limits>

#include "kernels/fused_cases.h"

namespace attend::kernels {
namespace {

constexpr float kInfinite = std::numeric_limits<float>::infinity();

std::vector<float> rows_of(const std::vector<float>& x, std::int64_t rows, std::int64_t size, Isa isa, int workers = 1) {
  const Bytes in(x.size() * 4, /*at_page=*/true), out(static_cast<std::size_t>(rows) * 4, /*at_page=*/true);
  if (!x.empty()) std::memcpy(in.data(), x.data(), x.size() * 4);
  Crew crew(workers);
  const LogSumExpRows call{.x = reinterpret_cast<const float*>(in.data()), .rows = rows, .size = size, .row = size};
  EXPECT_EQ(run_logsumexp_rows(isa, call, reinterpret_cast<float*>(out.data()), crew, "test"), std::min(isa, Isa::kAvx512));
  EXPECT_TRUE(in.guarded() && out.guarded());
  std::vector<float> to(static_cast<std::size_t>(rows));
  if (rows > 0) std::memcpy(to.data(), out.data(), to.size() * 4);
  return to;
}

TEST(LogSumExp, AgreesWithFloat64) {
  for (const auto isa : sets_here())
    for (const std::int64_t size : {1, 2, 7, 15, 16, 17, 31, 33, 48, 97, 1023, 8000}) {
      constexpr std::int64_t kRows = 5;
      std::vector<float> x;
      for (std::int64_t i = 0; i < kRows * size; ++i) x.push_back(static_cast<float>(20 * std::cos(1.3 * static_cast<double>(i))));
      const auto found = rows_of(x, kRows, size, isa);
      EXPECT_EQ(rows_of(x, kRows, size, isa, 3), found);
      for (std::int64_t r = 0; r < kRows; ++r) {
        double sum = 0;
        for (std::int64_t j = 0; j < size; ++j) sum += std::exp(static_cast<double>(x[static_cast<std::size_t>(r * size + j)]));
        EXPECT_NEAR(found[static_cast<std::size_t>(r)], std::log(sum), 1e-5) << isa_name(isa) << ' ' << size;
      }
    }
}

TEST(LogSumExp, PeaksAreThoseOfBlocks) {
  for (const auto isa : sets_here())
    for (const std::int64_t size : {1, 63, 64, 65, 129, 1000}) {
      constexpr std::int64_t kRows = 3;
      const auto blocks = (size + kPeakBlock - 1) / kPeakBlock;
      std::vector<float> x;
      for (std::int64_t i = 0; i < kRows * size; ++i) x.push_back(static_cast<float>(std::cos(1.3 * static_cast<double>(i)) - 2));
      const Bytes peaks(static_cast<std::size_t>(kRows * blocks) * 4, /*at_page=*/true);
      std::vector<float> sums(kRows), found(static_cast<std::size_t>(kRows * blocks));
      LogSumExpRows call{.x = x.data(), .rows = kRows, .size = size, .row = size};
      call.peaks = reinterpret_cast<float*>(peaks.data());
      Crew crew(2);
      run_logsumexp_rows(isa, call, sums.data(), crew, "test");
      EXPECT_TRUE(peaks.guarded());
      EXPECT_EQ(sums, rows_of(x, kRows, size, isa));
      std::memcpy(found.data(), peaks.data(), found.size() * 4);
      for (std::int64_t r = 0; r < kRows; ++r)
        for (std::int64_t b = 0; b < blocks; ++b) {
          const auto from = x.begin() + r * size + b * kPeakBlock, to = x.begin() + r * size + std::min(size, (b + 1) * kPeakBlock);
          EXPECT_EQ(found[static_cast<std::size_t>(r * blocks + b)], *std::max_element(from, to)) << isa_name(isa) << ' ' << size;
        }
    }
}

TEST(LogSumExp, KnowsInfinitiesAndNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto isa : sets_here())
    for (const std::int64_t size : {1, 3, 16, 35}) {
      const auto with = [&](float all, std::int64_t at, float one) {
        std::vector<float> x(static_cast<std::size_t>(size), all);
        x[static_cast<std::size_t>(at % size)] = one;
        return rows_of(x, 1, size, isa)[0];
      };
      EXPECT_EQ(with(-kInfinite, 0, -kInfinite), -kInfinite);
      EXPECT_EQ(with(-kInfinite, 20, 2), 2);
      EXPECT_EQ(with(1, 20, kInfinite), kInfinite);
      for (const float all : {0.f, -kInfinite, kInfinite}) EXPECT_TRUE(std::isnan(with(all, 2, nan))) << isa_name(isa) << ' ' << size;
      EXPECT_NEAR(with(-3e38f, 1, -3e38f), -3e38f, 1e32);
      EXPECT_NEAR(with(-1e4f, 1, 1e4f), 1e4f, 1e-2);
    }
  EXPECT_EQ(rows_of({}, 2, 0, Isa::kPortable), std::vector<float>(2, -kInfinite));
  EXPECT_EQ(rows_of({}, 0, 3, Isa::kPortable), std::vector<float>());
  Crew one(1);
  EXPECT_THROW(logsumexp_rows({.x = nullptr, .rows = -1, .size = 1, .row = 1}, nullptr, one), Error);
}

}  // namespace
}  // namespace attend::kernels
