#include "attend/measure/alignment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "attend/core/error.h"
#include "support/sites.h"

namespace attend {
namespace {

constexpr double kExact = 1e-12;

std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

Links links(std::string_view text) { return parse_links(text, 0, "test:1"); }

template <class Cell>
WeightMatrix matrix(int rows, int cols, Cell cell) {
  WeightMatrix m{.rows = static_cast<std::uint32_t>(rows), .cols = static_cast<std::uint32_t>(cols), .values = {}};
  for (int t = 0; t < rows; ++t)
    for (int s = 0; s < cols; ++s) m.values.push_back(static_cast<float>(cell(t, s)));
  return m;
}

AlignmentScore scored(const Links& found, const Links& gold) {
  AlignmentScore score;
  score.add(found, gold);
  return score;
}

Links diagonal(int n) {
  Links gold;
  for (int i = 0; i < n; ++i) gold.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i)});
  return gold;
}

TEST(Links, PharaohTextIsReadSortedAndWrittenBack) {
  EXPECT_EQ(links(" 2-1\t0-0 1p2  10-3\r"), (Links{{0, 0, true}, {1, 2, false}, {2, 1, true}, {10, 3, true}}));
  EXPECT_TRUE(links("").empty());
  EXPECT_EQ(links("0?1 1-1"), (Links{{0, 1, false}, {1, 1, true}}));
  EXPECT_EQ(parse_links("1-1 2p3", 1, "x"), (Links{{0, 0, true}, {1, 2, false}}));
  EXPECT_EQ(links("3p4 3-4 3p4"), (Links{{3, 4, true}}));  // sure wins over possible
  EXPECT_EQ(format_links(links("2-1 0-0 1p2")), "0-0 1p2 2-1");
  EXPECT_EQ(format_links(links("2-1 0-0 1p2"), 1), "1-1 2p3 3-2");
  EXPECT_EQ(format_links({}), "");
}

TEST(Links, BadLinksNameLineAndLink) {
  for (const auto* bad : {"4x5", "4-", "-5", "4-5-6", "4", "p", "4p5x", "-1-2", "99999999999-1", "1:2", "１-2"}) {
    const auto text = message_of([&] { parse_links(std::string("0-0 ") + bad + " 1-1", 0, "gold.txt:7"); });
    EXPECT_NE(text.find(std::string("gold.txt:7: '") + bad + "' is no link"), std::string::npos) << text;
  }
  EXPECT_NE(message_of([] { parse_links("1-1 0p2", 1, "gold.txt:3"); }).find("gold.txt:3: link '0p2'"), std::string::npos);
  EXPECT_NE(message_of([] { parse_links("1-1", 2, "x"); }).find("base must be 0 or 1"), std::string::npos);
}

