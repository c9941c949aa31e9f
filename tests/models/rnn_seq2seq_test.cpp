// The recurrent encoder–decoder over every mechanism, timing, cell, bridge and readout.
#include "attend/models/rnn_seq2seq.h"
#include "attend/attention/additive.h"
#include "attend/attention/concat.h"
#include "attend/attention/local.h"
#include "attend/attention/local_rnn.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/score.h"

#include <set>

#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

struct Case {
  std::string name;
  ModelOptions options;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Sizes that are told apart wherever the options allow it.
void set_sizes(ModelOptions& o, bool equal_sizes) {
  o.embedding = 5;
  o.of<ReadingOptions>().encoder_hidden = o.of<DirectionOptions>().bidirectional && !o.of<SumOptions>().sum_directions ? 3 : 4;
  const auto encoder_size = o.of<DirectionOptions>().bidirectional && !o.of<SumOptions>().sum_directions ? 6 : 4;
  o.of<HiddenOptions>().hidden = equal_sizes || o.of<BridgeOptions>().bridge == "copy" ? encoder_size : 8;
}

Case make_case(const std::string& attention, const std::string& inner, bool before, bool feeding, std::size_t i) {
  const std::vector<std::string> cells{"rnn_tanh", "lstm", "gru"}, bridges{"zero", "copy", "linear", "mean", "backward_first"},
      readouts{"tanh", "maxout", "linear"};
  Case c;
  auto& o = c.options;
  o.type = "rnn_seq2seq";
  o.attention = attention;
  if (!inner.empty()) o.of<InnerScoreOptions>().score = inner;
  o.of<LocalOptions>().window = 1;
  o.of<LocalRnnOptions>().size = 3;
  o.of<HeadOptions>().heads = 2;
  o.of<CellOptions>().cell = cells[i % 3];
  o.of<BridgeOptions>().bridge = bridges[i % 5];
  o.of<RecurrentDecoderOptions>().readout = readouts[(i / 3) % (feeding ? 2 : 3)];
  o.of<RecurrentDecoderOptions>().timing = before ? "before" : "after";
  o.of<RecurrentDecoderOptions>().input_feeding = feeding;
  o.of<EncoderDepthOptions>().encoder_layers = 1 + static_cast<std::int64_t>(i % 2);
  o.of<DecoderDepthOptions>().decoder_layers = 1 + static_cast<std::int64_t>((i / 2) % 2);
  const auto direction = o.of<BridgeOptions>().bridge == "backward_first" ? (i / 5) % 2 : (i / 4) % 3;
  o.of<DirectionOptions>().bidirectional = direction < 2;
  o.of<SumOptions>().sum_directions = direction == 1;
  o.of<RecurrentBiasOptions>().recurrent_bias = i % 7 != 0;
  o.of<RecurrentDecoderOptions>().readout_embedding = o.of<RecurrentDecoderOptions>().readout != "linear" && (i / 2) % 2 == 0;
  o.of<AdditiveOptions>().normed = i % 4 == 0;
  o.of<ConcatOptions>().plain_source = attention == "concat" && i % 2 == 1;
  o.of<EnergyOptions>().size = attention == "additive" ? 7 : 0;
  if (attention == "none")
    o.of<FixedContextOptions>().fixed_context =
        o.of<BridgeOptions>().bridge == "zero" || o.of<BridgeOptions>().bridge == "backward_first" || (i / 5) % 2 == 0;
  const auto needs_equal = [](const std::string& name) { return find_mechanism(name).capabilities.equal_sizes; };
  const bool own_sizes = attention != "none" && find_mechanism(attention).capabilities.makes_heads;
  const auto equal = attention != "none" && !own_sizes && (needs_equal(attention) || (!inner.empty() && needs_equal(inner)));
  set_sizes(o, equal);
  if (o.of<RecurrentDecoderOptions>().readout != "linear" && i % 11 == 0) {
    o.of<TiedOptions>().tied = "target";
    o.embedding = o.of<HiddenOptions>().hidden;
  }
  c.name = fmt::format("{}_{}{}_{}_{}_{}_{}_{}", i, attention, inner.empty() ? "" : "_over_" + inner, o.of<CellOptions>().cell,
                       o.of<BridgeOptions>().bridge, o.of<RecurrentDecoderOptions>().readout, o.of<RecurrentDecoderOptions>().timing,
                       feeding ? "fed" : "unfed");
  return c;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& attention : attention_choices()) {
    const auto can = attention == "none" ? Capabilities{} : find_mechanism(attention).capabilities;
    if (can.ignores_query) continue;  // refused, see below
    if (can.wraps) {
      for (const auto& inner : score_names())
        if (can.makes_heads || inner == "additive" || inner == "dot")
          all.push_back(make_case(attention, inner, all.size() % 2 == 0, (all.size() / 2) % 2 == 0, all.size()));
      continue;
    }
    for (const bool before : {true, false}) {
      if (before && can.reads_previous) continue;
      for (const bool feeding : {true, false})
        for (int cell = 0; cell < 3; ++cell) all.push_back(make_case(attention, "", before, feeding, all.size()));
    }
  }
  return all;
}

