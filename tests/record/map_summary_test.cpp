#include "attend/record/map_summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "attend/core/files.h"
#include "attend/core/memory.h"
#include "attend/record/record.h"
#include "support/expect_error.h"
#include "support/sites.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

// A map of `heads` heads whose weights are any numbers from 0 to 1.
std::vector<float> any_weights(std::uint32_t heads, std::uint32_t rows, std::uint32_t cols) {
  std::vector<float> weights(std::size_t{heads} * rows * cols);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(std::cos(static_cast<double>(i) * 1.7) / 2 + 0.5);
  return weights;
}

PooledLevel whole(const std::vector<float>& weights, std::uint32_t heads, std::uint32_t rows, std::uint32_t cols) {
  const StoredArray array(Dtype::kF32, {heads, rows, cols}, weights);
  return {1, 1, array, array};
}

RecordData with(MapSummary summary, std::uint32_t tokens) {
  RecordData data;
  data.source.utf8.assign(tokens, 'x');
  for (std::uint32_t i = 0; i < tokens; ++i) data.source.tokens.push_back({0, {i, i + 1}, i, false});
  data.summaries.push_back(std::move(summary));
  return data;
}

MapSummary small_summary(std::uint32_t rows = 6) {
  MapSummary s;
  s.site = sites::encoder_self(0);
  s.heads = 2, s.rows = rows, s.cols = rows;
  s.entropy = StoredArray(Dtype::kF32, {2, rows}, std::vector<float>(2 * rows));
  s.lse = s.entropy;
  s.tiles = TileSource{.query = StoredArray(Dtype::kF32, {2, rows, 4}, std::vector<float>(8 * rows)),
                       .key = StoredArray(Dtype::kF32, {1, rows, 4}, std::vector<float>(4 * rows))};
  return s;
}

TEST(Pyramid, EveryLevelIsThatOfTheWeights) {
  const std::uint32_t heads = 2, rows = 37, cols = 150;
  const auto weights = any_weights(heads, rows, cols);
  const auto levels = pyramid(whole(weights, heads, rows, cols), heads, rows, cols, 8);
  ASSERT_EQ(levels.size(), 6u);  // columns 150, 75, 38, 19, 10, 5
  for (const auto& level : levels) {
    const auto down = (rows + level.row_block - 1) / level.row_block, across = (cols + level.column_block - 1) / level.column_block;
    const auto mean = level.mean.floats(0, heads * down * across), maximum = level.maximum.floats(0, heads * down * across);
    for (std::uint32_t h = 0, at = 0; h < heads; ++h)
      for (std::uint32_t r = 0; r < down; ++r)
        for (std::uint32_t c = 0; c < across; ++c, ++at) {
          double sum = 0, count = 0;
          float largest = 0;
          for (auto t = r * level.row_block; t < std::min(rows, (r + 1) * level.row_block); ++t)
            for (auto s = c * level.column_block; s < std::min(cols, (c + 1) * level.column_block); ++s) {
              const auto weight = weights[(std::size_t{h} * rows + t) * cols + s];
              sum += weight, ++count;
              largest = std::max(largest, weight);
            }
          ASSERT_NEAR(mean[at], sum / count, 1e-6) << level.row_block << " x " << level.column_block << " at " << r << ", " << c;
          ASSERT_EQ(maximum[at], largest);
        }
  }
  EXPECT_EQ(levels.back().row_block, 8u);  // 37 rows are 5 blocks then, and stay so
  EXPECT_EQ(levels.back().column_block, 32u);
  EXPECT_ERROR(pyramid(whole(weights, heads, rows, cols), heads, rows + 1, cols), kShape, "must be [2, 38, 150]");
}

