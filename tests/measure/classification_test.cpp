#include "attend/measure/classification.h"

#include <gtest/gtest.h>

#include "measure/goldens.h"

namespace attend {
namespace {

using testing::error_of;
using testing::golden_file;

void expect_near(const std::optional<double>& score, const nlohmann::json& golden) {
  ASSERT_EQ(score.has_value(), !golden.is_null());
  if (score) {
    EXPECT_NEAR(*score, golden.get<double>(), 1e-12);
  }
}

TEST(ConfusionMatrix, EqualsScikitLearnOnEveryGoldenCase) {
  const auto goldens = golden_file("classification");
  ASSERT_GE(goldens.at("entries").size(), 26u);
  for (const auto& golden : goldens.at("entries")) {
    SCOPED_TRACE(golden.at("name"));
    std::vector<std::string> classes;
    for (int i = 0; i < golden.at("classes"); ++i) classes.push_back("class" + std::to_string(i));
    ConfusionMatrix matrix(classes);
    for (std::size_t i = 0; i < golden.at("gold").size(); ++i)
      matrix.add(golden.at("predicted").at(i).get<std::size_t>(), golden.at("gold").at(i).get<std::size_t>());
    EXPECT_EQ(matrix.total(), golden.at("gold").size());
    expect_near(matrix.accuracy(), golden.at("accuracy"));
    expect_near(matrix.macro_f1(), golden.at("macro_f1"));
    for (std::size_t i = 0; i < classes.size(); ++i) {
      const ClassScore score = matrix.of_class(i);
      expect_near(score.precision, golden.at("precision").at(i));
      expect_near(score.recall, golden.at("recall").at(i));
      expect_near(score.f1, golden.at("f1").at(i));
      EXPECT_EQ(score.gold, golden.at("support").at(i).get<std::uint64_t>());
      for (std::size_t j = 0; j < classes.size(); ++j)
        EXPECT_EQ(matrix.count(i, j), golden.at("confusion").at(i).at(j).get<std::uint64_t>());
    }
  }
}

TEST(ConfusionMatrix, HandCase) {
  ConfusionMatrix matrix({"good", "bad", "mixed"});
  EXPECT_FALSE(matrix.accuracy());
  EXPECT_FALSE(matrix.macro_f1());
  matrix.add("good", "good");
  matrix.add("good", "good");
  matrix.add("bad", "good");
  matrix.add("good", "bad");
  EXPECT_EQ(matrix.count(0, 1), 1u);  // good, taken for bad
  EXPECT_DOUBLE_EQ(matrix.accuracy().value(), 0.5);
  const ClassScore good = matrix.of_class(0);
  EXPECT_DOUBLE_EQ(good.precision.value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(good.recall.value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(good.f1.value(), 2.0 / 3);
  EXPECT_FALSE(matrix.of_class(2).f1);                             // "mixed" never occurred and is left out of the mean
  EXPECT_DOUBLE_EQ(matrix.macro_f1().value(), (2.0 / 3 + 0) / 2);  // "bad": nothing right
  EXPECT_EQ(matrix.table(),
            "gold \\ predicted  good  bad  mixed\n"
            "good                 2    1      0\n"
            "bad                  1    0      0\n"
            "mixed                0    0      0\n");
}

TEST(ConfusionMatrix, ErrorsSayWhatAndWhere) {
  EXPECT_NE(error_of([] { ConfusionMatrix({}); }).find("at least one class"), std::string::npos);
  EXPECT_NE(error_of([] { ConfusionMatrix({"a", "b", "a"}); }).find("'a' is named twice"), std::string::npos);
  ConfusionMatrix matrix({"good", "bad"});
  EXPECT_NE(error_of([&] { matrix.add(2, 0); }).find("predicted class must be 0 to 1, got 2"), std::string::npos);
  EXPECT_NE(error_of([&] { matrix.add(0, 7); }).find("gold class must be 0 to 1, got 7"), std::string::npos);
  EXPECT_NE(error_of([&] { matrix.add("goood", "good"); }).find("did you mean 'good'"), std::string::npos);
  EXPECT_NE(error_of([&] { matrix.of_class(2); }).find("got 2"), std::string::npos);
  EXPECT_EQ(matrix.total(), 0u);
}

}  // namespace
}  // namespace attend