TEST(RnnCases, CoverEveryPairThatMatters) {
  std::set<std::string> seen;
  for (const auto& c : cases()) {
    const auto& o = c.options;
    for (const auto& pair :
         {o.attention + o.of<RecurrentDecoderOptions>().timing + (o.of<RecurrentDecoderOptions>().input_feeding ? "fed" : ""),
          o.attention + o.of<CellOptions>().cell, o.of<CellOptions>().cell + o.of<BridgeOptions>().bridge,
          o.of<CellOptions>().cell + o.of<RecurrentDecoderOptions>().readout,
          o.of<CellOptions>().cell + o.of<RecurrentDecoderOptions>().timing + (o.of<RecurrentDecoderOptions>().input_feeding ? "fed" : ""),
          o.of<BridgeOptions>().bridge + o.of<RecurrentDecoderOptions>().readout,
          o.of<BridgeOptions>().bridge + o.of<RecurrentDecoderOptions>().timing})
      seen.insert(pair);
  }
  const std::vector<std::string> cells{"rnn_tanh", "lstm", "gru"}, bridges{"zero", "copy", "linear", "mean", "backward_first"},
      readouts{"tanh", "maxout", "linear"}, timings{"before", "after"};
  const auto expect_all = [&](const auto& a, const auto& b) {
    for (const auto& x : a)
      for (const auto& y : b) EXPECT_TRUE(seen.contains(x + y)) << x << " with " << y;
  };
  const std::vector<std::string> ways{"beforefed", "before", "afterfed", "after"};
  auto plain = attention_choices();
  std::erase_if(plain, [](const std::string& name) {
    const auto can = name == "none" ? Capabilities{} : find_mechanism(name).capabilities;
    return can.wraps || can.ignores_query || can.reads_previous;
  });
  expect_all(plain, ways);
  expect_all(plain, cells);
  expect_all(cells, ways);
  expect_all(cells, bridges);
  expect_all(cells, readouts);
  expect_all(bridges, readouts);
  expect_all(bridges, timings);
}

class RnnModels : public ::testing::TestWithParam<Case> {};

