// Records of maps that are kept as summaries, from the verb that writes them to the picture.
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace attend {
namespace {

class LargeMaps : public Cli {
 protected:
  static void SetUpTestSuite() {
    Cli::SetUpTestSuite();
    const auto trained = run(train_arguments(*shared_ / "transformer", {"--set", "model.type=transformer", "--set", "model.heads=2",
                                                                        "--set", "model.feed_forward=16", "--set", "train.steps=20"}));
    ASSERT_EQ(trained.code, 0) << trained.err;
    put_file(*shared_ / "source", "a b c a b\na\n");
    put_file(*shared_ / "target", "a b c\na\n");
    for (const std::string maps : {"full", "summary"}) {
      const auto scored = run({"score", *shared_ / "transformer", "--source", *shared_ / "source", "--target", *shared_ / "target",
                               "--record", record(maps), "--maps", maps, "--map-rows", "1"});
      ASSERT_EQ(scored.code, 0) << scored.err;
      EXPECT_EQ(scored.err.find("holds summaries of large maps") != std::string::npos, maps == "summary") << scored.err;
    }
  }
  static std::string record(const std::string& maps) { return *shared_ / (maps + ".npz"); }
  // The numbers of an array of a scene.
  static std::vector<float> floats(const nlohmann::json& array) {
    static const std::string kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : array.at("data").get<std::string>()) {
      const auto value = kLetters.find(c);
      if (value == std::string::npos) break;
      bits = bits << 6 | static_cast<std::uint32_t>(value);
      have += 6;
      if (have >= 8) bytes += static_cast<char>(bits >> (have -= 8) & 0xff);
    }
    std::vector<float> numbers(bytes.size() / 4);
    std::memcpy(numbers.data(), bytes.data(), numbers.size() * 4);
    return numbers;
  }
  nlohmann::json drawn(const std::string& maps, std::vector<std::string> more) const {
    std::vector<std::string> arguments{"draw", record(maps), "--json", folder_ / "scene.json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return nlohmann::json::parse(slurp(folder_ / "scene.json"));
  }
};

TEST_F(LargeMaps, InfoTellsWhatARecordHolds) {
  const auto told = nlohmann::json::parse(run({"info", record("summary"), "--json"}).out);
  ASSERT_EQ(told.at("records").size(), 2u);
  const auto& maps = told["records"][0]["maps"];
  ASSERT_GE(maps.size(), 3u);
  for (const auto& map : maps) {
    EXPECT_EQ(map.at("kept"), "summary");
    EXPECT_EQ(map.at("tiles"), "float32");
    EXPECT_EQ(map.at("chosen_rows"), nlohmann::json({1}));
    EXPECT_EQ(map.at("statistics"), nlohmann::json({"entropy", "lse", "maximum", "column_sums"}));
  }
  EXPECT_EQ(nlohmann::json::parse(run({"info", record("full"), "--json"}).out)["records"][0]["maps"][0].at("kept"), "full");
  const auto text = run({"info", record("summary")}).out;
  EXPECT_NE(text.find("record 1: input 1, translate by transformer"), std::string::npos) << text;
  EXPECT_NE(text.find("2 heads, 6 x 6, summary of"), std::string::npos) << text;  // five words and </s>
}

TEST_F(LargeMaps, ATileIsWhatTheFullMapHolds) {
  for (const std::string site : {"encoder.self", "decoder.self", "decoder.cross"}) {
    const auto full = drawn("full", {"--site", site, "--head", "1"}),
               tile = drawn("summary", {"--site", site, "--head", "1", "--rows", "1:4"});
    const auto expected = floats(full["panels"][0]["weights"]), got = floats(tile["panels"][0]["weights"]);
    const auto columns = full["columns"]["labels"].size();
    ASSERT_EQ(got.size(), 3 * columns) << site;
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], expected[columns + i], 3e-4) << site << " " << i;  // full maps are float16
    EXPECT_EQ(tile["rows"]["labels"][0], full["rows"]["labels"][1]);
    EXPECT_EQ(tile["columns"], full["columns"]);
  }
}

