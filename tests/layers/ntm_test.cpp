// Neural Turing machine: each stage of the addressing, reading and writing, and whole sequences against plain loops.
#include "attend/layers/ntm.h"

#include <cmath>

#include "layers/sequences.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kRows = 5, kWidth = 2;

at::Tensor scalar(double value) { return at::scalar_tensor(value, at::kDouble); }
at::Tensor one_hot(std::int64_t i, std::int64_t size) { return at::eye(size, at::kDouble)[i]; }

TEST(NtmShift, HandCaseAndSharpened) {
  const auto shifted = ntm_shift(numbers({0.1, 0.6, 0.3, 0}), numbers({0.1, 0.2, 0.7}));
  EXPECT_TRUE(close(shifted, numbers({0.08, 0.22, 0.48, 0.22}), kTight));
  EXPECT_TRUE(close(ntm_sharpen(shifted, scalar(2)), numbers({0.019185, 0.145084, 0.690647, 0.145084}), 1e-6));
}

TEST(NtmShift, PlusOneMovesWeightToTheNextRowAndAround) {
  EXPECT_TRUE(same(ntm_shift(one_hot(1, 4), numbers({0, 0, 1})), one_hot(2, 4)));
  EXPECT_TRUE(same(ntm_shift(one_hot(3, 4), numbers({0, 0, 1})), one_hot(0, 4)));
  EXPECT_TRUE(same(ntm_shift(one_hot(0, 4), numbers({1, 0, 0})), one_hot(3, 4)));
  EXPECT_TRUE(same(ntm_shift(one_hot(3, 5), numbers({0, 0, 0, 0, 1})), one_hot(0, 5)));
  expect_error(ErrorKind::kShape, {"ntm", "odd", "got 2"}, [] { ntm_shift(one_hot(0, 4), numbers({0.5, 0.5})); });
}

TEST(NtmContent, IsTheFormula) {
  const auto key = wave({2, 3, 4}, 0.2), memory = wave({2, 5, 4}, 0.9), strength = wave({2, 3}, 0.3) + 2;
  const auto w = ntm_content(key, strength, memory);
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t h = 0; h < 3; ++h) {
      auto scores = at::zeros({5}, at::kDouble);
      for (std::int64_t i = 0; i < 5; ++i)
        scores[i] = strength[b][h] * at::dot(key[b][h], memory[b][i]) / (key[b][h].norm() * memory[b][i].norm() + 1e-8);
      EXPECT_TRUE(close(w[b][h], at::softmax(scores, 0), kTight));
    }
}

TEST(NtmContent, AStrongKeyFindsItsRow) {
  const auto memory = wave({1, kRows, 4}, 0.4);
  for (std::int64_t i = 0; i < kRows; ++i)
    EXPECT_TRUE(close(ntm_content(memory.narrow(1, i, 1), at::full({1, 1}, 1e5, at::kDouble), memory)[0][0], one_hot(i, kRows), kTight));
}

TEST(NtmContent, ZeroKeysAndRowsAreFarFromEverythingAndFinite) {
  const auto key = leaf(at::zeros({1, 1, 3}, at::kDouble)), memory = leaf(at::zeros({1, 4, 3}, at::kDouble));
  const auto w = ntm_content(key, at::ones({1, 1}, at::kDouble), memory);
  EXPECT_TRUE(same(w, at::full({1, 1, 4}, 0.25, at::kDouble)));
  (w * wave({1, 1, 4})).sum().backward();
  EXPECT_TRUE(all_finite(key.grad()));
  EXPECT_TRUE(all_finite(memory.grad()));
}

TEST(NtmGate, ChoosesBetweenContentAndBefore) {
  const auto content = wave({2, 3, 4}, 0.1), previous = wave({2, 3, 4}, 0.8);
  EXPECT_TRUE(same(ntm_gate(content, previous, at::zeros({2, 3}, at::kDouble)), previous));
  EXPECT_TRUE(close(ntm_gate(content, previous, at::ones({2, 3}, at::kDouble)), content, kTight));
  EXPECT_TRUE(close(ntm_gate(content, previous, at::full({2, 3}, 0.3, at::kDouble)), 0.3 * content + 0.7 * previous, kTight));
}

