// Models and records that the program of commit 117a494 wrote (tests/store/data/version_117a494): they open, and say what they said then.
#include <gtest/gtest.h>

#include "attend/core/files.h"
#include "attend/models/memory_hops.h"
#include "attend/run/answers.h"
#include "attend/run/translator.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

const std::string kStored = std::string(ATTEND_SOURCE_DIR) + "/tests/store/data/version_117a494/";

std::vector<double> scores_of(const std::string& model) {
  const Translator translator(kStored + model);
  const std::string sources[] = {"d a d", "c b a"};  // two.tsv, a task of copying
  std::vector<double> scores;
  for (const auto& result : translator.score(sources, sources)) scores.push_back(result.best.at(0).log_prob);
  return scores;
}

// What `attend score` printed then.
TEST(StoredModels, ScoreAsTheProgramThatWroteThem) {
  const auto transformer = scores_of("transformer"), revising = scores_of("revising");
  EXPECT_NEAR(transformer.at(0), -7.480577, 2e-5);
  EXPECT_NEAR(transformer.at(1), -8.754608, 2e-5);
  EXPECT_NEAR(revising.at(0), -9.175447, 2e-5);
  EXPECT_NEAR(revising.at(1), -9.107917, 2e-5);
  EXPECT_EQ(Runner(kStored + "hops").model().model.of<MemoryHopsOptions>().hops, 2);
}

TEST(StoredRecords, OfTwoLayersAlignByTheLast) {
  const auto record = RecordFile(kStored + "transformer.npz").read(0);
  const auto* map = record->source_map();
  ASSERT_TRUE(map);
  EXPECT_EQ(map->site.name, "decoder.cross");
  EXPECT_EQ(map->site.layer, 1);
  EXPECT_EQ(map->site.mechanism, record->data().mechanism);
  EXPECT_EQ(record->source_map(0)->site.layer, 0);
  EXPECT_EQ(record->find_map("decoder.self", 0).site.columns, ColumnAxis::kStep);
  EXPECT_EQ(record->find_map("encoder.self", 0).site.role, SiteRole::kSelf);
}

TEST(StoredRecords, OfARevisionTellTheDraftFromTheSource) {
  const auto record = RecordFile(kStored + "revising.npz").read(0);
  EXPECT_EQ(record->source_map()->site.name, "decoder.attention");
  EXPECT_EQ(record->find_map("decoder.draft", 0).site.columns, ColumnAxis::kDraft);
  EXPECT_TRUE(record->data().parts.empty());  // such files do not say where the draft begins
}

TEST(StoredRecords, OfAStoryReadStatements) {
  const auto record = RecordFile(kStored + "hops.npz").read(0);
  EXPECT_EQ(record->source_map()->site.columns, ColumnAxis::kStatement);
  EXPECT_EQ(record->source_map()->site.layer, 1);
}

}  // namespace
}  // namespace attend::testing
