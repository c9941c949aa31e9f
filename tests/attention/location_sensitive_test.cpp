#include "attend/attention/location_sensitive.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const Problem kTrackedProblem{wave({2, 2, 4, 4}), wave({2, 2, 7, 3}, 0.5), wave({2, 2, 7, 2}, 0.9), {.key_lengths = lengths({7, 4})}};

MechanismOptions tracking_options(const std::string& input = "previous") {
  return {.heads = 2,
          .query_size = 4,
          .key_size = 3,
          .own = OptionSet()
                     .set(&EnergyOptions::size, 5)
                     .set(&LocationSensitiveOptions::input, input)
                     .set(&LocationSensitiveOptions::filters, 3)
                     .set(&LocationSensitiveOptions::width, 5)};
}

TEST(LocationSensitive, ParametersKeepTheirNamesAndShapes) {
  const auto mechanism = make_filled("location_sensitive", tracking_options());
  EXPECT_EQ(parameter_names(*mechanism),
            std::vector<std::string>({"filters", "filter_weight", "score.query_weight", "score.key_weight", "score.energy"}));
  EXPECT_EQ(mechanism->named_parameters()["filters"].sizes(), at::IntArrayRef({6, 1, 5}));
  EXPECT_EQ(mechanism->named_parameters()["filter_weight"].sizes(), at::IntArrayRef({2, 5, 3}));
  EXPECT_EQ(make_mechanism("location_sensitive", tracking_options("both"))->named_parameters()["filters"].sizes(),
            at::IntArrayRef({6, 2, 5}));
}

// f[s, i] = Σ_c Σ_j F[i, c, j] w_c[s + j − 2] with zeros outside the source: channels [c, S], filters [n_f, c, r] -> [S, n_f].
at::Tensor convolved(const at::Tensor& channels, const at::Tensor& filters) {
  const auto n = channels.size(1);
  auto f = at::zeros({n, filters.size(0)}, at::kDouble);
  for (std::int64_t s = 0; s < n; ++s)
    for (std::int64_t j = 0; j < filters.size(2); ++j)
      if (const auto at = s + j - filters.size(2) / 2; at >= 0 && at < n) f[s] += at::matmul(filters.select(2, j), channels.select(1, at));
  return f;
}

TEST(LocationSensitive, EqualsItsFormulaForEveryInput) {
  for (const std::string input : {"previous", "cumulative", "both"}) {
    const auto mechanism = make_filled("location_sensitive", tracking_options(input));
    const at::NoGradGuard no_grad;
    const auto parameters = mechanism->named_parameters();
    const auto r = run(*mechanism, kTrackedProblem);
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t h = 0; h < 2; ++h) {
        const auto n = b == 0 ? 7 : 4;  // past an item's length there is nothing to convolve
        const auto keys = kTrackedProblem.keys[b][h].narrow(0, 0, n);
        auto previous = at::zeros({n}, at::kDouble), total = previous;
        for (std::int64_t t = 0; t < 4; ++t) {
          const auto channels = input == "previous"     ? previous.unsqueeze(0)
                                : input == "cumulative" ? total.unsqueeze(0)
                                                        : at::stack({previous, total});
          const auto f = convolved(channels, parameters["filters"].narrow(0, 3 * h, 3));
          const auto sums = at::matmul(parameters["score.query_weight"][h], kTrackedProblem.query[b][h][t]) +
                            at::matmul(keys, parameters["score.key_weight"][h].t()) + at::matmul(f, parameters["filter_weight"][h].t());
          previous = at::softmax(at::matmul(sums.tanh(), parameters["score.energy"][h]), 0);
          total = total + previous;
          EXPECT_TRUE(close(r.weights[b][h][t].narrow(0, 0, n), previous, 1e-13)) << input << " step " << t;
        }
      }
  }
}

TEST(LocationSensitive, WithoutItsFiltersItIsAdditive) {
  const auto mechanism = make_filled("location_sensitive", tracking_options());
  set_parameter(*mechanism, "filter_weight", at::zeros({2, 5, 3}));
  const auto additive = make_filled("additive", tracking_options());
  for (const auto& name : parameter_names(*additive)) set_parameter(*additive, name, mechanism->named_parameters()[name].detach());
  expect_same(run(*mechanism, kTrackedProblem), run(*additive, kTrackedProblem), 1e-14);
}

