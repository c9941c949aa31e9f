#include "attend/attention/local_p.h"
#include "attend/attention/additive.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

MechanismOptions local_p_options(std::int64_t window = 2) {
  return {.heads = 2, .query_size = 4, .key_size = 4, .own = OptionSet().set(&EnergyOptions::size, 3).set(&LocalOptions::window, window)};
}
const Problem kLocalPProblem{wave({2, 2, 3, 4}), wave({2, 2, 9, 4}, 0.5), wave({2, 2, 9, 3}, 0.9), {.key_lengths = lengths({9, 5})}};

at::Tensor share(const Mechanism& mechanism, const at::Tensor& query) {  // σ(v_pᵀ tanh(W_p q)) [B, H, T]
  const auto w = mechanism.named_parameters();
  const auto hidden = at::einsum("bhtq,hpq->bhtp", {query, w["centre_weight"]}).tanh();
  return at::sigmoid(at::einsum("bhtp,hp->bht", {hidden, w["centre_vector"]}));
}

at::Tensor positions(std::int64_t n) { return at::arange(n, at::kDouble); }

TEST(LocalP, ParametersKeepTheirNamesAndShapes) {
  const auto w = make_filled("local_p", local_p_options())->named_parameters();
  EXPECT_EQ(w.keys(), std::vector<std::string>({"centre_weight", "centre_vector"}));
  EXPECT_EQ(w["centre_weight"].sizes(), at::IntArrayRef({2, 3, 4}));
  EXPECT_EQ(w["centre_vector"].sizes(), at::IntArrayRef({2, 3}));
  EXPECT_EQ(make_mechanism("local_p", {.query_size = 4, .key_size = 4})->named_parameters()["centre_weight"].sizes(),
            at::IntArrayRef({1, 4, 4}));
}

TEST(LocalP, EqualsItsFormula) {
  for (const bool renormalise : {false, true})
    for (const bool inside : {false, true}) {
      SCOPED_TRACE(fmt::format("renormalise={} inside={}", renormalise, inside));
      auto o = local_p_options();
      o.of<LocalPOptions>().renormalise = renormalise;
      o.of<CentreOptions>().centre = inside ? "inside" : "paper";
      const auto mechanism = make_filled("local_p", o);
      const auto r = run(*mechanism, kLocalPProblem);
      const auto length = kLocalPProblem.mask.key_lengths.view({2, 1, 1}).to(at::kDouble);  // true lengths, not the padded S
      const auto part = share(*mechanism, kLocalPProblem.query);
      const auto p = inside ? part * (length - 1) : part * length - 1;
      EXPECT_TRUE(close(r.extras.at("centre").value, p, 1e-14));
      const auto distance = positions(9) - p.unsqueeze(-1);  // [B, H, T, S]
      const auto hidden = distance.abs().gt(2).logical_or(positions(9).ge(length.unsqueeze(-1)));
      const auto gauss = distance.square() * -0.5;  // ς = R/2 = 1
      const auto e = at::matmul(kLocalPProblem.query, kLocalPProblem.keys.mT()) / 2;
      const auto in_window = [&](const at::Tensor& x) { return x.masked_fill(hidden, -std::numeric_limits<double>::infinity()); };
      const auto expected = renormalise ? at::softmax(in_window(e + gauss), -1) : at::softmax(in_window(e), -1) * gauss.exp();
      EXPECT_TRUE(close(r.weights, expected, 1e-14));
      EXPECT_TRUE(close(r.context, at::matmul(expected, kLocalPProblem.values), 1e-14));
      EXPECT_EQ(bool(close(r.weights.sum(-1), at::ones({2, 2, 3}, at::kDouble), 1e-12)), renormalise);
    }
}

TEST(LocalP, ConstantValuesComeOutTimesTheSumOfTheWeights) {
  auto p = kLocalPProblem;
  p.values = at::full_like(p.values, -2.5);
  const auto r = run(*make_filled("local_p", local_p_options()), p);
  EXPECT_TRUE(close(r.context, (-2.5 * r.weights.sum(-1, true)).expand_as(r.context), 1e-14));
}

