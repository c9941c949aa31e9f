#include "attend/record/record.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "record/random_record.h"
#include "support/expect_error.h"
#include "support/sites.h"

namespace attend {
namespace {

using Floats = std::vector<float>;
using Nodes = std::vector<std::uint32_t>;

/// "ab c" to x y </s>, with a second hypothesis x z that shares the first node:
///
///   0 x ── 1 y ── 3 </s>
///      └── 2 z
RecordData small_record() {
  RecordData data;
  data.sentence = 7;
  data.source = {"ab c", {{10, {0, 2}, 0, false}, {11, {3, 4}, 1, false}}};
  data.nodes = {{-1, 0, 20, -0.1f, -0.1f, NodeEnd::kLive},
                {0, 1, 21, -0.2f, -0.3f, NodeEnd::kLive},
                {0, 1, 22, -2.0f, -2.1f, NodeEnd::kPruned},
                {1, 2, 3, -0.1f, -0.4f, NodeEnd::kFinished}};
  data.hypotheses = {{3, {"x y", {{20, {0, 1}, 0, false}, {21, {2, 3}, 1, false}, {3, {3, 3}, 1, true}}}, -0.4, -0.2},
                     {2, {"x z", {{20, {0, 1}, 0, false}, {22, {2, 3}, 1, false}}}, -2.1, -1.5}};
  data.maps = {{sites::encoder_self(0), RowKind::kSoftmax, 1, 2, 2, {0.75f, 0.25f, 0, 1}},
               {sites::decoder_cross(0),
                RowKind::kSoftmax,
                2,
                4,
                2,
                {1, 0, 0.5f, 0.5f, 0, 1, 0.25f, 0.75f, /* head 1 */ 0, 1, 0, 1, 1, 0, 0.75f, 0.25f}},
               {sites::decoder_self(1), RowKind::kSoftmax, 1, 4, 3, {1, 0, 0, 0.5f, 0.5f, 0, 0.25f, 0.75f, 0, 0.125f, 0.125f, 0.75f}}};
  data.scalars = {{"p_gen", {0.1f, 0.2f, 0.3f, 0.4f}}};
  return data;
}

TEST(Record, PathsRunFromFirstTokenToLast) {
  const Record record(small_record());
  EXPECT_EQ(record.path(0), (Nodes{0, 1, 3}));
  EXPECT_EQ(record.path(1), (Nodes{0, 2}));
  EXPECT_ERROR((void)record.path(2), kValue, "record of sentence 7: there are 2 hypotheses, got number 2");
}

TEST(Record, MapsAreGatheredAlongThePath) {
  const Record record(small_record());
  const auto& cross = record.find_map("decoder.cross", 0);
  auto matrix = record.map(cross, 0);
  EXPECT_EQ(matrix.rows, 3u);
  EXPECT_EQ(matrix.cols, 2u);
  EXPECT_EQ(matrix.values, (Floats{1, 0, 0.5f, 0.5f, 0.25f, 0.75f}));
  EXPECT_EQ(matrix.at(2, 1), 0.75f);
  EXPECT_EQ(record.map(cross, 1, 1).values, (Floats{0, 1, 1, 0}));
  EXPECT_EQ(record.mean_map(cross, 0).values, (Floats{0.5f, 0.5f, 0.25f, 0.75f, 0.5f, 0.5f}));

  matrix = record.map(record.find_map("encoder.self", 0), 0, 1);  // the same for each hypothesis
  EXPECT_EQ(matrix.rows, 2u);
  EXPECT_EQ(matrix.values, (Floats{0.75f, 0.25f, 0, 1}));

  const auto& self = record.find_map("decoder.self", 1);
  matrix = record.map(self, 0, 0);
  EXPECT_EQ(matrix.rows, 3u);
  EXPECT_EQ(matrix.cols, 3u);
  EXPECT_EQ(matrix.values, (Floats{1, 0, 0, 0.5f, 0.5f, 0, 0.125f, 0.125f, 0.75f}));
  matrix = record.map(self, 0, 1);
  EXPECT_EQ(matrix.cols, 2u);
  EXPECT_EQ(matrix.values, (Floats{1, 0, 0.25f, 0.75f}));
  EXPECT_EQ(record.mean_map(self, 1).values, matrix.values);

  EXPECT_ERROR((void)record.map(cross, 2), kValue, "decoder.cross layer 0 has 2 heads, got head 2");
  EXPECT_ERROR((void)record.map(cross, 0, 2), kValue, "there are 2 hypotheses, got number 2");
  EXPECT_ERROR((void)record.find_map("decoder.cros", 0), kUnknownName,
               "'decoder.cros layer 0' is not known, did you mean 'decoder.cross layer 0'?; valid: encoder.self layer 0, ");
}

TEST(Record, EmptyRunsAreSound) {
  const Record nothing{RecordData{}};
  EXPECT_TRUE(nothing.data().nodes.empty());
  auto data = small_record();
  data.hypotheses[1] = {-1, {"", {}}, 0, -1.5};
  const Record record(data);
  EXPECT_TRUE(record.path(1).empty());
  EXPECT_EQ(record.map(record.find_map("decoder.cross", 0), 0, 1).rows, 0u);
}

TEST(Record, RowsThatAttendToNothingAreSound) {
  auto data = small_record();
  for (int i = 0; i < 2; ++i) data.maps[1].weights[static_cast<std::size_t>(i)] = 0;
  EXPECT_NO_THROW(Record{data});
}

TEST(Record, SumsMayBeOffByRounding) {
  auto data = small_record();
  data.maps[1].weights[0] = 1.0009f;
  EXPECT_NO_THROW(Record{data});
  data.maps[1].weights[0] = 1.0011f;
  EXPECT_ERROR(Record{data}, kValue, "row sum: decoder.cross layer 0 head 0 row 0 sums to 1.001099");
}

/// One way to break a record, and what the error must say.
struct Break {
  const char* text;
  std::function<void(RecordData&)> apply;
};

const std::vector<Break> kBreaks = {
    {"span order: source token 0 is [2, 1)",
     [](RecordData& d) {
       d.source.tokens[0].span = {2, 1};
     }},
    {"span order: source token 1 is [0, 1), after [0, 2)",
     [](RecordData& d) {
       d.source.tokens[1].span = {0, 1};
     }},
    {"span order: hypothesis 0 token 2 is [0, 3), after [2, 3)",
     [](RecordData& d) {
       d.hypotheses[0].text.tokens[2].span = {0, 3};
     }},
    {"span inside text: source token 1 is [3, 5) of a text of 4 bytes", [](RecordData& d) { d.source.tokens[1].span.end = 5; }},
    {"span inside text: hypothesis 1 token 1", [](RecordData& d) { d.hypotheses[1].text.utf8 = "x "; }},
    {"node parent: node 1 has parent 1", [](RecordData& d) { d.nodes[1].parent = 1; }},
    {"node parent: node 0 has parent -2", [](RecordData& d) { d.nodes[0].parent = -2; }},
    {"node step: node 3 has step 1, expected 2", [](RecordData& d) { d.nodes[3].step = 1; }},
    {"node step: node 0 has step 1, expected 0", [](RecordData& d) { d.nodes[0].step = 1; }},
    {"node numbers: logp or score of node 2 is NaN", [](RecordData& d) { d.nodes[2].logp = NAN; }},
    {"node numbers: logp or score of node 2 is NaN", [](RecordData& d) { d.nodes[2].score = NAN; }},
    {"forced: a forced record has one hypothesis, got 2", [](RecordData& d) { d.forced = true; }},
    {"hypothesis path: hypothesis 0 ends at node 4 of 4", [](RecordData& d) { d.hypotheses[0].last_node = 4; }},
    {"hypothesis path: hypothesis 0 ends at node -2 of 4", [](RecordData& d) { d.hypotheses[0].last_node = -2; }},
    {"hypothesis path: hypothesis 0 has 3 tokens, its path 2 nodes", [](RecordData& d) { d.hypotheses[0].last_node = 1; }},
    {"hypothesis path: token 0 of hypothesis 1 has id 9, its node 0 produced 20",
     [](RecordData& d) { d.hypotheses[1].text.tokens[0].id = 9; }},
    {"hypothesis order: hypothesis 1 scores 0, better than -0.2", [](RecordData& d) { d.hypotheses[1].score = 0; }},
    {"hypothesis order: a score of hypothesis 0 is NaN", [](RecordData& d) { d.hypotheses[0].score = NAN; }},
    {"hypothesis order: a score of hypothesis 0 is NaN", [](RecordData& d) { d.hypotheses[0].log_prob = NAN; }},
    {"map name: ''", [](RecordData& d) { d.maps[0].site.name = ""; }},
    {"map name: 'a/b'", [](RecordData& d) { d.maps[0].site.name = "a/b"; }},
    {"map twice: decoder.cross layer 0", [](RecordData& d) { d.maps.push_back(d.maps[1]); }},
    {"token word: source token 1 is of word 4294967295", [](RecordData& d) { d.source.tokens[1].word = 4294967295; }},
    {"token word: hypothesis 0 token 0 is of word 6", [](RecordData& d) { d.hypotheses[0].text.tokens[0].word = 6; }},
    {"map size: decoder.cross layer 0 has 4000000000 heads, expected at most 4096",
     [](RecordData& d) {
       d.source.tokens.clear();  // no column, so no weight has to be there for any of the heads
       d.maps.erase(d.maps.begin());
       d.maps[0].heads = 4'000'000'000;
       d.maps[0].cols = 0;
       d.maps[0].weights.clear();
     }},
    {"picture: its grid of 0 x 0 has no cell",
     [](RecordData& d) {
       d.source.tokens.clear();
       d.maps.clear();
       d.picture = {0, 0, 1, 1, {1, 2, 3}};
     }},
    {"picture: it has 65536 x 65536 pixels, expected at most 2^28",
     [](RecordData& d) {
       d.picture = {2, 1, 65536, 65536, {1, 2, 3}};
     }},
    {"map size: decoder.cross layer 0 has no heads", [](RecordData& d) { d.maps[1].heads = 0; }},
    {"map size: decoder.cross layer 0 has 3 rows, expected one for each of 4 nodes", [](RecordData& d) { d.maps[1].rows = 3; }},
    {"map size: encoder.self layer 0 has 4 rows, expected one for each of 2 source tokens", [](RecordData& d) { d.maps[0].rows = 4; }},
    {"map size: decoder.cross layer 0 has 3 columns, expected one for each of 2 source tokens", [](RecordData& d) { d.maps[1].cols = 3; }},
    {"map size: decoder.self layer 1 has 2 columns, expected one for each of 3 steps", [](RecordData& d) { d.maps[2].cols = 2; }},
    {"map size: decoder.cross layer 0 has 16 weights, expected 3 heads x 4 rows x 2", [](RecordData& d) { d.maps[1].heads = 3; }},
    {"map size: encoder.self layer 0 has source rows and target columns",
     [](RecordData& d) { d.maps[0].site.columns = ColumnAxis::kStep; }},
    {"map name: decoder.cross has layer 70000", [](RecordData& d) { d.maps[1].site.layer = 70000; }},
    {"source part: tokens [1, 3) of 2",
     [](RecordData& d) {
       d.parts = {{ColumnAxis::kDraft, 1, 3}};
     }},
    {"source part: tokens [1, 0) of 2",
     [](RecordData& d) {
       d.parts = {{ColumnAxis::kDraft, 1, 0}};
     }},
    {"source part: tokens [0, 1) are of steps or slots, or given twice",
     [](RecordData& d) {
       d.parts = {{ColumnAxis::kStep, 0, 1}};
     }},
    {"source part: tokens [1, 2) are of steps or slots, or given twice",
     [](RecordData& d) {
       d.parts = {{ColumnAxis::kSource, 0, 1}, {ColumnAxis::kSource, 1, 2}};
     }},
    {"part weights: decoder.cross layer 0 has weight at row 1, column 1",
     [](RecordData& d) {
       d.parts = {{ColumnAxis::kDraft, 0, 1}};
       d.maps[1].site.columns = ColumnAxis::kDraft;
     }},
    {"part weights: encoder.self layer 0 has weight at row 1, column 1",
     [](RecordData& d) {
       d.parts = {{ColumnAxis::kDocument, 0, 1}};
       d.maps[0].site.rows = RowAxis::kDocument;
     }},
    {"row weights: decoder.cross layer 0 head 1 row 0", [](RecordData& d) { d.maps[1].weights[8] = NAN; }},
    {"row weights: decoder.cross layer 0 head 1 row 0", [](RecordData& d) { d.maps[1].weights[9] = INFINITY; }},
    {"row weights: encoder.self layer 0 head 0 row 1",
     [](RecordData& d) {
       d.maps[0].weights = {1, 0, -0.5f, 1.5f};
     }},
    {"row sum: encoder.self layer 0 head 0 row 0 sums to 0.75", [](RecordData& d) { d.maps[0].weights[1] = 0; }},
    {"ragged row: decoder.self layer 1 head 0 row 1 has weight past its node's step 1", [](RecordData& d) { d.maps[2].weights[5] = 0.5f; }},
    {"ragged row: decoder.self layer 1 head 0 row 0", [](RecordData& d) { d.maps[2].weights[1] = NAN; }},
    {"scalar name: ''", [](RecordData& d) { d.scalars[0].name = ""; }},
    {"scalar name: 'p_gen'", [](RecordData& d) { d.scalars.push_back(d.scalars[0]); }},
    {"scalar size: p_gen has 3 values, expected one for each of 4 nodes", [](RecordData& d) { d.scalars[0].values.pop_back(); }},
    {"scalar numbers: p_gen of node 1 is NaN", [](RecordData& d) { d.scalars[0].values[1] = NAN; }},
    {"picture: its grid of 2 x 2 has 4 cells, expected one for each of 2 source",
     [](RecordData& d) {
       d.picture = {2, 2, 1, 1, {1, 2, 3}};
     }},
    {"picture: 1 x 2 pixels have 3 bytes",
     [](RecordData& d) {
       d.picture = {2, 1, 1, 2, {1, 2, 3}};
     }},
    {"picture: 0 x 1 pixels have 0 bytes",
     [](RecordData& d) {
       d.picture = {2, 1, 0, 1, {}};
     }},
    {"picture: it has 4294967295 x 4294967295 pixels, expected at most 2^28",
     [](RecordData& d) {
       d.picture = {2, 1, 4294967295, 4294967295, {1, 2, 3}};
     }},
};

TEST(Record, BrokenRecordsAreRefusedByTheNameOfTheInvariant) {
  EXPECT_NO_THROW(Record{small_record()});
  for (const auto& broken : kBreaks) {
    auto data = small_record();
    broken.apply(data);
    EXPECT_ERROR(Record{data}, kValue, (std::string("record of sentence 7: ") + broken.text).c_str());
  }
}

TEST(Record, KindsAllowWhatTheyMean) {
  auto data = small_record();
  data.maps[0].kind = RowKind::kSparse;  // sums are free
  data.maps[0].weights = {0.5f, 0, 0, 0.25f};
  EXPECT_NO_THROW(Record{data});
  data.maps[0].weights[0] = -0.5f;
  EXPECT_ERROR(Record{data}, kValue, "row weights");
  data.maps[0].kind = RowKind::kUnnormalised;
  EXPECT_NO_THROW(Record{data});
  data.maps[0].weights[0] = -INFINITY;
  EXPECT_ERROR(Record{data}, kValue, "row weights");
}

TEST(Record, SizesThatOverflowAreRefused) {
  auto data = small_record();
  // 2^32 - 1 heads of 2 x 2 would wrap around in 32 bits.
  data.maps[0].heads = std::numeric_limits<std::uint32_t>::max();
  EXPECT_ERROR(Record{data}, kValue, "map size: encoder.self layer 0 has 4294967295 heads, expected at most 4096");
}

TEST(Record, RandomRecordsKeepWhatTheyPromise) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Record record(random_record(seed));
    const auto& data = record.data();
    for (std::size_t h = 0; h < data.hypotheses.size(); ++h) {
      const auto path = record.path(h);
      const auto& tokens = data.hypotheses[h].text.tokens;
      ASSERT_EQ(path.size(), tokens.size());
      for (std::size_t t = 0; t < path.size(); ++t) {
        ASSERT_EQ(data.nodes[path[t]].step, t);
        ASSERT_EQ(data.nodes[path[t]].token, tokens[t].id);
        ASSERT_EQ(data.nodes[path[t]].parent, t == 0 ? -1 : static_cast<std::int32_t>(path[t - 1]));
      }
      for (const auto& map : data.maps) {
        const auto mean = record.mean_map(map, h);
        Floats sums(mean.values.size());
        for (std::uint32_t head = 0; head < map.heads; ++head) {
          const auto matrix = record.map(map, head, h);
          const bool source = over_source(map.site.rows);
          ASSERT_EQ(matrix.rows, source ? data.source.tokens.size() : path.size());
          ASSERT_EQ(matrix.cols, map.site.columns == ColumnAxis::kStep   ? path.size()
                                 : map.site.columns == ColumnAxis::kSlot ? std::size_t{map.cols}
                                                                         : data.source.tokens.size());
          for (std::uint32_t row = 0; row < matrix.rows; ++row) {
            const auto stored = (std::size_t{head} * map.rows + (source ? row : path[row])) * map.cols;
            double sum = 0;
            for (std::uint32_t col = 0; col < matrix.cols; ++col) {
              ASSERT_EQ(matrix.at(row, col), map.weights[stored + col]);
              sum += matrix.at(row, col);
              sums[std::size_t{row} * matrix.cols + col] += matrix.at(row, col) / static_cast<float>(map.heads);
            }
            if (map.kind == RowKind::kSoftmax && sum != 0) {
              ASSERT_NEAR(sum, 1, 1e-3);
            }
          }
        }
        for (std::size_t i = 0; i < sums.size(); ++i) ASSERT_NEAR(mean.values[i], sums[i], 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace attend
