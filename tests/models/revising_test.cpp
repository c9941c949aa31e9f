// The second pass of encoder–decoders that read a draft beside their source.
#include "attend/attention/multi_head.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/rnn_seq2seq.h"
#include "models/seq2seq_checks.h"
#include "support/expect_error.h"

namespace attend::testing {
namespace {

// A draft for each item of a batch, made from its own source: <s>, as many tokens as the source has, </s>.
at::Tensor drafts_of(const at::Tensor& source, const at::Tensor& lengths) {
  auto ids = at::ones({source.size(0), source.size(1) + 2}, at::kLong);
  for (std::int64_t b = 0; b < source.size(0); ++b) {
    const auto length = lengths[b].item<std::int64_t>();
    ids[b][0] = 2;
    ids[b].narrow(0, 1, length).copy_(source[b].narrow(0, 0, length).remainder(4) + 4);
    ids[b][length + 1] = 3;
  }
  return ids;
}

// The second pass as a model of its own, so that everything a model must satisfy can be asked of it.
class Drafted final : public Seq2Seq {
 public:
  explicit Drafted(std::shared_ptr<Seq2Seq> model) : model_(register_module("model", std::move(model))) {}
  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    return model_->encode_with_draft(source, lengths, drafts_of(source, lengths), lengths + 1, observer);
  }
  at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& lengths, Observer* observer) const override {
    return model_->second_pass()->decode(encoded, inputs, lengths, observer);
  }
  at::Tensor logits(const at::Tensor& states) const override { return model_->second_pass()->logits(states); }
  std::vector<Site> sites() const override { return model_->second_pass()->sites(); }
  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t steps) const override {
    return model_->second_pass()->start(encoded, steps);
  }
  at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& tokens, Observer* observer) const override {
    return model_->second_pass()->step(encoded, state, tokens, observer);
  }

 private:
  std::shared_ptr<Seq2Seq> model_;
};

struct RevisingCase {
  std::string name;
  ModelOptions options;
};
void PrintTo(const RevisingCase& c, std::ostream* out) { *out << c.name; }

ModelOptions revising() {
  ModelOptions o;
  o.of<ReviseOptions>().revise = true;
  o.embedding = o.of<ReadingOptions>().encoder_hidden = 4;
  o.of<HiddenOptions>().hidden = 8;
  o.of<HeadOptions>().heads = 2;
  return o;
}

std::vector<RevisingCase> revising_cases() {
  std::vector<RevisingCase> all;
  const auto add = [&](const std::string& name, const std::function<void(ModelOptions&)>& change) {
    auto o = revising();
    change(o);
    all.push_back({name, o});
  };
  add("fed", [](auto&) {});
  add("unfed", [](ModelOptions& o) { o.of<RecurrentDecoderOptions>().input_feeding = false; });
  add("before", [](ModelOptions& o) { o.of<RecurrentDecoderOptions>().timing = "before", o.of<CellOptions>().cell = "gru"; });
  add("two_layers_maxout",
      [](ModelOptions& o) { o.of<DecoderDepthOptions>().decoder_layers = 2, o.of<RecurrentDecoderOptions>().readout = "maxout"; });
  add("coverage", [](ModelOptions& o) { o.attention = "coverage"; });
  add("heads", [](ModelOptions& o) { o.attention = "multi_head"; });
  add("soft_psi", [](ModelOptions& o) { o.attention = "soft_psi"; });
  add("tied", [](ModelOptions& o) { o.of<TiedOptions>().tied = "target", o.embedding = 8; });
  return all;
}

class RevisingModels : public ::testing::TestWithParam<RevisingCase> {
 protected:
  std::shared_ptr<Seq2Seq> model_ = small_model(GetParam().options);
  Drafted drafted_{model_};
};

TEST_P(RevisingModels, StepAsTheyAreTaught) { expect_steps_equal_teacher_forcing(drafted_, 1e-10); }
TEST_P(RevisingModels, DoNotSeeOtherItems) { expect_batch_equals_single(drafted_, 1e-10); }
TEST_P(RevisingModels, Bfloat16IsNear) { expect_bfloat16_is_near(drafted_, 0.05); }
TEST_P(RevisingModels, DoNotSeePadding) { expect_padding_is_free(drafted_, 1e-10); }
TEST_P(RevisingModels, KeepHypothesesApart) { HypothesisWalk(drafted_, 1e-10).run(); }
TEST_P(RevisingModels, KeepItemsApart) { expect_select_is_consistent(drafted_, 1e-10); }

// The first pass is learned through its states at the draft; its output layer is not, nor what its states do not depend on.
TEST_P(RevisingModels, HaveAGradientEverywhere) {
  expect_gradient_everywhere(drafted_, [](const std::string& name) { return !name.starts_with("model.second_pass"); });
  for (const auto& p : drafted_.named_parameters()) {
    if (p.key().starts_with("model.decoder.cell_0")) {
      EXPECT_GT(p.value().grad().abs().max().item<double>(), 1e-12) << p.key();
    }
  }
}

TEST_P(RevisingModels, ReadTheWholeDraftAndNoMore) {
  const Batch b;
  ResultKeeper keeper;
  states_of(drafted_, b, &keeper);
  ASSERT_EQ(keeper.seen.count("decoder.draft.0"), 1U);
  ASSERT_EQ(keeper.seen.count("decoder.attention.0"), 1U);
  const auto& weights = keeper.seen["decoder.draft.0"].back().weights;  // [B, H, T, D]
  EXPECT_EQ(weights.size(2), b.inputs.size(1));
  const auto beyond = own(b.lengths + 1, weights.size(3)).logical_not().unsqueeze(1).unsqueeze(1);
  EXPECT_EQ(weights.masked_select(beyond.expand_as(weights)).abs().sum().item<double>(), 0);
  EXPECT_TRUE(close(weights.sum(-1), at::ones({3, weights.size(1), weights.size(2)}, weights.options()), 1e-12));

  const auto drafts = drafts_of(b.source, b.lengths);
  const auto with = [&](const at::Tensor& draft) {
    return model_->second_pass()->decode(*model_->encode_with_draft(b.source, b.lengths, draft, b.lengths + 1, nullptr), b.inputs,
                                         b.target_lengths, nullptr);
  };
  auto other = drafts.clone();
  other[2][1] = 7 - other[2][1].item<std::int64_t>() + 4;
  const auto before = with(drafts), after = with(other);
  EXPECT_TRUE(same(before[0], after[0]));
  EXPECT_GT((before[2] - after[2]).abs().max().item<double>(), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(All, RevisingModels, ::testing::ValuesIn(revising_cases()), [](const auto& each) { return each.param.name; });

TEST(Revising, SaysWhatItCannot) {
  auto o = revising();
  o.attention = "none";
  expect_error(ErrorKind::kValue, {"model.revise", "attention"}, [&] { small_model(o); });
  o = revising();
  o.of<CopyOptions>().pointer_generator = true;
  expect_error(ErrorKind::kValue, {"model.revise", "pointer_generator"}, [&] { small_model(o); });
  o = revising();
  o.of<ReviseOptions>().revise = false;
  const auto plain = small_model(o);
  EXPECT_EQ(plain->second_pass(), nullptr);
  const Batch b;
  expect_error(ErrorKind::kValue, {"no second pass", "model.revise: true"},
               [&] { plain->encode_with_draft(b.source, b.lengths, drafts_of(b.source, b.lengths), b.lengths + 1, nullptr); });
}

}  // namespace
}  // namespace attend::testing
