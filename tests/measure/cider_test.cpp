#include "attend/measure/cider.h"

#include <gtest/gtest.h>

#include <cmath>

#include "measure/goldens.h"

namespace attend {
namespace {

using testing::add_corpus;
using testing::error_of;

TEST(Cider, EqualsTheCocoScorerOnEveryGoldenCorpus) {
  const auto corpora = testing::golden_corpora();
  std::size_t compared = 0, above_zero = 0;
  const auto goldens = testing::golden_file("captions");
  for (const auto& golden : goldens.at("entries")) {
    if (!golden.contains("cider")) continue;
    SCOPED_TRACE(golden.at("corpus"));
    Cider cider;
    add_corpus(cider, corpora.at(golden.at("corpus")));
    EXPECT_NEAR(cider.score(), golden.at("cider").get<double>(), 1e-9);
    ++compared;
    above_zero += cider.score() > 0;
  }
  EXPECT_GE(compared, 55u);
  EXPECT_GE(above_zero, 30u);
}

TEST(Cider, HandCase) {
  // Every n-gram stands in one item of two, so all weigh ln 2: with equal texts each cosine is 1, with none in common 0.
  Cider cider;
  const std::vector<std::string_view> first{"a b c d e"}, second{"v w x y z"};
  cider.add("a b c d e", first);
  cider.add("p q", second);
  EXPECT_NEAR(cider.score(), 5, 1e-12);
  // One word less: "a b c d" has cosines sqrt(4/5), sqrt(3/4), sqrt(2/3), sqrt(1/2), and exp(−1/72).
  Cider shorter;
  shorter.add("a b c d", first);
  shorter.add("p q", second);
  EXPECT_NEAR(shorter.score(), 5 * (std::sqrt(0.8) + std::sqrt(0.75) + std::sqrt(2.0 / 3) + std::sqrt(0.5)) / 4 * std::exp(-1.0 / 72),
              1e-12);
}

TEST(Cider, ErrorsSayWhatAndWhere) {
  EXPECT_NE(error_of([] { Cider().score(); }).find("no item"), std::string::npos);
  Cider cider;
  const std::vector<std::string_view> fine{"fine"}, broken{"\xc3"};
  EXPECT_NE(error_of([&] { cider.add("fine", std::span<const std::string_view>{}); }).find("item 1 has no reference"), std::string::npos);
  EXPECT_NE(error_of([&] { cider.add("so\xff", fine); }).find("hypothesis of item 1: broken UTF-8 at byte 2"), std::string::npos);
  EXPECT_NE(error_of([&] { cider.add("fine", broken); }).find("a reference of item 1: broken UTF-8 at byte 0"), std::string::npos);
  EXPECT_NE(error_of([&] { cider.score(); }).find("no item"), std::string::npos);  // what threw left no trace
}

}  // namespace
}  // namespace attend
