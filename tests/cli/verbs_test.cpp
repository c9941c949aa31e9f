// Verbs that give something, on models that have learned it: what they print is what their model does.
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "attend/data/image.h"
#include "attend/record/record.h"
#include "cli/program.h"

namespace attend {
namespace {

class Verbs : public Cli {};

TEST_F(Verbs, TraceTellsEveryStepOfATranslation) {
  const auto said = run({"translate", model(), "--beam", "1"}, "a b c\n");
  ASSERT_EQ(said.code, 0) << said.err;
  const auto translation = lines_of(said.out).at(0);
  const auto traced = run({"trace", model(), "a b c", "--json"});
  ASSERT_EQ(traced.code, 0) << traced.err;
  const auto json = nlohmann::json::parse(traced.out);
  EXPECT_EQ(traced.err, "");
  // A step for each token and one for the end, as likely as score says.
  const auto words = translation.empty() ? 0 : std::count(translation.begin(), translation.end(), ' ') + 1;
  EXPECT_EQ(json.at("steps").size(), static_cast<std::size_t>(words) + 1);
  const auto scored = run({"score", model(), "--source", write("s", "a b c\n"), "--target", write("t", translation + "\n")});
  EXPECT_NEAR(std::stod(scored.out), json.at("totals").at("log_prob").get<double>(), 1e-4);
  const auto text = run({"trace", model(), "a b c"});
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(lines_of(text.out).at(2), "a b c -> " + translation) << text.out;
  // One step alone is a part of the whole.
  const auto second = run({"trace", model(), "a b c", "--target", "b a", "--step", "2"}),
             whole = run({"trace", model(), "a b c", "--target", "b a"});
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_LT(second.out.size(), whole.out.size());
  for (const auto& line : lines_of(second.out)) EXPECT_NE(whole.out.find(line), std::string::npos) << line;
  EXPECT_NE(second.out.find("Step 2 of 3, after b: a"), std::string::npos) << second.out;
  EXPECT_EQ(second.out.find("Step 1 of 3"), std::string::npos) << second.out;
  expect_failure(run({"trace", model(), "a b c", "--target", "b a", "--step", "9"}), 1, "trace: step 9 is not there; the steps are 1 to 3");
}

// Learned by heart, so that what is said is known.
TEST_F(Verbs, CaptionSaysWhatIsInPictures) {
  const std::vector<std::pair<std::string, std::array<std::uint8_t, 3>>> colours{{"red", {220, 30, 30}}, {"blue", {30, 30, 220}}};
  std::string captions, list;
  for (const auto& [colour, rgb] : colours) {
    Image picture{8, 8, 3, {}};
    for (int i = 0; i < 64; ++i) picture.pixels.insert(picture.pixels.end(), rgb.begin(), rgb.end());
    write("pictures/" + colour + ".png", to_png(picture));
    captions += colour + ".png#0\tthis is " + colour + "\n" + colour + ".png#1\tthis is " + colour + "\n";
    list += colour + ".png\n";
  }
  const auto file = write("captions.txt", captions), names = write("list.txt", list), out = folder_ / "run";
  std::vector<std::string> arguments{"train", "--task", "caption", "--out", out, "--threads", "1"};
  for (const auto& value :
       {"data.captions=" + file, "data.images=" + (folder_ / "pictures"), "data.list=" + names, "data.dev_list=" + names,
        std::string("model.picture_width=8"), std::string("model.picture_height=8"), std::string("model.picture_channels=3"),
        std::string("model.convolutions=1"), std::string("model.filters=8"), std::string("model.hidden=16"),
        std::string("model.embedding=8"), std::string("model.dropout=0"), std::string("text.target.kind=words"),
        std::string("train.label_smoothing=0"), std::string("train.rate=0.02"), std::string("train.batch_size=2"),
        std::string("train.epochs=0"), std::string("train.steps=100"), std::string("train.metric=loss")}) {
    arguments.emplace_back("--set");
    arguments.push_back(value);
  }
  const auto trained = run(arguments);
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto red = folder_ / "pictures/red.png", blue = folder_ / "pictures/blue.png", record = folder_ / "r.npz";
  const auto said = run({"caption", out, red, blue, "--record", record});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out, red + "\tthis is red\n" + blue + "\tthis is blue\n");
  EXPECT_EQ(run({"caption", out, folder_ / "pictures"}).out, blue + "\tthis is blue\n" + red + "\tthis is red\n");
  const RecordFile kept(record);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept.read(1)->data().hypotheses.at(0).text.utf8, "this is blue");
  EXPECT_EQ(run({"draw", record, "--png", folder_ / "p.png"}).code, 0);
  const auto judged = run({"evaluate", out, "--captions", file, "--images", folder_ / "pictures"});
  EXPECT_NE(judged.out.find("exact       100.00 % are one of the captions"), std::string::npos) << judged.out;
  expect_failure(run({"caption", model(), red}), 1, "use attend translate");
}

// A model of pairs by another name: each task's verb says what the model was taught, line by line.
TEST_F(Verbs, SummariseAndTransliterateWriteALineForALine) {
  for (const auto& [verb, judged_by] : {std::pair("summarise", "chrf"), std::pair("transliterate", "exact")}) {
    SCOPED_TRACE(verb);
    std::string tsv;
    for (int i = 0; i < 20; ++i) tsv += "a b c a\tb c\nc b a c\tb a\n";
    const auto out = folder_ / verb, data = write(std::string(verb) + ".tsv", tsv);
    std::vector<std::string> arguments{"train", "--task", verb, "--tsv", data, "--out", out, "--threads", "1"};
    for (const char* value : {"text.source.kind=words", "text.target.kind=words", "model.embedding=8", "model.encoder_hidden=8",
                              "model.hidden=16", "model.dropout=0", "train.batch_by=sentences", "train.batch_size=8", "train.rate=0.02",
                              "train.steps=100", "train.label_smoothing=0"}) {
      arguments.emplace_back("--set");
      arguments.emplace_back(value);
    }
    const auto trained = run(arguments);
    ASSERT_EQ(trained.code, 0) << trained.err;
    EXPECT_NE(trained.err.find(std::string("best is what has the largest ") + judged_by), std::string::npos) << trained.err;
    const auto said = run({verb, out}, "a b c a\n\nc b a c\n");
    ASSERT_EQ(said.code, 0) << said.err;
    EXPECT_EQ(said.out, "b c\n\nb a\n");
    const auto lists = run({verb, out, write("in", "c b a c\n"), "--n-best", "2", "--output", folder_ / "out"});
    EXPECT_EQ(lists.code, 0) << lists.err;
    EXPECT_EQ(lists.out, "");
    const auto written = lines_of(slurp(folder_ / "out"));
    ASSERT_EQ(written.size(), 2u);
    EXPECT_TRUE(written[0].starts_with("0 ||| b a ||| -")) << written[0];
  }
}

}  // namespace
}  // namespace attend
