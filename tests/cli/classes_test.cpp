// Classes and captions from the files that people have: each form is learned from, told of, run and measured; so is every example of
// docs/guide/tasks.md.
#include <map>

#include "attend/data/image.h"
#include "cli/program.h"

namespace attend {
namespace {

using Words = std::vector<std::string>;

class Classes : public Cli {
 protected:
  static void SetUpTestSuite() { shared_ = new TempFolder; }

  // A small classifier or captioner; `values` are configuration keys.
  Outcome learn(const std::string& out, const Words& values) {
    Words arguments{"train", "--out", out, "--threads", "1"};
    const auto has = [&](const char* value) { return std::find(values.begin(), values.end(), value) != values.end(); };
    Words all{"text.source.kind=words",  "model.embedding=8", "train.batch_by=sentences",  "train.batch_size=8",
              "train.label_smoothing=0", "train.rate=0.02",   "train.validate_every=1000", "train.epochs=0"};
    if (!has("model.type=memory_hops")) all.push_back("model.dropout=0");
    if (has("model.type=encoder_classifier") || has("model.type=reader")) all.push_back("model.encoder_hidden=8");
    all.insert(all.end(), values.begin(), values.end());
    for (const auto& value : all) arguments.insert(arguments.end(), {"--set", value});
    return run(arguments);
  }
  Outcome learn_texts(const std::string& out, const std::string& file, Words values = {}) {
    values.insert(values.begin(), {"task=classify", "model.type=encoder_classifier", "data.text=" + file, "train.steps=80"});
    return learn(out, values);
  }
  void picture(const std::string& name, int grey, int width = 8, int height = 8) {
    Image image{width, height, 3, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height), static_cast<std::uint8_t>(grey))};
    write(name, to_png(image));
  }
  static void expect_said(const Outcome& outcome, const std::string& text) {
    EXPECT_NE(outcome.err.find(text), std::string::npos) << "'" << text << "' in:\n" << outcome.err;
  }
};

struct Form {
  std::string name, header;
  std::string (*row)(const std::string& text, const std::string& label);
};
const Form kForms[] = {
    {"a.csv", "id,review,opinion of it\n", [](const auto& text, const auto& label) { return "7,\"" + text + "\"," + label + "\n"; }},
    {"a.tsv", "text\tlabel\n", [](const auto& text, const auto& label) { return text + "\t" + label + "\n"; }},
    {"a.jsonl", "", [](const auto& text, const auto& label) { return "{\"label\": \"" + label + "\", \"text\": \"" + text + "\"}\n"; }},
};

TEST_F(Classes, EveryFormIsLearnedRunAndMeasured) {
  for (const auto& form : kForms) {
    auto rows = form.header;
    for (const auto* thing : {"tea", "song", "road", "snow"})
      rows += form.row(std::string("the ") + thing + ", it was fine", "very good") +
              form.row(std::string("the ") + thing + ", it was dull", "bad");
    const auto file = write(form.name, rows), out = folder_ / (form.name + ".run");
    const auto learned = learn_texts(out, file, {"data.dev_text=" + file});
    ASSERT_EQ(learned.code, 0) << learned.err;
    expect_said(learned, "2 classes: bad 4, very good 4");
    expect_said(learned, "fewer than 5 examples");
    const auto told = run({"classify", out, file, "--threads", "1"});
    ASSERT_EQ(told.code, 0) << told.err;
    EXPECT_EQ(std::count(told.out.begin(), told.out.end(), '\n'), 8) << told.out;
    EXPECT_TRUE(told.out.starts_with("very good\t")) << told.out;
    EXPECT_NE(told.out.find("\nbad\t"), std::string::npos) << told.out;
    const auto measured = run({"evaluate", out, "--text", file, "--threads", "1"});
    ASSERT_EQ(measured.code, 0) << measured.err;
    EXPECT_NE(measured.out.find("accuracy    100.00 %"), std::string::npos) << measured.out;
    expect_said(measured, file + ": ");
  }
}

TEST_F(Classes, BlankTextsGetABlankLine) {
  const auto file = write("a.csv", "text,label\nfine day,good\nfine tea,good\ndull day,bad\ndull tea,bad\n"), out = folder_ / "run";
  ASSERT_EQ(learn_texts(out, file, {"data.dev_text=" + file, "train.steps=3"}).code, 0);
  const auto told = lines_of(run({"classify", out}, "\nfine day\n  \n\ndull\n\n").out);
  ASSERT_EQ(told.size(), 6U);
  for (const std::size_t blank : {0U, 2U, 3U, 5U}) EXPECT_EQ(told[blank], "");
  EXPECT_NE(told[1], "");
  EXPECT_NE(told[4], "");
  const auto rows = lines_of(run({"classify", out, write("b.csv", "n,text\n1,\n2,fine day\n3,\n"), "--best", "2"}).out);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0] + rows[2], "");
  EXPECT_NE(rows[1], "");
}