TEST(NtmSharpen, GoesToTheLargestAndSurvivesZeros) {
  const auto w = numbers({0.2, 0.5, 0.3, 0});
  EXPECT_TRUE(close(ntm_sharpen(w, scalar(1)), w, kTight));
  EXPECT_TRUE(close(ntm_sharpen(w, scalar(1e4)), one_hot(1, 4), kTight));
  EXPECT_TRUE(close(ntm_sharpen(w * 1e-200, scalar(3)), at::full({4}, 0.25, at::kDouble), kTight));  // the powers would be 0/0
  const auto edge = leaf(one_hot(2, 4));
  (ntm_sharpen(edge, scalar(1.5)) * wave({4})).sum().backward();
  EXPECT_TRUE(all_finite(edge.grad()));
}

TEST(NtmAddress, ClosedGateAndPlusOneIsARotationThatReturns) {
  const auto memory = wave({1, kRows, kWidth}, 0.3);
  const auto start = numbers({0.1, 0.4, 0.2, 0.05, 0.25}).view({1, 1, kRows});
  const NtmAddress address{.key = wave({1, 1, kWidth}),
                           .strength = at::ones({1, 1}, at::kDouble),
                           .gate = at::zeros({1, 1}, at::kDouble),
                           .shift = numbers({0, 0, 1}).view({1, 1, 3}),
                           .sharpness = at::ones({1, 1}, at::kDouble)};
  auto w = start;
  for (std::int64_t step = 1; step <= kRows; ++step) {
    w = ntm_address(address, w, memory);
    EXPECT_TRUE(close(w, start.roll(step, -1), kTight)) << step;
    EXPECT_EQ(close(w, start, 1e-3) == true, step == kRows);
  }
}

TEST(NtmAddress, StaysADistribution) {
  const auto x = wave({kBatch, 2, kRows}, 0.7);
  const NtmAddress address{.key = wave({kBatch, 2, kWidth}),
                           .strength = wave({kBatch, 2}, 0.2) + 2,
                           .gate = at::sigmoid(wave({kBatch, 2}, 0.9)),
                           .shift = at::softmax(wave({kBatch, 2, 3}, 0.5), -1),
                           .sharpness = wave({kBatch, 2}, 0.1) + 3};
  const auto w = ntm_address(address, at::softmax(x, -1), wave({kBatch, kRows, kWidth}, 0.3));
  EXPECT_GE(w.min().item<double>(), 0);
  EXPECT_TRUE(close(w.sum(-1), at::ones({kBatch, 2}, at::kDouble), kTight));
}

TEST(NtmWrite, ReplacesAWholeRowAndNothingWithoutWeight) {
  const auto memory = wave({1, kRows, kWidth}, 0.3), add = wave({1, kWidth}, 0.8), erase = at::ones({1, kWidth}, at::kDouble);
  auto expected = memory.clone();
  expected[0][2].copy_(add[0]);
  EXPECT_TRUE(same(ntm_write(memory, one_hot(2, kRows).unsqueeze(0), erase, add), expected));
  EXPECT_TRUE(same(ntm_write(memory, at::zeros({1, kRows}, at::kDouble), erase, add), memory));
}

TEST(NtmRead, IsTheWeightedSumOfTheRows) {
  const auto memory = wave({2, kRows, kWidth}, 0.3), w = wave({2, 3, kRows}, 0.6);
  EXPECT_TRUE(close(ntm_read(memory, w)[1][2], (w[1][2].unsqueeze(1) * memory[1]).sum(0), kTight));
}

