// Recurrent encoders against the modules of libtorch, packed by length, and what padding may not do.
#include <torch/nn/modules/rnn.h>
#include <torch/nn/utils/rnn.h>

#include <limits>

#include "attend/attention/mask.h"
#include "attend/layers/recurrent.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kItems = 4, kWords = 6, kFeatures = 5, kUnits = 3;

at::Tensor word_counts() { return at::tensor({3, 6, 1, 5}, at::kLong); }  // neither sorted nor equal

struct Case {
  std::string cell;
  std::int64_t layers;
  bool bidirectional, bias;
  std::string name() const { return fmt::format("{}_{}{}{}", cell, layers, bidirectional ? "_both" : "_forward", bias ? "" : "_no_bias"); }
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name(); }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto* cell : {"rnn_tanh", "lstm", "gru"})
    for (const std::int64_t layers : {1, 3})
      for (const bool both : {false, true}) all.push_back({cell, layers, both, true});
  for (const auto* cell : {"rnn_tanh", "lstm", "gru"}) all.push_back({cell, 2, true, false});
  return all;
}

RecurrentEncoderOptions options_of(const Case& c) {
  return {.cell = c.cell, .input_size = kFeatures, .size = kUnits, .layers = c.layers, .bidirectional = c.bidirectional, .bias = c.bias};
}

// The weights of a module of libtorch in an encoder of ours; libtorch has two biases where one would do.
void copy_weights(const torch::nn::Module& from, RecurrentEncoder& to, const Case& c) {
  const auto theirs = from.named_parameters();
  for (auto& parameter : to.named_parameters()) {
    const auto& key = parameter.key();  // forward_0.input_weight
    const auto dot = key.find('.');
    const auto what = key.substr(dot + 1), layer = key.substr(dot - 1, 1);
    const auto place = "_l" + layer + (key.starts_with("backward") ? "_reverse" : "");
    at::Tensor value;
    if (what == "input_weight") value = theirs["weight_ih" + place];
    if (what == "hidden_weight") value = theirs["weight_hh" + place];
    if (what == "hidden_bias") value = theirs["bias_hh" + place];
    if (what == "bias") value = c.cell == "gru" ? theirs["bias_ih" + place] : theirs["bias_ih" + place] + theirs["bias_hh" + place];
    ASSERT_TRUE(value.defined()) << key;
    ASSERT_EQ(value.sizes(), parameter.value().sizes()) << key;
    parameter.value().set_data(value.detach().clone());
  }
}

struct Reference {
  std::shared_ptr<torch::nn::Module> module;
  at::Tensor states, h, c;  // [B, S, M], [L·directions, B, N]
};

template <class Holder, class Options>
Reference run_reference(Options options, const Case& c, const at::Tensor& x, const at::Tensor& lengths) {
  Holder module(options.num_layers(c.layers).bidirectional(c.bidirectional).bias(c.bias).batch_first(true));
  fill_parameters(*module, 0.7);
  const auto packed = torch::nn::utils::rnn::pack_padded_sequence(x, lengths, /*batch_first=*/true, /*enforce_sorted=*/false);
  Reference r;
  r.module = module.ptr();
  const auto [out, last] = module->forward_with_packed_input(packed);
  if constexpr (std::is_same_v<Holder, torch::nn::LSTM>) {
    std::tie(r.h, r.c) = last;
  } else {
    r.h = last;
  }
  r.states = std::get<0>(torch::nn::utils::rnn::pad_packed_sequence(out, /*batch_first=*/true));
  return r;
}

Reference reference(const Case& c, const at::Tensor& x, const at::Tensor& lengths) {
  if (c.cell == "lstm") return run_reference<torch::nn::LSTM>(torch::nn::LSTMOptions(kFeatures, kUnits), c, x, lengths);
  if (c.cell == "gru") return run_reference<torch::nn::GRU>(torch::nn::GRUOptions(kFeatures, kUnits), c, x, lengths);
  return run_reference<torch::nn::RNN>(torch::nn::RNNOptions(kFeatures, kUnits), c, x, lengths);
}

// The last layer's entries of h or c [L·directions, B, N], directions side by side.
at::Tensor last_layer(const at::Tensor& x, bool bidirectional) { return bidirectional ? at::cat({x[-2], x[-1]}, -1) : x[-1]; }

at::Tensor without_padding(const at::Tensor& x, const at::Tensor& lengths) {
  return x.masked_fill(within_lengths(lengths, x.size(1)).logical_not().unsqueeze(-1), 0.0);
}

class Encoders : public ::testing::TestWithParam<Case> {};

TEST_P(Encoders, EqualTheModulesOfLibtorch) {
  const auto& c = GetParam();
  const auto x = wave({kItems, kWords, kFeatures}, 0.4);
  const auto lengths = word_counts();
  const auto expected = reference(c, x, lengths);
  RecurrentEncoder encoder(options_of(c));
  encoder.to(at::kDouble);
  copy_weights(*expected.module, encoder, c);
  for (const bool wide : {true, false}) {
    const auto type = wide ? at::kDouble : at::kFloat;
    const double tolerance = wide ? 1e-12 : 1e-6;
    encoder.to(type);
    const auto out = encoder(x.to(type), lengths);
    EXPECT_TRUE(close(without_padding(out.states, lengths), expected.states, tolerance));
    EXPECT_TRUE(close(out.last, last_layer(expected.h, c.bidirectional), tolerance));
    EXPECT_EQ(out.last_cell.defined(), c.cell == "lstm");
    if (out.last_cell.defined()) {
      EXPECT_TRUE(close(out.last_cell, last_layer(expected.c, c.bidirectional), tolerance));
    }
    EXPECT_EQ(out.first_backward.defined(), c.bidirectional);
    if (c.bidirectional) {
      EXPECT_TRUE(close(out.first_backward, expected.h[-1], tolerance));
    }
  }
  EXPECT_EQ(encoder.output_size(), expected.states.size(2));
}

