// Recurrent steps: against plain compositions, against the library's own cells, and against central differences.
#include "attend/ops/recurrent.h"

#include <torch/csrc/autograd/autograd.h>

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kRows = 3, kIn = 4, kOut = 4;

// A loop whose step t feeds step t + 1, with the given linear map at every step.
template <class Map>
at::Tensor unroll(const Map& map, const at::Tensor& x, int steps) {
  auto h = at::zeros({kRows, kOut}, x.options());
  for (int t = 0; t < steps; ++t) h = map(x[t] + h).tanh();  // [rows, out]
  return (h * wave({kRows, kOut}, 0.4)).sum();
}

struct Leaves {
  at::Tensor weight = leaf(wave({kOut, kIn}, 0.1)), x = leaf(wave({5, kRows, kIn}, 0.7));
};

TEST(StepLinear, EqualsLinearInValueAndEveryGradient) {
  for (const int steps : {1, 2, 5}) {
    Leaves a, b;
    const StepLinear map(a.weight);
    const auto loss = unroll(map, a.x, steps), expected = unroll([&](const at::Tensor&x) { return at::linear(x, b.weight); }, b.x, steps);
    EXPECT_TRUE(same(loss, expected));
    loss.backward();
    expected.backward();
    EXPECT_TRUE(close(a.weight.grad(), b.weight.grad(), 1e-14)) << steps << " steps";
    EXPECT_TRUE(close(a.x.grad(), b.x.grad(), 1e-14)) << steps << " steps";
  }
}

TEST(StepLinear, GradientsMatchCentralDifferences) {
  Leaves a;
  expect_gradients([&] { return unroll(StepLinear(a.weight), a.x, 3); }, {{"weight", a.weight}, {"x", a.x}});
}

TEST(StepLinear, AddsWhatItIsGivenARowOrOneForAll) {
  for (const bool row_each : {true, false}) {
    Leaves a, b;
    const auto addend = row_each ? wave({kRows, kOut}, 2.1) : wave({kOut}, 2.1);
    const auto extra = leaf(addend), extra2 = leaf(addend);
    const StepLinear map(a.weight);
    const auto loss = unroll([&](const at::Tensor& x) { return map(x, extra); }, a.x, 3);
    const auto expected = unroll([&](const at::Tensor& x) { return at::linear(x, b.weight) + extra2; }, b.x, 3);
    EXPECT_TRUE(close(loss, expected, 1e-14)) << row_each;
    loss.backward();
    expected.backward();
    EXPECT_TRUE(close(a.weight.grad(), b.weight.grad(), 1e-14)) << row_each;
    EXPECT_TRUE(close(a.x.grad(), b.x.grad(), 1e-14)) << row_each;
    EXPECT_TRUE(close(extra.grad(), extra2.grad(), 1e-14)) << row_each;
  }
}

// Steps of float32 go by packed weights where rows are few.
TEST(StepLinear, InFloat32EqualsLinearOfFloat64) {
  for (const std::int64_t rows : {1, 7, 128, 150}) {
    const auto weight = wave({52, 52}, 0.1), first = wave({rows, 52}, 0.7), addend = wave({rows, 52}, 1.3);
    auto gradients = [&](at::ScalarType type, bool steps) {
      const auto w = leaf(weight.to(type)), x = leaf(first.to(type)), extra = leaf(addend.to(type));
      const StepLinear map(w);
      auto h = x;
      for (int t = 0; t < 4; ++t) h = (steps ? map(h, extra) : at::linear(h, w) + extra).tanh();  // [rows, 52]
      (h * wave({rows, 52}, 0.4).to(type)).sum().backward();
      return std::vector<at::Tensor>{h, w.grad(), x.grad(), extra.grad()};
    };
    const auto found = gradients(at::kFloat, true), expected = gradients(at::kDouble, false);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto scale = expected[i].abs().max().item<double>();
      EXPECT_TRUE(close(found[i].to(at::kDouble), expected[i], 1e-5 * scale)) << rows << " rows, number " << i;
    }
  }
}

