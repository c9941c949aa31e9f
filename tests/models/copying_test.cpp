// Encoder–decoders that may copy words of their source.
#include "attend/attention/local.h"
#include "attend/attention/local_rnn.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/score.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"
#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kOwn = 2;

// The batch of the other models; beside each token what it is to the target: 8 and 9 are words of the item's own.
Batch copied_batch() {
  Batch b;
  const auto words = at::tensor({5, 8, 4, 3, 1, 8, 8, 9, 4, 3, 6, 3, 1, 1, 1}, at::kLong).view({3, 5});
  b.source = at::stack({b.source, words}, -1);
  b.inputs = at::tensor({2, 4, 8, 5, 2, 9, 1, 1, 2, 5, 5, 1}, at::kLong).view({3, 4});
  return b;
}

struct CopyingCase {
  std::string name;
  ModelOptions options;
};
void PrintTo(const CopyingCase& c, std::ostream* out) { *out << c.name; }

std::vector<CopyingCase> copying_cases() {
  std::vector<CopyingCase> all;
  const auto add = [&](const std::string& name, const std::function<void(ModelOptions&)>& change) {
    ModelOptions o;
    o.of<CopyOptions>().pointer_generator = true;
    o.embedding = o.of<ReadingOptions>().encoder_hidden = 4;
    o.of<HiddenOptions>().hidden = 8;
    o.of<HeadOptions>().heads = 2;
    o.of<TransformerOptions>().feed_forward = 6;
    change(o);
    all.push_back({name, o});
  };
  add("fed", [](auto&) {});
  add("unfed", [](ModelOptions& o) { o.of<RecurrentDecoderOptions>().input_feeding = false; });
  add("before", [](ModelOptions& o) { o.of<RecurrentDecoderOptions>().timing = "before"; });
  add("two_layers_maxout", [](ModelOptions& o) {
    o.of<DecoderDepthOptions>().decoder_layers = 2, o.of<RecurrentDecoderOptions>().readout = "maxout", o.of<CellOptions>().cell = "gru";
  });
  add("coverage", [](ModelOptions& o) { o.attention = "coverage"; });
  add("heads", [](ModelOptions& o) { o.attention = "multi_head"; });
  add("local_p",
      [](ModelOptions& o) { o.attention = "local_p", o.of<LocalOptions>().window = 1, o.of<InnerScoreOptions>().score = "additive"; });
  add("output_attention", [](ModelOptions& o) { o.of<OutputAttentionOptions>().output_attention = true; });
  add("transformer",
      [](ModelOptions& o) { o.type = "transformer", o.attention = "multi_head", o.of<DecoderDepthOptions>().decoder_layers = 2; });
  add("transformer_post_tied", [](ModelOptions& o) {
    o.type = "transformer", o.attention = "scaled_dot", o.of<TransformerOptions>().norm = "post", o.of<TiedOptions>().tied = "target";
  });
  return all;
}

class CopyingModels : public ::testing::TestWithParam<CopyingCase> {
 protected:
  std::shared_ptr<Seq2Seq> model_ = small_model(GetParam().options);
  Batch batch_ = copied_batch();
};

TEST_P(CopyingModels, SayADistributionOverTheVocabularyAndAnItemsOwnWords) {
  const auto log_probs = model_->logits(states_of(*model_, batch_));  // [B, T, V + own]
  ASSERT_EQ(log_probs.sizes(), at::IntArrayRef({3, 4, kTargetVocabulary + kOwn}));
  EXPECT_TRUE(close(log_probs.exp().sum(-1), at::ones({3, 4}, at::kDouble), 1e-12));
  const auto own = log_probs.narrow(2, kTargetVocabulary, kOwn).exp();
  EXPECT_GT(own[0][0][0].item<double>(), 0);
  EXPECT_GT(own[1][0][1].item<double>(), 0);
  EXPECT_EQ(own[0].select(1, 1).max().item<double>(), 0);
  EXPECT_EQ(own[2].max().item<double>(), 0);
}

TEST_P(CopyingModels, StepsEqualTeacherForcing) {
  const auto encoded = model_->encode(batch_.source, batch_.lengths, nullptr);
  const auto all = model_->decode(*encoded, batch_.inputs, at::tensor({4, 4, 4}, at::kLong), nullptr);
  const auto state = model_->start(*encoded, 4);
  for (std::int64_t t = 0; t < 4; ++t)
    EXPECT_TRUE(close(model_->step(*encoded, *state, batch_.inputs.narrow(1, t, 1), nullptr), all.narrow(1, t, 1), 1e-10)) << t;
}