TEST_P(Encoders, GradientsEqualThoseOfLibtorch) {
  const auto& c = GetParam();
  const auto lengths = word_counts();
  const auto theirs = leaf(wave({kItems, kWords, kFeatures}, 0.4)), ours = leaf(theirs);
  const auto expected = reference(c, theirs, lengths);
  const auto mix = wave(expected.states.sizes(), 0.9);
  ((expected.states * mix).sum() + last_layer(expected.h, c.bidirectional).sum()).backward();
  RecurrentEncoder encoder(options_of(c));
  encoder.to(at::kDouble);
  copy_weights(*expected.module, encoder, c);
  const auto out = encoder(ours, lengths);
  ((without_padding(out.states, lengths) * mix).sum() + out.last.sum()).backward();
  EXPECT_TRUE(close(ours.grad(), theirs.grad(), 1e-12));
}

// Whatever stands behind an item's end, NaN included, reaches neither outputs nor gradients.
TEST_P(Encoders, PaddingMayHoldAnything) {
  const auto& c = GetParam();
  const auto lengths = word_counts();
  const auto padding = within_lengths(lengths, kWords).logical_not().unsqueeze(-1);
  RecurrentEncoder encoder(options_of(c));
  fill_parameters(encoder, 0.7);
  std::vector<at::Tensor> outputs[2], gradients[2];
  for (const int run : {0, 1}) {
    encoder.zero_grad();
    const auto fill = run == 0 ? 0.0 : std::numeric_limits<double>::quiet_NaN();
    const auto x = leaf(wave({kItems, kWords, kFeatures}, 0.4).masked_fill(padding, fill));
    const auto out = encoder(x, lengths);
    outputs[run] = {without_padding(out.states, lengths), out.last};
    if (out.last_cell.defined()) outputs[run].push_back(out.last_cell);
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (const auto& o : outputs[run]) loss = loss + (o * wave(o.sizes(), 0.3)).sum();
    loss.backward();
    gradients[run] = {x.grad()};
    for (const auto& p : encoder.parameters()) gradients[run].push_back(p.grad().clone());
    EXPECT_TRUE(all_zero(x.grad().masked_select(padding)));
  }
  for (std::size_t i = 0; i < outputs[0].size(); ++i) EXPECT_TRUE(same(outputs[1][i], outputs[0][i])) << "output " << i;
  for (std::size_t i = 0; i < gradients[0].size(); ++i) EXPECT_TRUE(same(gradients[1][i], gradients[0][i])) << "gradient " << i;
}

TEST_P(Encoders, AnItemAloneEqualsTheItemInABatch) {
  const auto lengths = word_counts();
  RecurrentEncoder encoder(options_of(GetParam()));
  fill_parameters(encoder, 0.7);
  const auto x = wave({kItems, kWords, kFeatures}, 0.4);
  const auto together = encoder(x, lengths);
  for (std::int64_t b = 0; b < kItems; ++b) {
    const auto length = lengths[b].item<std::int64_t>();
    const auto alone = encoder(x.narrow(0, b, 1).narrow(1, 0, length), lengths.narrow(0, b, 1));
    EXPECT_TRUE(close(alone.states[0], together.states[b].narrow(0, 0, length), 1e-14)) << b;
    EXPECT_TRUE(close(alone.last[0], together.last[b], 1e-14)) << b;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Encoders, ::testing::ValuesIn(cases()), [](const auto& instance) { return instance.param.name(); });

TEST(RecurrentEncoder, SumOfDirectionsIsTheSumOfTheirHalves) {
  const Case c{"gru", 1, true, true};
  auto options = options_of(c);
  RecurrentEncoder joined(options);
  options.sum_directions = true;
  RecurrentEncoder summed(options);
  fill_parameters(joined);
  fill_parameters(summed);
  const auto x = wave({kItems, kWords, kFeatures}, 0.4);
  const auto lengths = word_counts();
  const auto halves = joined(x, lengths), sum = summed(x, lengths);
  EXPECT_EQ(summed.output_size(), kUnits);
  EXPECT_TRUE(close(sum.states, halves.states.narrow(-1, 0, kUnits) + halves.states.narrow(-1, kUnits, kUnits), 1e-14));
  EXPECT_TRUE(close(sum.last, halves.last.narrow(-1, 0, kUnits) + halves.last.narrow(-1, kUnits, kUnits), 1e-14));
  EXPECT_TRUE(close(sum.first_backward, halves.first_backward, 0));
}

TEST(RecurrentEncoder, DropsBetweenLayersInTrainingOnly) {
  RecurrentEncoderOptions options{.cell = "gru", .input_size = kFeatures, .size = kUnits, .layers = 2, .dropout = 0.5};
  RecurrentEncoder two(options);
  options.layers = 1;
  RecurrentEncoder one(options);
  for (auto* encoder : {&two, &one}) fill_parameters(*encoder);
  const auto x = wave({kItems, kWords, kFeatures}, 0.4);
  const auto lengths = word_counts();
  EXPECT_TRUE(same(one(x, lengths).last, one(x, lengths).last));
  EXPECT_FALSE(same(two(x, lengths).last, two(x, lengths).last));
  two.eval();
  EXPECT_TRUE(same(two(x, lengths).last, two(x, lengths).last));
}

}  // namespace
}  // namespace attend::testing