// Keys that all look alike (U = 0): the scores are a function of f alone, and move with the weights of the step before.
TEST(LocationSensitive, ShiftedHistoryShiftsTheScores) {
  const auto mechanism = make_filled("location_sensitive", tracking_options());
  set_parameter(*mechanism, "score.key_weight", at::zeros({2, 5, 3}));
  const auto memory = mechanism->prepare(kTrackedProblem.keys, kTrackedProblem.values, {});
  const auto scores_after = [&](std::int64_t place) {
    const auto state = mechanism->start(memory, 1);
    auto& previous = dynamic_cast<HistoryState&>(*state).kept.at("previous");
    previous = at::zeros_like(previous);
    previous.select(3, place).fill_(1);
    return mechanism->attend(kTrackedProblem.query.narrow(2, 0, 1), memory, state.get(), Request::everything()).scores;
  };
  const auto here = scores_after(3), further = scores_after(4);
  EXPECT_TRUE(close(further.narrow(3, 1, 6), here.narrow(3, 0, 6), 1e-14));
  EXPECT_FALSE(close(further, here, 1e-2));
  // F is not flipped: the filter's last column is what stands two places before the weight.
  const auto nothing =
      mechanism->attend(kTrackedProblem.query.narrow(2, 0, 1), memory, mechanism->start(memory, 1).get(), Request::everything()).scores;
  set_parameter(*mechanism, "filters", mechanism->named_parameters()["filters"].detach() * at::tensor({0, 0, 0, 0, 1}, at::kDouble));
  const auto last = scores_after(3);
  const auto moved = last.sub(nothing).abs().gt(1e-6);
  EXPECT_TRUE(moved.select(3, 1).all().item<bool>());
  EXPECT_EQ(moved.sum().item<std::int64_t>(), moved.select(3, 1).sum().item<std::int64_t>());
}

TEST(LocationSensitive, SharpeningMultipliesTheScores) {
  auto o = tracking_options();
  o.of<LocationSensitiveOptions>().sharpening = 2.5;
  auto p = kTrackedProblem;
  p.query = p.query.narrow(2, 0, 1);  // one step: the same history
  p.mask = {};
  const auto sharp = run(*make_filled("location_sensitive", o), p), plain = run(*make_filled("location_sensitive", tracking_options()), p);
  EXPECT_TRUE(close(sharp.scores, 2.5 * plain.scores, 1e-14));
  EXPECT_TRUE(close(sharp.weights, at::softmax(2.5 * plain.scores, -1), 1e-14));
}

TEST(LocationSensitive, SmoothingTakesLogisticFunctions) {
  auto o = tracking_options();
  o.of<LocationSensitiveOptions>().smoothing = true;
  auto p = kTrackedProblem;
  p.query = leaf(p.query.narrow(2, 0, 1));
  const auto mechanism = make_filled("location_sensitive", o);
  const auto smooth = run(*mechanism, p), plain = run(*make_filled("location_sensitive", tracking_options()), p);
  const auto sigma = at::sigmoid(plain.scores);  // 0 where hidden
  EXPECT_TRUE(close(smooth.weights, sigma / sigma.sum(-1, true), 1e-14));
  // σ(−1e4) is 0 in every format; the weights are those of e⁻ˣ then.
  p.mask.bias = at::full({1}, -1e4, at::kDouble);
  const auto far = run(*mechanism, p);
  EXPECT_TRUE(close(far.weights, plain.weights, 1e-11));
  mixed_loss(far).backward();
  EXPECT_TRUE(all_finite(p.query.grad()));
}

TEST(LocationSensitive, EmptyRowPassesItsStateOn) {
  for (const char* input : {"previous", "both"}) {
    const auto mechanism = make_filled("location_sensitive", tracking_options(input));
    auto with_gap = kTrackedProblem, without = kTrackedProblem;
    with_gap.mask.keep = bools({1, 1, 4, 1}, [](auto, auto, auto t, auto) { return t != 1; });
    const auto live = lengths({0, 2, 3});
    without.query = without.query.index_select(2, live);
    EXPECT_TRUE(close(run(*mechanism, with_gap).weights.index_select(2, live), run(*mechanism, without).weights, 1e-14)) << input;
  }
}

TEST(LocationSensitive, StepsWithAStateEqualTheTeacherForcedCall) {
  const auto mechanism = make_filled("location_sensitive", tracking_options("both"));
  const auto whole = run(*mechanism, kTrackedProblem);
  const auto memory = mechanism->prepare(kTrackedProblem.keys, kTrackedProblem.values, kTrackedProblem.mask);
  const auto state = mechanism->start(memory, 2);
  // The second row goes another way; half-way the rows of item 0 change places.
  for (std::int64_t t = 0; t < 4; ++t) {
    const bool swapped = t >= 2;
    const auto order = swapped ? lengths({0, t}) : lengths({t, 0});
    const auto r = mechanism->attend(kTrackedProblem.query.index_select(2, order), memory, state.get(), Request::everything());
    EXPECT_TRUE(close(r.weights.select(2, swapped ? 1 : 0), whole.weights.select(2, t), 1e-14)) << "step " << t;
    if (t == 1) state->reorder(lengths({1, 0, 3, 2}), 2);
  }
}

TEST(LocationSensitive, MistakesAreNamed) {
  auto o = tracking_options();
  o.of<LocationSensitiveOptions>().width = 4;
  expect_error(ErrorKind::kValue, {"location_sensitive", "odd", "4"}, [&] { make_mechanism("location_sensitive", o); });
  expect_error(ErrorKind::kUnknownName, {"location_sensitive", "all", "previous, cumulative, both"},
               [] { make_mechanism("location_sensitive", tracking_options("all")); });
  auto p = kTrackedProblem;
  p.mask.causal = true;
  expect_error(ErrorKind::kUnsupported, {"location_sensitive", "causal"},
               [&] { run(*make_filled("location_sensitive", tracking_options()), p); });
}

}  // namespace
}  // namespace attend::testing
