// Adaptive computation time: the rule, the cell that ponders over inputs, the block that ponders over positions.
#include "attend/layers/act.h"

#include <cmath>
#include <limits>

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

constexpr double kTight = 1e-12, kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kBatch = 3, kSteps = 4, kIn = 2, kSize = 3;

at::Tensor ids(at::ArrayRef<std::int64_t> values) { return at::tensor(values, at::kLong); }
at::Tensor numbers(at::ArrayRef<double> values) { return at::tensor(values, at::kDouble); }
at::Tensor uneven_lengths() { return ids({2, 4, 3}); }
double logit(double p) { return std::log(p / (1 - p)); }

// Halting probabilities σ(bias) whatever the state.
void halt_by_bias(torch::nn::Module& module, double bias) {
  module.named_parameters()["halting.weight"].set_data(at::zeros({1, kSize}, at::kDouble));
  module.named_parameters()["halting.bias"].set_data(numbers({bias}));
}

NamedTensors parameters_of(const torch::nn::Module& module) {
  NamedTensors all;
  for (const auto& p : module.named_parameters()) all.emplace_back(p.key(), p.value());
  return all;
}

TEST(Halt, HandCase) {
  const auto h = leaf(numbers({0.2, 0.5, 0.4}));
  const auto r = halt(h);
  EXPECT_EQ(r.steps.item<std::int64_t>(), 3);
  EXPECT_TRUE(close(r.weights, numbers({0.2, 0.5, 0.3}), kTight));
  EXPECT_NEAR(r.ponder.item<double>(), 3.3, kTight);
  r.ponder.backward();
  EXPECT_TRUE(same(h.grad(), numbers({-1, -1, 0})));
}

TEST(Halt, ConstantProbability) {
  const auto r = halt(at::full({2, 7}, 0.3, at::kDouble));
  EXPECT_TRUE(same(r.steps, ids({4, 4})));
  EXPECT_TRUE(close(r.weights, numbers({0.3, 0.3, 0.3, 0.1, 0, 0, 0}).expand({2, 7}), kTight));
  EXPECT_TRUE(close(r.ponder, numbers({4.1, 4.1}), kTight));
}

TEST(Halt, TheLastStepTakesWhatIsLeft) {
  const auto r = halt(numbers({0.1, 0.2, 0.3, 0.995, 0.5, 0.1, 0, 0, 0}).view({3, 3}));
  EXPECT_TRUE(same(r.steps, ids({3, 1, 3})));
  EXPECT_TRUE(close(r.weights, numbers({0.1, 0.2, 0.7, 1, 0, 0, 0, 0, 1}).view({3, 3}), kTight));
  EXPECT_TRUE(close(r.remainder, numbers({0.7, 1, 1}), kTight));
}

TEST(Halt, EpsilonDecidesAndWhatFollowsIsNotRead) {
  const auto h = numbers({0.6, 0.35, 0.5, kNaN});
  EXPECT_EQ(halt(h, 0.1).steps.item<std::int64_t>(), 2);
  EXPECT_EQ(halt(h, 0.01).steps.item<std::int64_t>(), 3);
  EXPECT_TRUE(close(halt(h, 0.01).weights, numbers({0.6, 0.35, 0.05, 0}), kTight));
}

TEST(Halt, IsADistributionWithAPositiveRemainder) {
  const auto r = halt(at::sigmoid(wave({5, 3, 11}, 0.2) * 2 - 1.5));
  EXPECT_TRUE(close(r.weights.sum(-1), at::ones({5, 3}, at::kDouble), kTight));
  EXPECT_GE(r.weights.min().item<double>(), 0);
  EXPECT_GT(r.remainder.min().item<double>(), 0);
  EXPECT_LE(r.remainder.max().item<double>(), 1);
  EXPECT_GT(r.steps.max().item<std::int64_t>(), r.steps.min().item<std::int64_t>());
  EXPECT_TRUE(close(r.ponder, r.steps + r.remainder, kTight));
}

TEST(Halt, GradientsMatchCentralDifferences) {
  const auto h = leaf(at::sigmoid(wave({4, 5}, 0.2) - 0.7));
  expect_gradients(
      [&] {
        const auto r = halt(h);
        return (r.weights * wave({4, 5}, 0.5)).sum() + (r.ponder * wave({4}, 0.9)).sum();
      },
      {{"h", h}});
}

