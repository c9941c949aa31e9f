// What the Transformer shares with every encoder–decoder, whatever its layers are made of.
#include "attend/models/transformer.h"
#include "attend/attention/additive.h"
#include "attend/attention/dot.h"
#include "attend/attention/local.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/scaled_dot.h"
#include "attend/attention/score.h"
#include "attend/layers/basic.h"
#include "attend/layers/blocks.h"
#include "attend/models/transformer_options.h"

#include "models/seq2seq_checks.h"
#include "models/small_models.h"

namespace attend::testing {
namespace {

struct TransformerCase {
  std::string name;
  ModelOptions options;
};
void PrintTo(const TransformerCase& c, std::ostream* out) { *out << c.name; }

std::vector<TransformerCase> transformer_cases() {
  const std::vector<std::string> positions{"sinusoidal", "learned", "none"}, tied{"none", "target", "all", "none"};
  std::vector<TransformerCase> all;
  for (const auto* entry : mechanisms()) {
    const auto& can = entry->capabilities;
    if (!entry->make || can.ignores_query || can.reads_previous || (can.projected && !can.makes_heads)) continue;  // refused, see below
    for (const auto* norm : {"pre", "post"}) {
      const auto i = all.size();
      auto o = transformer_options();
      o.attention = entry->name;
      if (can.wraps) o.of<InnerScoreOptions>().score = i % 2 == 0 ? "general" : "scaled_dot";
      o.of<LocalOptions>().window = 1;
      o.of<TransformerOptions>().norm = norm;
      o.of<TransformerOptions>().positions = positions[i % 3];
      o.of<TiedOptions>().tied = tied[(i / 2) % 4];
      o.of<TransformerOptions>().attention_bias = (i / 2) % 2 == 0;
      o.of<AdditiveOptions>().normed = true;
      o.of<DecoderDepthOptions>().decoder_layers = 1 + static_cast<std::int64_t>(i % 2);
      all.push_back({fmt::format("{}_{}_{}_{}", entry->name, o.of<TransformerOptions>().norm, o.of<TransformerOptions>().positions,
                                 o.of<TiedOptions>().tied),
                     o});
    }
  }
  for (const auto* scheme : {"relative", "relative_bias", "rotary", "alibi"}) {
    auto o = transformer_options();
    o.of<TransformerOptions>().positions = scheme;
    o.of<RelativeOptions>().reach = 2;
    all.push_back({fmt::format("multi_head_with_{}", scheme), o});
  }
  auto llama = transformer_options();  // what published models have beside the paper's parts
  llama.attention = "grouped_query";
  llama.of<TransformerOptions>().positions = "rotary";
  llama.of<TransformerOptions>().attention_bias = false;
  llama.of<BlockOptions>().norm_kind = "rms";
  llama.of<BlockOptions>().activation = "silu";
  llama.of<BlockOptions>().gated = true;
  llama.of<BlockOptions>().feed_forward_bias = false;
  llama.of<ProjectionOptions>().head_size = 6;
  llama.of<RotaryOptions>().share = 0.7;
  llama.of<RotaryOptions>().scaling = "llama3";
  llama.of<RotaryOptions>().factor = 4;
  llama.of<RotaryOptions>().original_length = 3;
  llama.of<EmbeddingScaleOptions>().embedding_scale = false;
  all.push_back({"blocks_of_llama", llama});
  auto t5 = transformer_options();
  t5.of<TransformerOptions>().positions = "relative_bias";
  t5.of<RelativeBiasOptions>().shared = true;
  t5.of<RelativeBiasOptions>().buckets = 4;
  t5.of<RelativeBiasOptions>().farthest = 3;
  t5.of<ScaledDotOptions>().scale = 1;
  t5.of<BlockOptions>().activation = "gelu_tanh";
  t5.of<EmbeddingNormOptions>().embedding_norm = true;
  t5.of<ProjectionOptions>().value_bias = false;
  all.push_back({"one_relative_bias_a_stack", t5});
  auto m2m = transformer_options();
  m2m.of<InputOptions>().sinusoids = "halves";
  m2m.of<InputOptions>().sinusoid_end = true;
  m2m.of<InputOptions>().first_position = 2;
  m2m.of<EmbeddingNormOptions>().embedding_norm = true;
  m2m.of<BlockOptions>().norm_bias = false;
  m2m.of<BlockOptions>().activation = "gelu";
  m2m.of<TransformerOptions>().norm = "post";
  all.push_back({"sinusoids_in_halves", m2m});
  auto several = transformer_options();
  several.of<LayerAttentionOptions>().layer_attention = {"additive", "local_m"};
  all.push_back({"another_in_each_layer", several});
  return all;
}

class Transformers : public ::testing::TestWithParam<TransformerCase> {
 protected:
  std::shared_ptr<Seq2Seq> model(at::ScalarType type = at::kDouble) const { return small_model(GetParam().options, type); }
};

TEST_P(Transformers, StepsEqualTeacherForcing) {
  for (const auto& p : kPrecisions) expect_steps_equal_teacher_forcing(*model(p.type), p.tolerance);
}
TEST_P(Transformers, BatchEqualsSingle) {
  for (const auto& p : kPrecisions) expect_batch_equals_single(*model(p.type), p.tolerance);
}
TEST_P(Transformers, Bfloat16IsNear) { expect_bfloat16_is_near(*model(), 0.05); }
TEST_P(Transformers, PaddingIsFree) { expect_padding_is_free(*model(), 1e-12); }
TEST_P(Transformers, HypothesesKeepTheirOwnHistory) {
  for (const auto& p : kPrecisions) HypothesisWalk(*model(p.type), p.tolerance).run();
}
TEST_P(Transformers, SelectIsConsistent) { expect_select_is_consistent(*model(), 1e-10); }
TEST_P(Transformers, GradientReachesEveryParameter) {
  const auto& o = GetParam().options;
  const auto& can = find_mechanism(o.attention).capabilities;
  if (can.picks || can.stops) GTEST_SKIP() << "outside training nothing flows through a choice";
  const auto inner = can.wraps ? o.of<InnerScoreOptions>().score : o.attention;
  const bool linear_in_keys = inner == "dot" || inner == "scaled_dot" || inner == "general";
  // Where the score is linear in the key, a bias of the keys adds the same to every score of a query, and the softmax forgets it.
  expect_gradient_everywhere(*model(), [&](const std::string& name) {
    const bool turned = o.of<TransformerOptions>().positions == "rotary" && name.find(".self.") != std::string::npos;
    return flat_by_score(inner, name) ||
           ((linear_in_keys || o.of<TransformerOptions>().self_attention.empty()) && !turned && name.ends_with("key_bias"));
  });
}

TEST_P(Transformers, TheFutureChangesNothingEarlier) {
  const auto m = model();
  Batch a;
  a.target_lengths = at::tensor({4, 4, 4}, at::kLong);
  const auto before = states_of(*m, a);
  for (std::int64_t t = 1; t < 4; ++t) {
    auto b = a;
    b.inputs = a.inputs.clone();
    b.inputs.narrow(1, t, 4 - t).fill_(0);
    const auto after = states_of(*m, b);
    EXPECT_TRUE(same(after.narrow(1, 0, t), before.narrow(1, 0, t))) << "from step " << t;
    EXPECT_FALSE(close(after.select(1, t), before.select(1, t), 1e-6)) << "step " << t;
  }
}

TEST_P(Transformers, ObserverSeesEverySiteLayerAndHead) {
  const auto m = model();
  ResultKeeper keeper;
  Batch b;
  b.target_lengths = at::tensor({4, 4, 4}, at::kLong);
  EXPECT_TRUE(unchanged_by_watching(states_of(*m, b, &keeper), states_of(*m, b), GetParam().options));
  const auto layers = GetParam().options.of<DecoderDepthOptions>().decoder_layers;
  EXPECT_EQ(keeper.seen.size(), static_cast<std::size_t>(2 + 2 * layers));
  for (const auto& [site, results] : keeper.seen) {
    ASSERT_EQ(results.size(), 1u) << site;
    const auto& w = results[0].weights;
    const bool source_keys = !site.starts_with("decoder.self");
    EXPECT_EQ(shape_text(w), site.starts_with("encoder.self") ? "[3, 2, 5, 5]" : source_keys ? "[3, 2, 4, 5]" : "[3, 2, 4, 4]") << site;
    if (!find_mechanism(GetParam().options.attention).capabilities.unnormalised || site.ends_with(".self")) {
      EXPECT_TRUE(close(w.sum(-1), at::ones_like(w.sum(-1)), 1e-12)) << site;
    }
    if (source_keys) {
      EXPECT_TRUE(all_zero(w.masked_select(own(b.lengths, 5).logical_not().view({3, 1, 1, 5})))) << site;
    } else {
      EXPECT_TRUE(all_zero(w.triu(1))) << site;
      EXPECT_GT(w.tril().select(-1, 0).min().item<double>(), 0) << site;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Transformers, ::testing::ValuesIn(transformer_cases()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace attend::testing
