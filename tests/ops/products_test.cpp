#include "attend/ops/products.h"

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

class Products : public ::testing::Test {
 protected:
  void TearDown() override { choose_products("float32"); }
};

double error_of_a_product() {
  const auto a = at::sin(at::arange(300 * 200, at::kDouble)).view({300, 200}),
             b = at::cos(at::arange(200 * 100, at::kDouble)).view({200, 100});
  const auto x = a.to(at::kFloat), y = b.to(at::kFloat);
  return (at::mm(x, y).to(at::kDouble) - at::mm(x.to(at::kDouble), y.to(at::kDouble))).abs().max().item<double>();
}

TEST_F(Products, AutoKeepsAllOfFloat32) {
  choose_products("auto");
  EXPECT_LT(error_of_a_product(), 2e-4);  // factors rounded to bfloat16 are wrong by 2e-2
  choose_products("float32");
  EXPECT_LT(error_of_a_product(), 2e-4);
  EXPECT_EQ(products_in_use(), "BLAS");
}

TEST_F(Products, Bfloat16IsWhatWasAskedFor) {
  choose_products("bfloat16");
  EXPECT_EQ(products_in_use(), "oneDNN");
  EXPECT_LT(error_of_a_product(), 0.2);
}

TEST_F(Products, UnknownNamesAreRefused) { EXPECT_THROW(choose_products("float16"), Error); }

}  // namespace
}  // namespace attend::testing