TEST(StepLinear, SecondBackwardOnAFreshInstanceStartsFromNothing) {
  Leaves a;
  unroll(StepLinear(a.weight), a.x, 3).backward();
  const auto once = a.weight.grad().clone();
  unroll(StepLinear(a.weight), a.x, 3).backward();
  EXPECT_TRUE(close(a.weight.grad(), once * 2, 1e-14));
}

TEST(StepLinear, SecondBackwardThroughTheSameStepsCountsOnce) {
  Leaves a;
  const StepLinear map(a.weight);
  const auto loss = unroll(map, a.x, 3);
  loss.backward({}, /*keep_graph=*/true);
  const auto once = a.weight.grad().clone();
  loss.backward();
  EXPECT_TRUE(close(a.weight.grad(), once * 2, 1e-14));
}

// A backward pass towards x alone leaves nothing behind for the weight.
TEST(StepLinear, BackwardTowardsTheInputAloneLeavesNothingBehind) {
  Leaves a, b;
  const StepLinear map(a.weight);
  const auto loss = unroll(map, a.x, 3);
  loss.backward({}, /*keep_graph=*/true, /*create_graph=*/false, at::TensorList({a.x}));
  EXPECT_FALSE(a.weight.grad().defined());
  loss.backward();
  unroll([&](const at::Tensor& x) { return at::linear(x, b.weight); }, b.x, 3).backward();
  EXPECT_TRUE(close(a.weight.grad(), b.weight.grad(), 1e-14));
}

TEST(StepLinear, UnusedStepsCountForNothing) {
  Leaves a, b;
  const StepLinear map(a.weight);
  const auto used = map(a.x[0]);
  map(a.x[1]);  // never reaches the loss
  used.square().sum().backward();
  at::linear(b.x[0], b.weight).square().sum().backward();
  EXPECT_TRUE(close(a.weight.grad(), b.weight.grad(), 1e-14));
  EXPECT_TRUE(close(a.x.grad(), b.x.grad(), 1e-14));
}

TEST(StepLinear, WeightMayBeAnExpressionItself) {
  Leaves a, b;
  unroll(StepLinear(a.weight * 2), a.x, 3).backward();
  unroll([&](const at::Tensor& x) { return at::linear(x, b.weight * 2); }, b.x, 3).backward();
  EXPECT_TRUE(close(a.weight.grad(), b.weight.grad(), 1e-14));
}

TEST(StepLinear, FrozenWeightsAndInputsGetNoGradient) {
  Leaves a, b;
  unroll(StepLinear(a.weight.detach()), a.x, 2).backward();
  unroll([&](const at::Tensor& x) { return at::linear(x, b.weight); }, b.x, 2).backward();
  EXPECT_TRUE(close(a.x.grad(), b.x.grad(), 1e-14));
  EXPECT_FALSE(a.weight.grad().defined());
  Leaves c;
  unroll(StepLinear(c.weight), c.x.detach(), 2).backward();
  EXPECT_TRUE(close(c.weight.grad(), b.weight.grad(), 1e-14));
  EXPECT_FALSE(c.x.grad().defined());
}

TEST(StepLinear, WithoutGradientModeNothingIsRecorded) {
  Leaves a;
  at::NoGradGuard no_grad;
  const StepLinear map(a.weight);
  const auto y = map(a.x[0]);
  EXPECT_FALSE(y.requires_grad());
  EXPECT_TRUE(same(y, at::linear(a.x[0], a.weight)));
}

TEST(StepLinear, StepsWithoutGradientModeAreLeftOut) {
  Leaves a, b;
  const StepLinear map(a.weight);
  {
    at::NoGradGuard no_grad;
    EXPECT_FALSE(map(a.x[0]).requires_grad());
  }
  map(a.x[1]).sum().backward();
  at::linear(b.x[1], b.weight).sum().backward();
  EXPECT_TRUE(close(a.weight.grad(), b.weight.grad(), 1e-14));
}