TEST_P(RnnModels, StepsEqualTeacherForcing) {
  for (const auto& p : kPrecisions) expect_steps_equal_teacher_forcing(*small_model(GetParam().options, p.type), p.tolerance);
}
TEST_P(RnnModels, BatchEqualsSingle) {
  for (const auto& p : kPrecisions) expect_batch_equals_single(*small_model(GetParam().options, p.type), p.tolerance);
}
TEST_P(RnnModels, Bfloat16IsNear) { expect_bfloat16_is_near(*small_model(GetParam().options), 0.05); }
TEST_P(RnnModels, PaddingIsFree) { expect_padding_is_free(*small_model(GetParam().options), 1e-12); }
TEST_P(RnnModels, HypothesesKeepTheirOwnHistory) {
  for (const auto& p : kPrecisions) HypothesisWalk(*small_model(GetParam().options, p.type), p.tolerance).run();
}
TEST_P(RnnModels, SelectIsConsistent) { expect_select_is_consistent(*small_model(GetParam().options), 1e-10); }
TEST_P(RnnModels, GradientReachesEveryParameter) {
  const auto& o = GetParam().options;
  const auto can = o.attention == "none" ? Capabilities{} : find_mechanism(o.attention).capabilities;
  if (can.picks || can.stops) GTEST_SKIP() << "outside training nothing flows through a choice";
  const auto score = can.wraps ? o.of<InnerScoreOptions>().score : o.attention;
  expect_gradient_everywhere(*small_model(o), [&](const std::string& name) { return flat_by_score(score, name); });
}

TEST_P(RnnModels, ObserverSeesOneMapOfDecoding) {
  const auto& o = GetParam().options;
  const auto model = small_model(o);
  ResultKeeper keeper;
  const Batch b;
  const auto watched = states_of(*model, b, &keeper);
  EXPECT_TRUE(unchanged_by_watching(watched, states_of(*model, b), o));
  if (o.attention == "none") {
    EXPECT_TRUE(keeper.seen.empty());
    return;
  }
  ASSERT_EQ(keeper.seen.size(), 1u);
  const auto& results = keeper.seen.at("decoder.attention.0");
  ASSERT_EQ(results.size(), 1u);
  const auto& weights = results[0].weights;
  const auto& can = find_mechanism(o.attention).capabilities;
  EXPECT_EQ(shape_text(weights), can.makes_heads ? "[3, 2, 4, 5]" : "[3, 1, 4, 5]");
  if (!can.unnormalised) {
    EXPECT_TRUE(close(weights.sum(-1), at::ones_like(weights.sum(-1)), 1e-12));
  }
  EXPECT_TRUE(all_zero(weights.masked_select(own(b.lengths, 5).logical_not().view({3, 1, 1, 5}))));
  if (!can.stops) {
    EXPECT_EQ(results[0].lse.sizes(), weights.sizes().slice(0, 3));
  }
  EXPECT_EQ(results[0].entropy.sizes(), weights.sizes().slice(0, 3));
}

INSTANTIATE_TEST_SUITE_P(All, RnnModels, ::testing::ValuesIn(cases()), [](const auto& instance) { return instance.param.name; });

ModelOptions small_rnn() {
  ModelOptions o;
  o.embedding = 5;
  o.of<ReadingOptions>().encoder_hidden = 3;
  o.of<HiddenOptions>().hidden = 6;
  return o;
}

TEST(RnnModel, TimingDecidesWhichStateAsks) {
  auto o = small_rnn();
  o.attention = "dot";
  o.of<RecurrentDecoderOptions>().input_feeding = false;
  o.of<RecurrentDecoderOptions>().timing = "before";
  const auto before = small_model(o);
  o.of<RecurrentDecoderOptions>().timing = "after";
  const auto after = small_model(o);
  const auto first_weights = [](const Seq2Seq& model, std::int64_t begin) {
    ResultKeeper keeper;
    Batch b;
    b.inputs = at::full({3, 1}, begin, at::kLong);
    states_of(model, b, &keeper);
    return keeper.seen.at("decoder.attention.0")[0].weights;
  };
  EXPECT_TRUE(same(first_weights(*before, 2), first_weights(*before, 5)));  // the bridge alone asks
  EXPECT_FALSE(same(first_weights(*after, 2), first_weights(*after, 5)));   // the step's own state asks
}