TEST(NtmAddress, GradientsMatchCentralDifferences) {
  const auto said = leaf(wave({2, 2, kWidth + 6}, 0.2)), previous = leaf(at::softmax(wave({2, 2, kRows}, 0.7), -1));
  const auto memory = leaf(wave({2, kRows, kWidth}, 0.3)), erase = leaf(wave({2, kWidth}, 1.1)), add = leaf(wave({2, kWidth}, 0.4));
  expect_gradients(
      [&] {
        const NtmAddress address{.key = said.narrow(2, 0, kWidth),
                                 .strength = at::softplus(said.select(2, kWidth)),
                                 .gate = at::sigmoid(said.select(2, kWidth + 1)),
                                 .shift = at::softmax(said.narrow(2, kWidth + 2, 3), -1),
                                 .sharpness = 1 + at::softplus(said.select(2, kWidth + 5))};
        const auto w = ntm_address(address, previous, memory);
        const auto written = ntm_write(memory, w.select(1, 0), erase, add);
        return (ntm_read(written, w) * wave({2, 2, kWidth}, 0.5)).sum() + (w * wave({2, 2, kRows}, 0.1)).sum();
      },
      {{"said", said}, {"previous", previous}, {"memory", memory}, {"erase", erase}, {"add", add}});
}

class Machines : public ::testing::TestWithParam<const char*> {
 protected:
  NtmOptions options() const {
    return {.input_size = kIn, .size = kSize, .controller = GetParam(), .rows = kRows, .width = kWidth, .read_heads = 2, .write_heads = 2};
  }
  std::shared_ptr<NtmMemory> make(const NtmOptions& o) const {
    auto machine = std::make_shared<NtmMemory>(o);
    fill_parameters(*machine);
    return machine;
  }
  std::shared_ptr<NtmMemory> make() const { return make(options()); }
};

// h_t of one item from [x_t; r_{t−1}].
CellState controller_by_formula(const NtmMemory& machine, const std::string& kind, const at::Tensor& input, const CellState& before) {
  const auto p = machine.named_parameters();
  if (kind == "feed_forward") return {at::tanh(at::mv(p["controller.weight"], input) + p["controller.bias"]), {}};
  RecurrentCell cell(kind, input.size(0), kSize);
  for (const auto& q : cell.named_parameters()) q.value().set_data(p["controller." + q.key()].detach());
  const auto row = [](const at::Tensor& x) { return x.defined() ? x.unsqueeze(0) : x; };
  const auto next = RecurrentCell::Steps(cell, input.size(0))({}, row(input), {row(before.h), row(before.c)});
  return {next.h[0], next.c.defined() ? next.c[0] : at::Tensor()};
}

// Where one head goes, by loops over the rows; said [>= W + 6].
at::Tensor address_by_formula(const at::Tensor& said, const at::Tensor& previous, const at::Tensor& memory) {
  const auto number = [&](std::int64_t i) { return said[kWidth + i].item<double>(); };
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  const double strength = softplus(number(0)), gate = 1 / (1 + std::exp(-number(1))), sharpness = 1 + softplus(number(2));
  const auto shift = at::softmax(said.narrow(0, kWidth + 3, 3), 0), key = said.narrow(0, 0, kWidth);
  auto content = at::zeros({kRows}, at::kDouble), moved = at::zeros({kRows}, at::kDouble);
  for (std::int64_t i = 0; i < kRows; ++i) content[i] = (strength * at::dot(key, memory[i]) / (key.norm() * memory[i].norm() + 1e-8)).exp();
  const auto gated = gate * content / content.sum() + (1 - gate) * previous;
  for (std::int64_t j = 0; j < kRows; ++j)
    for (std::int64_t by = -1; by <= 1; ++by) moved[(j + by + kRows) % kRows] += gated[j] * shift[by + 1];
  const auto powers = (moved + 1e-16).pow(sharpness);
  return powers / powers.sum();
}