TEST(Links, FilesAreReadLineByLine) {
  const auto path = std::filesystem::temp_directory_path() / ("attend_links_" + std::to_string(::getpid()));
  std::ofstream(path) << "1-1 2p2\r\n\n3-1";
  const auto pairs = read_links(path.string(), 1);
  EXPECT_EQ(pairs, (std::vector<Links>{{{0, 0, true}, {1, 1, false}}, {}, {{2, 0, true}}}));
  std::ofstream(path) << "0-0\n1-1\n1=1\n";
  EXPECT_NE(message_of([&] { read_links(path.string()); }).find(path.string() + ":3: '1=1'"), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_THROW(read_links(path.string()), Error);
}

TEST(AlignmentScore, HandCase) {
  // A = {0-0, 1-1, 2-2, 3-0}, S = {0-0, 1-2}, P = S and {1-1, 2-2}: A∩S = 1, A∩P = 3.
  const auto score = scored(links("0-0 1-1 2-2 3-0"), links("0-0 1-2 1p1 2p2"));
  EXPECT_NEAR(*score.precision(), 3.0 / 4, kExact);
  EXPECT_NEAR(*score.recall(), 1.0 / 2, kExact);
  EXPECT_NEAR(*score.aer(), 1 - 4.0 / 6, kExact);
  EXPECT_NEAR(*score.f_measure(), 0.6, kExact);
  EXPECT_NEAR(*score.f_measure(0.25), 1 / (0.25 / 0.75 + 0.75 / 0.5), kExact);
}

TEST(AlignmentScore, AnythingBetweenSureAndPossibleIsFaultless) {
  const auto gold = links("0-0 1-1 2p1 2p2");
  for (const auto* found : {"0-0 1-1", "0-0 1-1 2-2", "0-0 1-1 2-1 2-2"})
    EXPECT_NEAR(*scored(links(found), gold).aer(), 0, kExact) << found;
  EXPECT_NEAR(*scored(links("0-0"), gold).aer(), 1 - 2.0 / 3, kExact);
}

TEST(AlignmentScore, SumsOverTheCorpus) {
  AlignmentScore score;
  score.add(links("0-0 0-0 1-1"), links("0-0 1-1"));  // a doubled link counts once
  score.add(links("0-1"), links("0-0 1-1 2-2"));
  score.add({}, {});
  EXPECT_EQ(score.found(), 3u);
  EXPECT_EQ(score.sure(), 5u);
  EXPECT_NEAR(*score.precision(), 2.0 / 3, kExact);
  EXPECT_NEAR(*score.recall(), 2.0 / 5, kExact);
  EXPECT_NEAR(*score.aer(), 1 - 4.0 / 8, kExact);
  EXPECT_NEAR(*score.f_measure(), 1 - *score.aer(), kExact);  // no link is only possible
}

TEST(AlignmentScore, NullWhereADenominatorIsZero) {
  const AlignmentScore none;
  EXPECT_FALSE(none.precision() || none.recall() || none.aer() || none.f_measure());
  const auto silent = scored({}, links("0-0"));
  EXPECT_FALSE(silent.precision());
  EXPECT_EQ(*silent.recall(), 0);
  EXPECT_EQ(*silent.aer(), 1);
  EXPECT_FALSE(scored(links("0-0"), links("0p0")).recall());
  EXPECT_EQ(*scored(links("0-1"), links("0-0")).f_measure(), 0);
}

TEST(WeightLinks, ClosedFormsAgainstTheDiagonal) {
  const int n = 11, w = 2, m = 2 * w + 1;
  const double size = n;
  const auto gold = diagonal(n);
  const auto uniform = matrix(n, n, [&](int, int) { return 1.0 / n; });
  const auto one_hot = matrix(n, n, [](int t, int s) { return t == s; });
  const auto band = matrix(n, n, [&](int t, int s) { return std::abs(t - s) <= w ? 1.0 / m : 0.0; });
  const auto causal = matrix(n, n, [](int t, int s) { return s <= t ? 1.0 / (t + 1) : 0.0; });
  const double in_band = size * m - w * (w + 1);
  struct Case {
    const WeightMatrix* weights;
    double precision, aer;
  };
  for (const auto& [weights, precision, aer] :
       {Case{&uniform, 1 / size, (size - 1) / (size + 1)}, Case{&one_hot, 1, 0},
        Case{&band, size / in_band, 1 - 2 * size / (in_band + size)}, Case{&causal, 2 / (size + 1), 1 - 4 / (size + 3)}}) {
    const auto score = scored(threshold_links(*weights, 0).links, gold);
    EXPECT_NEAR(*score.precision(), precision, kExact);
    EXPECT_NEAR(*score.recall(), 1, kExact);
    EXPECT_NEAR(*score.aer(), aer, kExact);
    EXPECT_NEAR(*score.f_measure(), 1 - aer, kExact);
  }
  for (const auto* weights : {&uniform, &causal}) {
    const auto read = argmax_links(*weights);  // every tie goes to the lowest key, so all rows link to 0
    EXPECT_NEAR(*scored(read.links, gold).aer(), 1 - 1 / size, kExact);
    EXPECT_EQ(read.tied_rows, weights == &uniform ? 11u : 10u);
  }
}

TEST(WeightLinks, ArgmaxTakesTheLargestAndSkipsEmptyRows) {
  const auto read = argmax_links(matrix(4, 3, [](int t, int s) {
    const double rows[4][3] = {{0.2, 0.5, 0.3}, {0, 0, 0}, {0.4, 0.2, 0.4}, {-1, -2, 0}};
    return rows[t][s];
  }));
  EXPECT_EQ(read.links, (Links{{0, 2}, {1, 0}}));
  EXPECT_EQ(read.tied_rows, 1u);
  EXPECT_TRUE(argmax_links(WeightMatrix{}).links.empty());
}

TEST(WeightLinks, ThresholdIsExclusive) {
  const auto weights = matrix(2, 2, [](int t, int s) { return t == s ? 0.5 : 0.25; });
  EXPECT_EQ(threshold_links(weights, 0.25).links, (Links{{0, 0}, {1, 1}}));
  EXPECT_TRUE(threshold_links(weights, 0.5).links.empty());
  EXPECT_THROW(threshold_links(weights, -0.1), Error);
}

RecordToken piece(std::uint32_t word) { return {.id = 9, .span = {}, .word = word, .special = false}; }
RecordToken special() { return {.id = 3, .span = {}, .word = 0, .special = true}; }

TEST(WordsFromPieces, SumsSourcePiecesAndAveragesTargetPieces) {
  const std::vector<RecordToken> target{piece(0), piece(1), piece(1)}, source{piece(0), piece(0), piece(1), piece(2)};
  const auto words =
      words_from_pieces(matrix(3, 4,
                               [](int t, int s) {
                                 const double rows[3][4] = {{0.1, 0.2, 0.3, 0.4}, {0.5, 0.25, 0.25, 0}, {0, 0.25, 0.25, 0.5}};
                                 return rows[t][s];
                               }),
                        target, source);
  ASSERT_EQ(words.rows, 2u);
  ASSERT_EQ(words.cols, 3u);
  const double wanted[] = {0.3, 0.3, 0.4, 0.5, 0.25, 0.25};
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(words.values[static_cast<std::size_t>(i)], wanted[i], 1e-7);
}

TEST(WordsFromPieces, ClosedForms) {
  const std::vector<RecordToken> target{piece(0), piece(0), piece(1)}, source{piece(0), piece(1), piece(1), piece(1), piece(2)};
  const auto uniform = words_from_pieces(matrix(3, 5, [](int, int) { return 0.2; }), target, source);
  for (const std::uint32_t t : {0u, 1u}) {
    EXPECT_NEAR(uniform.at(t, 0), 1.0 / 5, 1e-7);
    EXPECT_NEAR(uniform.at(t, 1), 3.0 / 5, 1e-7);
    EXPECT_NEAR(uniform.at(t, 0) + uniform.at(t, 1) + uniform.at(t, 2), 1, 1e-7);
  }
  const auto one_hot = words_from_pieces(matrix(3, 5, [](int t, int s) { return t < 2 ? s == 2 : s == 4; }), target, source);
  EXPECT_EQ(one_hot.values, (std::vector<float>{0, 1, 0, 0, 0, 1}));
}

TEST(WordsFromPieces, SpecialsBelongToNoWord) {
  const std::vector<RecordToken> target{piece(0), special()}, source{special(), piece(0), special()};
  const auto words = words_from_pieces(matrix(2, 3, [](int, int s) { return s == 1 ? 0.25 : 0.375; }), target, source);
  EXPECT_EQ(words.rows, 1u);
  EXPECT_EQ(words.values, (std::vector<float>{0.25}));
  EXPECT_EQ(message_of([&] { words_from_pieces(words, target, source); }),
            "words_from_pieces: weights must be [target tokens = 2, source tokens = 3], got [1, 1]");
}

// --- links of a record ---

/// A forced run of `target` over `source` words (texts of one-letter words and </s>) with one map of given heads.
RecordData run_of(int source_words, int target_words, const std::vector<WeightMatrix>& heads) {
  RecordData data;
  data.forced = true;
  const auto text = [](int words) {
    RecordText t;
    for (int i = 0; i < words; ++i) {
      const auto at = static_cast<std::uint32_t>(t.utf8.size());
      t.utf8 += "w ";
      t.tokens.push_back({.id = 5, .span = {at, at + 1}, .word = static_cast<std::uint32_t>(i), .special = false});
    }
    const auto end = static_cast<std::uint32_t>(t.utf8.size());
    t.tokens.push_back({.id = 3, .span = {end, end}, .word = static_cast<std::uint32_t>(words), .special = true});
    return t;
  };
  data.source = text(source_words);
  Hypothesis hypothesis;
  hypothesis.text = text(target_words);
  for (int t = 0; t <= target_words; ++t)
    data.nodes.push_back({.parent = t - 1,
                          .step = static_cast<std::uint32_t>(t),
                          .token = t < target_words ? 5 : 3,
                          .logp = 0,
                          .score = 0,
                          .end = t < target_words ? NodeEnd::kLive : NodeEnd::kFinished});
  hypothesis.last_node = target_words;
  data.hypotheses.push_back(hypothesis);
  AttentionMap map;
  map.site = sites::decoder_cross(0);
  map.heads = static_cast<std::uint32_t>(heads.size());
  map.rows = heads.front().rows;
  map.cols = heads.front().cols;
  for (const WeightMatrix& head : heads) map.weights.insert(map.weights.end(), head.values.begin(), head.values.end());
  data.maps.push_back(map);
  return data;
}

TEST(LinksOf, SpecialTokensNeverAlign) {
  // Every row looks hardest at </s> of the source, then at its own word.
  const auto weights = matrix(4, 4, [](int t, int s) { return s == 3 ? 0.5 : t % 3 == s ? 0.3 : 0.1; });
  const Record record(run_of(3, 3, {weights}));
  for (const auto source : {LinkUnit::kWords, LinkUnit::kTokens})
    for (const auto target : {LinkUnit::kWords, LinkUnit::kTokens}) {
      const auto read = links_of(record, {}, 0, {.threshold = {}, .shifted = false, .units = {source, target}});
      EXPECT_EQ(read.links, diagonal(3));
      EXPECT_EQ(read.tied_rows, 0u);
    }
  EXPECT_EQ(links_of(record, {}, 0, {.threshold = 0.2, .shifted = false, .units = {}}).links, diagonal(3));
}

// Pieces of words against characters: "a bc" in three tokens over 我爱你 in two.
TEST(LinksOf, EachSideHasItsOwnUnit) {
  auto data = run_of(3, 2, {matrix(3, 4, [](int t, int s) {
                       return t == 0 ? (s == 0 ? 0.7 : 0.1) : t == 1 ? (s == 2 ? 0.6 : s == 1 ? 0.3 : 0.05) : 0.25;
                     })});
  data.source.utf8 = "a bc";
  data.source.tokens[0] = {.id = 5, .span = {0, 1}, .word = 0};
  data.source.tokens[1] = {.id = 5, .span = {1, 3}, .word = 1};
  data.source.tokens[2] = {.id = 5, .span = {3, 4}, .word = 1};
  data.source.tokens[3].span = {4, 4};
  auto& target = data.hypotheses[0].text;
  target.utf8 = "我爱你";
  target.tokens[0] = {.id = 5, .span = {0, 3}, .word = 0};
  target.tokens[1] = {.id = 5, .span = {3, 9}, .word = 0};
  target.tokens[2].span = {9, 9};
  const Record record(std::move(data));
  const auto in = [&](LinkUnit source, LinkUnit to) { return format_links(links_of(record, {}, 0, {.units = {source, to}}).links); };
  EXPECT_EQ(in(LinkUnit::kWords, LinkUnit::kCharacters), "0-0 1-1 1-2");
  EXPECT_EQ(in(LinkUnit::kWords, LinkUnit::kTokens), "0-0 1-1");
  EXPECT_EQ(in(LinkUnit::kTokens, LinkUnit::kTokens), "0-0 2-1");
  EXPECT_EQ(in(LinkUnit::kTokens, LinkUnit::kCharacters), "0-0 2-1 2-2");
  EXPECT_EQ(in(LinkUnit::kWords, LinkUnit::kWords), "1-0");  // the whole sentence is one word
  EXPECT_EQ(in(LinkUnit::kCharacters, LinkUnit::kCharacters), "0-0 2-1 2-2");
  const auto& text = record.data().hypotheses[0].text;
  EXPECT_EQ(unit_count(text, LinkUnit::kCharacters), 3u);
  EXPECT_EQ(unit_count(text, LinkUnit::kTokens), 2u);
  EXPECT_EQ(unit_count(text, LinkUnit::kWords), 1u);
  EXPECT_EQ(unit_count(record.data().source, LinkUnit::kWords), 2u);
  EXPECT_EQ(units_of(record.data().source, LinkUnit::kCharacters), (std::vector<std::vector<std::uint32_t>>{{0}, {1}, {2}, {}}));
  EXPECT_EQ(unit_count({"", {}}, LinkUnit::kCharacters), 0u);
}

TEST(Links, ColumnsOfATsvAreFoundAmongOthers) {
  const auto read = [](std::string_view columns) { return format_links(parse_link_columns(columns, 0, "a.tsv:7")); };
  EXPECT_EQ(read("0-0 1p1"), "0-0 1p1");
  EXPECT_EQ(read("CC-BY 2.0 (France)\t0-0 1-1"), "0-0 1-1");
  EXPECT_EQ(read("0-0 1-1\tCC-BY 2.0 #12-3"), "0-0 1-1");
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("\tCC-BY"), "");
  EXPECT_NE(message_of([&] { read("CC-BY 2.0\tby Ann"); }).find("a.tsv:7: 'CC-BY' is no link"), std::string::npos);
  EXPECT_NE(message_of([&] { read("0-0 1-x\tby Ann"); }).find("a.tsv:7: '1-x' is no link"), std::string::npos);
}

