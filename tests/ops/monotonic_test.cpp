#include "attend/ops/monotonic.h"

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

at::Tensor plainly(const at::Tensor& stop, const at::Tensor& before) {
  const auto p = stop.unbind(-1), v = before.unbind(-1);
  std::vector<at::Tensor> w;
  at::Tensor y;
  for (std::size_t s = 0; s < p.size(); ++s) {
    y = s == 0 ? v[0] : (1 - p[s - 1]) * y + v[s];
    w.push_back(p[s] * y);
  }
  return at::stack(w, -1);
}

TEST(ExpectedAlignment, IsTheRecurrence) {
  const auto p = leaf(at::sigmoid(wave({2, 3, 1, 17}))), v = leaf(wave({2, 3, 1, 17}, 0.4).abs());
  EXPECT_TRUE(close(expected_alignment(p, v), plainly(p, v), 1e-14));
  EXPECT_TRUE(close(expected_alignment(p.to(at::kFloat), v.to(at::kFloat)), plainly(p, v), 1e-6));
  expect_gradients([&] { return (expected_alignment(p, v) * wave({2, 3, 1, 17}, 0.7)).sum(); }, {{"stop", p}, {"before", v}});
}

TEST(ExpectedAlignment, StepsFlowBackThroughAllBeforeThem) {
  const auto first = leaf(at::sigmoid(wave({3, 9}))), second = leaf(at::sigmoid(wave({3, 9}, 0.9)));
  const auto start = at::one_hot(at::zeros({3}, at::kLong), 9).to(at::kDouble);
  expect_gradients(
      [&] {
        return (expected_alignment(second, expected_alignment(first, start)) * wave({3, 9}, 0.7)).sum();
      },
      {{"first", first}, {"second", second}});
}

TEST(ExpectedAlignment, SaysWhatDoesNotFit) {
  const auto p = at::rand({2, 3}, at::kDouble);
  expect_error(ErrorKind::kShape, {"expected_alignment", "[2, 3]", "[2, 4]"}, [&] {
    expected_alignment(p, at::rand({2, 4}, at::kDouble));
  });
  expect_error(ErrorKind::kValue, {"float32 or float64", "Double", "Float"}, [&] { expected_alignment(p, p.to(at::kFloat)); });
  EXPECT_EQ(expected_alignment(at::rand({2, 0}), at::rand({2, 0})).numel(), 0);
}

}  // namespace
}  // namespace attend::testing
