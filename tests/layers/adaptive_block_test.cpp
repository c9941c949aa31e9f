// Adaptive computation time over positions: the block of a universal Transformer.
#include <cmath>

#include "attend/layers/act.h"
#include "layers/sequences.h"

namespace attend::testing {
namespace {

// A block in which every position reads all positions of its item up to its length.
struct Mixing {
  at::Tensor own = wave({kSize, kSize}, 0.4), from_all = wave({kSize, kSize}, 1.9);
  at::Tensor inside;  // [B, S, 1]
  at::Tensor operator()(const at::Tensor& x) const {
    const auto mean = (x * inside).sum(1, true) / inside.sum(1, true).clamp_min(1);
    return at::tanh(at::matmul(x, own) + at::matmul(mean, from_all));
  }
};

at::Tensor inside_of(const at::Tensor& lengths) { return (at::arange(kSteps) < lengths.unsqueeze(1)).unsqueeze(-1).to(at::kDouble); }

std::shared_ptr<AdaptiveBlock> make_block(const std::string& combine = "weighted") {
  auto block = std::make_shared<AdaptiveBlock>(kSize, ActOptions{.max_steps = 6}, combine);
  fill_parameters(*block);
  block->named_parameters()["halting.weight"].set_data(numbers({1.5, -2, 1}).view({1, kSize}));
  block->named_parameters()["halting.bias"].set_data(numbers({-1.6}));
  return block;
}

at::Tensor sinusoid(std::int64_t position) { return sinusoidal_table(position + 1, kSize)[position].to(at::kDouble); }

// Both rules by plain loops over positions.
TEST(AdaptiveBlock, EqualsTheFormulaPositionByPosition) {
  for (const std::string combine : {"weighted", "interpolate"}) {
    const bool theirs = combine == "interpolate";
    constexpr std::int64_t kOffset = 2;
    const auto module = make_block(combine);
    const Mixing mixing{.inside = inside_of(uneven_lengths())};
    const auto x = wave({kBatch, kSteps, kSize}, 0.3) * 2;
    const auto out = (*module)(mixing, x, uneven_lengths(), kOffset);
    const auto w = module->named_parameters()["halting.weight"][0], b = module->named_parameters()["halting.bias"];

    auto state = x * mixing.inside, expected = at::zeros_like(x);
    auto sum = at::zeros({kBatch, kSteps}, at::kDouble), halting = at::zeros({kBatch, kSteps, 6}, at::kDouble);
    auto steps = at::zeros({kBatch, kSteps}, at::kLong);
    auto done = mixing.inside.squeeze(-1).eq(0), left_over = at::zeros({kBatch, kSteps}, at::kBool);
    auto remainder = at::zeros({kBatch, kSteps}, at::kDouble);
    for (std::int64_t n = 1; n <= 6; ++n) {
      auto input = state.clone();
      for (std::int64_t s = 0; s < kSteps; ++s) input.select(1, s).add_(sinusoid(s + kOffset) + sinusoid(n));
      const auto next = mixing(input);
      for (std::int64_t i = 0; i < kBatch; ++i)
        for (std::int64_t s = 0; s < kSteps; ++s) {
          const auto at_place = [&](const at::Tensor& t) { return t[i][s]; };
          if (theirs) at_place(state).copy_(at_place(next));
          if (at_place(done).item<bool>()) continue;
          at_place(state).copy_(at_place(next));
          const double before = at_place(sum).item<double>();
          const double h = at::sigmoid(at::dot(w, at_place(theirs ? input : state)) + b[0]).item<double>();
          const bool last = before + h >= 0.99 || (n == 6 && !theirs);
          const double p = last ? 1 - before : h;
          at_place(steps).fill_(n);
          halting[i][s][n - 1] = p;
          if (last) at_place(remainder).fill_(p);
          if (!last) at_place(sum).fill_(before + h);
          at_place(done).fill_(last);
          at_place(expected).copy_(theirs ? p * at_place(state) + (1 - p) * at_place(expected) : at_place(expected) + p * at_place(state));
        }
    }
    expected = expected * mixing.inside;
    EXPECT_TRUE(same(out.steps, steps)) << combine;
    EXPECT_TRUE(close(out.halting, halting, kTight)) << combine;
    EXPECT_TRUE(close(out.remainder, remainder, kTight)) << combine;
    EXPECT_TRUE(close(out.ponder, (steps + remainder).sum(1), kTight)) << combine;
    EXPECT_TRUE(close(out.outputs, expected, kTight)) << combine;
    const auto taken = std::get<0>(at::_unique(steps.masked_select(steps.gt(0))));
    EXPECT_GE(taken.numel(), 3) << "the case should have positions of different difficulty: " << steps;
  }
}

TEST(AdaptiveBlock, APositionThatHaltedIsFrozenAndStaysVisible) {
  const auto block = make_block();
  const Mixing mixing{.inside = inside_of(uneven_lengths())};
  const auto x = wave({kBatch, kSteps, kSize}, 0.3) * 2;
  std::vector<at::Tensor> seen;  // Xⁿ⁻¹ as the block of step n sees it
  const auto signals = [](std::int64_t n) { return sinusoidal_table(kSteps, kSize).to(at::kDouble) + sinusoid(n); };
  const auto watched = [&](const at::Tensor& input) {
    seen.push_back(input - signals(static_cast<std::int64_t>(seen.size()) + 1));
    return mixing(input);
  };
  const auto out = (*block)(watched, x, uneven_lengths());
  std::int64_t frozen = 0;
  for (std::int64_t b = 0; b < kBatch; ++b)
    for (std::int64_t s = 0; s < uneven_lengths()[b].item<std::int64_t>(); ++s) {
      const auto n = out.steps[b][s].item<std::int64_t>();
      const auto last = mixing(seen[static_cast<std::size_t>(n) - 1] + signals(n))[b][s];
      for (auto later = static_cast<std::size_t>(n); later < seen.size(); ++later, ++frozen)
        EXPECT_TRUE(close(seen[later][b][s], last, kTight)) << b << ", " << s << " at step " << later + 1;
    }
  EXPECT_GT(frozen, 0);
}

TEST(AdaptiveBlock, InterpolationLeavesARestAtTheLimit) {
  const auto block = make_block("interpolate");
  halt_by_bias(*block, logit(0.1));
  const auto out = (*block)(Mixing{.inside = at::ones({1, 1, 1}, at::kDouble)}, wave({1, 2, kSize}));
  EXPECT_TRUE(close(out.halting.sum(-1), at::full({1, 2}, 0.6, at::kDouble), kTight));
  EXPECT_TRUE(all_zero(out.remainder));
  EXPECT_TRUE(same(out.ponder, numbers({12})));
}

TEST(AdaptiveBlock, LimitsOfTheBias) {
  const auto block = make_block();
  const Mixing mixing{.inside = at::ones({1, 1, 1}, at::kDouble)};
  const auto x = wave({kBatch, kSteps, kSize}, 0.3);
  const auto positions = sinusoidal_table(kSteps, kSize).to(at::kDouble);
  halt_by_bias(*block, 20);
  const auto once = (*block)(mixing, x);
  EXPECT_TRUE(close(once.outputs, mixing(x + positions + sinusoid(1)), kTight));
  EXPECT_TRUE(close(once.ponder, at::full({kBatch}, 2.0 * kSteps, at::kDouble), kTight));
  halt_by_bias(*block, -20);
  auto state = x;
  for (std::int64_t n = 1; n <= 6; ++n) state = mixing(state + positions + sinusoid(n));
  const auto most = (*block)(mixing, x);
  EXPECT_TRUE(close(most.outputs, state, 1e-6));
  EXPECT_TRUE(close(most.ponder, at::full({kBatch}, 7.0 * kSteps, at::kDouble), 1e-6));
}

TEST(AdaptiveBlock, AnItemDoesNotDependOnItsNeighbours) {
  for (const std::string combine : {"weighted", "interpolate"}) {
    const auto block = make_block(combine);
    const auto x = wave({kBatch, kSteps, kSize}, 0.3) * 2;
    const auto inside = inside_of(uneven_lengths());
    const auto all = (*block)(Mixing{.inside = inside}, x, uneven_lengths());
    for (std::int64_t b = 0; b < kBatch; ++b) {
      const auto length = uneven_lengths()[b].item<std::int64_t>();
      const auto alone = (*block)(Mixing{.inside = inside.narrow(0, b, 1).narrow(1, 0, length)}, x.narrow(0, b, 1).narrow(1, 0, length));
      EXPECT_TRUE(same(alone.steps[0], all.steps[b].narrow(0, 0, length)));
      EXPECT_TRUE(close(alone.outputs[0], all.outputs[b].narrow(0, 0, length), kTight));
    }
  }
}

TEST(AdaptiveBlock, PaddingMayHoldAnything) {
  for (const std::string combine : {"weighted", "interpolate"}) {
    const auto lengths = ids({2, 0, 3});
    const auto run = [&](double filling) {
      const auto block = make_block(combine);
      auto x = wave({kBatch, kSteps, kSize}, 0.3);
      for (std::int64_t b = 0; b < kBatch; ++b) x[b].slice(0, lengths[b].item<std::int64_t>()).fill_(filling);
      x = leaf(x);
      const auto out = (*block)(Mixing{.inside = inside_of(lengths)}, x, lengths);
      EXPECT_TRUE(all_zero(out.outputs[1]));
      EXPECT_TRUE(all_zero(out.outputs[0].slice(0, 2)));
      (out.outputs.sum() + out.ponder.sum()).backward();
      return std::vector<at::Tensor>{out.outputs, out.halting, out.ponder, x.grad(), block->parameters()[0].grad()};
    };
    const auto zeros = run(0), nans = run(kNaN);
    for (std::size_t i = 0; i < zeros.size(); ++i) EXPECT_TRUE(same(nans[i], zeros[i])) << i;
  }
}

TEST(AdaptiveBlock, GradientsMatchCentralDifferences) {
  for (const std::string combine : {"weighted", "interpolate"}) {
    const auto block = make_block(combine);
    Mixing mixing{.inside = inside_of(uneven_lengths())};
    mixing.own = leaf(mixing.own);
    mixing.from_all = leaf(mixing.from_all);
    const auto x = leaf(wave({kBatch, kSteps, kSize}, 0.3) * 2);
    auto leaves = parameters_of(*block);
    leaves.emplace_back("x", x);
    leaves.emplace_back("own", mixing.own);
    leaves.emplace_back("from_all", mixing.from_all);
    expect_gradients(
        [&] {
          const auto out = (*block)(mixing, x, uneven_lengths());
          return (out.outputs * wave({kBatch, kSteps, kSize}, 0.1)).sum() + (out.ponder * wave({kBatch}, 0.6)).sum();
        },
        leaves);
  }
}

}  // namespace
}  // namespace attend::testing
