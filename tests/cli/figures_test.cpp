// score and evaluate: a line of output for every line of input, gold links with their places, figures of single sentences and lengths.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "attend/record/record.h"
#include "cli/program.h"

namespace attend {
namespace {

class Figures : public Cli {
 protected:
  static std::vector<std::string> cells_of(const std::string& row) {
    std::vector<std::string> cells(1);
    for (const char c : row)
      if (c == '\t')
        cells.emplace_back();
      else
        cells.back() += c;
    return cells;
  }
  static nlohmann::json json_of(const std::string& path) { return nlohmann::json::parse(slurp(path)); }
};

TEST_F(Figures, ScoreHasALineForEveryPair) {
  const auto long_line = std::string(70000, 'a');
  const auto source = write("s", "a b\n\n" + long_line + "\nc\n\u200b\na\n"), target = write("t", "a b\nc\na\n\n\na\n");
  const auto outcome = run({"score", model(), "--source", source, "--target", target, "--tokens", "--alignment"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 6u);
  for (const std::size_t left_out : {1, 2, 4}) EXPECT_EQ(lines[left_out], "nan ||| ||| ");
  for (const std::size_t scored : {0, 3, 5}) EXPECT_LT(std::stod(lines[scored]), 0) << lines[scored];
  EXPECT_NE(lines[3].find(" ||| </s>:"), std::string::npos) << lines[3];  // the empty translation
  for (const char* told : {"3 of 6 pairs left out", "s:2: the source is blank", "s:3: 70000 bytes", "s:5: blank on both sides", "split it"})
    EXPECT_NE(outcome.err.find(told), std::string::npos) << outcome.err;
  const auto alone = write("one.tsv", "a\ta\n");
  EXPECT_NEAR(std::stod(run({"score", model(), "--tsv", alone}).out), std::stod(lines[5]), 1e-4);
  EXPECT_EQ(run({"score", model(), "--tsv", alone}).err.find("left out"), std::string::npos);
}

TEST_F(Figures, RecordsOfScoresCountInputLines) {
  const auto tsv = write("p.tsv", "a\ta\n\t\nb\tb\n");
  ASSERT_EQ(run({"score", model(), "--tsv", tsv, "--record", folder_ / "r.npz"}).code, 0);
  const RecordFile file(folder_ / "r.npz");
  ASSERT_EQ(file.size(), 2u);
  EXPECT_EQ(file.read(0)->data().sentence, 0u);
  EXPECT_EQ(file.read(1)->data().sentence, 2u);
}

TEST_F(Figures, EvaluateHasALineForEveryPair) {
  const auto source = write("s", "a b\n\nc\n"), target = write("t", "a b\n\nc\n"), links = write("l", "0-0 1-1\n\n0-0\n");
  const auto outcome = run({"evaluate", model(), "--source", source, "--target", target, "--links", links, "--output", folder_ / "o",
                            "--per-sentence", folder_ / "each.tsv", "--json", folder_ / "e.json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto given = lines_of(slurp(folder_ / "o"));
  ASSERT_EQ(given.size(), 3u);
  EXPECT_EQ(given[1], "");
  EXPECT_NE(outcome.out.find("sentences   2 (1 of 3 left out)"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.err.find("s:2: blank on both sides"), std::string::npos) << outcome.err;
  EXPECT_EQ(json_of(folder_ / "e.json").at("left_out"), 1);
  const auto rows = lines_of(slurp(folder_ / "each.tsv"));
  ASSERT_EQ(rows.size(), 4u);
  const auto heading = cells_of(rows[0]), first = cells_of(rows[1]), second = cells_of(rows[2]), third = cells_of(rows[3]);
  EXPECT_EQ(heading.front(), "line");
  EXPECT_EQ(heading.back(), "aer");
  ASSERT_EQ(std::count(heading.begin(), heading.end(), "exact"), 1);
  const auto of = [&](const std::vector<std::string>& row, const char* name) {
    return row.at(static_cast<std::size_t>(std::find(heading.begin(), heading.end(), name) - heading.begin()));
  };
  std::vector<std::string> left_out(heading.size());
  left_out[0] = "2";
  EXPECT_EQ(second, left_out);
  EXPECT_EQ(third[0], "3");
  EXPECT_EQ(third[3], given[2]);
  EXPECT_EQ(of(third, "exact"), given[2] == "c" ? "1" : "0");
  const auto scored = lines_of(run({"score", model(), "--source", source, "--target", target}).out);
  EXPECT_NEAR(std::stod(of(first, "reference_log_prob")), std::stod(scored[0]), 1e-4);
  expect_failure(run({"evaluate", model(), "--source", write("e", "\n"), "--target", write("f", "\n")}), 1, "blank on both sides");
}

TEST_F(Figures, GoldLinksNameTheirPlace) {
  const auto source = write("s", "a b\nc\n"), target = write("t", "a b\nc\n");
  const auto with = [&](const std::string& links) {
    return run({"evaluate", model(), "--source", source, "--target", target, "--links", write("l", links)});
  };
  expect_failure(with("0-0\n"), 1, "l: 1 lines of links for 2 lines of text");
  expect_failure(with("0-0\n0-0\n\n"), 1, "3 lines of links for 2");
  expect_failure(with("0-0\n1-0\n"), 1, "l:2: link 1-0 joins source word 1");
  expect_failure(with("0-2\n0-0\n"), 1, "l:1: link 0-2 joins target word 2");
  expect_failure(with("0-0\n0:0\n"), 1, "l:2: '0:0' is no link");
  const auto some = with("0-0\n\n");
  EXPECT_EQ(some.code, 0) << some.err;
  EXPECT_NE(some.out.find("1 of 2 pairs have no gold links"), std::string::npos) << some.out;
}

TEST_F(Figures, LinksOfATsvAreFoundByTheirForm) {
  const auto aer = [&](const std::string& tsv) {
    const auto outcome = run({"evaluate", model(), "--tsv", write("p.tsv", tsv), "--links", "tsv"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const auto at = outcome.out.find("AER");
    return outcome.out.substr(at, outcome.out.find('\n', at) - at);
  };
  const auto plain = aer("a b\ta b\t0-0 1-1\n");
  EXPECT_EQ(aer("a b\ta b\tCC-BY 2.0 (Ann)\t0-0 1-1\n"), plain);
  EXPECT_EQ(aer("a b\ta b\t0-0 1-1\tCC-BY 2.0 (Ann)\n"), plain);
  const auto refused = [&](const std::string& tsv) { return run({"evaluate", model(), "--tsv", write("p.tsv", tsv), "--links", "tsv"}); };
  expect_failure(refused("a\ta\t0-0\na\ta\tCC-BY\n"), 1, "p.tsv:2: 'CC-BY' is no link");
  expect_failure(refused("a\ta\nb\tb\n"), 1, "p.tsv: no row has links");
  expect_failure(refused("a\ta\t0-0\nb\tb\t0-1\n"), 1, "p.tsv:2: link 0-1");
  expect_failure(run({"evaluate", model(), "--tsv", write("p.tsv", "a\ta\t0-0\n"), "--links", "tsv", "--link-units", "word"}), 2,
                 "words, punctuated, tokens or characters");
}

TEST_F(Figures, ByLengthPartsEverySentenceOnce) {
  std::string tsv;
  for (int i = 0; i < 4; ++i) tsv += "a b c\ta b c\t0-0 1-1 2-2\n";
  tsv += "a b c d e a b\ta b c d e a b\t0-0\na b c d e c\ta b c d e c\t0-0\n";
  const auto outcome = run({"evaluate", model(), "--tsv", write("p.tsv", tsv), "--links", "tsv", "--by-length", "--bleu-tokenizer", "none",
                            "--json", folder_ / "e.json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("tokens  sentences"), std::string::npos) << outcome.out;
  const auto json = json_of(folder_ / "e.json");
  const auto& groups = json.at("by_length");
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].at("sentences"), 4);
  EXPECT_EQ(groups[1].at("sentences"), 2);
  EXPECT_EQ(groups[1].at("shortest"), 6);
  EXPECT_EQ(groups[1].at("longest"), 10);
  EXPECT_NEAR(4 * groups[0].at("exact").get<double>() + 2 * groups[1].at("exact").get<double>(), 6 * json.at("exact").get<double>(), 1e-9);
  // The same sentences alone have the same figures.
  const auto alone = write("alone.tsv", "a b c d e a b\ta b c d e a b\t0-0\na b c d e c\ta b c d e c\t0-0\n");
  ASSERT_EQ(run({"evaluate", model(), "--tsv", alone, "--links", "tsv", "--bleu-tokenizer", "none", "--json", folder_ / "a.json"}).code, 0);
  const auto own = json_of(folder_ / "a.json");
  for (const char* figure : {"perplexity", "bleu", "chrf", "exact", "aer", "entropy"})
    EXPECT_NEAR(groups[1].at(figure).get<double>(), own.at(figure).get<double>(), 1e-4) << figure;
  for (const char* figure : {"entropy_rows", "entropy_without_end", "entropy_rows_without_end"}) EXPECT_GE(own.at(figure).get<double>(), 0);
}

TEST_F(Figures, OfClassesSayWhenNoLabelIsKnown) {
  std::string text;
  for (int i = 0; i < 12; ++i) text += i % 2 ? "good so fine a film\n" : "bad what a dull film\n";
  const auto data = write("train.txt", text);
  const auto config = write("c.yaml", "task: classify\ndata: {text: " + data + ", dev_text: " + data +
                                          "}\nmodel: {type: encoder_classifier, embedding: 8, encoder_hidden: 4, pooling: mean}\n"
                                          "train: {steps: 4, batch_size: 16}\n");
  const auto out = folder_ / "classes";
  const auto trained = run({"train", config, "--out", out, "--threads", "1"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto about = run({"info", out});
  EXPECT_NE(about.out.find("mean"), std::string::npos) << about.out;
  EXPECT_EQ(about.out.find("additive"), std::string::npos) << about.out;
  const auto tsv = write("t.txt", "so fine a film\tgood\nwhat a dull film\tbad\n");
  expect_failure(run({"evaluate", out, "--text", tsv}), 1, "none of its 2 answers is one that the model can give");
  const auto read = run({"evaluate", out, "--tsv", tsv, "--by-length", "--per-sentence", folder_ / "each.tsv"});
  ASSERT_EQ(read.code, 0) << read.err;
  EXPECT_NE(read.out.find("accuracy %"), std::string::npos) << read.out;
  EXPECT_EQ(lines_of(slurp(folder_ / "each.tsv")).size(), 3u);
  expect_failure(run({"evaluate", out, "--tsv", tsv, "--links", "tsv"}), 2, "--links has no meaning for a model that answers");
}

TEST_F(Figures, OfALanguageModelCountEveryToken) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "a b c\nb a\n";
  const auto data = write("lm.txt", text);
  const auto config = write("lm.yaml", "task: generate\ndata: {text: " + data + ", dev_text: " + data +
                                           ", length: 7}\nmodel: {type: rnn_lm, embedding: 8, hidden: 8}\n"
                                           "text: {target: {kind: words}}\ntrain: {steps: 3, batch_size: 16}\n");
  const auto out = folder_ / "lm";
  ASSERT_EQ(run({"train", config, "--out", out, "--threads", "1"}).code, 0);
  for (const char* length : {"1", "2", "3", "7", "31", "1000"}) {
    const auto outcome = run({"evaluate", out, "--text", data, "--length", length});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out.substr(0, outcome.out.find('\n')), "tokens      210") << length;
  }
}

}  // namespace
}  // namespace attend
