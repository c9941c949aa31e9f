// Word numbers come with the tokens, so a file may say anything.
#include <gtest/gtest.h>

#include "attend/measure/alignment.h"
#include "support/expect_error.h"

namespace attend {
namespace {

TEST(WordsFromPieces, NumbersOfWordsThatCannotBeAreRefused) {
  const WeightMatrix weights{.rows = 1, .cols = 2, .values = {0.5F, 0.5F}};
  const auto token = [](std::uint32_t word) { return RecordToken{5, {0, 1}, word, false}; };
  EXPECT_EQ(words_from_pieces(weights, {token(0)}, {token(0), token(2)}).cols, 3U);  // a word without a token of its own
  EXPECT_ERROR(words_from_pieces(weights, {token(0)}, {token(0), token(4294967295)}), kShape, "1 and 4294967296 words are too many");
  EXPECT_ERROR(words_from_pieces(weights, {token(4294967295)}, {token(0), token(0)}), kShape, "4294967296 and 1 words are too many");
  EXPECT_ERROR(words_from_pieces(weights, {token(100'000)}, {token(0), token(100'000)}), kShape, "the tokens' word numbers are wrong");
}

}  // namespace
}  // namespace attend
