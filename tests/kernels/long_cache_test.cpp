// Few queries over a source so long that its keys are read in pieces, which workers share.
#include "kernels/cpu/fused_attention.h"
#include "kernels/fused_cases.h"

namespace attend::kernels {
namespace {

// Around the length from which on there are pieces, and their ends.
std::vector<Case> long_caches() {
  std::vector<Case> cases;
  for (const auto keys : {kInPieces - 1, kInPieces, kInPieces + 1, 3 * kPieceKeys - 1, 3 * kPieceKeys, 3 * kPieceKeys + 33})
    cases.push_back({.queries = 1, .keys = keys, .size = 8, .value_size = 5, .name = "one query"});
  cases.push_back({.heads = 4, .key_heads = 2, .queries = 3, .keys = 2500, .size = 20, .value_size = 33, .right = 0, .name = "causal"});
  cases.push_back({.heads = 2, .key_heads = 1, .queries = 8, .keys = 3000, .left = 700, .right = 0, .name = "window of one piece and two"});
  cases.push_back({.batch = 4,
                   .heads = 2,
                   .key_heads = 2,
                   .queries = 2,
                   .keys = 2300,
                   .query_lengths = {2, 0, 1, 2},
                   .key_lengths = {2300, 2300, 40, 0},
                   .name = "lengths"});
  cases.push_back({.heads = 2,
                   .key_heads = 1,
                   .queries = 4,
                   .keys = 2200,
                   .keep = true,
                   .bias = true,
                   .slopes = true,
                   .drop = 0.3,
                   .cap = 3,
                   .stretch = 20,
                   .name = "all at once"});
  cases.push_back({.heads = 2, .key_heads = 1, .queries = 3, .keys = 2500, .keep = true, .document = 1100, .name = "half a document"});
  cases.push_back(
      {.queries = 8, .keys = 17000, .size = 4, .value_size = 5, .right = 0, .stretch = 40, .name = "longer than a row is held"});
  return cases;
}

// Every number of a run, bit by bit.
void expect_same(const Ran& a, const Ran& b, const std::string& what) {
  EXPECT_TRUE(a.bits == b.bits) << what;
  for (const auto part : {&Outputs::lse, &Outputs::entropy, &Outputs::maximum, &Outputs::columns, &Outputs::top_weights,
                          &Outputs::pooled_mean, &Outputs::pooled_max, &Outputs::row_weights})
    EXPECT_EQ(a.out.*part, b.out.*part) << what;
}

TEST(LongCache, AgreesWithTheMap) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto& c : long_caches()) {
        SCOPED_TRACE(c.name + " S=" + std::to_string(c.keys) + " " + std::string(isa_name(isa)));
        const auto in = inputs_of(c, number);
        const auto right = plainly(c, in);
        const auto ran = run(c, in, {.isa = isa, .number = number}).out;
        const double unit = number == Number::kFloat64 ? 1e-13 : 2e-5;
        EXPECT_LE(apart(ran.context, right.context), number == Number::kBfloat16 ? 1e-2 : unit);
        EXPECT_LE(apart(ran.lse, right.lse), unit);
        EXPECT_LE(apart(ran.entropy, right.entropy), 2 * unit);
        EXPECT_LE(apart(ran.maximum, right.maximum), unit);
        EXPECT_LE(apart(ran.columns, right.columns), unit);
        EXPECT_LE(apart(ran.top_weights, right.top_weights), unit);
        EXPECT_LE(apart(ran.pooled_mean, right.pooled_mean), unit);
        EXPECT_LE(apart(ran.pooled_max, right.pooled_max), unit);
        EXPECT_LE(apart(ran.row_weights, right.row_weights), unit);
      }
}

// One worker has heads enough to take them whole; several share the pieces of a head.
TEST(LongCache, BitsDependOnNeitherWorkersNorPadding) {
  for (const auto& how : sets_and_numbers())
    for (const auto& c : long_caches()) {
      const auto in = inputs_of(c, how.number);
      const auto once = run(c, in, how);
      auto less = how;
      less.statistics = false;
      EXPECT_TRUE(run(c, in, less).bits == once.bits) << c.name;
      for (const int workers : {2, 3, 4}) {
        auto more = how;
        more.workers = workers;
        expect_same(run(c, in, more), once, c.name + ", workers " + std::to_string(workers));
      }
    }
  Case padded{.batch = 2, .queries = 2, .keys = 4000, .right = 0, .key_lengths = {4000, 40}, .name = "padded"};
  const auto in = inputs_of(padded, Number::kFloat32);
  auto alone = padded;
  alone.batch = 1, alone.keys = 40, alone.key_lengths = {};
  Inputs own;
  own.q.assign(in.q.begin() + 16, in.q.end());
  own.k.assign(in.k.begin() + 4000 * 8, in.k.begin() + 4040 * 8);
  own.v.assign(in.v.begin() + 4000 * 8, in.v.begin() + 4040 * 8);
  for (const auto isa : sets_here()) {
    const auto bits = run(padded, in, {.isa = isa}).bits;
    EXPECT_TRUE(run(alone, own, {.isa = isa}).bits == bits.substr(bits.size() / 2)) << isa_name(isa);
  }
}

TEST(LongCache, WhatIsHiddenDoesNotLeak) {
  for (const auto& how : sets_and_numbers()) {
    const Case c{.queries = 2, .keys = 3000, .left = 1500, .right = 0, .key_lengths = {2900}};
    auto in = inputs_of(c, how.number);
    const auto once = run(c, in, how);
    for (const std::size_t key : {0, 1000, 1390, 2900, 2999})
      for (std::size_t d = 0; d < 8; ++d) in.k[key * 8 + d] = in.v[key * 8 + d] = std::numeric_limits<double>::quiet_NaN();
    expect_same(run(c, in, how), once, std::string(isa_name(how.isa)));
  }
}

}  // namespace
}  // namespace attend::kernels
