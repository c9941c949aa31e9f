// Captioner: its grid, pictures read once for many captions, steps, and what cannot work.
#include "attend/models/captioner.h"
#include "attend/attention/multi_head.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"

#include "support/tensors.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kVocabulary = 8;

ModelOptions captioner_options() {
  ModelOptions o;
  o.type = "captioner";
  o.attention = "additive";
  o.of<PictureOptions>().picture_width = 9;
  o.of<PictureOptions>().picture_height = 6;
  o.of<PictureOptions>().picture_channels = 3;
  o.of<ConvolutionOptions>().convolutions = 2;
  o.of<FilterOptions>().filters = 8;
  o.of<TransformerOptions>().positions = "learned";
  o.embedding = 6;
  o.of<HiddenOptions>().hidden = 6;
  o.of<HeadOptions>().heads = 2;
  o.of<TransformerOptions>().feed_forward = 8;
  o.of<RecurrentDecoderOptions>().timing = "before";
  o.of<ContextGateOptions>().context_gate = true;
  o.of<RecurrentDecoderOptions>().input_feeding = false;
  o.dropout = 0;
  return o;
}

std::shared_ptr<Seq2Seq> make_captioning(const ModelOptions& o) {
  auto model = make_model(o, 0, kVocabulary);
  fill_parameters(*model, 0.4);
  model->eval();
  return model;
}

at::Tensor three_pictures() { return wave({3, 3, 6, 9}).abs(); }
at::Tensor cells_of(const ModelOptions& o, std::int64_t rows) { return at::full({rows}, picture_grid(o).cells(), at::kLong); }
at::Tensor words_before() { return at::tensor({2, 4, 7, 5, 2, 6, 5, 4, 2, 5, 5, 6}, at::kLong).view({3, 4}); }

TEST(Captioner, SeesAGrid) {
  auto o = captioner_options();
  EXPECT_EQ(picture_grid(o).rows, 2);
  EXPECT_EQ(picture_grid(o).columns, 3);  // 9, 5, 3
  o.of<ConvolutionOptions>().convolutions = 0;
  o.of<PatchOptions>().patch = 3;
  EXPECT_EQ(picture_grid(o).rows, 2);
  EXPECT_EQ(picture_grid(o).columns, 3);
}

TEST(Captioner, StepsEqualTeacherForcing) {
  at::NoGradGuard no_grad;
  for (const std::int64_t convolutions : {0, 2})
    for (const auto* attention : {"additive", "multi_head", "none"})
      for (const auto* cell : {"lstm", "gru"}) {
        auto o = captioner_options();
        o.of<ConvolutionOptions>().convolutions = convolutions;
        o.of<PatchOptions>().patch = 3;
        o.of<CellOptions>().cell = cell;
        o.attention = attention;
        if (o.attention == "none") o.of<ContextGateOptions>().context_gate = false;
        if (convolutions == 0 && o.attention == "none") continue;  // patches are read by attention
        const auto model = make_captioning(o);
        const auto encoded = model->encode(three_pictures(), cells_of(o, 3), nullptr);
        const auto all = model->decode(*encoded, words_before(), at::full({3}, 4, at::kLong), nullptr);
        const auto state = model->start(*encoded, 4);
        for (std::int64_t t = 0; t < 4; ++t)
          EXPECT_TRUE(close(model->step(*encoded, *state, words_before().narrow(1, t, 1), nullptr), all.narrow(1, t, 1), 1e-9))
              << attention << " " << cell << " " << t;
      }
}

TEST(Captioner, OnePictureServesManyCaptions) {
  at::NoGradGuard no_grad;
  const auto o = captioner_options();
  const auto model = make_captioning(o);
  const auto rows = at::tensor({1, 0, 1}, at::kLong);
  const auto shared = model->encode(three_pictures().narrow(0, 0, 2), cells_of(o, 2), nullptr)->select(rows);
  const auto repeated = model->encode(three_pictures().index_select(0, rows), cells_of(o, 3), nullptr);
  const auto lengths = at::full({3}, 4, at::kLong);
  EXPECT_TRUE(
      close(model->decode(*shared, words_before(), lengths, nullptr), model->decode(*repeated, words_before(), lengths, nullptr), 1e-9));
}

TEST(Captioner, ItsGateCanShutThePictureOut) {
  at::NoGradGuard no_grad;
  const auto o = captioner_options();
  const auto model = make_captioning(o);
  auto parameters = model->named_parameters();
  const auto told = [&](const at::Tensor& pictures) {
    auto encoded = model->encode(pictures, cells_of(o, 3), nullptr);
    return model->decode(*encoded, words_before(), at::full({3}, 4, at::kLong), nullptr);
  };
  parameters["bridge.weight"].zero_();
  parameters["bridge_cell.weight"].zero_();
  const auto other = three_pictures().flip({3});
  EXPECT_FALSE(close(told(three_pictures()), told(other), 1e-6));
  parameters["decoder.gate.weight"].zero_();
  parameters["decoder.gate.bias"].fill_(-60);
  EXPECT_TRUE(close(told(three_pictures()), told(other), 1e-9));
}

TEST(Captioner, EveryParameterLearns) {
  const auto o = captioner_options();
  const auto model = make_captioning(o);
  const auto encoded = model->encode(three_pictures(), cells_of(o, 3), nullptr);
  const auto states = model->decode(*encoded, words_before(), at::full({3}, 4, at::kLong), nullptr);
  (at::log_softmax(model->logits(states), -1) * wave({3, 4, kVocabulary})).sum().backward();
  for (const auto& p : model->named_parameters()) {
    ASSERT_TRUE(p.value().grad().defined()) << p.key();
    EXPECT_GT(p.value().grad().abs().max().item<double>(), 0) << p.key();
  }
}

TEST(Captioner, RefusesWhatCannotWork) {
  auto o = captioner_options();
  expect_error(ErrorKind::kShape, {"pictures must be [B, 3, 6, 9]"}, [&] {
    make_captioning(o)->encode(at::zeros({1, 3, 9, 6}, at::kDouble), cells_of(o, 1), nullptr);
  });
  o.of<FilterOptions>().filters = 6;
  expect_error(ErrorKind::kValue, {"model.filters", "8"}, [&] { make_captioning(o); });
  o = captioner_options();
  o.of<TransformerOptions>().positions = "rotary";
  expect_error(ErrorKind::kValue, {"rotary", "learned"}, [&] { make_captioning(o); });
}

}  // namespace
}  // namespace attend::testing