TEST(Halt, SaysWhatDoesNotFit) {
  expect_error(ErrorKind::kShape, {"act", "[.., M]", "[2, 0]"}, [] { halt(at::zeros({2, 0})); });
  expect_error(ErrorKind::kValue, {"act: epsilon", "got 1"}, [] { halt(at::zeros({2}), 1); });
  expect_error(ErrorKind::kValue, {"act: max_steps", "got 0"}, [] { AdaptiveCell("lstm", 2, 3, {.max_steps = 0}); });
  expect_error(ErrorKind::kUnknownName, {"'interpolated'", "interpolate", "weighted"}, [] { AdaptiveBlock(4, {}, "interpolated"); });
  AdaptiveCell cell("gru", kIn, kSize);
  expect_error(ErrorKind::kShape, {"act", "2]", "[3, 4, 5]"}, [&] { cell(at::zeros({3, 4, 5})); });
  expect_error(ErrorKind::kValue, {"act", "0 to 4", "5"}, [&] { cell(at::zeros({1, 4, kIn}), ids({5})); });
  AdaptiveBlock block(kSize);
  expect_error(ErrorKind::kShape, {"act: the block must return [1, 2, 3]", "got [1, 2, 2]"}, [&] {
    block([](const at::Tensor& x) { return x.narrow(2, 0, 2); }, at::zeros({1, 2, kSize}));
  });
}

class AdaptiveCells : public ::testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<AdaptiveCell> make(const ActOptions& options = {.max_steps = 6}) const {
    auto cell = std::make_shared<AdaptiveCell>(GetParam(), kIn, kSize, options);
    fill_parameters(*cell);
    return cell;
  }
  // Few steps for some inputs, many for others.
  std::shared_ptr<AdaptiveCell> make_varied() const {
    auto cell = make();
    cell->named_parameters()["halting.weight"].set_data(numbers({1.5, -2, 1}).view({1, kSize}));
    cell->named_parameters()["halting.bias"].set_data(numbers({-0.4}));
    return cell;
  }
  // The cell inside, with the same weights.
  std::shared_ptr<RecurrentCell> plain(const AdaptiveCell& of) const {
    auto cell = std::make_shared<RecurrentCell>(GetParam(), kIn + 1, kSize);
    for (const auto& p : of.named_parameters())
      if (p.key().starts_with("cell.")) cell->named_parameters()[p.key().substr(5)].set_data(p.value().detach().clone());
    return cell;
  }
};

// One item at a time, by the formulas alone.
TEST_P(AdaptiveCells, EqualTheFormulaItemByItem) {
  const auto module = make_varied();
  const auto inner = plain(*module);
  const auto w = module->named_parameters()["halting.weight"][0], b = module->named_parameters()["halting.bias"];
  const auto x = wave({kBatch, kSteps, kIn}, 0.3) * 2;
  const auto out = (*module)(x, uneven_lengths());
  for (std::int64_t item = 0; item < kBatch; ++item) {
    auto state = inner->zero_state(1);
    double ponder = 0;
    for (std::int64_t t = 0; t < kSteps; ++t) {
      if (t >= uneven_lengths()[item].item<std::int64_t>()) {
        for (const auto& part : {out.outputs, out.steps, out.remainder, out.halting}) EXPECT_TRUE(all_zero(part[item][t]));
        continue;
      }
      auto s = state;
      CellState mean{at::zeros({1, kSize}, at::kDouble), at::zeros({1, kSize}, at::kDouble)};
      double sum = 0;
      std::int64_t n = 0;
      for (bool last = false; !last;) {
        const auto input = at::cat({x[item][t], numbers({n == 0 ? 1.0 : 0.0})}).unsqueeze(0);
        s = RecurrentCell::Steps(*inner, kIn + 1)({}, input, s);
        const double h = at::sigmoid(at::dot(w, s.h[0]) + b[0]).item<double>();
        last = ++n == 6 || sum + h >= 0.99;
        const double p = last ? 1 - sum : h;
        mean.h = mean.h + p * s.h;
        if (s.c.defined()) mean.c = mean.c + p * s.c;
        EXPECT_NEAR(out.halting[item][t][n - 1].item<double>(), p, kTight);
        if (!last) sum += h;
      }
      state = {mean.h, s.c.defined() ? mean.c : at::Tensor()};
      ponder += static_cast<double>(n) + 1 - sum;
      EXPECT_EQ(out.steps[item][t].item<std::int64_t>(), n) << item << ", " << t;
      EXPECT_NEAR(out.remainder[item][t].item<double>(), 1 - sum, kTight);
      EXPECT_TRUE(close(out.outputs[item][t], mean.h[0], kTight));
      if (s.c.defined()) {
        EXPECT_TRUE(close(out.cells[item][t], mean.c[0], kTight));
      }
    }
    EXPECT_NEAR(out.ponder[item].item<double>(), ponder, kTight);
    EXPECT_TRUE(close(out.last.h[item], state.h[0], kTight));
    if (state.c.defined()) {
      EXPECT_TRUE(close(out.last.c[item], state.c[0], kTight));
    }
  }
  EXPECT_EQ(out.cells.defined(), std::string_view(GetParam()) == "lstm");
  const auto taken = std::get<0>(at::_unique(out.steps.masked_select(out.steps.gt(0))));
  EXPECT_GE(taken.numel(), 3) << "the case should have inputs of different difficulty: " << out.steps;
}

