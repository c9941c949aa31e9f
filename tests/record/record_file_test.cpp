#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "attend/core/archive.h"
#include "attend/core/files.h"
#include "attend/core/random.h"
#include "attend/record/record.h"
#include "record/half.h"
#include "record/random_record.h"
#include "record/summary_format.h"
#include "support/expect_error.h"
#include "support/sites.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

using nlohmann::json;

void write_records(const std::string& path, const std::vector<RecordData>& records) {
  RecordWriter writer(path);
  for (const auto& data : records) writer.add(Record(data));
  writer.close();
}

void expect_same_text(const RecordText& got, const RecordText& expected) {
  ASSERT_EQ(got.utf8, expected.utf8);
  ASSERT_EQ(got.tokens, expected.tokens);
}

void expect_same_summary(const MapSummary& a, const MapSummary& b) {
  ASSERT_EQ(std::tie(a.site, a.kind, a.heads, a.rows, a.cols, a.first_row, a.first_column, a.chosen_rows),
            std::tie(b.site, b.kind, b.heads, b.rows, b.cols, b.first_row, b.first_column, b.chosen_rows));
  const auto got = arrays_of(a), expected = arrays_of(b);
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto x = got[i].first->view(), y = expected[i].first->view();
    ASSERT_EQ(got[i].second, expected[i].second);
    ASSERT_EQ(std::tie(x.dtype, x.shape), std::tie(y.dtype, y.shape));
    ASSERT_EQ(std::memcmp(x.data, y.data, x.bytes()), 0) << got[i].second;
  }
  ASSERT_EQ(a.levels.size(), b.levels.size());
  for (std::size_t i = 0; i < a.levels.size(); ++i)
    ASSERT_EQ(std::tie(a.levels[i].row_block, a.levels[i].column_block), std::tie(b.levels[i].row_block, b.levels[i].column_block));
  ASSERT_EQ(a.tiles.has_value(), b.tiles.has_value());
  if (!a.tiles) return;
  ASSERT_EQ(std::tie(a.tiles->score, a.tiles->scale, a.tiles->left, a.tiles->right, a.tiles->first_step),
            std::tie(b.tiles->score, b.tiles->scale, b.tiles->left, b.tiles->right, b.tiles->first_step));
}

/// Equal in everything; weights within what the file promises.
void expect_same(const RecordData& got, const RecordData& expected) {
  ASSERT_EQ(got.sentence, expected.sentence);
  ASSERT_EQ(got.task, expected.task);
  ASSERT_EQ(got.model, expected.model);
  ASSERT_EQ(got.parts, expected.parts);
  ASSERT_EQ(got.mechanism, expected.mechanism);
  ASSERT_EQ(got.options, expected.options);
  ASSERT_EQ(got.forced, expected.forced);
  expect_same_text(got.source, expected.source);
  ASSERT_EQ(got.nodes.size(), expected.nodes.size());
  for (std::size_t i = 0; i < got.nodes.size(); ++i) {
    const auto &a = got.nodes[i], &b = expected.nodes[i];
    ASSERT_EQ(std::tie(a.parent, a.step, a.token, a.logp, a.score, a.end), std::tie(b.parent, b.step, b.token, b.logp, b.score, b.end));
  }
  ASSERT_EQ(got.hypotheses.size(), expected.hypotheses.size());
  for (std::size_t h = 0; h < got.hypotheses.size(); ++h) {
    const auto &a = got.hypotheses[h], &b = expected.hypotheses[h];
    ASSERT_EQ(std::tie(a.last_node, a.log_prob, a.score), std::tie(b.last_node, b.log_prob, b.score));
    expect_same_text(a.text, b.text);
  }
  ASSERT_EQ(got.maps.size(), expected.maps.size());
  for (std::size_t m = 0; m < got.maps.size(); ++m) {
    const auto &a = got.maps[m], &b = expected.maps[m];
    ASSERT_EQ(std::tie(a.site, a.kind, a.heads, a.rows, a.cols), std::tie(b.site, b.kind, b.heads, b.rows, b.cols));
    ASSERT_EQ(a.weights.size(), b.weights.size());
    for (std::size_t i = 0; i < a.weights.size(); ++i) {
      ASSERT_NEAR(a.weights[i], b.weights[i], 5e-4);
      ASSERT_EQ(a.weights[i] == 0, b.weights[i] == 0) << "a masked place must stay one, and no other become one: " << b.weights[i];
    }
  }
  ASSERT_EQ(got.summaries.size(), expected.summaries.size());
  for (std::size_t m = 0; m < got.summaries.size(); ++m) expect_same_summary(got.summaries[m], expected.summaries[m]);
  ASSERT_EQ(got.scalars.size(), expected.scalars.size());
  for (std::size_t s = 0; s < got.scalars.size(); ++s) {
    ASSERT_EQ(got.scalars[s].name, expected.scalars[s].name);
    ASSERT_EQ(got.scalars[s].values, expected.scalars[s].values);
  }
  ASSERT_EQ(got.picture, expected.picture);
}

