// Attention in heads against PyTorch's and Hugging Face's (goldens/make_heads.py): biases one by one, sizes of heads, scales, rotary and
// relative positions.
#include "attend/attention/grouped_query.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/positions.h"
#include "attend/attention/scaled_dot.h"
#include "attention/single_head.h"
#include "support/goldens.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kModel = 8, kPlaces = 9;

// What the goldens set of a mechanism.
struct HeadGolden {
  OptionSet own;
  void visit(OptionVisitor& v) {
    visit_options<ProjectionOptions, GroupedQueryOptions, ScaledDotOptions, RelativeBiasOptions, RotaryOptions>(own, v);
  }
};

class Heads : public ::testing::TestWithParam<Golden> {};

TEST_P(Heads, EqualTheirPeer) {
  const auto& golden = GetParam();
  if (golden.has("buckets")) {
    const auto distances = at::arange(-300, 301, at::kLong);
    const auto found =
        relative_buckets(distances, golden.get<bool>("causal"), golden.get<std::int64_t>("buckets"), golden.get<std::int64_t>("farthest"));
    golden.expect({{"buckets", found}});
    return;
  }
  MechanismOptions o{.own = golden.options<HeadGolden>().own};
  o.heads = golden.get<std::int64_t>("heads");
  o.query_size = o.key_size = kModel;
  o.bias = golden.get<bool>("bias");
  o.position = golden.get<std::string>("position");
  const auto mechanism = make_mechanism(golden.get<std::string>("mechanism"), o);
  golden.fill(*mechanism);
  const auto x = drawn({2, kPlaces, kModel}, 0.2).unsqueeze(1),
             y = golden.get<bool>("across") ? drawn({2, 5, kModel}, 0.8).unsqueeze(1) : x;
  const auto r = run(*mechanism, {x, y, y, {.causal = golden.get<bool>("causal")}});
  std::vector<std::pair<std::string, at::Tensor>> outputs{{"context", r.context.squeeze(1)}};
  if (golden.get<nlohmann::json>("outputs").contains("weights")) outputs.emplace_back("weights", r.weights);
  golden.expect(outputs, mechanism.get());
}
INSTANTIATE_TEST_SUITE_P(All, Heads, ::testing::ValuesIn(goldens_of("attention/goldens/heads.json")), name_of_golden);

MechanismOptions rotary(const std::string& scaling, double factor = 4) {
  MechanismOptions o{.heads = 2, .query_size = 8, .key_size = 8};
  o.position = "rotary";
  o.of<RotaryOptions>().scaling = scaling;
  o.of<RotaryOptions>().factor = factor;
  o.of<RotaryOptions>().original_length = 4;
  return o;
}

// Position interpolation: place 4p of a model that was stretched four times is place p of the one before.
TEST(RotaryScaling, LinearStretchesPlaces) {
  const Rotation plain(rotary("none").of<RotaryOptions>(), 8), stretched(rotary("linear").of<RotaryOptions>(), 8);
  const auto x = wave({1, 2, 5, 8});
  const auto places = at::arange(5, at::kLong).unsqueeze(0), lengths = at::full({1}, 17, at::kLong);
  EXPECT_TRUE(close(stretched(x, places * 4, lengths), plain(x, places, lengths), 1e-13));
  EXPECT_FALSE(close(stretched(x, places, lengths), plain(x, places, lengths), 1e-3));
}

// An item alone is turned as in a batch: its own length decides, not the longest one's.
TEST(RotaryScaling, DynamicLooksAtEachItemsLength) {
  const auto mechanism = make_filled("scaled_dot", rotary("dynamic"));
  Problem p{wave({2, 2, 9, 8}), wave({2, 2, 9, 8}, 0.5), wave({2, 2, 9, 8}, 0.9), {.key_lengths = lengths({9, 6})}};
  const auto together = run(*mechanism, p).context;
  for (std::int64_t b = 0; b < 2; ++b) {
    const auto size = b == 0 ? 9 : 6;
    const auto item = [&](const at::Tensor& x) { return x.narrow(0, b, 1).narrow(2, 0, size); };
    EXPECT_TRUE(close(run(*mechanism, {item(p.query), item(p.keys), item(p.values), {}}).context, item(together), 1e-13)) << b;
  }
}

TEST(RotaryScaling, DynamicChangesNothingWithinTheLengthOfTraining) {
  const auto dynamic = make_filled("scaled_dot", rotary("dynamic")), plain = make_filled("scaled_dot", rotary("none"));
  const auto of = [](std::int64_t size) {
    return Problem{wave({1, 2, size, 8}), wave({1, 2, size, 8}, 0.5), wave({1, 2, size, 8}, 0.9), {}};
  };
  EXPECT_TRUE(same(run(*dynamic, of(4)).scores, run(*plain, of(4)).scores));
  EXPECT_FALSE(close(run(*dynamic, of(5)).scores, run(*plain, of(5)).scores, 1e-4));
}