TEST_P(AdaptiveCells, ConstantProbability) {
  const auto cell = make();
  halt_by_bias(*cell, logit(0.3));
  const auto out = (*cell)(wave({2, 3, kIn}, 0.3));
  EXPECT_TRUE(same(out.steps, at::full({2, 3}, 4, at::kLong)));
  EXPECT_TRUE(close(out.halting, numbers({0.3, 0.3, 0.3, 0.1, 0, 0}).expand({2, 3, 6}), kTight));
  EXPECT_TRUE(close(out.ponder, numbers({3 * 4.1, 3 * 4.1}), kTight));
}

TEST_P(AdaptiveCells, HaltingAtOnceIsThePlainCell) {
  const auto cell = make();
  halt_by_bias(*cell, 20);
  const auto x = wave({kBatch, kSteps, kIn}, 0.3);
  const auto out = (*cell)(x);
  const auto inner = plain(*cell);
  auto state = inner->zero_state(kBatch);
  for (std::int64_t t = 0; t < kSteps; ++t) {
    const auto input = at::cat({x.select(1, t), at::ones({kBatch, 1}, at::kDouble)}, 1);
    state = RecurrentCell::Steps(*inner, kIn + 1)({}, input, state);
    EXPECT_TRUE(close(out.outputs.select(1, t), state.h, kTight));
  }
  EXPECT_TRUE(same(out.steps, at::ones({kBatch, kSteps}, at::kLong)));
  EXPECT_TRUE(same(out.ponder, at::full({kBatch}, 2.0 * kSteps, at::kDouble)));
}

TEST_P(AdaptiveCells, NeverHaltingIsTheStateAfterTheLastStep) {
  const auto cell = make();
  halt_by_bias(*cell, -20);
  const auto x = wave({kBatch, 1, kIn}, 0.3);
  const auto out = (*cell)(x);
  const auto inner = plain(*cell);
  auto state = inner->zero_state(kBatch);
  for (std::int64_t n = 0; n < 6; ++n) {
    const auto input = at::cat({x.select(1, 0), at::full({kBatch, 1}, n == 0 ? 1.0 : 0.0, at::kDouble)}, 1);
    state = RecurrentCell::Steps(*inner, kIn + 1)({}, input, state);
  }
  EXPECT_TRUE(close(out.outputs.select(1, 0), state.h, 1e-6));
  EXPECT_TRUE(same(out.steps, at::full({kBatch, 1}, 6, at::kLong)));
  EXPECT_TRUE(close(out.ponder, at::full({kBatch}, 7.0, at::kDouble), 1e-6));
}