TEST(MapSummary, ArraysThatDoNotFitAreRefused) {
  EXPECT_NO_THROW(Record(with(small_summary(), 6)));
  const auto refused = [](const auto& change, const std::string& problem) {
    auto s = small_summary();
    change(s);
    EXPECT_ERROR(Record(with(s, 6)), kValue, problem);
  };
  refused([](MapSummary& s) { s.entropy = {}; }, "encoder.self layer 0: it has no entropy");
  refused([](MapSummary& s) { s.rows = 5; }, "entropy must be float32 [2, 5], got float32 [2, 6]");
  refused([](MapSummary& s) { s.first_column = 1; }, "columns 1 to 7 of 6 source tokens");
  refused([](MapSummary& s) { s.site = sites::decoder_cross(0); }, "6 rows from 0 for 0 nodes");
  refused([](MapSummary& s) { s.argmax = s.entropy; }, "argmax must be int32 [2, 6], got float32 [2, 6]");
  refused([](MapSummary& s) { s.top_weights = StoredArray(Dtype::kF32, {2, 6, 1}, std::vector<float>(12)); }, "belong together");
  refused([](MapSummary& s) { s.chosen_rows = {3, 3}; }, "chosen row 3 of 6; they must ascend");
  refused([](MapSummary& s) { s.levels = {whole(any_weights(2, 6, 5), 2, 6, 5)}; },
          "mean must be float32 [2, 6, 6], got float32 [2, 6, 5]");
  refused(
      [](MapSummary& s) {
        auto level = whole(any_weights(2, 6, 6), 2, 6, 6);
        level.row_block = 0;
        s.levels = {level};
      },
      "blocks of 1 at least");
  refused([](MapSummary& s) { s.lse = {}; }, "tiles need queries, keys and lse");
  refused([](MapSummary& s) { s.tiles->scale = NAN; }, "no number in range");
  refused([](MapSummary& s) { s.tiles->first_step = INT64_MAX; }, "no number in range");
  refused([](MapSummary& s) { s.tiles->score = TileScore::kTanh; }, "additive scores need an energy and keys for each head");
  refused(
      [](MapSummary& s) {
        s.tiles->key = StoredArray(Dtype::kF32, {1, 6, 3}, std::vector<float>(18));
      },
      "key must be float16 [1, 6, 4]");
  refused([](MapSummary& s) { s.heads = 0; }, "has no heads");
  auto twice = with(small_summary(), 6);
  twice.summaries.push_back(twice.summaries[0]);
  EXPECT_ERROR(Record(std::move(twice)), kValue, "map twice");
}

TEST(MapSummary, RowsAreNodesOnlyOfOnePath) {
  auto summary = small_summary(3);
  summary.site = sites::decoder_cross(0);
  auto data = with(summary, 3);
  for (std::int32_t i = 0; i < 3; ++i) data.nodes.push_back({i - 1, static_cast<std::uint32_t>(i), 0, 0, 0, NodeEnd::kLive});
  EXPECT_NO_THROW(Record{data});
  data.nodes[2] = {0, 1, 0, 0, 0, NodeEnd::kLive};  // two hypotheses
  EXPECT_ERROR(Record{data}, kValue, "its rows can be nodes where these are one path");
}

TEST(MapSummary, WhatIsNotAskedForStaysInTheFile) {
  const TempFolder folder;
  constexpr std::uint32_t kRows = 150'000;  // queries and keys of 96 MB, which is more than is read at once
  auto s = small_summary(kRows);
  std::vector<float> queries(std::size_t{2} * kRows * 64, 0.5f), keys(std::size_t{1} * kRows * 64);
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = static_cast<float>(i % 97);
  s.tiles->query = StoredArray(Dtype::kF32, {2, kRows, 64}, std::move(queries));
  s.tiles->key = StoredArray(Dtype::kF32, {1, kRows, 64}, std::move(keys));
  RecordWriter writer(folder / "large");
  writer.add(Record(with(std::move(s), kRows)));
  writer.close();

  const auto resident = [] {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0, pages = 0;
    statm >> size >> pages;
    return pages * 4096;
  };
  auto record = RecordFile(folder / "large").read(0);  // outlives the file's object
  const auto before = resident();
  record = RecordFile(folder / "large").read(0);
  EXPECT_LT(resident(), before + (std::uint64_t{30} << 20));
  const auto& tiles = *record->data().summaries[0].tiles;
  EXPECT_EQ(tiles.key.floats(100 * 64 + 3, 2), (std::vector<float>{static_cast<float>(6403 % 97), static_cast<float>(6404 % 97)}));
}

TEST(MapSummary, DamageIsFoundWhenItIsRead) {
  const TempFolder folder;
  auto s = small_summary();
  s.tiles->key = StoredArray(Dtype::kF32, {1, 6, 4}, std::vector<float>(24, 0.123f));
  RecordWriter writer(folder / "whole");
  writer.add(Record(with(std::move(s), 6)));
  writer.close();
  auto bytes = read_file(folder / "whole");
  const float number = 0.123f;
  bytes[bytes.find(std::string_view(reinterpret_cast<const char*>(&number), sizeof number))] ^= 1;
  write_file_atomic(folder / "damaged", bytes);
  const auto record = RecordFile(folder / "damaged").read(0);
  EXPECT_NO_THROW(record->data().summaries[0].tiles->query.view());
  EXPECT_ERROR(record->data().summaries[0].tiles->key.view(), kData, "does not have its checksum");
}

}  // namespace
}  // namespace attend