TEST(Half, EveryHalfReadsBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = float_from_half(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(float_from_half(half_from_float(value))));
    } else {
      ASSERT_EQ(half_from_float(value), half) << value;
    }
  }
  EXPECT_EQ(float_from_half(0x3c00), 1.0f);
  EXPECT_EQ(float_from_half(0x3555), 0.333251953125f);
  EXPECT_EQ(float_from_half(0x0001), 0x1p-24f);
  EXPECT_EQ(float_from_half(0x7bff), 65504.0f);
  EXPECT_EQ(float_from_half(0xfc00), -INFINITY);
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {  // between each neighbouring pair
    const double low = float_from_half(static_cast<std::uint16_t>(bits)), high = float_from_half(static_cast<std::uint16_t>(bits + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    const auto even = static_cast<std::uint16_t>(bits + (bits & 1));
    ASSERT_EQ(half_from_float(middle), even) << middle;
    ASSERT_EQ(half_from_float(std::nextafter(middle, 0.0f)), bits) << middle;
    ASSERT_EQ(half_from_float(std::nextafter(middle, 1e9f)), bits + 1) << middle;
    ASSERT_EQ(half_from_float(-middle), even | 0x8000) << middle;
  }
  EXPECT_EQ(half_from_float(65519.0f), 0x7bff);
  EXPECT_EQ(half_from_float(65520.0f), 0x7c00);
  EXPECT_EQ(half_from_float(1e30f), 0x7c00);
  EXPECT_EQ(half_from_float(1e-30f), 0);
}

TEST(RecordFile, RandomRecordsRoundTrip) {
  const TempFolder folder;
  std::vector<RecordData> records;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) records.push_back(random_record(seed));
  write_records(folder / "run.npz", records);
  const RecordFile file(folder / "run.npz");
  ASSERT_EQ(file.size(), records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    expect_same(file.read(i)->data(), records[i]);
    if (HasFatalFailure()) FAIL() << "record " << i;
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"run.npz"});
  EXPECT_ERROR(file.read(1000), kValue, "run.npz: holds 1000 records, got number 1000");
}

TEST(RecordFile, WhatWasReadIsWrittenTheSame) {
  const TempFolder folder;
  std::vector<RecordData> first, second;
  for (std::uint64_t seed = 0; seed < 50; ++seed) first.push_back(random_record(seed));
  write_records(folder / "a", first);
  const RecordFile file(folder / "a");
  for (std::size_t i = 0; i < file.size(); ++i) second.push_back(file.read(i)->data());
  write_records(folder / "b", second);
  EXPECT_TRUE(read_file(folder / "a") == read_file(folder / "b"));
}

TEST(RecordFile, WithoutRecordsAndWithoutClose) {
  const TempFolder folder;
  write_records(folder / "empty.npz", {});
  EXPECT_EQ(RecordFile(folder / "empty.npz").size(), 0u);
  {
    RecordWriter writer(folder / "run.npz");
    writer.add(Record(random_record(1)));
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"empty.npz"});
}

