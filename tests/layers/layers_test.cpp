// Embeddings, positions, norms, feed-forward blocks, and cells against their formulas.
#include "attend/layers/basic.h"
#include "attend/layers/blocks.h"
#include "attend/layers/recurrent.h"
#include "layers/sequences.h"

namespace attend::testing {
namespace {

TEST(Linear, IsTheFormula) {
  Linear linear(3, 2);
  fill_parameters(linear);
  const auto x = wave({4, 3}, 0.2);
  EXPECT_TRUE(close(linear(x), at::matmul(x, linear.weight.t()) + linear.bias, kTight));
  EXPECT_FALSE(Linear(3, 2, /*bias=*/false).bias.defined());
}

TEST(Embedding, ScalesByTheRootOfItsSize) {
  Embedding plain(6, 4, false), scaled(6, 4, true);
  fill_parameters(plain);
  fill_parameters(scaled);
  EXPECT_TRUE(same(plain(ids({5, 0, 4})), plain.weight.index_select(0, ids({5, 0, 4}))));
  EXPECT_TRUE(close(scaled(ids({5, 0, 4})), scaled.weight.index_select(0, ids({5, 0, 4})) * 2, kTight));
}

TEST(Embedding, PaddingStartsAtZeroAndStaysThere) {
  Embedding embedding(6, 4, false);
  EXPECT_TRUE(all_zero(embedding.weight[1]));
  EXPECT_GT(embedding.weight[0].abs().min().item<double>(), 0);
  embedding(ids({1, 5, 1})).sum().backward();
  EXPECT_TRUE(all_zero(embedding.weight.grad()[1]));
  EXPECT_TRUE(same(embedding.weight.grad()[5], at::ones({4})));
}

TEST(Norm, OfALayerIsTheFormula) {
  Norm norm(5);
  fill_parameters(norm);
  const auto x = wave({2, 3, 5}, 0.4);
  const auto centred = x - x.mean(-1, true);
  const auto expected = centred / (centred.square().mean(-1, true) + 1e-5).sqrt() * norm.weight + norm.bias;
  EXPECT_TRUE(close(norm(x), expected, kTight));
}

TEST(FeedForward, IsTheFormula) {
  FeedForward block(3, 5, 0.5);
  fill_parameters(block);
  block.eval();
  const auto p = block.named_parameters();
  const auto x = wave({2, 4, 3}, 0.6);
  const auto hidden = (at::matmul(x, p["in.weight"].t()) + p["in.bias"]).clamp_min(0);
  EXPECT_TRUE(close(block(x), at::matmul(hidden, p["out.weight"].t()) + p["out.bias"], kTight));
}

TEST(Dropout, KeepsTheMeanAndRestsOutsideTraining) {
  const auto x = at::ones({100, 100});
  Module training, resting;
  resting.eval();
  at::manual_seed(7);
  const auto dropped = apply_dropout(training, x, 0.25);
  EXPECT_TRUE(dropped.eq(0).logical_or(dropped.eq(1 / 0.75F)).all().item<bool>());
  EXPECT_NEAR(dropped.mean().item<double>(), 1, 0.05);
  EXPECT_TRUE(apply_dropout(resting, x, 0.25).is_same(x));
}

TEST(SinusoidalTable, IsTheFormula) {
  for (const std::int64_t size : {1, 4, 7, 10}) {
    const auto table = sinusoidal_table(40, size).to(at::kDouble).contiguous();
    for (std::int64_t p = 0; p < 40; ++p)
      for (std::int64_t n = 0; n < size; ++n) {
        const double angle = static_cast<double>(p) * std::pow(10000.0, -static_cast<double>(n / 2 * 2) / static_cast<double>(size));
        EXPECT_NEAR(table[p][n].item<double>(), n % 2 == 0 ? std::sin(angle) : std::cos(angle), 1e-6) << p << ", " << n << " of " << size;
      }
  }
}

TEST(SinusoidalTable, HandCase) {
  EXPECT_TRUE(close(sinusoidal_table(2, 4)[1], at::tensor({0.841471, 0.540302, 0.010000, 0.999950}, at::kDouble), 1e-6));
}

TEST(SinusoidalTable, AStepFurtherIsARotationOfEachPair) {
  constexpr std::int64_t kSize = 6, kStep = 5;
  const auto table = sinusoidal_table(30, kSize).to(at::kDouble);
  for (std::int64_t i = 0; i < kSize / 2; ++i) {
    const double angle = kStep * std::pow(10000.0, -2.0 * static_cast<double>(i) / kSize);
    const auto sine = table.select(1, 2 * i), cosine = table.select(1, 2 * i + 1);  // [P]
    const auto here = [&](const at::Tensor& x) { return x.slice(0, 0, 30 - kStep); };
    const auto later = [&](const at::Tensor& x) { return x.slice(0, kStep, 30); };
    EXPECT_TRUE(close(later(sine), here(sine) * std::cos(angle) + here(cosine) * std::sin(angle), 1e-6));
    EXPECT_TRUE(close(later(cosine), here(cosine) * std::cos(angle) - here(sine) * std::sin(angle), 1e-6));
  }
  EXPECT_TRUE(close(table.square().sum(-1), at::full({30}, kSize / 2.0), 1e-6));
}

TEST(InputPositions, NoneIsTheInputItself) {
  const auto x = wave({2, 3, 4});
  EXPECT_TRUE(InputPositions("none", 4, 3)(x).is_same(x));
}

TEST(InputPositions, SinusoidalHasNoEndAndCountsFromTheOffset) {
  const InputPositions positions("sinusoidal", 4, /*longest=*/3);
  const auto x = wave({2, 9, 4});
  const auto all = positions(x);
  EXPECT_TRUE(close(all, x + sinusoidal_table(9, 4), 1e-12));
  for (std::int64_t t = 0; t < 9; ++t) EXPECT_TRUE(close(positions(x.narrow(1, t, 1), t), all.narrow(1, t, 1), 1e-12)) << t;
}

TEST(InputPositions, LearnedThrowsBeyondItsTable) {
  InputPositions positions("learned", 4, /*longest=*/3);
  fill_parameters(positions);
  const auto x = wave({2, 3, 4});
  EXPECT_TRUE(close(positions(x), x + positions.named_parameters()["table"], kTight));
  EXPECT_TRUE(close(positions(x.narrow(1, 0, 1), 2), x.narrow(1, 0, 1) + positions.named_parameters()["table"][2], kTight));
  expect_error(ErrorKind::kValue, {"positions", "ends at 3", "needs 4", "model.longest"}, [&] { positions(wave({2, 4, 4})); });
  expect_error(ErrorKind::kValue, {"ends at 3", "needs 4"}, [&] { positions(x.narrow(1, 0, 1), 3); });
}

TEST(RecurrentCell, RefusesAnUnknownName) {
  expect_error(ErrorKind::kUnknownName, {"'elman'", "rnn_tanh", "lstm", "gru"}, [] { RecurrentCell("elman", 2, 2); });
}

TEST(RecurrentCell, StartsWithOrthogonalRecurrenceAndOpenForgetGates) {
  at::manual_seed(3);
  RecurrentCell cell("lstm", 3, 5);
  const auto p = cell.named_parameters();
  for (std::int64_t gate = 0; gate < 4; ++gate) {
    const auto block = p["hidden_weight"].narrow(0, 5 * gate, 5);
    EXPECT_TRUE(close(at::matmul(block, block.t()), at::eye(5), 1e-5)) << gate;
  }
  EXPECT_TRUE(same(p["bias"], at::cat({at::zeros(5), at::ones(5), at::zeros(10)})));
}

// h' by the formulas, input [rows, in], state {h, c}.
CellState cell_by_formula(const RecurrentCell& cell, const std::string& kind, const at::Tensor& input, const CellState& state) {
  const auto p = cell.named_parameters();
  const auto from_input = at::matmul(input, p["input_weight"].t()) + p["bias"];
  const auto from_state = at::matmul(state.h, p["hidden_weight"].t());
  if (kind == "rnn_tanh") return {at::tanh(from_input + from_state), {}};
  if (kind == "gru") {
    const auto i = from_input.chunk(3, 1), h = (from_state + p["hidden_bias"]).chunk(3, 1);
    const auto r = at::sigmoid(i[0] + h[0]), z = at::sigmoid(i[1] + h[1]);
    const auto n = at::tanh(i[2] + r * h[2]);
    return {(1 - z) * n + z * state.h, {}};
  }
  const auto g = (from_input + from_state).chunk(4, 1);
  const auto c = at::sigmoid(g[1]) * state.c + at::sigmoid(g[0]) * at::tanh(g[2]);
  return {at::sigmoid(g[3]) * at::tanh(c), c};
}

class Cells : public ::testing::TestWithParam<const char*> {};

// However the input is divided into what is known before the loop and what only the loop knows.
TEST_P(Cells, OneStepIsTheFormulaForEveryDivisionOfTheInput) {
  constexpr std::int64_t kRows = 3, kIn = 5, kSize = 4;
  RecurrentCell cell(GetParam(), kIn, kSize);
  fill_parameters(cell);
  const auto x = wave({kRows, kIn}, 0.2);
  const CellState state{wave({kRows, kSize}, 0.6), cell.has_cell_state() ? wave({kRows, kSize}, 1.1) : at::Tensor()};
  const auto expected = cell_by_formula(cell, GetParam(), x, state);
  for (const std::int64_t fed : {std::int64_t{0}, std::int64_t{2}, kIn}) {
    const auto projected = fed == kIn ? at::Tensor() : cell.project(x.narrow(1, 0, kIn - fed));
    const auto next = RecurrentCell::Steps(cell, fed)(projected, fed > 0 ? x.narrow(1, kIn - fed, fed) : at::Tensor(), state);
    EXPECT_TRUE(close(next.h, expected.h, kTight)) << fed << " fed";
    EXPECT_TRUE(close(next.c, expected.c, kTight)) << fed << " fed";
  }
}

TEST_P(Cells, ZeroStateFollowsTheWeights) {
  RecurrentCell cell(GetParam(), 2, 3);
  cell.to(at::kDouble);
  const auto state = cell.zero_state(4);
  EXPECT_TRUE(all_zero(state.h));
  EXPECT_EQ(state.h.scalar_type(), at::kDouble);
  EXPECT_EQ(state.c.defined(), std::string_view(GetParam()) == "lstm");
  EXPECT_FALSE(state.h.requires_grad());
}

TEST_P(Cells, EncoderGradientsMatchCentralDifferences) {
  RecurrentEncoder encoder({.cell = GetParam(), .input_size = 2, .size = 2, .layers = 2, .bidirectional = true});
  fill_parameters(encoder);
  const auto x = leaf(wave({2, 3, 2}, 0.3));
  const auto lengths = ids({3, 2});
  NamedTensors leaves{{"x", x}};
  for (const auto& p : encoder.named_parameters()) leaves.emplace_back(p.key(), p.value());
  expect_gradients(
      [&] {
        const auto out = encoder(x, lengths);
        auto loss = (out.states[0] * wave({3, 4}, 0.1)).sum() + (out.states[1].narrow(0, 0, 2) * wave({2, 4}, 0.8)).sum() +
                    (out.last * wave({2, 4}, 0.5)).sum() + (out.first_backward * wave({2, 2}, 0.9)).sum();
        if (out.last_cell.defined()) loss = loss + (out.last_cell * wave({2, 4}, 0.4)).sum();
        return loss;
      },
      leaves);
}

INSTANTIATE_TEST_SUITE_P(All, Cells, ::testing::Values("rnn_tanh", "lstm", "gru"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace attend::testing
