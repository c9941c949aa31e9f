// The encoder that fills masks; peers_test holds it to BERT.
#include "attend/models/masked_lm.h"
#include "attend/attention/multi_head.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/transformer_options.h"

#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

// Rows of padding are unspecified: zeros.
at::Tensor live(const at::Tensor& x, const at::Tensor& lengths) {
  return x.masked_fill(own(lengths, x.size(1)).logical_not().unsqueeze(-1), 0.0);
}

ModelOptions small_filler() {
  ModelOptions o;
  o.type = "masked_lm";
  o.embedding = 8;
  o.of<HeadOptions>().heads = 2;
  o.of<TransformerOptions>().feed_forward = 12;
  o.of<EncoderDepthOptions>().encoder_layers = 2;
  o.of<TokenTypeOptions>().token_types = 3;
  o.of<EmbeddingNormOptions>().embedding_norm = true;
  o.of<MaskedLmOptions>().output_transform = true;
  o.of<TiedOptions>().tied = "target";
  return o;
}

std::shared_ptr<MaskedLm> make_filler(const ModelOptions& o) {
  auto model = std::dynamic_pointer_cast<MaskedLm>(make_network(o, 9, 0));
  fill_parameters(*model, 0.4);
  model->eval();
  return model;
}

Questions two_texts() {
  Questions q;
  q.text = at::tensor({5, 7, 4, 5, 8, 6, 6, 4, 1, 1}, at::kLong).view({2, 5});
  q.text_lengths = at::tensor({5, 3}, at::kLong);
  q.types = at::tensor({0, 0, 1, 2, 2, 1, 0, 2, 0, 0}, at::kLong).view({2, 5});
  return q;
}

TEST(MaskedLm, AnItemDoesNotDependOnItsNeighbours) {
  const auto model = make_filler(small_filler());
  const auto together = model->logits(model->encode(two_texts(), nullptr));
  EXPECT_EQ(together.sizes(), at::IntArrayRef({2, 5, 9}));
  auto q = two_texts();
  for (auto* x : {&q.text, &q.types}) *x = x->narrow(0, 1, 1).narrow(1, 0, 3);
  q.text_lengths = q.text_lengths.narrow(0, 1, 1);
  EXPECT_TRUE(close(model->logits(model->encode(q, nullptr))[0], together[1].narrow(0, 0, 3), 1e-12));
}

TEST(MaskedLm, ReadsBothWaysAndItsTypes) {
  const auto model = make_filler(small_filler());
  const auto logits = [&](const Questions& q) { return model->logits(model->encode(q, nullptr))[0][0]; };
  const auto before = logits(two_texts());
  auto q = two_texts();
  q.text = q.text.clone();
  q.text[0][4] = 6;
  EXPECT_FALSE(close(logits(q), before, 1e-4));  // the first word sees the last
  q = two_texts();
  q.types = at::Tensor();  // all of the first type
  const auto plain = logits(q);
  EXPECT_FALSE(close(plain, before, 1e-4));
  q.types = at::zeros({2, 5}, at::kLong);
  EXPECT_TRUE(same(logits(q), plain));
}

TEST(MaskedLm, EveryParameterLearns) {
  const auto model = make_filler(small_filler());
  const auto q = two_texts();
  const auto log_p = at::log_softmax(model->logits(model->encode(q, nullptr)), -1);  // [B, S, V]
  live(log_p * wave({2, 5, 9}, 0.3), q.text_lengths).sum().backward();
  for (const auto& p : model->named_parameters())
    EXPECT_TRUE(p.value().grad().defined() && (p.key().ends_with("key_bias") || p.value().grad().abs().max().item<double>() > 1e-9))
        << p.key();
}

TEST(MaskedLm, RefusesWhatCannotWork) {
  const auto model = make_filler(small_filler());
  auto q = two_texts();
  q.types = at::full({2, 5}, 3, at::kLong);
  expect_error(ErrorKind::kValue, {"model.token_types", "0 to 2", "3 to 3"}, [&] { model->encode(q, nullptr); });
  q.types = at::zeros({2, 4}, at::kLong);
  expect_error(ErrorKind::kShape, {"model.token_types", "[2, 5]", "[2, 4]"}, [&] { model->encode(q, nullptr); });
  expect_error(ErrorKind::kValue, {"masked_lm", "vocabulary"}, [] { make_network(small_filler(), 0, 0); });
  expect_error(ErrorKind::kValue, {"masked_lm", "its masked words", "transformer"}, [] {
    check_kind("masked_lm", {Matter::kText, Matter::kText}, "task translate");
  });
}

// What a classifier reads may have types too.
TEST(EncoderClassifier, ReadsTypes) {
  ModelOptions o = small_filler();
  o.type = "encoder_classifier";
  o.of<ClassifierOptions>().encoder = "transformer";
  const auto model = std::dynamic_pointer_cast<Answerer>(make_network(o, 9, 7));
  fill_parameters(*model, 0.4);
  model->eval();
  auto q = two_texts();
  const auto before = model->answer(q, nullptr);
  q.types = at::Tensor();
  EXPECT_FALSE(close(model->answer(q, nullptr), before, 1e-5));
}

}  // namespace
}  // namespace attend::testing