/// A record with one map of one head over `weights.size()` source tokens.
RecordData one_row(RowKind kind, const std::vector<float>& weights) {
  RecordData data;
  data.nodes = {{-1, 0, 5, 0, 0, NodeEnd::kFinished}};
  data.source.tokens.resize(weights.size());
  data.maps = {{sites::decoder_cross(0), kind, 1, 1, static_cast<std::uint32_t>(weights.size()), weights}};
  return data;
}

/// The same over a grid of one row, with a picture of 3 x 2 pixels.
RecordData one_picture() {
  auto data = one_row(RowKind::kSoftmax, {0.25f, 0.75f});
  data.picture = Picture{1, 2, 3, 2, {}};
  for (std::uint8_t i = 0; i < 18; ++i) data.picture->rgb.push_back(static_cast<std::uint8_t>(14 * i));
  return data;
}

TEST(RecordFile, PicturesAreArraysOfTheirOwn) {
  const TempFolder folder;
  write_records(folder / "x", {one_row(RowKind::kSoftmax, {1}), one_picture()});
  const RecordFile file(folder / "x");
  EXPECT_FALSE(file.read(0)->data().picture);
  expect_same(file.read(1)->data(), one_picture());
  const ArchiveFile archive(folder / "x");
  const auto pixels = archive.array("1/picture");
  EXPECT_EQ(pixels.shape, (std::vector<std::int64_t>{2, 3, 3}));
  EXPECT_EQ(pixels.dtype, Dtype::kU8);
  EXPECT_EQ(json::parse(archive.bytes("1/record.json"))["picture"], (json{{"rows", 1}, {"columns", 2}, {"pixels", "1/picture"}}));
}

std::string stored_dtype(const TempFolder& folder, const RecordData& data) {
  write_records(folder / "x", {data});
  expect_same(RecordFile(folder / "x").read(0)->data(), data);
  return std::string(name_of(ArchiveFile(folder / "x").array("0/decoder.cross.layer0").dtype));
}

TEST(RecordFile, WeightsAreFloat16WhereTheySurviveIt) {
  const TempFolder folder;
  EXPECT_EQ(stored_dtype(folder, one_row(RowKind::kSoftmax, {0.3333f, 0.6667f, 0})), "float16");
  EXPECT_EQ(stored_dtype(folder, one_row(RowKind::kSoftmax, {1.0f - 1e-20f, 1e-20f})), "float16");  // and 1e-20 does not become 0
  EXPECT_EQ(stored_dtype(folder, one_row(RowKind::kUnnormalised, {1.9f, -1.9f})), "float16");
  EXPECT_EQ(stored_dtype(folder, one_row(RowKind::kUnnormalised, {3.3f})), "float32");  // would move by 8e-4
  EXPECT_EQ(stored_dtype(folder, one_row(RowKind::kUnnormalised, {-1e6f})), "float32");
  // Each of 60,000 equal weights survives, yet all are rounded the same way and their sum would not.
  EXPECT_EQ(stored_dtype(folder, one_row(RowKind::kSoftmax, std::vector<float>(60'000, 1 / 60'000.0f))), "float32");
  EXPECT_EQ(stored_dtype(folder, one_row(RowKind::kSparse, std::vector<float>(60'000, 1 / 60'000.0f))), "float16");
}

TEST(RecordFile, TextThatIsNoUtf8IsKeptButNamesMustBe) {
  const TempFolder folder;
  auto data = one_row(RowKind::kSoftmax, {1});
  data.source.utf8 = "\xff\xfe";
  data.source.tokens[0].span = {0, 2};
  write_records(folder / "x", {data});
  EXPECT_EQ(RecordFile(folder / "x").read(0)->data().source.utf8, "\xff\xfe");
  data.options["path"] = "\xff";
  RecordWriter writer(folder / "y");
  EXPECT_ERROR(writer.add(Record(data)), kValue, "options and names of a record must be UTF-8");
  writer.add(Record(random_record(3)));
  writer.close();  // the refused record left nothing in the file
  EXPECT_EQ(RecordFile(folder / "y").size(), 1u);
  expect_same(RecordFile(folder / "y").read(0)->data(), random_record(3));
}