TEST_F(LargeMaps, BlocksAreDrawnEverywhere) {
  const auto files = {folder_ / "a.png", folder_ / "a.svg", folder_ / "a.html"};
  const auto outcome = run({"draw", record("summary"), "--png", folder_ / "a.png", "--svg", folder_ / "a.svg", "--html", folder_ / "a.html",
                            "--blocks", "3", "--pool", "max", "--all-heads"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  for (const auto& file : files) EXPECT_GT(fs::file_size(file), 1000u) << file;
  const auto terminal = run({"draw", record("summary"), "--site", "encoder.self", "--width", "80"});
  EXPECT_NE(terminal.out.find("encoder.self, layer"), std::string::npos) << terminal.out;
  expect_failure(run({"draw", record("summary"), "--rows", "0:7"}), 2, "--rows must be FIRST:END with 0 <= FIRST < END <= 4, got '0:7'");
  expect_failure(run({"draw", record("summary"), "--rows", "2"}), 2, "--rows must be FIRST:END");
  expect_failure(run({"draw", record("full"), "--rows", "0:1"}), 2, "this one is kept in full, draw it whole");
  expect_failure(run({"draw", record("summary"), "--view", "highlight"}), 2, "is kept as a summary, which view heatmap shows");
}

TEST_F(LargeMaps, PythonReadsThem) {
  const auto python = [](const std::vector<std::string>& arguments) { return run(arguments, "", "/usr/bin/env"); };
  if (python({"python3", "-c", "import numpy"}).code != 0) GTEST_SKIP() << "python3 has no numpy";
  const auto told = python({"python3", std::string(ATTEND_SOURCE_DIR) + "/examples/read_record.py", record("summary")});
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_NE(told.out.find("encoder.self 0 (2, 6, 6) entropy ["), std::string::npos) << told.out;
  // The corner is the first five columns of the rows of the full map.
  const auto full = floats(drawn("full", {"--site", "encoder.self", "--layer", "0", "--head", "0"})["panels"][0]["weights"]);
  const auto at = told.out.find("corner [[", told.out.find("encoder.self 0 ")) + 9;
  EXPECT_NEAR(std::stod(told.out.substr(at)), full[0], 1e-3) << told.out;
}

TEST_F(LargeMaps, LinksNeedWholeMaps) {
  expect_failure(run({"score", *shared_ / "transformer", "--source", *shared_ / "source", "--target", *shared_ / "target", "--alignment",
                      "--maps", "summary"}),
                 2, "--alignment reads whole maps");
}

TEST_F(LargeMaps, ALanguageModelIsScored) {
  put_file(folder_ / "text", "a b c a b\nc b a c\na a b b c c\n");
  std::vector<std::string> arguments{"train", "--task", "generate", "--text", folder_ / "text", "--out", folder_ / "lm", "--threads", "1"};
  for (const char* value : {"model.type=transformer_lm", "text.target.kind=words", "model.embedding=8", "model.heads=2",
                            "model.feed_forward=16", "train.steps=5", "data.length=8", "data.dev_share=0.3", "data.test_share=0"})
    arguments.insert(arguments.end(), {"--set", value});
  const auto trained = run(arguments);
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto scored =
      run({"score", folder_ / "lm", "--target", folder_ / "text", "--tokens", "--record", folder_ / "lm.npz", "--maps", "summary"});
  ASSERT_EQ(scored.code, 0) << scored.err;
  ASSERT_EQ(lines_of(scored.out).size(), 3u);
  EXPECT_LT(std::stod(scored.out), 0);
  EXPECT_NE(scored.out.find("</s>:"), std::string::npos);
  const auto told = nlohmann::json::parse(run({"info", folder_ / "lm.npz", "--json"}).out);
  ASSERT_EQ(told["records"].size(), 3u);
  EXPECT_EQ(told["records"][2]["maps"][0]["rows"], 7);
  EXPECT_EQ(run({"draw", folder_ / "lm.npz", "--png", folder_ / "lm.png"}).code, 0);
  expect_failure(run({"score", folder_ / "lm", "--source", folder_ / "text", "--target", folder_ / "text"}), 2,
                 "is a language model, which has no source");
}

}  // namespace
}  // namespace attend