// ∂w/∂p = w (s − p)/ς² while no source enters or leaves the window; renormalised w (s − s̄)/ς², s̄ = Σ w s.
TEST(LocalP, CentreHasTheGaussiansGradient) {
  for (const bool renormalise : {false, true}) {
    SCOPED_TRACE(renormalise ? "renormalised" : "paper");
    auto o = local_p_options(3);
    o.of<LocalPOptions>().renormalise = renormalise;
    const auto r = run(*make_filled("local_p", o), kLocalPProblem);
    const auto& p = r.extras.at("centre").value;
    const auto w = r.weights.detach();
    const auto middle = renormalise ? (w * positions(9)).sum(-1, true) : p.detach().unsqueeze(-1);
    const auto expected = w * (positions(9) - middle) / (1.5 * 1.5);
    for (std::int64_t s = 0; s < 9; ++s) EXPECT_TRUE(close(gradient(r.weights.select(-1, s).sum(), p), expected.select(-1, s), 1e-14)) << s;
  }
}

TEST(LocalP, ItsParametersLearnThroughTheCentreAlone) {
  const auto mechanism = make_filled("local_p", local_p_options());
  const auto r = run(*mechanism, kLocalPProblem);
  const auto loss = mixed_loss(r);
  const auto& p = r.extras.at("centre").value;
  const auto of_centre = gradient(loss, p);
  for (const auto& item : mechanism->named_parameters()) {
    const auto through = torch::autograd::grad({p}, {item.value()}, {of_centre}, /*retain_graph=*/true)[0];
    EXPECT_TRUE(close(gradient(loss, item.value()), through, 1e-14)) << item.key();
    EXPECT_GT(through.abs().max().item<double>(), 1e-3);
  }
}

TEST(LocalP, WideRenormalisedWindowIsGlobal) {
  auto o = local_p_options(1000000000);
  o.of<LocalPOptions>().renormalise = true;
  expect_same(run(*make_filled("local_p", o), kLocalPProblem), run(*make_filled("scaled_dot", o), kLocalPProblem), 1e-12);
}

TEST(LocalP, OneKeyPutsTheCentreBeforeIt) {
  auto p = kLocalPProblem;
  p.mask.key_lengths = lengths({1, 1});
  const auto r = run(*make_filled("local_p", local_p_options(1)), p);
  const auto& centre = r.extras.at("centre").value;
  EXPECT_TRUE(centre.gt(-1).logical_and(centre.lt(0)).all().item<bool>());
  EXPECT_TRUE(close(r.weights.select(-1, 0), (-2 * centre.square()).exp(), 1e-15)) << "the window of R = 1 always holds it, ς = 1/2";
}

TEST(LocalP, EndsOfTheSourceAreWithinReachOfTheInsideCentre) {
  for (const bool inside : {true, false}) {
    auto o = local_p_options();
    o.of<CentreOptions>().centre = inside ? "inside" : "paper";
    const auto mechanism = make_filled("local_p", o);
    for (const double sign : {-1.0, 1.0}) {
      // tanh(W_p q) · v_p is ±60 whatever the query: the logistic function is at its end.
      set_parameter(*mechanism, "centre_weight", at::ones({2, 3, 4}) * 50);
      set_parameter(*mechanism, "centre_vector", at::full({2, 3}, 20 * sign));
      auto p = kLocalPProblem;
      p.query = p.query.abs() + 1;
      const auto centre = run(*mechanism, p).extras.at("centre").value;
      const auto length = p.mask.key_lengths.view({2, 1, 1}).to(at::kDouble);
      const auto end = sign > 0 ? length - 1 : at::full_like(length, inside ? 0.0 : -1.0);
      EXPECT_TRUE(close(centre, end.expand({2, 2, 3}), 1e-12)) << "inside=" << inside << " sign=" << sign;
    }
  }
}

TEST(LocalP, MistakesAreNamed) {
  expect_error(ErrorKind::kValue, {"local_p", "at least 1", "0"}, [] { make_mechanism("local_p", local_p_options(0)); });
  auto o = local_p_options();
  o.of<CentreOptions>().centre = "scaled";
  expect_error(ErrorKind::kUnknownName, {"local_p", "scaled", "paper, inside"}, [&] { make_mechanism("local_p", o); });
  auto p = kLocalPProblem;
  p.mask.causal = true;
  expect_error(ErrorKind::kUnsupported, {"local_p", "causal", "local_m"}, [&] { run(*make_filled("local_p", local_p_options()), p); });
}

}  // namespace
}  // namespace attend::testing