/// Copies a file of records, with `edit` applied to the JSON members.
void edited_copy(const std::string& from, const std::string& to, const std::function<void(const std::string& name, json& content)>& edit) {
  const ArchiveFile archive(from);
  ArchiveWriter writer(to);
  for (const auto& name : archive.names()) {
    if (!name.ends_with(".json")) {
      writer.add(name, archive.bytes(name));
      continue;
    }
    auto content = json::parse(archive.bytes(name));
    edit(name, content);
    if (!content.is_null()) writer.add(name, content.dump());
  }
  writer.close();
}

class EditedRecordFile : public testing::Test {
 protected:
  EditedRecordFile() {
    std::vector<RecordData> records = {random_record(7), one_picture()};
    write_records(folder_ / "good", records);
  }
  /// Edits `record.json` with `index` and `1/record.json` with `record`.
  std::string edited(
      const std::function<void(json&)>& index, const std::function<void(json&)>& record = [](json&) {}) {
    edited_copy(folder_ / "good", folder_ / "edited", [&](const std::string& name, json& content) {
      if (name == "record.json") index(content);
      if (name == "1/record.json") record(content);
    });
    return folder_ / "edited";
  }
  void expect_damaged(const std::function<void(json&)>& edit, const char* text) {
    const RecordFile file(edited([](json&) {}, edit));
    EXPECT_NO_THROW(file.read(0));
    EXPECT_ERROR(file.read(1), kData, "/edited: record 1 is damaged");
    EXPECT_ERROR(file.read(1), kData, text);
  }
  TempFolder folder_;
};

TEST_F(EditedRecordFile, UnknownFieldsAndLaterMinorVersionsAreRead) {
  const RecordFile file(edited(
      [](json& index) {
        index["version"] = {1, 9};
        index["later"] = {1, 2};
      },
      [](json& record) {
        record["later"] = "x";
        record["maps"][0]["later"] = 3;
      }));
  ASSERT_EQ(file.size(), 2u);
  EXPECT_EQ(file.read(1)->data().maps.at(0).weights, (std::vector<float>{0.25f, 0.75f}));
}

TEST_F(EditedRecordFile, AnotherMajorVersionIsRefusedNamingBoth) {
  EXPECT_ERROR(RecordFile(edited([](json& index) {
                 index["version"] = {2, 3};
               })),
               kData, "/edited: has attend.record version 2.3, this program reads version 1");
  EXPECT_ERROR(RecordFile(edited([](json& index) { index["version"] = {0, 9}; })), kData, "version 0.9, this program reads version 1");
}

TEST_F(EditedRecordFile, WhatIsNoFileOfRecordsIsRefused) {
  EXPECT_ERROR(RecordFile(edited([](json& index) { index = nullptr; })), kData, "has no record.json");
  EXPECT_ERROR(RecordFile(edited([](json& index) { index["schema"] = "attend.scene"; })), kData,
               "expected schema attend.record, got attend.scene");
  EXPECT_ERROR(RecordFile(edited([](json& index) { index["version"] = "1.0"; })), kData, "expected a version like [1, 3], got \"1.0\"");
  EXPECT_ERROR(RecordFile(edited([](json& index) { index.erase("records"); })), kData, "record.json is damaged");
  EXPECT_ERROR(RecordFile(edited([](json& index) { index["records"] = -1; })), kData, "number of records is -1");
  EXPECT_ERROR(RecordFile(edited([](json& index) { index["records"] = 3; })), kData, "should hold 3 records, but 2/record.json is missing");
  EXPECT_ERROR(RecordFile(folder_ / "none"), kFile, "No such file");
  std::ofstream(folder_ / "text") << "I love you, this is no archive at all";
  EXPECT_ERROR(RecordFile(folder_ / "text"), kData, "no zip archive");
}

