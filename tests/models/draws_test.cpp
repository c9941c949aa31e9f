// A pass in training draws, and yet an item's states are its own: what stands beside it in the batch changes nothing.
#include "attend/ops/draws.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/score.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"

#include "attend/models/answerer.h"
#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

struct DrawingCase {
  std::string name;
  ModelOptions options;
};
void PrintTo(const DrawingCase& c, std::ostream* out) { *out << c.name; }

ModelOptions drawing(const std::string& type, const std::string& attention) {
  ModelOptions o;
  o.type = type;
  o.attention = attention;
  o.embedding = 8;
  o.of<HeadOptions>().heads = 2;
  o.of<HiddenOptions>().hidden = o.of<ReadingOptions>().encoder_hidden = 6;
  o.of<TransformerOptions>().feed_forward = 12;
  o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 2;
  o.dropout = 0.4;
  o.of<WeightDropoutOptions>().dropout = 0.3;
  o.of<InnerScoreOptions>().score = "additive";
  return o;
}

std::vector<DrawingCase> drawing_cases() {
  std::vector<DrawingCase> all;
  for (const auto* attention : {"additive", "hard", "hard_st", "gumbel", "gumbel_st", "monotonic", "coverage"})
    for (const bool fed : {false, true}) {
      auto o = drawing("rnn_seq2seq", attention);
      o.of<RecurrentDecoderOptions>().input_feeding = fed;
      all.push_back({fmt::format("rnn_{}_{}", attention, fed ? "fed" : "unfed"), o});
    }
  for (const auto* attention : {"multi_head", "hard", "gumbel"})
    all.push_back({fmt::format("transformer_{}", attention), drawing("transformer", attention)});
  all.push_back({"universal", drawing("universal_transformer", "multi_head")});
  return all;
}

class ModelsThatDraw : public ::testing::TestWithParam<DrawingCase> {};
INSTANTIATE_TEST_SUITE_P(All, ModelsThatDraw, ::testing::ValuesIn(drawing_cases()), [](const auto& about) { return about.param.name; });

at::Tensor trained_states(const Seq2Seq& model, const Batch& b, std::vector<std::uint64_t> items) {
  const Draws draws(/*run=*/1, /*step=*/2, std::move(items));
  return states_of(model, b);
}

TEST_P(ModelsThatDraw, GiveAnItemTheSameStatesInAnyBatch) {
  const auto& options = GetParam().options;
  const auto model = small_model(options);
  model->train();
  const Batch b;
  const auto together = trained_states(*model, b, {10, 20, 30});
  EXPECT_FALSE(close(together, trained_states(*model, b, {11, 21, 31}), 1e-6));  // or nothing was drawn
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto s = b.lengths[i].item<std::int64_t>(), t = b.target_lengths[i].item<std::int64_t>();
    const Batch alone{b.source.narrow(0, i, 1).narrow(1, 0, s), b.lengths.narrow(0, i, 1), b.inputs.narrow(0, i, 1).narrow(1, 0, t),
                      b.target_lengths.narrow(0, i, 1)};
    const auto own = trained_states(*model, alone, {static_cast<std::uint64_t>(10 * (i + 1))});
    EXPECT_TRUE(close(own[0], together[i].narrow(0, 0, t), 1e-9)) << "item " << i;
  }
}

}  // namespace
}  // namespace attend::testing
