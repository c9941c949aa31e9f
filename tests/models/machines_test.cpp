// Encoder–decoders that ponder or keep a memory: what every encoder–decoder must satisfy, and what they say of themselves.
#include "attend/attention/multi_head.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/ntm_model.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"
#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

ModelOptions machine(const std::string& type) {
  ModelOptions o;
  o.type = type;
  o.attention = type == "ntm_model" ? "none" : "multi_head";
  o.embedding = 8;
  o.of<HeadOptions>().heads = 2;
  o.of<HiddenOptions>().hidden = 5;
  o.of<TransformerOptions>().feed_forward = 12;
  o.of<DecoderDepthOptions>().decoder_layers = 2;
  o.of<PonderOptions>().act.max_steps = 4;
  o.of<NtmModelOptions>().machine.rows = 6;
  o.of<NtmModelOptions>().machine.width = 3;
  return o;
}

struct MachineCase {
  std::string name;
  ModelOptions options;
};
void PrintTo(const MachineCase& c, std::ostream* out) { *out << c.name; }

std::vector<MachineCase> machine_cases() {
  std::vector<MachineCase> all;
  for (const auto* norm : {"pre", "post"}) {
    auto o = machine("universal_transformer");
    o.of<TransformerOptions>().norm = norm;
    all.push_back({fmt::format("universal_{}", norm), o});
  }
  for (const auto* controller : {"lstm", "gru", "feed_forward"}) {
    auto o = machine("ntm_model");
    o.of<NtmModelOptions>().machine.controller = controller;
    o.of<NtmModelOptions>().machine.read_heads = 2;
    o.of<NtmModelOptions>().machine.learned_start = true;
    all.push_back({fmt::format("ntm_{}", controller), o});
  }
  return all;
}

std::shared_ptr<Seq2Seq> make_machine(const ModelOptions& o) {
  auto model = make_model(o, kSourceVocabulary, kTargetVocabulary);
  fill_parameters(*model, 0.5);
  model->eval();
  return model;
}

class AMachine : public ::testing::TestWithParam<MachineCase> {};
INSTANTIATE_TEST_SUITE_P(All, AMachine, ::testing::ValuesIn(machine_cases()), [](const auto& about) { return about.param.name; });

TEST_P(AMachine, StepsEqualTeacherForcing) { expect_steps_equal_teacher_forcing(*make_machine(GetParam().options), 1e-9); }
TEST_P(AMachine, ABatchEqualsItsItems) { expect_batch_equals_single(*make_machine(GetParam().options), 1e-9); }
TEST_P(AMachine, Bfloat16IsNear) { expect_bfloat16_is_near(*make_machine(GetParam().options), 0.05); }
TEST_P(AMachine, PaddingIsFree) { expect_padding_is_free(*make_machine(GetParam().options), 1e-9); }
TEST_P(AMachine, HypothesesKeepTheirOwnState) { HypothesisWalk(*make_machine(GetParam().options), 1e-9).run(); }

class MachineSites final : public Observer {
 public:
  Request request(const Site&) override { return {.weights = true}; }
  void observe(const Site& site, const Result& result) override { seen.emplace_back(site, result); }
  std::vector<std::pair<Site, Result>> seen;
};

TEST(UniversalTransformer, ShowsEachStepAsALayer) {
  at::NoGradGuard no_grad;
  const Batch b;
  MachineSites sites;
  make_machine(machine("universal_transformer"))->encode(b.source, b.lengths, &sites);
  std::int64_t layers = 0, steps = 0;
  for (const auto& [site, result] : sites.seen) {
    if (site.name == "encoder.self") {
      EXPECT_EQ(site.layer, layers++);
    } else {
      ASSERT_EQ(site.name, "act.steps");
      steps = result.weights.max().item<std::int64_t>();
    }
  }
  EXPECT_GT(layers, 1);
  EXPECT_EQ(layers, steps);
}

// What a read head looks at is told by source steps: rows that step s wrote.
TEST(NtmModel, TellsWhereWhatItReadsWasWritten) {
  at::NoGradGuard no_grad;
  const Batch b;
  MachineSites sites;
  states_of(*make_machine(machine("ntm_model")), b, &sites);
  ASSERT_EQ(sites.seen.size(), 2U);
  const auto& slots = sites.seen[0].second.weights;  // [B, read heads, T, rows of the memory]
  EXPECT_EQ(sites.seen[0].first.name, "ntm.slots");
  EXPECT_EQ(slots.sizes().vec(), (std::vector<std::int64_t>{3, 1, 4, 6}));
  EXPECT_TRUE(close(slots.sum(-1), at::ones({3, 1, 4}, at::kDouble), 1e-12));
  const auto& [site, result] = sites.seen[1];
  EXPECT_EQ(site.name, "ntm.read");
  EXPECT_EQ(result.weights.sizes().vec(), (std::vector<std::int64_t>{3, 1, 4, 5}));
  EXPECT_EQ(result.kind, WeightKind::kUnnormalised);
  EXPECT_TRUE(same(result.weights[2].narrow(2, 2, 3), at::zeros({1, 4, 3}, at::kDouble)));  // padding was never written
  EXPECT_GT(result.weights.max().item<double>(), 0);
  expect_error(ErrorKind::kValue, {"dot", "attention: none"}, [] {
    auto o = machine("ntm_model");
    o.attention = "dot";
    make_machine(o);
  });
}

}  // namespace
}  // namespace attend::testing