TEST(Links, ToWordsThatAreNotThereAreErrors) {
  check_links(links("0-0 2p1"), 3, 2, "l:1");
  EXPECT_NE(message_of([] { check_links(links("0-0 3-1"), 3, 2, "l:4"); }).find("l:4: link 3-1 joins source word 3"), std::string::npos);
  EXPECT_NE(
      message_of([] { check_links(links("0-0 2p2"), 3, 2, "l:4"); }).find("joins target word 2, counted from 0, and the sentence has 2"),
      std::string::npos);
}

TEST(LinksOf, ShiftReadsTheRowWhereTheWordIsInput) {
  // Row t looks at word t − 1, row 0 at </s>: wrong at every output, right at every input.
  const int n = 6;
  const Record record(run_of(n, n, {matrix(n + 1, n + 1, [&](int t, int s) { return s == (t == 0 ? n : t - 1); })}));
  const auto gold = diagonal(n);
  EXPECT_NEAR(*scored(links_of(record).links, gold).aer(), 1, kExact);
  EXPECT_NEAR(*scored(links_of(record, {}, 0, {.threshold = {}, .shifted = true, .units = {}}).links, gold).aer(), 0, kExact);
}

TEST(LinksOf, ReadsOneHeadOrTheMean) {
  const auto left = matrix(3, 3, [](int, int s) { return s == 0 ? 1.0 : 0.0; });
  const auto right = matrix(3, 3, [](int, int s) { return s == 0 ? 0.0 : s == 1 ? 0.9 : 0.1; });
  const Record record(run_of(2, 2, {left, right}));
  EXPECT_EQ(links_of(record).links, links("0-0 0-1"));  // means 0.5 and 0.45
  EXPECT_EQ(links_of(record, {.site = "decoder.cross", .layer = 0, .head = 1}).links, links("1-0 1-1"));
  EXPECT_NE(message_of([&] { links_of(record, {.site = "decoder.cross", .layer = 0, .head = 2}); }).find("has heads 0 to 1, got 2"),
            std::string::npos);
  EXPECT_NE(message_of([&] { links_of(record, {}, 1); }).find("hypothesis must be below 1, got 1"), std::string::npos);
  EXPECT_THROW(links_of(record, {.site = "decoder.nothing", .layer = 0, .head = {}}), Error);
}

TEST(LinksOf, WantsAMapFromTargetToSource) {
  auto data = run_of(2, 2, {matrix(3, 3, [](int, int) { return 1.0 / 3; })});
  data.maps[0].site = sites::encoder_self(0);
  const Record record(std::move(data));
  EXPECT_NE(
      message_of([&] { links_of(record, {.site = "encoder.self", .layer = 0, .head = {}}); }).find("does not go from target to source"),
      std::string::npos);
  EXPECT_NE(message_of([&] { links_of(record); }).find("has no attention to the source"), std::string::npos);
}

}  // namespace
}  // namespace attend
