#include "attend/core/error.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace attend {
namespace {

const std::vector<std::string> kNames = {"additive", "scaled_dot", "bilinear", "local"};

TEST(Error, CarriesKindAndText) {
  EXPECT_EQ(error_of(ErrorKind::kShape, [] { fail(ErrorKind::kShape, "additive: expected {}, got {}", "[2, 3]", 7); }),
            "additive: expected [2, 3], got 7");
}

TEST(Error, CheckThrowsOnlyWhenFalseAndFormatsOnlyThen) {
  int formatted = 0;
  const auto text = [&] {
    ++formatted;
    return "text";
  };
  ATTEND_CHECK(true, kUsage, "never {}", text());
  EXPECT_EQ(formatted, 0);
  EXPECT_ERROR(ATTEND_CHECK(1 > 2, kUsage, "this {}", text()), kUsage, "this text");
  EXPECT_EQ(formatted, 1);
}

TEST(Error, AssertionIsABugAndNoError) {
  try {
    ATTEND_ASSERT(2 + 2 == 5);
    FAIL() << "nothing was thrown";
  } catch (const std::logic_error& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("2 + 2 == 5"), std::string::npos) << text;
    EXPECT_NE(text.find("error_test.cpp:"), std::string::npos) << text;
  }
}

TEST(Error, NearestNameCountsEdits) {
  EXPECT_EQ(nearest_name("aditive", kNames), "additive");
  EXPECT_EQ(nearest_name("lcoal", kNames), "local");  // a swap is two edits
  EXPECT_EQ(nearest_name("scaled-dott", kNames), "scaled_dot");
  EXPECT_EQ(nearest_name("xyz", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name("additive", {}), "");
}

TEST(Error, UnknownNameListsValidOnes) {
  EXPECT_EQ(error_of(ErrorKind::kUnknownName, [] { fail_unknown_name("attention", "bilinaer", kNames); }),
            "attention: 'bilinaer' is not known, did you mean 'bilinear'?; valid: additive, scaled_dot, bilinear, local");
  EXPECT_EQ(error_of(ErrorKind::kUnknownName, [] { fail_unknown_name("attention", "zzzzzz", kNames); }),
            "attention: 'zzzzzz' is not known; valid: additive, scaled_dot, bilinear, local");
}

TEST(Error, UnknownNameCutsALongList) {
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) many.push_back(fmt::format("layer.{}.weight", i));
  const auto text = error_of(ErrorKind::kUnknownName, [&] { fail_unknown_name("tensor", "layer.999.wieght", many); });
  EXPECT_NE(text.find("did you mean 'layer.999.weight'?"), std::string::npos) << text;
  EXPECT_NE(text.find(" and 940 more"), std::string::npos) << text;
  EXPECT_LT(text.size(), 2000u);
}

}  // namespace
}  // namespace attend