TEST(StepLinear, SecondDerivativesAreRefused) {
  Leaves a;
  const StepLinear map(a.weight);
  const auto loss = unroll(map, a.x, 2);
  expect_error(ErrorKind::kUnsupported, {"StepLinear", "create_graph", "at::linear"},
               [&] { torch::autograd::grad({loss}, {a.weight}, {}, true, /*create_graph=*/true); });
}

std::pair<at::Tensor, at::Tensor> plain_lstm(const at::Tensor& gates, const at::Tensor& c) {
  const auto g = gates.chunk(4, -1);
  const auto next = g[1].sigmoid() * c + g[0].sigmoid() * g[2].tanh();
  return {g[3].sigmoid() * next.tanh(), next};
}

TEST(LstmPointwise, EqualsItsFormulaInValueAndGradient) {
  for (const std::int64_t rows : {0, 1, 3}) {
    const auto gates = leaf(wave({rows, 20}) * 2), c = leaf(wave({rows, 5}, 0.5)), gates2 = leaf(gates), c2 = leaf(c);
    const auto [h, next] = lstm_pointwise(gates, c);
    const auto [h2, next2] = plain_lstm(gates2, c2);
    EXPECT_TRUE(close(h, h2, 1e-15) && close(next, next2, 1e-15));
    ((h * wave({rows, 5}, 1)).sum() + (next * wave({rows, 5}, 2)).sum()).backward();
    ((h2 * wave({rows, 5}, 1)).sum() + (next2 * wave({rows, 5}, 2)).sum()).backward();
    EXPECT_TRUE(close(gates.grad(), gates2.grad(), 1e-15)) << rows << " rows";
    EXPECT_TRUE(close(c.grad(), c2.grad(), 1e-15)) << rows << " rows";
  }
}

TEST(LstmPointwise, EitherOutputMayGoUnused) {
  for (const bool use_h : {true, false}) {
    const auto gates = leaf(wave({2, 12})), c = leaf(wave({2, 3}, 0.5)), gates2 = leaf(gates), c2 = leaf(c);
    const auto a = lstm_pointwise(gates, c), b = plain_lstm(gates2, c2);
    (use_h ? a.first : a.second).sum().backward();
    (use_h ? b.first : b.second).sum().backward();
    EXPECT_TRUE(close(gates.grad(), gates2.grad(), 1e-15));
    EXPECT_TRUE(close(c.grad(), c2.grad(), 1e-15));
  }
}

TEST(LstmPointwise, TakesGatesThatAreSlicesOfLargerTensors) {
  const auto wide = wave({3, 2, 8}), state = wave({3, 2, 2}, 0.5);
  const auto [h, next] = lstm_pointwise(wide.select(1, 1), state.select(1, 0));
  const auto [h2, next2] = plain_lstm(wide.select(1, 1), state.select(1, 0));
  EXPECT_TRUE(close(h, h2, 1e-15) && close(next, next2, 1e-15));
}

TEST(LstmPointwise, GradientsMatchCentralDifferences) {
  const auto gates = leaf(wave({2, 12})), c = leaf(wave({2, 3}, 0.5));
  expect_gradients(
      [&] {
        const auto [h, next] = lstm_pointwise(gates, c);
        return (h * wave({2, 3}, 1)).sum() + next.square().sum();
      },
      {{"gates", gates}, {"c", c}});
}

TEST(LstmPointwise, SecondDerivativesAreRefused) {
  const auto gates = leaf(wave({2, 12})), c = leaf(wave({2, 3}));
  const auto h = lstm_pointwise(gates, c).first;
  expect_error(ErrorKind::kUnsupported, {"lstm_pointwise", "create_graph"},
               [&] { torch::autograd::grad({h.sum()}, {gates}, {}, true, /*create_graph=*/true); });
}

