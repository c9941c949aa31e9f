#include "attend/attention/location.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

MechanismOptions location_options(const char* overflow = "zero") {
  return {.heads = 2,
          .query_size = 4,
          .key_size = 3,
          .own = OptionSet().set(&LocationOptions::size, 5).set(&LocationOptions::overflow, overflow)};
}
Problem location_problem(std::int64_t keys) { return {wave({2, 2, 3, 4}), wave({2, 2, keys, 3}, 0.5), wave({2, 2, keys, 2}, 0.9), {}}; }

TEST(Location, EqualsItsFormula) {
  const auto mechanism = make_filled("location", location_options());
  EXPECT_EQ(parameter_names(*mechanism), std::vector<std::string>({"score.weight"}));
  const auto weight = mechanism->named_parameters()["score.weight"];
  ASSERT_EQ(weight.sizes(), at::IntArrayRef({2, 5, 4}));
  const auto p = location_problem(4);
  const auto e = at::einsum("bhtq,hsq->bhts", {p.query, weight.narrow(1, 0, 4)});
  EXPECT_TRUE(close(run(*mechanism, p).scores, e, 1e-14));
}

TEST(Location, KeysAreNotRead) {
  const auto mechanism = make_filled("location", location_options());
  auto p = location_problem(4);
  p.keys = leaf(p.keys);
  const auto r = run(*mechanism, p);
  mixed_loss(r).backward();
  EXPECT_TRUE(all_zero(gradient_of(p.keys)));
  EXPECT_TRUE(all_zero(mechanism->named_parameters()["score.weight"].grad().narrow(1, 4, 1))) << "a position that the source does not have";
  p.keys = p.keys.detach() * -7 + 2;
  expect_same(run(*mechanism, p), r);
}

TEST(Location, PositionsBeyondItsReachHaveNoWeight) {
  const auto mechanism = make_filled("location", location_options());
  auto p = location_problem(7);
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(all_zero(r.weights.narrow(3, 5, 2)));
  expect_same({.context = r.context, .weights = r.weights.narrow(3, 0, 5), .lse = r.lse, .entropy = r.entropy},
              run(*mechanism, {p.query, p.keys.narrow(2, 0, 5), p.values.narrow(2, 0, 5), {}}), 1e-14);
  p.mask.keep = bools({1, 1, 1, 7}, [](auto, auto, auto, auto s) { return s >= 5; });  // nothing within reach: an empty row
  const auto empty = run(*mechanism, p);
  EXPECT_TRUE(all_zero(empty.weights) && all_zero(empty.context));
}

TEST(Location, PositionsBeyondItsReachMayBeAnError) {
  const auto mechanism = make_filled("location", location_options("error"));
  EXPECT_NO_THROW(run(*mechanism, location_problem(5)));
  expect_error(ErrorKind::kValue, {"location", "7 positions", "know 5", "location_size"}, [&] { run(*mechanism, location_problem(7)); });
}

TEST(Location, MistakesAreNamed) {
  expect_error(ErrorKind::kUnknownName, {"location_overflow", "clip", "zero", "error"},
               [] { make_mechanism("location", location_options("clip")); });
  auto o = location_options();
  o.of<LocationOptions>().size = 0;
  expect_error(ErrorKind::kValue, {"location_size", "0"}, [&] { make_mechanism("location", o); });
}

}  // namespace
}  // namespace attend::testing