TEST_P(Machines, EqualTheFormulaItemByItem) {
  at::NoGradGuard no_grad;
  const auto machine = make();
  const auto x = wave({kBatch, kSteps, kIn}, 0.3);
  const auto out = (*machine)(x, uneven_lengths(), {}, /*keep_memories=*/true);
  const auto p = machine->named_parameters();
  const auto zero = at::zeros({kSize}, at::kDouble);
  for (std::int64_t b = 0; b < kBatch; ++b) {
    auto memory = at::full({kRows, kWidth}, 1e-6, at::kDouble), read = at::zeros({2 * kWidth}, at::kDouble);
    CellState state{zero, std::string_view(GetParam()) == "lstm" ? zero : at::Tensor()};
    std::vector<at::Tensor> w(4, one_hot(0, kRows));
    for (std::int64_t t = 0; t < kSteps; ++t) {
      if (t < uneven_lengths()[b].item<std::int64_t>()) {
        state = controller_by_formula(*machine, GetParam(), at::cat({x[b][t], read}), state);
        const auto said = at::mv(p["heads.map.weight"], state.h) + p["heads.map.bias"];
        constexpr std::int64_t kWriter = 3 * kWidth + 6, kReader = kWidth + 6;
        const auto before = memory.clone();
        for (std::int64_t i = 0; i < 2; ++i) {  // both find their place in the memory before either writes
          const auto words = said.narrow(0, i * kWriter, kWriter);
          w[i] = address_by_formula(words, w[i], before);
          const auto erase = at::sigmoid(words.narrow(0, kReader, kWidth)), add = words.narrow(0, kReader + kWidth, kWidth);
          for (std::int64_t row = 0; row < kRows; ++row) memory[row] = memory[row] * (1 - w[i][row] * erase) + w[i][row] * add;
        }
        for (std::int64_t i = 0; i < 2; ++i) {
          w[2 + i] = address_by_formula(said.narrow(0, 2 * kWriter + i * kReader, kReader), w[2 + i], memory);
          read.narrow(0, i * kWidth, kWidth).copy_(at::mv(memory.t(), w[2 + i]));
        }
        EXPECT_TRUE(close(out.outputs[b][t], state.h, 1e-9)) << b << ", " << t;
        EXPECT_TRUE(close(out.reads[b][t], read, 1e-9)) << b << ", " << t;
        EXPECT_TRUE(close(out.weights.select(2, t)[b], at::stack(w), 1e-9)) << b << ", " << t;
        EXPECT_TRUE(close(out.weights.select(2, t)[b].sum(-1), at::ones({4}, at::kDouble), kTight));
      } else {
        for (const auto& part : {out.outputs[b][t], out.reads[b][t], out.weights.select(2, t)[b]}) EXPECT_TRUE(all_zero(part));
      }
      EXPECT_TRUE(close(out.memories[b][t], memory, 1e-9)) << b << ", " << t;
    }
    EXPECT_TRUE(close(out.last.memory[b], memory, 1e-9));
    EXPECT_TRUE(close(out.last.read[b], read, 1e-9));
    EXPECT_TRUE(close(out.last.weights[b], at::stack(w), 1e-9));
    EXPECT_TRUE(close(out.last.controller.h[b], state.h, 1e-9));
    EXPECT_EQ(out.last.controller.c.defined(), state.c.defined());
    if (state.c.defined()) {
      EXPECT_TRUE(close(out.last.controller.c[b], state.c, 1e-9));
    }
  }
}

TEST_P(Machines, StepsAndPiecesEqualTheWholeSequence) {
  const auto machine = make();
  const auto x = wave({kBatch, kSteps, kIn}, 0.3);
  const auto all = (*machine)(x);
  EXPECT_FALSE(all.memories.defined());
  const NtmMemory::Steps step(*machine);
  auto state = machine->start(kBatch);
  for (std::int64_t t = 0; t < kSteps; ++t) {
    state = step(machine->project(x.select(1, t)), state);
    EXPECT_TRUE(close(state.controller.h, all.outputs.select(1, t), kTight));
    EXPECT_TRUE(close(state.read, all.reads.select(1, t), kTight));
    EXPECT_TRUE(close(state.weights, all.weights.select(2, t), kTight));
  }
  const auto first = (*machine)(x.narrow(1, 0, 1));
  const auto rest = (*machine)(x.narrow(1, 1, kSteps - 1), {}, first.last);
  EXPECT_TRUE(close(rest.outputs, all.outputs.narrow(1, 1, kSteps - 1), kTight));
  EXPECT_TRUE(close(rest.last.memory, all.last.memory, kTight));
}