struct CellWeights {
  at::Tensor x, h, c, from_input, from_state, input_bias, state_bias;
  explicit CellWeights(std::int64_t gates)
      : x(leaf(wave({3, 4}, 0.1))),
        h(leaf(wave({3, 5}, 0.2))),
        c(leaf(wave({3, 5}, 0.3))),
        from_input(leaf(wave({gates * 5, 4}, 0.4))),
        from_state(leaf(wave({gates * 5, 5}, 0.5))),
        input_bias(leaf(wave({gates * 5}, 0.6))),
        state_bias(leaf(wave({gates * 5}, 0.7))) {}
  std::vector<at::Tensor> leaves() const { return {x, h, from_input, from_state, input_bias, state_bias}; }
};

// at::lstm_cell and at::gru_cell are what torch::nn::LSTMCell and GRUCell call.
TEST(LstmPointwise, EqualsTheLibrarysCell) {
  const CellWeights a(4), b(4);
  const auto gates = at::linear(a.x, a.from_input, a.input_bias) + at::linear(a.h, a.from_state, a.state_bias);
  const auto [h, c] = lstm_pointwise(gates, a.c);
  const auto [h2, c2] = at::lstm_cell(b.x, {b.h, b.c}, b.from_input, b.from_state, b.input_bias, b.state_bias);
  EXPECT_TRUE(close(h, h2, 1e-6) && close(c, c2, 1e-6));
  (h.square().sum() + c.sum()).backward();
  (h2.square().sum() + c2.sum()).backward();
  EXPECT_TRUE(close(a.c.grad(), b.c.grad(), 1e-6));
  for (std::size_t i = 0; i < a.leaves().size(); ++i) EXPECT_TRUE(close(a.leaves()[i].grad(), b.leaves()[i].grad(), 1e-6)) << i;
}

at::Tensor plain_gru(const at::Tensor& from_input, const at::Tensor& from_state, const at::Tensor& h) {
  const auto i = from_input.chunk(3, -1), s = from_state.chunk(3, -1);
  const auto r = (i[0] + s[0]).sigmoid(), z = (i[1] + s[1]).sigmoid(), n = (i[2] + r * s[2]).tanh();
  return (1 - z) * n + z * h;
}

TEST(GruPointwise, EqualsItsFormulaInValueAndGradient) {
  for (const std::int64_t rows : {0, 1, 3}) {
    const auto i = leaf(wave({rows, 15})), s = leaf(wave({rows, 15}, 0.5)), h = leaf(wave({rows, 5}, 0.9));
    const auto i2 = leaf(i), s2 = leaf(s), h2 = leaf(h);
    const auto next = gru_pointwise(i, s, h), next2 = plain_gru(i2, s2, h2);
    EXPECT_TRUE(close(next, next2, 1e-15));
    (next * wave({rows, 5}, 1)).sum().backward();
    (next2 * wave({rows, 5}, 1)).sum().backward();
    EXPECT_TRUE(close(i.grad(), i2.grad(), 1e-15) && close(s.grad(), s2.grad(), 1e-15) && close(h.grad(), h2.grad(), 1e-15))
        << rows << " rows";
  }
}

TEST(GruPointwise, GradientsMatchCentralDifferences) {
  const auto i = leaf(wave({2, 9})), s = leaf(wave({2, 9}, 0.5)), h = leaf(wave({2, 3}, 0.9));
  expect_gradients([&] { return (gru_pointwise(i, s, h) * wave({2, 3}, 1)).sum(); }, {{"from_input", i}, {"from_state", s}, {"h", h}});
}

TEST(GruPointwise, EqualsTheLibrarysCell) {
  const CellWeights a(3), b(3);
  const auto h = gru_pointwise(at::linear(a.x, a.from_input, a.input_bias), at::linear(a.h, a.from_state, a.state_bias), a.h);
  const auto h2 = at::gru_cell(b.x, b.h, b.from_input, b.from_state, b.input_bias, b.state_bias);
  EXPECT_TRUE(close(h, h2, 1e-6));
  h.square().sum().backward();
  h2.square().sum().backward();
  for (std::size_t i = 0; i < a.leaves().size(); ++i) EXPECT_TRUE(close(a.leaves()[i].grad(), b.leaves()[i].grad(), 1e-6)) << i;
}

}  // namespace
}  // namespace attend::testing