TEST_F(EditedRecordFile, DamagedRecordsSayWhere) {
  expect_damaged([](json& r) { r.erase("nodes"); }, "'nodes'");
  expect_damaged([](json& r) { r["nodes"] = 5; }, "must be string");
  expect_damaged([](json& r) { r["nodes"] = "1/nowhere"; }, "'1/nowhere.npy' is not known");
  expect_damaged([](json& r) { r["nodes"] = r["source"]["text"]; }, "array '1/source.text' is named twice");
  expect_damaged([](json& r) { r["nodes"] = "0/source.text"; }, "array '0/source.text' must have 2 dimensions");
  expect_damaged([](json& r) { r["nodes"] = "0/nodes.scores"; }, "array '0/nodes.scores' must be int64, got float32");
  expect_damaged([](json& r) { std::swap(r["node_scores"], r["hypothesis_scores"]); }, "must be float32, got float64");
  expect_damaged([](json& r) { r["node_scores"] = "0/nodes.scores"; }, "1 nodes have");
  expect_damaged([](json& r) { r["source"]["tokens"] = "0/nodes"; }, "must have at least 5 columns, got 4");
  expect_damaged([](json& r) { r["sentence"] = 1.5; }, "sentence must be a whole number, got 1.5");
  expect_damaged([](json& r) { r["sentence"] = -1; }, "sentence -1 is out of range");
  expect_damaged([](json& r) { r["maps"][0]["layer"] = 65'536; }, "layer 65536 is out of range");
  expect_damaged([](json& r) { r["maps"][0]["kind"] = "sofmax"; }, "kind: 'sofmax' is not known, did you mean 'softmax'?");
  expect_damaged([](json& r) { r["maps"][0]["rows"] = "column"; }, "rows: 'column' is not known");
  expect_damaged([](json& r) { r["maps"][0]["columns"] = "step"; }, "map size: decoder.cross layer 0 has 2 columns");
  expect_damaged([](json& r) { r["maps"][0]["weights"] = "0/nodes"; }, "must have 3 dimensions");
  expect_damaged([](json& r) { r["options"]["x"] = 3; }, "must be string");
  expect_damaged([](json& r) { r["forced"] = true; }, "forced: a forced record has one hypothesis, got 0");
  expect_damaged([](json& r) { r["picture"]["pixels"] = r["source"]["text"]; }, "array '1/source.text' is named twice");
  expect_damaged([](json& r) { r["picture"]["pixels"] = "0/source.text"; }, "array '0/source.text' must have 3 dimensions");
  expect_damaged([](json& r) { std::swap(r["picture"]["pixels"], r["maps"][0]["weights"]); }, "must be float16 or float32, got uint8");
  expect_damaged([](json& r) { r["picture"]["rows"] = 2; }, "picture: its grid of 2 x 2 has 4 cells, expected one for each of 2");
  expect_damaged([](json& r) { r["picture"]["columns"] = -2; }, "columns -2 is out of range");
  expect_damaged([](json& r) { r["picture"].erase("pixels"); }, "'pixels'");
  expect_damaged([](json& r) { r["picture"] = 3; }, "(cannot use at() with number)");
  expect_damaged([](json& r) { r = json::array(); }, "(cannot use at() with array)");
}

/// Overwrites some bytes inside one member and corrects its checksum, so that the damage reaches the reader of records.
std::string damaged(std::string bytes, RandomStream& random) {
  const auto number = [&](std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);
    return value;
  };
  std::vector<std::size_t> entries;  // of the zip directory: checksum at 16, size at 24, place of the member at 42
  for (auto at = bytes.find("PK\1\2"); at != std::string::npos; at = bytes.find("PK\1\2", at + 1)) entries.push_back(at);
  const auto entry = entries[random.below(entries.size())];
  const std::size_t size = number(entry + 24, 4), header = number(entry + 42, 4);
  const std::size_t content = header + 30 + number(header + 26, 2) + number(header + 28, 2);
  for (auto n = 1 + random.below(3); n > 0; --n) bytes[content + random.below(size)] = static_cast<char>(random());
  const auto checksum =
      static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data() + content), static_cast<uInt>(size)));
  std::memcpy(bytes.data() + entry + 16, &checksum, 4);
  return bytes;
}