TEST_P(CopyingModels, HypothesesOfAnItemShareItsWords) {
  const auto encoded = model_->encode(batch_.source, batch_.lengths, nullptr);
  const auto state = model_->start(*encoded, 2);
  model_->step(*encoded, *state, at::full({3, 1}, 2, at::kLong), nullptr);
  state->reorder(at::tensor({0, 0, 1, 1, 2, 2}, at::kLong), 2);
  const auto both = model_->step(*encoded, *state, at::tensor({4, 8, 6, 9, 5, 4}, at::kLong).view({3, 2}), nullptr);  // [B, K, V + own]
  Batch other = batch_;
  for (const std::int64_t k : {0, 1}) {
    other.inputs = at::tensor({2, k == 0 ? 4 : 8, 2, k == 0 ? 6 : 9, 2, k == 0 ? 5 : 4}, at::kLong).view({3, 2});
    other.target_lengths = at::full({3}, 2, at::kLong);
    EXPECT_TRUE(close(both.select(1, k), states_of(*model_, other).select(1, 1), 1e-10)) << k;
  }
}

TEST_P(CopyingModels, AnItemAloneSaysTheSame) {
  const auto together = states_of(*model_, batch_);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto s = batch_.lengths[i].item<std::int64_t>(), t = batch_.target_lengths[i].item<std::int64_t>();
    const Batch alone{batch_.source.narrow(0, i, 1).narrow(1, 0, s), batch_.lengths.narrow(0, i, 1),
                      batch_.inputs.narrow(0, i, 1).narrow(1, 0, t), batch_.target_lengths.narrow(0, i, 1)};
    const auto own = states_of(*model_, alone)[0];
    EXPECT_TRUE(close(own, together[i].narrow(0, 0, t).narrow(1, 0, own.size(1)), 1e-10)) << i;
  }
  const auto items = at::tensor({2, 1}, at::kLong);
  const auto chosen = model_->encode(batch_.source, batch_.lengths, nullptr)->select(items);
  EXPECT_TRUE(close(model_->decode(*chosen, batch_.inputs.index_select(0, items), batch_.target_lengths.index_select(0, items), nullptr),
                    together.index_select(0, items), 1e-10));
}

TEST_P(CopyingModels, AnOwnWordIsReadAsUnknown) {
  auto unknown = batch_;
  unknown.inputs = batch_.inputs.masked_fill(batch_.inputs.ge(kTargetVocabulary), 0);
  EXPECT_TRUE(same(states_of(*model_, batch_), states_of(*model_, unknown)));
}

TEST_P(CopyingModels, ShowWhatTheyCopyBy) {
  ResultKeeper keeper;
  states_of(*model_, batch_, &keeper);
  const auto& result = keeper.seen.at("output.copy.0").at(0);
  EXPECT_EQ(result.extras.at("p_gen").value.sizes(), at::IntArrayRef({3, 4}));
  EXPECT_TRUE(close(result.weights.sum(-1), at::ones({3, 1, 4}, at::kDouble), 1e-12));
}

TEST_P(CopyingModels, GradientReachesTheSwitch) {
  model_->zero_grad();
  const auto log_probs = model_->logits(states_of(*model_, batch_));
  (log_probs[0][0][8] + log_probs[1][1][9] + log_probs[2][0][5]).backward();
  for (const auto& p : model_->named_parameters()) {
    const auto gradient = gradient_of(p.value());
    EXPECT_TRUE(all_finite(gradient)) << p.key();
    EXPECT_TRUE(!p.key().starts_with("pointer.") || gradient.abs().max().item<double>() > 1e-9) << p.key();
  }
}

INSTANTIATE_TEST_SUITE_P(All, CopyingModels, ::testing::ValuesIn(copying_cases()),
                         [](const auto& instance) { return instance.param.name; });

TEST(Copying, SaysWhatCannotBeCopied) {
  ModelOptions o;
  o.of<CopyOptions>().pointer_generator = true;
  o.attention = "none";
  expect_error(ErrorKind::kValue, {"model.pointer_generator", "attention none"}, [&] { make_model(o, 9, 8); });
  o.attention = "local_rnn";
  o.of<LocalRnnOptions>().inner = "raw";
  expect_error(ErrorKind::kValue, {"model.pointer_generator", "local_inner: softmax"}, [&] { make_model(o, 9, 8); });
  ModelOptions plain;
  plain.of<CopyOptions>().pointer_generator = true;
  const auto model = small_model(plain);
  expect_error(ErrorKind::kShape, {"model.pointer_generator", "[B, S, 2]"},
               [&] { model->encode(Batch{}.source, Batch{}.lengths, nullptr); });
}

}  // namespace
}  // namespace attend::testing