TEST_P(Machines, HypothesesAreReorderedWithAllTheyCarry) {
  const auto machine = make();
  const auto x = wave({kBatch, kSteps, kIn}, 0.3);
  const auto order = ids({2, 0, 0});
  const auto first = (*machine)(x.narrow(1, 0, 2));
  const auto chosen = (*machine)(x.narrow(1, 2, 2).index_select(0, order), {}, first.last.select(order));
  const auto all = (*machine)(x);
  EXPECT_TRUE(close(chosen.outputs, all.outputs.narrow(1, 2, 2).index_select(0, order), kTight));
  EXPECT_TRUE(close(chosen.last.memory, all.last.memory.index_select(0, order), kTight));
}

TEST_P(Machines, AnItemDoesNotDependOnItsNeighbours) {
  const auto machine = make();
  const auto x = wave({kBatch, kSteps, kIn}, 0.3);
  const auto all = (*machine)(x, uneven_lengths());
  for (std::int64_t b = 0; b < kBatch; ++b) {
    const auto length = uneven_lengths()[b].item<std::int64_t>();
    const auto alone = (*machine)(x.narrow(0, b, 1).narrow(1, 0, length));
    EXPECT_TRUE(close(alone.outputs[0], all.outputs[b].narrow(0, 0, length), kTight));
    EXPECT_TRUE(close(alone.weights[0], all.weights[b].narrow(1, 0, length), kTight));
    EXPECT_TRUE(close(alone.last.memory[0], all.last.memory[b], kTight));
  }
}

TEST_P(Machines, PaddingMayHoldAnythingAndAnEmptyItemPassesItsStartOn) {
  const auto lengths = ids({2, 0, 3});
  const auto run = [&](double filling) {
    const auto machine = make();
    auto x = wave({kBatch, kSteps, kIn}, 0.3);
    for (std::int64_t b = 0; b < kBatch; ++b) x[b].slice(0, lengths[b].item<std::int64_t>()).fill_(filling);
    x = leaf(x);
    const auto out = (*machine)(x, lengths);
    EXPECT_TRUE(same(out.last.memory[1], at::full({kRows, kWidth}, 1e-6, at::kDouble)));
    EXPECT_TRUE(same(out.last.weights[1], one_hot(0, kRows).expand({4, kRows})));
    (out.outputs.sum() + out.reads.sum() + (out.weights * wave({kBatch, 4, kSteps, kRows})).sum()).backward();
    EXPECT_TRUE(all_zero(x.grad()[1]));
    std::vector<at::Tensor> all{out.outputs, out.reads, out.weights, out.last.memory, x.grad()};
    for (const auto& p : machine->parameters()) all.push_back(p.grad());
    return all;
  };
  const auto zeros = run(0), nans = run(kNaN);
  for (std::size_t i = 0; i < zeros.size(); ++i) EXPECT_TRUE(same(nans[i], zeros[i])) << i;
}

TEST_P(Machines, RowsHaveAnOrder) {
  const auto machine = make();
  const auto x = wave({1, 1, kIn}, 0.3);
  auto state = machine->start(1);
  state.memory = wave({1, kRows, kWidth}, 0.2);
  state.weights = at::softmax(wave({1, 4, kRows}, 0.5), -1);
  const auto order = ids({3, 1, 4, 0, 2});
  auto moved = state;
  moved.memory = state.memory.index_select(1, order);
  moved.weights = state.weights.index_select(2, order);
  const auto a = (*machine)(x, {}, state).weights.index_select(3, order), b = (*machine)(x, {}, moved).weights;
  EXPECT_GT((a - b).abs().max().item<double>(), 1e-3);  // shifts see who stands beside whom
}