TEST_F(Classes, WhatIsWrongWithThemIsSaid) {
  const auto file = write("a.csv", "text,label\none,x\n\n,x\ntwo,x\nthree,\nfour,x\n");
  const auto dev = write("dev.csv", "text,label\none,x\ntwo,y\nthree,z\nfour,z\n");
  const auto one = learn_texts(folder_ / "one", file, {"data.dev_text=" + dev, "train.steps=1"});
  ASSERT_EQ(one.code, 0) << one.err;
  expect_said(one, "1 class: x 3");
  expect_said(one, "there is one class alone");
  expect_said(one, "2 classes of the validation data never stand in the training data and count as wrong: y (1), z (2)");
  expect_said(one, "blank lines: 1 left out (" + file + ":3)");
  expect_said(one, "rows without a text: 1 left out (" + file + ":4)");
  expect_said(one, "rows without a label: 1 left out (" + file + ":6)");
  expect_said(one, "the text is column 1 (text), the label column 2 (label)");
  expect_failure(learn_texts(folder_ / "two", write("b.csv", "text,label\none,x\ntwo, three,y\n")), 1, "b.csv:3: 3 cells");
  expect_failure(learn_texts(folder_ / "three", file, {"data.label_column=labels"}), 1, "did you mean 'label'");
  expect_failure(learn_texts(folder_ / "four", write("c.json", "{\"data\": [{\"paragraphs\": [{\"qas\": []}]}]}")), 1, "SQuAD");
}

TEST_F(Classes, FoldersOfPictures) {
  for (int i = 0; i < 4; ++i) {
    picture("p/dark night/" + std::to_string(i) + ".png", 10 * i, 8 + i, 9);  // of any size
    picture("p/light/" + std::to_string(i) + ".png", 200 + 10 * i);
  }
  write("p/light/._0.png", "x");
  write("p/notes.txt", "x");
  const auto out = folder_ / "run", pictures = folder_ / "p";
  const Words model{"task=classify", "model.type=patch_classifier", "model.attention=multi_head",
                    "model.heads=2", "model.picture_width=8",       "model.picture_height=8",
                    "model.patch=4", "model.feed_forward=16",       "model.encoder_layers=1"};
  auto values = model;
  values.insert(values.end(), {"data.images=" + pictures, "data.dev_images=" + pictures, "train.steps=60"});
  const auto learned = learn(out, values);
  ASSERT_EQ(learned.code, 0) << learned.err;
  expect_said(learned, "2 classes: dark night 4, light 4");
  expect_said(learned, "hidden files or folders: 1 left out (" + pictures + "/light/._0.png)");
  expect_said(learned, "files that are no PNG or JPEG picture: 1 left out (" + pictures + "/notes.txt)");
  const auto measured = run({"evaluate", out, "--images", pictures, "--threads", "1"});
  ASSERT_EQ(measured.code, 0) << measured.err;
  EXPECT_NE(measured.out.find("accuracy    100.00 %"), std::string::npos) << measured.out;
  const auto one = run({"classify", out, pictures + "/light/1.png"});
  EXPECT_TRUE(one.out.starts_with("light\t")) << one.out << one.err;
  const auto all = run({"classify", out, pictures});
  EXPECT_EQ(std::count(all.out.begin(), all.out.end(), '\n'), 8) << all.out << all.err;
  EXPECT_TRUE(all.out.starts_with(pictures + "/dark night/0.png\tdark night\t")) << all.out;
  // Without a folder for validation a share is held out, and said to be.
  values = model;
  values.insert(values.end(), {"data.images=" + pictures, "data.dev_share=0.25", "train.steps=1"});
  expect_said(learn(folder_ / "held", values), "2 of 8 are held out for validation, drawn at random");
}

