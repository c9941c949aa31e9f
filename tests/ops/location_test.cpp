// Filters of past weights against the convolution that they are.
#include "attend/ops/location.h"

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

at::Tensor plainly(const at::Tensor& x, const at::Tensor& filters) {
  const auto heads = x.size(1), rows = x.size(2), keys = x.size(4);
  const auto input = x.transpose(1, 2).reshape({x.size(0) * rows, heads * x.size(3), keys});               // [B·R, H·C, S]
  const auto f = at::conv1d(input, filters, {}, 1, filters.size(2) / 2, 1, heads);                         // [B·R, H·F, S]
  return f.view({x.size(0), rows, heads, filters.size(0) / heads, keys}).transpose(1, 2).transpose(3, 4);  // [B, H, R, S, F]
}

TEST(LocationFeatures, AreTheConvolution) {
  struct Sizes {
    std::int64_t batch, heads, rows, channels, keys, filters, width;
  };
  for (const auto& s :
       {Sizes{2, 1, 1, 1, 13, 3, 5}, Sizes{2, 2, 3, 2, 9, 4, 3}, Sizes{1, 1, 1, 1, 4, 17, 11}, Sizes{3, 2, 1, 1, 1, 1, 1}}) {
    SCOPED_TRACE(s.keys);
    const auto x = leaf(wave({s.batch, s.heads, s.rows, s.channels, s.keys}));
    const auto filters = leaf(wave({s.heads * s.filters, s.channels, s.width}, 0.4));
    EXPECT_TRUE(close(location_features(x, filters), plainly(x, filters), 1e-14));
    EXPECT_TRUE(close(location_features(x.to(at::kFloat), filters.to(at::kFloat)), plainly(x, filters), 1e-6));
    const auto weight = wave({s.batch, s.heads, s.rows, s.keys, s.filters}, 0.7);
    const auto gradients = [&](const at::Tensor& f) {
      (f * weight.to(f.scalar_type())).sum().backward();
      const std::vector<at::Tensor> both{gradient_of(x).clone(), gradient_of(filters).clone()};
      x.mutable_grad() = filters.mutable_grad() = at::Tensor();
      return both;
    };
    const auto plain = gradients(plainly(x, filters));
    const auto ours = gradients(location_features(x, filters)),
               in_float32 = gradients(location_features(x.to(at::kFloat), filters.to(at::kFloat)));
    for (std::size_t i = 0; i < plain.size(); ++i) {
      EXPECT_TRUE(close(ours[i], plain[i], 1e-13)) << i;
      EXPECT_TRUE(close(in_float32[i], plain[i], 1e-5)) << i;
    }
  }
}

TEST(LocationFeatures, GradientsMatchCentralDifferences) {
  const auto x = leaf(wave({2, 2, 2, 2, 6})), filters = leaf(wave({6, 2, 3}, 0.4));
  expect_gradients([&] { return (location_features(x, filters) * wave({2, 2, 2, 6, 3}, 0.7)).sum(); }, {{"x", x}, {"filters", filters}});
}

TEST(LocationFeatures, OfNoKeysAreNone) {
  const auto x = leaf(at::zeros({2, 1, 1, 1, 0}, at::kDouble)), filters = leaf(wave({3, 1, 5}));
  const auto f = location_features(x, filters);
  EXPECT_EQ(f.sizes(), at::IntArrayRef({2, 1, 1, 0, 3}));
  f.sum().backward();
  EXPECT_TRUE(at::equal(gradient_of(filters), at::zeros_like(filters)));
}

TEST(LocationFeatures, SayWhatDoesNotFit) {
  const auto x = at::rand({2, 2, 1, 1, 5}, at::kDouble);
  expect_error(ErrorKind::kShape, {"location_features", "[3, 1, 5]"}, [&] { location_features(x, at::rand({3, 1, 5}, at::kDouble)); });
  expect_error(ErrorKind::kShape, {"odd", "[4, 1, 4]"}, [&] { location_features(x, at::rand({4, 1, 4}, at::kDouble)); });
  expect_error(ErrorKind::kValue, {"Double", "Float"}, [&] { location_features(x, at::rand({4, 1, 5})); });
}

}  // namespace
}  // namespace attend::testing
