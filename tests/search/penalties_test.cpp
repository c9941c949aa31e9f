#include "attend/search/penalties.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_error.h"

namespace attend::testing {
namespace {

TEST(LengthPenalty, HandCases) {
  EXPECT_EQ(length_penalty(0, 17), 1);
  EXPECT_EQ(length_penalty(3, 1), 1);  // (5 + 1)/6
  EXPECT_NEAR(length_penalty(1, 7), 2, 1e-12);
  EXPECT_NEAR(length_penalty(0.6, 7), 1.515717, 1e-6);  // 2^0.6
}

TEST(CoverageTerm, HandCases) {
  const double coverage[] = {1.1, 0.5}, full[] = {1.0, 1.7, 3.0}, sparse[] = {0.0};
  EXPECT_NEAR(0.2 * coverage_term(coverage), -0.138629, 1e-6);
  EXPECT_NEAR(coverage_term(coverage, CoverageTerm::kSummary), -0.1, 1e-12);
  EXPECT_EQ(coverage_term(full), 0);
  EXPECT_NEAR(coverage_term(full, CoverageTerm::kSummary), -2.7, 1e-12);
  EXPECT_NEAR(coverage_term(sparse), std::log(1e-6), 1e-12);
}

TEST(CoverageTerm, HasTwoNames) {
  EXPECT_EQ(parse_coverage_term("wu"), CoverageTerm::kWu);
  EXPECT_EQ(parse_coverage_term("summary"), CoverageTerm::kSummary);
  EXPECT_ERROR(parse_coverage_term("sum"), kUnknownName, "wu, summary");
}

}  // namespace
}  // namespace attend::testing
