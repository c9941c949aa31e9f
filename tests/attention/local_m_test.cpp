#include "attend/attention/local_m.h"
#include "attend/attention/additive.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

MechanismOptions local_m_options(std::int64_t window) {
  return {.heads = 2, .query_size = 4, .key_size = 4, .own = OptionSet().set(&EnergyOptions::size, 3).set(&LocalOptions::window, window)};
}
Problem local_m_problem(std::int64_t queries, std::int64_t keys) {
  return {wave({2, 2, queries, 4}), wave({2, 2, keys, 4}, 0.5), wave({2, 2, keys, 3}, 0.9), {}};
}
at::Tensor centres(const Result& r) { return r.extras.at("centre").value; }  // [B, T]
at::Tensor numbers(std::initializer_list<double> x) { return at::tensor(at::ArrayRef<double>(x), at::kDouble); }

TEST(LocalM, IsItsScoreUnderAWindow) {
  for (const char* inner : {"scaled_dot", "additive"}) {
    auto o = local_m_options(2);
    o.of<InnerScoreOptions>().score = inner;
    auto p = local_m_problem(6, 7);
    const auto r = run(*make_filled("local_m", o), p);
    p.mask.keep = bools({1, 1, 6, 7}, [](auto, auto, auto t, auto s) { return std::abs(s - t) <= 2; });
    expect_same(r, run(*make_filled(inner, o), p));
    EXPECT_TRUE(same(centres(r), at::arange(6, at::kDouble).expand({2, 6})));
  }
}

TEST(LocalM, NoWindowReadsTheOwnPosition) {
  const auto p = local_m_problem(5, 5);
  EXPECT_TRUE(same(run(*make_filled("local_m", local_m_options(0)), p).context, p.values));
}

TEST(LocalM, WideWindowIsGlobalBitForBit) {
  for (const std::int64_t window : {7, 1000000}) {
    auto p = local_m_problem(6, 7);
    p.mask.key_lengths = lengths({7, 4});
    expect_same(run(*make_filled("local_m", local_m_options(window)), p), run(*make_filled("scaled_dot", local_m_options(window)), p));
  }
}

TEST(LocalM, CentreStopsAtTheEndOfTheSource) {
  auto p = local_m_problem(6, 4);
  p.mask.key_lengths = lengths({4, 2});
  const auto r = run(*make_filled("local_m", local_m_options(1)), p);
  EXPECT_TRUE(same(centres(r), numbers({0, 1, 2, 3, 3, 3, 0, 1, 1, 1, 1, 1}).view({2, 6})));
  EXPECT_TRUE(close(r.weights.sum(-1), at::ones({2, 2, 6}, at::kDouble), 1e-15));
}

TEST(LocalM, WithoutClampRowsPastTheWindowAreEmpty) {
  auto o = local_m_options(1);
  o.of<LocalMOptions>().clamp = false;
  auto p = local_m_problem(6, 4);
  p.mask.key_lengths = lengths({4, 2});
  const auto r = run(*make_filled("local_m", o), p);
  EXPECT_TRUE(same(centres(r), at::arange(6, at::kDouble).expand({2, 6})));
  const auto live = bools({2, 2, 6, 1}, [](auto b, auto, auto t, auto) { return t < (b == 0 ? 4 : 2) + 1; }).squeeze(-1);  // t < S_b + R
  EXPECT_TRUE(close(r.weights.sum(-1), live.to(at::kDouble), 1e-15));
  EXPECT_TRUE(all_zero(r.context.masked_select(live.logical_not().unsqueeze(-1))));
}

TEST(LocalM, ScaledCentreSpreadsTheTargetOverTheSource) {
  auto o = local_m_options(1);
  o.of<CentreOptions>().centre = "scaled";
  auto p = local_m_problem(5, 9);
  EXPECT_TRUE(same(centres(run(*make_filled("local_m", o), p)), numbers({0, 2, 4, 6, 8}).expand({2, 5})));
  p.mask.key_lengths = lengths({9, 4}), p.mask.query_lengths = lengths({5, 3});
  const auto r = run(*make_filled("local_m", o), p);
  EXPECT_TRUE(close(centres(r)[1].narrow(0, 0, 3), numbers({0, 1.5, 3}), 1e-15));
  EXPECT_TRUE(same(r.weights[1][0].narrow(0, 0, 3).gt(0).to(at::kDouble),
                   numbers({1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0}).view({3, 9})));
  auto one = local_m_problem(1, 9);
  EXPECT_TRUE(same(centres(run(*make_filled("local_m", o), one)), at::zeros({2, 1}, at::kDouble)));
}

TEST(LocalM, CausalCallsCountAbsoluteSteps) {
  const auto mechanism = make_filled("local_m", local_m_options(1));
  auto p = local_m_problem(2, 7);
  p.mask.causal = true;
  EXPECT_TRUE(same(centres(run(*mechanism, p)), numbers({5, 6}).expand({2, 2})));
  p.mask.key_lengths = lengths({7, 4});
  EXPECT_TRUE(same(centres(run(*mechanism, p)), numbers({5, 6, 2, 3}).view({2, 2})));
  p.mask.query_lengths = lengths({2, 1});
  EXPECT_TRUE(same(centres(run(*mechanism, p))[1], numbers({3, 3}))) << "its one query is the last; the padding behind it stays at the end";
}

TEST(LocalM, AStateNamesTheStep) {
  const auto mechanism = make_filled("local_m", local_m_options(1));
  const auto p = local_m_problem(4, 7);
  const auto whole = run(*mechanism, p);
  const auto memory = mechanism->prepare(p.keys, p.values, {});
  const auto state = mechanism->start(memory, 2);
  for (std::int64_t t = 0; t < 4; ++t) {
    // Two hypotheses of one step, the second one the query of step 0 whatever the step.
    const auto r = mechanism->attend(p.query.index_select(2, lengths({t, 0})), memory, state.get(), Request::everything());
    EXPECT_TRUE(same(centres(r), at::full({2, 2}, static_cast<double>(t), at::kDouble)));
    EXPECT_TRUE(close(r.weights.select(2, 0), whole.weights.select(2, t), 1e-15)) << "step " << t;
    state->reorder(lengths({1, 0, 2, 2}), 2);
  }
}

TEST(LocalM, MistakesAreNamed) {
  const auto make = [](std::int64_t window, const char* centre) {
    auto o = local_m_options(window);
    o.of<CentreOptions>().centre = centre;
    return make_filled("local_m", o);
  };
  expect_error(ErrorKind::kValue, {"local_m", "at least 0", "-1"}, [&] { make(-1, "step"); });
  expect_error(ErrorKind::kValue, {"local_m", "at least 1", "0"}, [&] { make(0, "scaled"); });
  expect_error(ErrorKind::kUnknownName, {"local_m", "inside", "step, scaled"}, [&] { make(1, "inside"); });
  auto p = local_m_problem(3, 3);
  p.mask.causal = true;
  expect_error(ErrorKind::kUnsupported, {"local_m", "scaled", "causal"}, [&] { run(*make(1, "scaled"), p); });
  const auto scaled = make(1, "scaled");
  const auto memory = scaled->prepare(p.keys, p.values, {});
  const auto state = scaled->start(memory, 3);
  expect_error(ErrorKind::kValue, {"local_m", "scaled", "step"}, [&] { scaled->attend(p.query, memory, state.get(), {}); });
}

}  // namespace
}  // namespace attend::testing
