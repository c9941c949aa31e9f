// Norms, feed-forward blocks and sinusoids against PyTorch's and Hugging Face's (goldens/make_blocks.py).
#include "attend/layers/blocks.h"

#include "support/goldens.h"
#include "support/gradcheck.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kWide = 6, kHidden = 10;

at::Tensor block_input() { return drawn({2, 4, kWide}, 0.2, 1.5); }

// A part under the name that its parameters have in a golden.
template <class Part>
struct Holder : Module {
  explicit Holder(const BlockOptions& o) : part(register_module("norm", std::make_shared<Part>(kWide, o))) {}
  std::shared_ptr<Part> part;
};

class Norms : public ::testing::TestWithParam<Golden> {};
TEST_P(Norms, EqualTheirPeer) {
  const auto& golden = GetParam();
  Holder<Norm> holder(golden.options<BlockOptions>());
  golden.fill(holder);
  golden.expect({{"y", (*holder.part)(block_input())}}, &holder);
}
INSTANTIATE_TEST_SUITE_P(All, Norms, ::testing::ValuesIn(goldens_of("layers/goldens/blocks.json", "norm")), name_of_golden);

class FeedForwards : public ::testing::TestWithParam<Golden> {};
TEST_P(FeedForwards, EqualTheirPeer) {
  const auto& golden = GetParam();
  FeedForward block(kWide, kHidden, 0.5, golden.options<BlockOptions>());
  golden.fill(block);
  golden.expect({{"y", block(block_input())}}, &block);
}
INSTANTIATE_TEST_SUITE_P(All, FeedForwards, ::testing::ValuesIn(goldens_of("layers/goldens/blocks.json", "feed_forward")), name_of_golden);

class Sinusoids : public ::testing::TestWithParam<Golden> {};
TEST_P(Sinusoids, EqualTheirPeer) {
  const auto& golden = GetParam();
  const auto options = golden.options<InputOptions>();
  const auto expected = golden.get<nlohmann::json>("outputs").at("y").at("shape").get<std::vector<std::int64_t>>();  // [P, N]
  const InputPositions positions("sinusoidal", expected[1], /*longest=*/3, options);
  golden.expect({{"y", positions(at::zeros({1, expected[0], expected[1]}, at::kDouble))[0]}});
  const auto later = positions(at::zeros({1, 1, expected[1]}, at::kDouble), expected[0] - 1);  // alone, at the last place
  EXPECT_TRUE(same(later[0][0], positions(at::zeros({1, expected[0], expected[1]}, at::kDouble))[0][expected[0] - 1]));
}
INSTANTIATE_TEST_SUITE_P(All, Sinusoids, ::testing::ValuesIn(goldens_of("layers/goldens/blocks.json", "sinusoids")), name_of_golden);

TEST(Sinusoids, AnInclusiveTableEndsAtOneTenThousandth) {
  InputOptions o;
  o.sinusoid_end = true;
  const auto table = sinusoidal_table(2, 6, o).to(at::kDouble);
  EXPECT_NEAR(table[1][0].item<double>(), std::sin(1.0), 1e-6);
  EXPECT_NEAR(table[1][2].item<double>(), std::sin(0.01), 1e-6);
  EXPECT_NEAR(table[1][4].item<double>(), std::sin(0.0001), 1e-8);
  o.sinusoids = "halves";
  expect_error(ErrorKind::kValue, {"halves", "even", "5", "interleaved"}, [&] { sinusoidal_table(2, 5, o); });
  o.sinusoids = "interleaved";
  expect_error(ErrorKind::kValue, {"sinusoid_end", "at least 4", "3"}, [&] { sinusoidal_table(2, 3, o); });
}

TEST(InputPositions, LearnedOnesCountFromTheFirst) {
  InputOptions o;
  o.first_position = 2;
  InputPositions positions("learned", 4, /*longest=*/5, o);
  fill_parameters(positions);
  const auto x = wave({1, 3, 4});
  EXPECT_TRUE(same(positions(x), x + positions.named_parameters()["table"].narrow(0, 2, 3)));
  expect_error(ErrorKind::kValue, {"ends at 5", "needs 6"}, [&] { positions(x, 1); });
}

TEST(BlockOptions, AreWhatTransformersHadBefore) {
  const BlockOptions o;
  const Norm norm(kWide);
  const auto x = block_input();
  EXPECT_TRUE(same(norm(x.to(at::kFloat)), at::layer_norm(x.to(at::kFloat), {kWide}, norm.weight, norm.bias, 1e-5)));
  FeedForward block(kWide, kHidden, 0.0);
  EXPECT_EQ(block.named_parameters().keys(), (std::vector<std::string>{"in.weight", "in.bias", "out.weight", "out.bias"}));
  EXPECT_EQ(o.activation, "relu");
  expect_error(ErrorKind::kUnknownName, {"activation", "swisch", "silu"}, [] { activation_of("swisch"); });
}

}  // namespace
}  // namespace attend::testing