TEST(RnnModel, WithoutAttentionTheBridgeIsAllThereIs) {
  auto o = small_rnn();
  o.attention = "none";
  o.of<BridgeOptions>().bridge = "copy";
  o.of<DirectionOptions>().bidirectional = false;
  o.of<ReadingOptions>().encoder_hidden = 6;
  o.of<CellOptions>().cell = "rnn_tanh";
  o.of<RecurrentDecoderOptions>().input_feeding = false;
  o.of<RecurrentDecoderOptions>().readout = "linear";
  const auto model = small_model(o);
  Batch b;
  b.inputs = at::full({3, 1}, 2, at::kLong);
  const auto p = model->named_parameters();
  // s_1 = tanh(W E<s> + U h_S + b), h by the encoder's own recurrence.
  const auto embedded = p["source_embedding.weight"].index_select(0, b.source[0]);
  auto h = at::zeros({6}, at::kDouble);
  for (std::int64_t s = 0; s < 4; ++s)
    h = at::tanh(at::matmul(p["encoder.forward_0.input_weight"], embedded[s]) + at::matmul(p["encoder.forward_0.hidden_weight"], h) +
                 p["encoder.forward_0.bias"]);
  const auto expected = at::tanh(at::matmul(p["decoder.cell_0.input_weight"], p["target_embedding.weight"][2]) +
                                 at::matmul(p["decoder.cell_0.hidden_weight"], h) + p["decoder.cell_0.bias"]);
  EXPECT_TRUE(close(states_of(*model, b)[0][0], expected, 1e-12));
}

TEST(RnnModel, InputFeedingCarriesTheAttendedState) {
  auto o = small_rnn();
  const auto model = small_model(o);
  const Batch b;
  const auto fed = states_of(*model, b);
  const auto p = model->named_parameters();
  {
    at::NoGradGuard no_grad;
    p["decoder.cell_0.input_weight"].narrow(1, 5, 6).zero_();  // the columns that meet h̃
  }
  const auto cut = states_of(*model, b);
  EXPECT_TRUE(same(cut.select(1, 0), fed.select(1, 0)));  // h̃ before the first step is zero
  EXPECT_FALSE(close(cut.select(1, 1), fed.select(1, 1), 1e-3));
}

TEST(RnnModel, DropsInTrainingOnly) {
  auto o = small_rnn();
  o.dropout = 0.5;
  const auto model = small_model(o);
  const Batch b;
  EXPECT_TRUE(same(states_of(*model, b), states_of(*model, b)));
  model->train();
  EXPECT_FALSE(same(states_of(*model, b), states_of(*model, b)));
}

// What is refused, and that the reason names what to change.
void expect_refused(const std::function<void(ModelOptions&)>& change, ErrorKind kind, const std::vector<std::string>& reasons) {
  auto o = small_rnn();
  change(o);
  expect_error(kind, reasons, [&] { make_model(o, kSourceVocabulary, kTargetVocabulary); });
}