TEST(RotaryShare, WhatIsBehindItStays) {
  auto o = rotary("none").of<RotaryOptions>();
  o.share = 0.5;
  const auto x = wave({1, 1, 3, 8});
  const auto places = at::arange(3, at::kLong).unsqueeze(0), lengths = at::full({1}, 3, at::kLong);
  for (const bool adjacent : {true, false}) {
    o.pairs = adjacent ? "adjacent" : "halves";
    const auto y = Rotation(o, 8)(x, places, lengths);
    EXPECT_TRUE(same(y.narrow(3, 4, 4), x.narrow(3, 4, 4)));
    EXPECT_TRUE(same(y.narrow(3, 0, 4), rotate(x.narrow(3, 0, 4), places, adjacent)));
  }
}

TEST(RelativeBias, ATableThatIsGivenIsNotRegistered) {
  MechanismOptions o{.heads = 2, .query_size = 4, .key_size = 4};
  o.position = "relative_bias";
  o.of<RelativeBiasOptions>().buckets = 8;
  o.of<RelativeBiasOptions>().farthest = 20;
  const auto own = make_filled("scaled_dot", o);
  EXPECT_EQ(own->named_parameters()["positions.bias"].sizes(), at::IntArrayRef({2, 8}));
  o.shared_bias = leaf(wave({2, 8}, 2));
  const auto shared = make_filled("scaled_dot", o);
  EXPECT_TRUE(parameter_names(*shared).empty());
  set_parameter(*own, "positions.bias", o.shared_bias.detach());
  const Problem p{wave({1, 2, 5, 4}), wave({1, 2, 5, 4}, 0.5), wave({1, 2, 5, 4}, 0.9), {}};
  const auto r = run(*shared, p);
  EXPECT_TRUE(same(r.context, run(*own, p).context));
  r.context.square().sum().backward();
  EXPECT_GT(o.shared_bias.grad().abs().max().item<double>(), 1e-6);
}

TEST(ScoreScale, ReplacesTheRoot) {
  MechanismOptions o{.heads = 1, .query_size = 4, .key_size = 4};
  const Problem p{wave({1, 1, 3, 4}), wave({1, 1, 5, 4}, 0.5), wave({1, 1, 5, 4}, 0.9), {}};
  const auto products = at::matmul(p.query, p.keys.mT());
  for (const double scale : {0.0, 1.0, 0.3}) {
    o.of<ScaledDotOptions>().scale = scale;
    EXPECT_TRUE(close(run(*make_filled("scaled_dot", o), p).scores, products * (scale == 0 ? 0.5 : scale), 1e-14)) << scale;
  }
}

TEST(HeadSize, MayBeAnything) {
  MechanismOptions o{.heads = 3, .query_size = 8, .key_size = 8};
  expect_error(ErrorKind::kValue, {"multi_head", "8", "3 heads", "model.head_size"}, [&] { make_mechanism("multi_head", o); });
  o.of<ProjectionOptions>().head_size = 5;
  const auto w = make_filled("multi_head", o)->named_parameters();
  EXPECT_EQ(w["query_weight"].sizes(), at::IntArrayRef({15, 8}));
  EXPECT_EQ(w["output_weight"].sizes(), at::IntArrayRef({8, 15}));
}

TEST(RotaryOptions, WhatDoesNotGoTogetherIsRefused) {
  const auto refused = [](const std::vector<std::string>& said, const std::function<void(RotaryOptions&)>& change) {
    auto o = rotary("none");
    change(o.of<RotaryOptions>());
    expect_error(ErrorKind::kValue, said, [&] { make_mechanism("scaled_dot", o); });
  };
  refused({"rotary_share 0.4", "3 of the 8", "use 2"}, [](RotaryOptions& o) { o.share = 0.4; });
  refused({"rotary_high_frequency_factor", "above", "1 and 2"},
          [](RotaryOptions& o) { o.scaling = "llama3", o.low_frequency_factor = 2, o.high_frequency_factor = 1; });
  refused({"dynamic", "two pairs", "linear"}, [](RotaryOptions& o) { o.scaling = "dynamic", o.share = 0.25; });
  MechanismOptions o{.heads = 1, .query_size = 4, .key_size = 4};
  o.position = "relative_bias";
  o.of<RelativeBiasOptions>().farthest = 16;
  expect_error(ErrorKind::kValue, {"relative_farthest", "above half", "32 and 16"}, [&] { make_mechanism("scaled_dot", o); });
}

}  // namespace
}  // namespace attend::testing
