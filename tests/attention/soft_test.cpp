#include "attend/attention/soft.h"
#include "attend/attention/additive.h"
#include "attend/attention/location.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const Problem kSoftProblem{wave({2, 2, 3, 4}), wave({2, 2, 5, 4}, 0.5), wave({2, 2, 5, 2}, 0.9), {.key_lengths = lengths({5, 3})}};

MechanismOptions soft_options(const std::string& inner) {
  return {.heads = 2,
          .query_size = 4,
          .key_size = 4,
          .own = OptionSet().set(&InnerScoreOptions::score, inner).set(&EnergyOptions::size, 3).set(&LocationOptions::size, 8)};
}

TEST(Soft, IsItsScoreUnderItsOwnName) {
  for (const auto& inner : score_names()) {
    SCOPED_TRACE(inner);
    const auto soft = make_filled("soft", soft_options(inner)), plain = make_filled(inner, soft_options(inner));
    EXPECT_EQ(parameter_names(*soft), parameter_names(*plain));
    expect_same(run(*soft, kSoftProblem), run(*plain, kSoftProblem));
  }
}

// Hard attention with one outcome left reads the value there; the outcomes' mean under p is the soft context.
TEST(Soft, IsTheMeanOfHardOverItsOutcomes) {
  const auto soft = make_filled("soft", soft_options("scaled_dot")), hard = make_filled("hard", soft_options("scaled_dot"));
  const auto r = run(*soft, kSoftProblem);
  EXPECT_TRUE(same(run(*hard, kSoftProblem).weights, r.weights)) << "the distribution that is drawn from";
  auto mean = at::zeros_like(r.context);
  for (std::int64_t s = 0; s < 5; ++s) {
    auto outcome = kSoftProblem;
    outcome.mask.keep = bools({1, 1, 1, 5}, [s](auto, auto, auto, auto other) { return other == s; });
    mean += r.weights.narrow(3, s, 1) * run(*hard, outcome).context;
  }
  EXPECT_TRUE(close(r.context, mean, 1e-14));
}

TEST(Soft, MistakesAreNamed) {
  expect_error(ErrorKind::kValue, {"soft", "local_m", "scaled_dot"}, [] { make_mechanism("soft", soft_options("local_m")); });
}

}  // namespace
}  // namespace attend::testing
