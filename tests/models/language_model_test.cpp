// Language models: decoders without a source.
#include "attend/attention/multi_head.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"
#include "models/seq2seq_checks.h"
#include "models/small_models.h"

namespace attend::testing {
namespace {

struct LmCase {
  std::string name;
  ModelOptions options;
};
void PrintTo(const LmCase& c, std::ostream* out) { *out << c.name; }

std::vector<LmCase> lm_cases() {
  std::vector<LmCase> all;
  for (const auto* positions : {"sinusoidal", "learned", "none", "relative", "relative_bias", "rotary", "alibi"})
    for (const auto* norm : {"pre", "post"}) {
      auto o = transformer_options();
      o.type = "transformer_lm";
      o.of<TransformerOptions>().positions = positions;
      o.of<TransformerOptions>().norm = norm;
      o.of<TiedOptions>().tied = std::string_view(norm) == "pre" ? "target" : "none";
      o.of<RelativeOptions>().reach = 2;
      all.push_back({fmt::format("transformer_{}_{}", positions, norm), o});
    }
  for (const auto* cell : {"rnn_tanh", "lstm", "gru"})
    for (const bool back : {false, true})
      for (const bool feeding : {false, true}) {
        ModelOptions o;
        o.type = "rnn_lm";
        o.attention = "none";
        o.of<CellOptions>().cell = cell;
        o.embedding = 5;
        o.of<HiddenOptions>().hidden = 6;
        o.of<DecoderDepthOptions>().decoder_layers = 2;
        o.of<OutputAttentionOptions>().output_attention = back;
        o.of<RecurrentDecoderOptions>().input_feeding = feeding;
        all.push_back({fmt::format("{}{}{}", cell, back ? "_looking_back" : "", feeding ? "_fed" : ""), o});
      }
  return all;
}

class LanguageModels : public ::testing::TestWithParam<LmCase> {
 protected:
  std::shared_ptr<Seq2Seq> model(at::ScalarType type = at::kDouble) const { return small_model(GetParam().options, type); }
};
INSTANTIATE_TEST_SUITE_P(All, LanguageModels, ::testing::ValuesIn(lm_cases()), [](const auto& instance) { return instance.param.name; });

TEST_P(LanguageModels, StepsEqualTeacherForcing) { expect_steps_equal_teacher_forcing(*model(), 1e-12); }
TEST_P(LanguageModels, Bfloat16IsNear) { expect_bfloat16_is_near(*model(), 0.05); }
TEST_P(LanguageModels, BatchEqualsSingle) { expect_batch_equals_single(*model(), 1e-12); }
TEST_P(LanguageModels, HypothesesKeepTheirOwnHistory) { HypothesisWalk(*model(), 1e-12).run(); }
TEST_P(LanguageModels, GradientReachesEveryParameter) {
  // A bias of the keys adds the same to every score of a query, and the softmax forgets it, unless a rotation turns it by position.
  const bool rotary = GetParam().options.of<TransformerOptions>().positions == "rotary";
  expect_gradient_everywhere(*model(), [&](const std::string& name) { return !rotary && name.ends_with("key_bias"); });
}

TEST_P(LanguageModels, TheSourceIsNotRead) {
  const auto m = model();
  Batch a, b;
  b.source = at::full_like(a.source, 5);
  EXPECT_TRUE(same(states_of(*m, a), states_of(*m, b)));
  Batch none;
  none.source = at::empty({3, 0}, at::kLong);
  none.lengths = at::zeros({3}, at::kLong);
  EXPECT_TRUE(same(states_of(*m, a), states_of(*m, none)));
}

TEST_P(LanguageModels, TheFutureChangesNothingEarlier) {
  const auto m = model();
  Batch a;
  const auto before = states_of(*m, a);
  a.inputs = a.inputs.clone();
  a.inputs.select(1, 3).fill_(4);
  EXPECT_TRUE(same(states_of(*m, a).narrow(1, 0, 3), before.narrow(1, 0, 3)));
}

// A causal decoder knows the order of its tokens even without positions: it is not order blind.
TEST(LanguageModel, CausalDecodersAreNotOrderBlind) {
  auto o = lm_cases().front().options;
  o.of<TransformerOptions>().positions = "none";
  const auto m = small_model(o);
  Batch a;
  const auto before = states_of(*m, a)[0];
  a.inputs = a.inputs.clone();
  std::swap(*a.inputs.data_ptr<std::int64_t>(), *(a.inputs.data_ptr<std::int64_t>() + 1));
  const auto after = states_of(*m, a)[0];
  EXPECT_FALSE(close(after.index_select(0, at::tensor({1, 0, 2, 3}, at::kLong)), before, 1e-6));
  EXPECT_FALSE(close(after, before, 1e-6));
}

TEST(LanguageModel, RefusesWhatCannotWork) {
  const auto refused = [](const char* type, const std::function<void(ModelOptions&)>& change, const std::vector<std::string>& reasons) {
    ModelOptions o;
    o.type = type;
    change(o);
    expect_error(ErrorKind::kValue, reasons, [&] { make_model(o, 0, 8); });
  };
  refused("rnn_lm", [](ModelOptions& o) { o.attention = "additive"; }, {"model.attention", "additive", "source", "output_attention: true"});
  refused("transformer_lm", [](ModelOptions& o) { o.attention = "none"; }, {"model.attention", "rnn_lm"});
  refused("transformer_lm", [](ModelOptions& o) { o.of<TransformerOptions>().self_attention = "coverage"; },
          {"model.self_attention", "coverage", "causal"});
  refused("rnn_lm",
          [](ModelOptions& o) {
            o.attention = "none", o.of<OutputAttentionOptions>().output_attention = true,
            o.of<RecurrentDecoderOptions>().readout = "linear", o.of<RecurrentDecoderOptions>().input_feeding = false;
          },
          {"model.output_attention", "tanh or maxout"});
}

}  // namespace
}  // namespace attend::testing