TEST(RecordFile, HostileBytesAreReadOrRefused) {
  const TempFolder folder;
  write_records(folder / "good", {random_record(7), one_picture()});
  const auto good = read_file(folder / "good");
  int read = 0, refused = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    RandomStream random(random_key(1, {i}));
    const auto bytes = damaged(good, random);
    std::filesystem::remove(folder / "x");  // some file systems wait for the disk when a file is overwritten
    std::ofstream(folder / "x", std::ios::binary) << bytes;
    try {
      const RecordFile file(folder / "x");
      for (std::size_t r = 0; r < file.size(); ++r) (void)file.read(r);
      ++read;
    } catch (const Error& e) {
      ASSERT_EQ(static_cast<int>(e.kind()), static_cast<int>(ErrorKind::kData)) << e.what();
      ASSERT_EQ(std::string(e.what()).find("checksum"), std::string::npos) << e.what();
      ++refused;
    }
  }
  EXPECT_GT(read, 30);
  EXPECT_GT(refused, 500);
}

const std::string kTiny = std::string(ATTEND_SOURCE_DIR) + "/tests/record/data/tiny_v1_0.npz";

TEST(RecordFile, Version1_0IsReadForEver) {
  const RecordFile file(kTiny);
  ASSERT_EQ(file.size(), 1u);
  const auto record = file.read(0);
  RecordData expected;
  expected.sentence = 41;
  expected.model = "transformer";
  expected.mechanism = "scaled_dot";
  expected.options = {{"beam", "2"}};
  expected.source = {"I love you", {{10, {0, 1}, 0, false}, {11, {2, 6}, 1, false}, {12, {7, 10}, 2, false}}};
  expected.nodes = {{-1, 0, 20, -0.125f, -0.125f, NodeEnd::kLive},
                    {0, 1, 21, -0.25f, -0.375f, NodeEnd::kLive},
                    {0, 1, 3, -2, -2.125f, NodeEnd::kFinished},
                    {1, 2, 22, -0.5f, -0.875f, NodeEnd::kLive},
                    {3, 3, 3, 0, -0.875f, NodeEnd::kFinished}};
  expected.hypotheses = {
      {4, {"我爱你", {{20, {0, 3}, 0, false}, {21, {3, 6}, 0, false}, {22, {6, 9}, 0, false}, {3, {9, 9}, 0, true}}}, -0.875, -0.21875},
      {2, {"我", {{20, {0, 3}, 0, false}, {3, {3, 3}, 0, true}}}, -2.125, -1.0625}};
  expected.maps = {{sites::decoder_cross(0),
                    RowKind::kSoftmax,
                    1,
                    5,
                    3,
                    {0.7153f, 0.0216f, 0.2631f, 0.0440f, 0.8835f, 0.0725f, 0, 0, 0, 0.2631f, 0.0216f, 0.7153f, 0, 0, 1}},
                   {sites::decoder_self(0), RowKind::kSoftmax, 1, 5, 4, {1, 0, 0,     0,     0.25f, 0.75f, 0, 0, 0.5f, 0.5f,
                                                                         0, 0, 0.25f, 0.25f, 0.5f,  0,     0, 0, 0,    1}}};
  expected.maps[1].site.mechanism = "";  // such files say it of the attention to the source alone
  expected.maps[0].site.mechanism = record->data().mechanism;
  expected.scalars = {{"p_gen", {0.5f, 0.25f, 1, 0.75f, 0}}};
  expect_same(record->data(), expected);
  EXPECT_EQ(record->data().maps[0].weights, expected.maps[0].weights);  // float32: exact
  EXPECT_EQ(record->map(record->find_map("decoder.self", 0), 0, 1).values, (std::vector<float>{1, 0, 0.5f, 0.5f}));
}

}  // namespace
}  // namespace attend