TEST(RnnModel, RefusesWhatCannotWork) {
  const auto value = ErrorKind::kValue;
  expect_refused([](ModelOptions& o) { o.of<RecurrentDecoderOptions>().readout = "linear"; }, value,
                 {"model.input_feeding", "readout tanh or maxout", "input_feeding: false"});
  expect_refused([](ModelOptions& o) { o.attention = "none", o.of<BridgeOptions>().bridge = "zero"; }, value,
                 {"model.bridge", "zero", "linear"});
  expect_refused([](ModelOptions& o) { o.attention = "none", o.of<BridgeOptions>().bridge = "backward_first"; }, value,
                 {"model.bridge", "backward_first", "linear"});
  expect_refused([](ModelOptions& o) { o.of<DirectionOptions>().bidirectional = false, o.of<BridgeOptions>().bridge = "backward_first"; },
                 value, {"backward_first", "bidirectional"});
  expect_refused([](ModelOptions& o) { o.of<HiddenOptions>().hidden = 7, o.of<BridgeOptions>().bridge = "copy"; }, value,
                 {"copy", "6 and 7", "linear"});
  expect_refused(
      [](ModelOptions& o) {
        o.of<RecurrentDecoderOptions>().input_feeding = false, o.of<RecurrentDecoderOptions>().readout = "linear",
        o.of<RecurrentDecoderOptions>().readout_embedding = true;
      },
      value, {"readout_embedding", "tanh or maxout"});
  expect_refused([](ModelOptions& o) { o.attention = "attention_pooling"; }, value, {"attention_pooling", "learned queries", "additive"});
  expect_refused([](ModelOptions& o) { o.attention = "soft_psi", o.of<RecurrentDecoderOptions>().timing = "before"; }, value,
                 {"model.timing", "soft_psi", "after"});
  expect_refused([](ModelOptions& o) { o.attention = "local_m", o.of<CentreOptions>().centre = "scaled"; }, value,
                 {"model.centre", "step"});
  expect_refused([](ModelOptions& o) { o.of<TiedOptions>().tied = "target"; }, value, {"model.tied", "embedding = 6", "got 5"});
  expect_refused([](ModelOptions& o) { o.of<TiedOptions>().tied = "all"; }, value, {"model.tied", "9 and 8", "text.shared"});
  expect_refused([](ModelOptions& o) { o.attention = "dot", o.of<HiddenOptions>().hidden = 7; }, ErrorKind::kShape,
                 {"dot", "Dq=7", "D=6", "general"});
  expect_refused([](ModelOptions& o) { o.attention = "multi_head", o.of<HeadOptions>().heads = 4; }, value, {"multi_head", "6", "4 heads"});
  expect_refused(
      [](ModelOptions& o) { o.attention = "multi_head", o.of<HeadOptions>().heads = 2, o.of<InnerScoreOptions>().score = "multi_head"; },
      ErrorKind::kUnknownName, {"model.score", "multi_head"});
}

TEST(RnnModel, RefusesUnknownNamesAndValuesOutOfRange) {
  const auto unknown = ErrorKind::kUnknownName;
  expect_refused([](ModelOptions& o) { o.type = "rnn"; }, unknown, {"model.type", "'rnn'", "rnn_seq2seq", "transformer"});
  expect_refused([](ModelOptions& o) { o.attention = "dott"; }, unknown, {"model.attention", "'dott'", "did you mean 'dot'"});
  expect_refused([](ModelOptions& o) { o.of<CellOptions>().cell = "LSTM"; }, unknown, {"model.cell", "lstm"});
  expect_refused([](ModelOptions& o) { o.of<BridgeOptions>().bridge = "lineal"; }, unknown,
                 {"model.bridge", "'lineal'", "did you mean 'linear'"});
  expect_refused([](ModelOptions& o) { o.of<RecurrentDecoderOptions>().timing = "later"; }, unknown, {"model.timing", "before", "after"});
  expect_refused([](ModelOptions& o) { o.of<RecurrentDecoderOptions>().readout = "relu"; }, unknown, {"model.readout", "maxout"});
  expect_refused([](ModelOptions& o) { o.of<TiedOptions>().tied = "both"; }, unknown, {"model.tied", "target"});
  expect_refused([](ModelOptions& o) { o.of<DecoderDepthOptions>().decoder_layers = 0; }, ErrorKind::kValue,
                 {"model.decoder_layers", "0", "1 to 96"});
  expect_refused([](ModelOptions& o) { o.dropout = 1; }, ErrorKind::kValue, {"model.dropout", "0 to 0.95"});
}

TEST(RnnModel, CountsItsParameters) {
  const auto o = small_rnn();  // additive, lstm, linear bridge, tanh readout, fed
  const auto model = make_model(o, kSourceVocabulary, kTargetVocabulary);
  const std::int64_t embeddings = 9 * 5 + 8 * 5, encoder = 2 * (12 * 5 + 12 * 3 + 12), bridge = 2 * (6 * 6 + 6),
                     attention = 6 * 6 + 6 * 6 + 6, decoder = 24 * (5 + 6) + 24 * 6 + 24, readout = 6 * 12 + 6, output = 8 * 6 + 8;
  EXPECT_EQ(parameter_count(*model), embeddings + encoder + bridge + attention + decoder + readout + output);
}

}  // namespace
}  // namespace attend::testing
