#include "attend/attention/additive.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "attention/single_head.h"
#include "support/gradcheck.h"

namespace attend::testing {
namespace {

const MechanismOptions kAdditiveOptions{.heads = 2, .query_size = 4, .key_size = 3, .own = OptionSet().set(&EnergyOptions::size, 5)};
const Problem kAdditiveProblem{wave({2, 2, 3, 4}), wave({2, 2, 7, 3}, 0.5), wave({2, 2, 7, 2}, 0.9), {}};

MechanismOptions with_everything() {
  auto o = kAdditiveOptions;
  o.bias = o.of<AdditiveOptions>().normed = true;
  return o;
}

TEST(Additive, ParametersKeepTheirNamesAndShapes) {
  EXPECT_EQ(parameter_names(*make_filled("additive", kAdditiveOptions)),
            std::vector<std::string>({"score.query_weight", "score.key_weight", "score.energy"}));
  const auto full = make_filled("additive", with_everything());
  EXPECT_EQ(parameter_names(*full),
            std::vector<std::string>({"score.query_weight", "score.key_weight", "score.energy", "score.bias", "score.gain"}));
  const auto w = full->named_parameters();
  EXPECT_EQ(w["score.query_weight"].sizes(), at::IntArrayRef({2, 5, 4}));
  EXPECT_EQ(w["score.key_weight"].sizes(), at::IntArrayRef({2, 5, 3}));
  EXPECT_EQ(w["score.energy"].sizes(), at::IntArrayRef({2, 5}));
  EXPECT_EQ(w["score.bias"].sizes(), at::IntArrayRef({2, 5}));
  EXPECT_EQ(w["score.gain"].sizes(), at::IntArrayRef({2}));
}

TEST(Additive, EqualsItsFormula) {
  const auto mechanism = make_filled("additive", with_everything());
  const auto w = mechanism->named_parameters();
  const auto q = at::einsum("bhtq,heq->bhte", {kAdditiveProblem.query, w["score.query_weight"]});
  const auto k = at::einsum("bhsd,hed->bhse", {kAdditiveProblem.keys, w["score.key_weight"]});
  const auto hidden = (q.unsqueeze(3) + k.unsqueeze(2) + w["score.bias"].view({2, 1, 1, 5})).tanh();
  const auto v = w["score.gain"].unsqueeze(1) * w["score.energy"] / w["score.energy"].square().sum(1, true).sqrt();
  EXPECT_TRUE(close(energies(run(*mechanism, kAdditiveProblem)), at::einsum("bhtse,he->bhts", {hidden, v}), 1e-13));
}

TEST(Additive, IsBoundedByTheNormOfItsLastVector) {
  const auto mechanism = make_filled("additive", kAdditiveOptions);
  auto p = kAdditiveProblem;
  p.query = p.query * 1e3;                                                                           // every unit saturated
  const auto bound = mechanism->named_parameters()["score.energy"].abs().sum(1).view({1, 2, 1, 1});  // ‖v‖₁ [1, H, 1, 1]
  const auto e = energies(run(*mechanism, p)).abs();
  EXPECT_TRUE(e.le(bound + 1e-12).all().item<bool>());
  EXPECT_GT(e.max().item<double>(), 0.3 * bound.max().item<double>());
}

TEST(Additive, NormedIgnoresTheLengthOfItsLastVector) {
  const auto mechanism = make_filled("additive", with_everything());
  const auto before = run(*mechanism, kAdditiveProblem);
  set_parameter(*mechanism, "score.energy", mechanism->named_parameters()["score.energy"] * 17);
  expect_same(run(*mechanism, kAdditiveProblem), before, 1e-14);
}

TEST(Additive, NormedStartsAtOneOverRootE) {
  auto o = kAdditiveOptions;
  o.of<AdditiveOptions>().normed = true;
  const auto fresh = make_mechanism("additive", o);
  EXPECT_TRUE(close(fresh->named_parameters()["score.gain"], at::full({2}, 1 / std::sqrt(5.0)), 1e-7));
}

// The gradient with respect to v is orthogonal to v, since only its direction counts.
TEST(Additive, NormedGradientIsOrthogonalToItsVector) {
  const auto mechanism = make_filled("additive", with_everything());
  mixed_loss(run(*mechanism, kAdditiveProblem)).backward();
  const auto v = mechanism->named_parameters()["score.energy"];
  EXPECT_TRUE(close((v * v.grad()).sum(1), at::zeros({2}, at::kDouble), 1e-13));
  EXPECT_GT(v.grad().abs().max().item<double>(), 1e-4);
}

TEST(Additive, KeysAreProjectedOnceASource) {
  const auto mechanism = make_filled("additive", with_everything());
  EXPECT_EQ(mechanism->prepare(kAdditiveProblem.keys, kAdditiveProblem.values, {}).keys().sizes(), at::IntArrayRef({2, 2, 7, 5}));
}

TEST(Additive, EnergySizeDefaultsToTheKeySize) {
  EXPECT_EQ(make_mechanism("additive", {.query_size = 4, .key_size = 3})->named_parameters()["score.energy"].sizes(),
            at::IntArrayRef({1, 3}));
}

// Bytes of address space that this process has.
std::uint64_t address_space() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t pages = 0;
  in >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// Whether `action` ends well in a process of its own that may take so many bytes more than it has: of tensors, of scratch, of anything.
template <class Action>
bool does_with(std::uint64_t bytes, Action action) {
  const auto child = fork();
  if (child == 0) {
    const auto limit = address_space() + bytes;
    const rlimit all{limit, limit};
    int code = setrlimit(RLIMIT_AS, &all) == 0 ? 0 : 3;
    try {
      if (code == 0) action();
    } catch (const std::exception&) {
      code = 2;
    }
    _exit(code);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2)) << status;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Both ways: what is taken at most is a few times (T + S) E. Of T = S = 1024, E = 512 that is 4 MiB, where [T, S, E] would be 2 GiB; of
// T = S = 2048, E = 64 it is 1 MiB, and less is given than a single [T, S] would take.
TEST(Additive, MemoryIsOfRowsNotOfCells) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitiser takes address space of its own";
#endif
  for (const auto& [length, energy] : {std::pair{1024, 512}, std::pair{2048, 64}}) {
    SCOPED_TRACE(length);
    const std::uint64_t rows = 2 * static_cast<std::uint64_t>(length) * static_cast<std::uint64_t>(energy) * sizeof(float);
    const std::uint64_t cells = static_cast<std::uint64_t>(length) * static_cast<std::uint64_t>(length) * sizeof(float);
    const std::uint64_t given = length == 1024 ? 12 * rows : cells - rows;
    const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(
        make_filled("additive", {.heads = 1, .query_size = 64, .key_size = 64, .own = OptionSet().set(&EnergyOptions::size, energy)}));
    mechanism->to(at::kFloat);
    const auto input = [&, n = length](double phase) { return leaf(wave({1, 1, n, 64}, phase).to(at::kFloat)); };
    const auto q = input(0.1), k = input(0.5), v = input(0.9);
    const Request request{.lse = true, .entropy = true};
    const auto back = [](const Result& r) { (r.context.sum() + r.entropy.sum()).backward(); };
    EXPECT_TRUE(does_with(given, [&] {
      const auto r = mechanism->attend(q, mechanism->prepare(k, v, {}), nullptr, request);
      ATTEND_ASSERT(r.by == "fused");
      back(r);
    }));
    EXPECT_FALSE(does_with(8 * given, [&] { back(mechanism->attend_plainly(q, mechanism->prepare(k, v, {}), nullptr, request)); }))
        << "the limit is not kept";
  }
}

}  // namespace
}  // namespace attend::testing
