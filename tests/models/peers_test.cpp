// Whole models against those of PyTorch and Hugging Face (goldens/make_models.py).
#include "attend/models/masked_lm.h"
#include "models/seq2seq_checks.h"
#include "support/goldens.h"

namespace attend::testing {
namespace {

class Peers : public ::testing::TestWithParam<Golden> {};

// Rows of padding are unspecified: zeros.
at::Tensor zero_padding(const at::Tensor& x, const at::Tensor& lengths) {
  return x.masked_fill(own(lengths, x.size(1)).logical_not().unsqueeze(-1), 0.0);
}

Questions masked_text(const Golden& golden) {
  Questions q;
  q.text = golden.ids("text");
  q.text_lengths = golden.ids("lengths");
  q.types = golden.ids("types");
  return q;
}

TEST_P(Peers, StatesLogitsAndGradientsAreEqual) {
  const auto& golden = GetParam();
  const auto o = golden.options<ModelOptions>();
  const auto vocabulary = golden.get<std::int64_t>("vocabulary");
  const auto network = make_network(o, vocabulary, vocabulary);
  golden.fill(*network);
  if (auto filler = std::dynamic_pointer_cast<MaskedLm>(network)) {
    const auto q = masked_text(golden);
    const auto states = filler->encode(q, nullptr);
    golden.expect({{"states", zero_padding(states, q.text_lengths)}, {"logits", zero_padding(filler->logits(states), q.text_lengths)}},
                  network.get());
    return;
  }
  const auto model = std::dynamic_pointer_cast<Seq2Seq>(network);
  const auto inputs = golden.ids("inputs");
  const bool reads = golden.has("source");
  const auto lengths = reads ? golden.ids("lengths") : at::full({inputs.size(0)}, 0, at::kLong);
  const auto encoded = model->encode(reads ? golden.ids("source") : at::Tensor(), lengths, nullptr);
  const auto states = model->decode(*encoded, inputs, at::full({inputs.size(0)}, inputs.size(1), at::kLong), nullptr);  // [B, T, N]
  {
    at::NoGradGuard no_grad;  // step by step, from the caches
    const auto state = model->start(*encoded, inputs.size(1));
    for (std::int64_t t = 0; t < inputs.size(1); ++t)
      EXPECT_TRUE(close(model->step(*encoded, *state, inputs.narrow(1, t, 1), nullptr), states.narrow(1, t, 1), 1e-12)) << t;
  }
  golden.expect({{"states", states}, {"logits", model->logits(states)}}, network.get());
}
INSTANTIATE_TEST_SUITE_P(All, Peers, ::testing::ValuesIn(goldens_of("models/goldens/models.json")), name_of_golden);

}  // namespace
}  // namespace attend::testing
