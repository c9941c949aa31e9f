#include "attend/measure/chrf.h"

#include <gtest/gtest.h>

#include "attend/core/error.h"
#include "attend/measure/bleu.h"
#include "measure/goldens.h"

namespace attend {
namespace {

using testing::add_corpus;
using testing::golden_corpora;
using testing::golden_file;

TEST(Chrf, EqualsSacreBleuOnEveryGoldenCorpus) {
  const auto corpora = golden_corpora();
  const auto goldens = golden_file("chrf");
  ASSERT_EQ(goldens.at("sacrebleu"), kSacreBleuVersion);
  for (const auto& golden : goldens.at("entries")) {
    const auto& given = golden.at("options");
    ChrfOptions options;
    options.char_order = given.value("char_order", options.char_order);
    options.word_order = given.value("word_order", options.word_order);
    options.beta = given.value("beta", options.beta);
    options.lowercase = given.value("lowercase", options.lowercase);
    options.whitespace = given.value("whitespace", options.whitespace);
    options.smooth = given.value("eps_smoothing", options.smooth);
    Chrf chrf(options);
    add_corpus(chrf, corpora.at(golden.at("corpus")));
    const ChrfResult result = chrf.result();
    SCOPED_TRACE(golden.at("corpus").get<std::string>() + " " + given.dump());
    EXPECT_NEAR(result.score, golden.at("score").get<double>(), 1e-9);
    EXPECT_EQ(result.line_with_signature(), golden.at("line").get<std::string>());
  }
}

TEST(Chrf, HandCase) {
  // "ab cd" against "ab ce": characters abcd, abce. Matches a b c / ab bc / abc; orders 1..4 exist on both sides.
  // P = R = (3/4 + 2/3 + 1/2 + 0) / 4, so F is the same.
  Chrf chrf;
  chrf.add("ab cd", "ab ce");
  EXPECT_NEAR(chrf.result().score, 100 * (0.75 + 2.0 / 3 + 0.5) / 4, 1e-9);
  EXPECT_EQ(chrf.result().line(), "chrF2 = 47.92");
  EXPECT_EQ(chrf.result().signature, "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0");
}

TEST(Chrf, PlusPlusAddsWordsAndTakesPunctuationOff) {
  // Characters "a,b" / "a;b": 2/3, 0, 0. Words a , b / a ; b: 2/3, 0. Mean over five orders.
  ChrfOptions options;
  options.word_order = 2;
  Chrf chrf(options);
  chrf.add("a , b", "a ; b");
  EXPECT_NEAR(chrf.result().score, 100 * (2.0 / 3 + 2.0 / 3) / 5, 1e-9);
  EXPECT_EQ(chrf.result().name, "chrF2++");
}

TEST(Chrf, Errors) {
  EXPECT_THROW(Chrf().result(), Error);
  ChrfOptions options;
  options.char_order = 0;
  EXPECT_THROW(Chrf{options}, Error);
  Chrf chrf;
  EXPECT_THROW(chrf.add("a", std::span<const std::string_view>{}), Error);
  EXPECT_THROW(chrf.add("\xff", "a"), Error);
}

}  // namespace
}  // namespace attend