TEST_P(Machines, GradientsMatchCentralDifferences) {
  auto o = options();
  o.learned_start = true;
  const auto machine = make(o);
  auto start = machine->start(kBatch);
  start.memory = leaf(wave({kBatch, kRows, kWidth}, 0.2));
  const auto x = leaf(wave({kBatch, 3, kIn}, 0.3));
  const auto lengths = ids({2, 3, 1});
  NamedTensors leaves{{"x", x}, {"memory", start.memory}};
  for (const auto& p : machine->named_parameters()) leaves.emplace_back(p.key(), p.value());
  expect_gradients(
      [&] {
        start.weights = machine->start(kBatch).weights;
        const auto out = (*machine)(x, lengths, start, true);
        return (out.outputs * wave({kBatch, 3, kSize}, 0.1)).sum() + (out.reads * wave({kBatch, 3, 2 * kWidth}, 0.5)).sum() +
               (out.weights * wave({kBatch, 4, 3, kRows}, 0.9)).sum() + (out.memories * wave({kBatch, 3, kRows, kWidth}, 0.4)).sum();
      },
      leaves);
}

INSTANTIATE_TEST_SUITE_P(All, Machines, ::testing::Values("rnn_tanh", "lstm", "gru", "feed_forward"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(NtmHeads, StartsAsThePaperSays) {
  const NtmOptions o{.input_size = 2, .size = 3, .rows = 6, .width = 4, .read_heads = 2};
  NtmHeads fixed(o);
  const auto p = fixed.named_parameters();
  EXPECT_EQ(p["map.weight"].size(0), (3 * 4 + 6) + 2 * (4 + 6));
  EXPECT_EQ(p.size(), 2U);
  const auto state = fixed.start(2);
  EXPECT_TRUE(same(state.memory, at::full({2, 6, 4}, 1e-6f)));
  EXPECT_TRUE(same(state.weights, one_hot(0, 6).expand({2, 3, 6})));
  EXPECT_TRUE(all_zero(state.read));
}

TEST(NtmHeads, ALearnedStartFavoursOneRow) {
  NtmHeads heads({.input_size = 2, .size = 3, .rows = 6, .width = 4, .learned_start = true});
  const auto w = heads.start(2).weights;  // [B, heads, N_m]
  EXPECT_TRUE(close(w.sum(-1), at::ones({2, 2}), 1e-6));
  EXPECT_TRUE(close(w.select(2, 0), at::full({2, 2}, 0.5), 1e-6));
  (w * wave({2, 2, 6})).sum().backward();
  EXPECT_GT(heads.named_parameters()["start"].grad().abs().min().item<double>(), 0);
}

TEST(NtmMemory, OneRowAndOneStep) {
  NtmMemory machine({.input_size = 1, .size = 1, .rows = 1, .width = 1, .learned_start = true});
  const auto out = machine(at::ones({1, 1, 1}));
  EXPECT_TRUE(close(out.weights, at::ones({1, 2, 1, 1}), 1e-6));
  EXPECT_EQ(machine(at::ones({0, 2, 1})).outputs.numel(), 0);
}

TEST(NtmMemory, SaysWhatDoesNotFit) {
  const NtmOptions o{.input_size = 2, .size = 3};
  auto wrong = o;
  wrong.controller = "feedforward";
  expect_error(ErrorKind::kUnknownName, {"ntm: controller", "did you mean 'feed_forward'"}, [&] { NtmMemory{wrong}; });
  wrong = o;
  wrong.write_heads = 0;
  expect_error(ErrorKind::kValue, {"ntm: write heads", "got 0"}, [&] { NtmMemory{wrong}; });
  NtmMemory machine(o);
  expect_error(ErrorKind::kShape, {"ntm", "2]", "[1, 4, 3]"}, [&] { machine(at::zeros({1, 4, 3})); });
  expect_error(ErrorKind::kShape, {"ntm", "at least 1", "[1, 0, 2]"}, [&] { machine(at::zeros({1, 0, 2})); });
  expect_error(ErrorKind::kValue, {"ntm", "0 to 4", "5"}, [&] { machine(at::zeros({1, 4, 2}), ids({5})); });
}

}  // namespace
}  // namespace attend::testing