TEST_F(Classes, CaptionsWithoutAListOfValidationPictures) {
  std::string captions;
  for (int i = 0; i < 8; ++i) {
    picture("p/" + std::to_string(i) + ".png", 30 * i);
    if (i < 7) captions += std::to_string(i) + ".png#0\tIt is " + (i < 4 ? "dark" : "light") + " .\n";
  }
  captions += "6.png#1\t!\n";
  const Words values{"task=caption",
                     "model.type=captioner",
                     "model.attention=additive",
                     "model.picture_width=8",
                     "model.picture_height=8",
                     "model.picture_channels=3",
                     "model.convolutions=1",
                     "model.filters=8",
                     "model.hidden=8",
                     "text.target.kind=words",
                     "train.steps=2",
                     "data.dev_share=0.2",
                     "data.captions=" + write("captions.txt", captions),
                     "data.images=" + (folder_ / "p")};
  const auto learned = learn(folder_ / "run", values);
  ASSERT_EQ(learned.code, 0) << learned.err;
  expect_said(learned, "2 of 7 pictures are held out for validation, drawn at random with all their captions (data.dev_share = 0.2)");
  expect_said(learned, "5 training examples, 2 for validation");
  expect_said(learned, "1 of 8 pictures have no caption");
  expect_said(learned, "captions without a word: 1 left out (6.png)");
}

TEST_F(Classes, ModelsOfOtherProgramsAreNamed) {
  write("bert/config.json", "{\"model_type\": \"bert\"}");
  write("bert/model.safetensors", "x");
  expect_failure(run({"translate", folder_ / "bert"}, "a\n"), 1,
                 "a pretrained model in the form of Hugging Face (config.json beside model.safetensors)");
  expect_failure(run({"classify", folder_ / "bert/model.safetensors"}, "a\n"), 1, "not a model");
}

// The blocks of the page whose fence names a file: kind, name, content.
struct Example {
  std::string kind, name, content;
};
std::vector<Example> examples_of_the_page() {
  std::vector<Example> examples;
  Example* open = nullptr;
  for (const auto& line : lines_of(slurp(std::string(ATTEND_SOURCE_DIR) + "/docs/guide/tasks.md"))) {
    const auto space = line.find(' ');
    if (line == "```") {
      open = nullptr;
    } else if (line.starts_with("```") && space != line.npos) {
      examples.push_back({line.substr(3, space - 3), line.substr(space + 1), ""});
      open = &examples.back();
    } else if (open != nullptr) {
      open->content += line + "\n";
    }
  }
  return examples;
}

TEST_F(Classes, TheExamplesOfTheGuideAreLearnedFrom) {
  std::map<std::string, std::string> files;
  std::set<std::string> kinds;
  for (const auto& example : examples_of_the_page()) {
    kinds.insert(example.kind);
    files[example.kind] = write("guide/" + example.name, example.content);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"answers", "captions", "csv", "documents", "folder", "json", "stories", "text", "tsv"}));
  const auto learns = [&](const std::string& name, Words values, const std::string& said) {
    values.insert(values.end(), {"train.steps=2", "data.dev_share=0.5"});
    const auto learned = learn(folder_ / (name + ".run"), values);
    EXPECT_EQ(learned.code, 0) << name << learned.err;
    expect_said(learned, said);
  };
  const Words picture_size{"model.picture_width=8", "model.picture_height=8", "model.picture_channels=3"};
  for (const auto* kind : {"csv", "tsv", "json", "text"})
    learns(kind, {"task=classify", "model.type=encoder_classifier", "data.text=" + files[kind]}, "2 of 4 are held out");
  learns("stories", {"task=answer", "model.type=memory_hops", "data.text=" + files["stories"]},
         "1 of 2 are held out for validation, the last ones");
  learns("documents",
         {"task=answer", "model.type=reader", "text.source.kind=symbols", "data.text=" + files["documents"],
          "data.answers=" + files["answers"]},
         "1 of 2 are held out");
  const auto tree = lines_of(slurp(files["folder"]));
  fs::remove(files["folder"]);
  ASSERT_EQ(tree.size(), 4u);
  for (int i = 0; i < 4; ++i) picture("guide/pictures/" + tree[static_cast<std::size_t>(i)], 40 * i);
  Words values{"task=classify", "model.type=patch_classifier",   "model.attention=multi_head", "model.heads=2",
               "model.patch=4", "data.images=" + files["folder"]};
  values.insert(values.end(), picture_size.begin(), picture_size.end());
  learns("folder", values, "2 of 4 are held out");
  for (const auto* name : {"1.png", "2.png", "3.png"}) picture(std::string("guide/album/") + name, 90);
  values = {"task=caption",
            "model.type=captioner",
            "model.attention=additive",
            "model.convolutions=1",
            "model.filters=8",
            "model.hidden=8",
            "text.target.kind=words",
            "data.captions=" + files["captions"],
            "data.images=" + (folder_ / "guide/album")};
  values.insert(values.end(), picture_size.begin(), picture_size.end());
  learns("captions", values, "2 of 3 pictures are held out");
}

}  // namespace
}  // namespace attend