TEST_P(AdaptiveCells, AnItemDoesNotDependOnItsNeighbours) {
  const auto cell = make_varied();
  const auto x = wave({kBatch, kSteps, kIn}, 0.3) * 2;
  const auto all = (*cell)(x, uneven_lengths());
  for (std::int64_t b = 0; b < kBatch; ++b) {
    const auto length = uneven_lengths()[b].item<std::int64_t>();
    const auto alone = (*cell)(x.narrow(0, b, 1).narrow(1, 0, length));
    EXPECT_TRUE(same(alone.steps[0], all.steps[b].narrow(0, 0, length)));
    EXPECT_TRUE(close(alone.outputs[0], all.outputs[b].narrow(0, 0, length), kTight));
    EXPECT_TRUE(close(alone.ponder[0], all.ponder[b], kTight));
    EXPECT_TRUE(close(alone.last.h[0], all.last.h[b], kTight));
  }
}

TEST_P(AdaptiveCells, GoesOnFromAState) {
  const auto cell = make_varied();
  const auto x = wave({kBatch, kSteps, kIn}, 0.3) * 2;
  const auto all = (*cell)(x), first = (*cell)(x.narrow(1, 0, 1)), rest = (*cell)(x.narrow(1, 1, kSteps - 1), {}, first.last);
  EXPECT_TRUE(close(rest.outputs, all.outputs.narrow(1, 1, kSteps - 1), kTight));
  EXPECT_TRUE(close(rest.last.h, all.last.h, kTight));
  EXPECT_TRUE(close(rest.last.c, all.last.c, kTight));
  EXPECT_TRUE(close(first.ponder + rest.ponder, all.ponder, kTight));
}

TEST_P(AdaptiveCells, PaddingMayHoldAnythingAndAnEmptyItemPassesItsStartOn) {
  const auto lengths = ids({2, 0, 3});
  const auto run = [&](double filling) {
    const auto cell = make_varied();
    auto x = wave({kBatch, kSteps, kIn}, 0.3);
    for (std::int64_t b = 0; b < kBatch; ++b) x[b].slice(0, lengths[b].item<std::int64_t>()).fill_(filling);
    x = leaf(x);
    auto start = cell->zero_state(kBatch);
    start.h = start.h + 0.25;
    const auto out = (*cell)(x, lengths, start);
    EXPECT_TRUE(same(out.last.h[1], start.h[1]));
    EXPECT_EQ(out.ponder[1].item<double>(), 0);
    (out.outputs.sum() + out.ponder.sum()).backward();
    std::vector<at::Tensor> all{out.outputs, out.halting, out.ponder, out.last.h, x.grad()};
    for (const auto& p : cell->parameters()) all.push_back(p.grad());
    return all;
  };
  const auto zeros = run(0), nans = run(kNaN);
  for (std::size_t i = 0; i < zeros.size(); ++i) EXPECT_TRUE(same(nans[i], zeros[i])) << i;
}

TEST_P(AdaptiveCells, GradientsMatchCentralDifferences) {
  const auto cell = make_varied();
  const auto x = leaf(wave({kBatch, kSteps, kIn}, 0.3) * 2);
  auto leaves = parameters_of(*cell);
  leaves.emplace_back("x", x);
  expect_gradients(
      [&] {
        const auto out = (*cell)(x, uneven_lengths());
        auto loss = (out.outputs * wave({kBatch, kSteps, kSize}, 0.1)).sum() + (out.ponder * wave({kBatch}, 0.6)).sum() +
                    (out.halting * wave({kBatch, kSteps, 6}, 0.8)).sum() + (out.last.h * wave({kBatch, kSize}, 0.5)).sum();
        if (out.cells.defined()) loss = loss + (out.cells * wave({kBatch, kSteps, kSize}, 0.4)).sum();
        return loss;
      },
      leaves);
}

INSTANTIATE_TEST_SUITE_P(All, AdaptiveCells, ::testing::Values("rnn_tanh", "lstm", "gru"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(AdaptiveCell, StartsWithItsHaltingBias) {
  AdaptiveCell cell("gru", 2, 3);
  EXPECT_EQ(cell.named_parameters()["halting.bias"].item<double>(), 1);
  EXPECT_EQ(cell.named_parameters()["cell.input_weight"].size(1), 3);
  EXPECT_TRUE(cell.named_parameters()["halting.bias"].requires_grad());
}

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
