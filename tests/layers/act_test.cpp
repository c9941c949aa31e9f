// Adaptive computation time: the rule, and the cell that ponders over inputs.
#include "attend/layers/act.h"

#include <cmath>

#include "layers/sequences.h"

namespace attend::testing {
namespace {

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

}  // namespace
}  // namespace attend::testing
