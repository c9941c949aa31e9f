#include "attend/core/options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "attend/core/random.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

struct CellOptions {
  std::string kind;
  std::int64_t size;
  CellOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(kind, "kind", "lstm", "recurrent cell", one_of({"lstm", "gru"}));
    v(size, "size", 256, "units", at_least(1));
  }
};
struct ModelOptions {
  CellOptions cell;
  double dropout;
  ModelOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v.group(cell, "cell", "the recurrent cell");
    v(dropout, "dropout", 0.1, "share of units dropped", between(0, 1));
  }
};
struct RunOptions {
  std::string name;
  bool verbose;
  std::int64_t seed;
  std::vector<std::string> files;
  ModelOptions model;
  RunOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(name, "name", "run", "title of the run");
    v(verbose, "verbose", false, "tell more");
    v(seed, "seed", 1, "random seed");
    v(files, "files", {"a.txt", "b c.txt"}, "what to read");
    v.group(model, "model", "the model");
  }
};

RunOptions from(const std::string& yaml) {
  RunOptions options;
  assign(options, parse_config(yaml, "run.yaml"));
  return options;
}

TEST(Options, DefaultsAreTheDeclaredOnes) {
  const RunOptions options;
  EXPECT_EQ(options.name, "run");
  EXPECT_FALSE(options.verbose);
  EXPECT_EQ(options.seed, 1);
  EXPECT_EQ(options.files, (std::vector<std::string>{"a.txt", "b c.txt"}));
  EXPECT_EQ(options.model.cell.kind, "lstm");
  EXPECT_EQ(options.model.cell.size, 256);
  EXPECT_EQ(options.model.dropout, 0.1);
}

TEST(Options, ConfigSetsWhatItNames) {
  const auto options = from("verbose: true\nmodel:\n  dropout: 0.25\n  cell: {kind: gru, size: 17}\nfiles: [x, 'y z']\n");
  EXPECT_TRUE(options.verbose);
  EXPECT_EQ(options.model.dropout, 0.25);
  EXPECT_EQ(options.model.cell.kind, "gru");
  EXPECT_EQ(options.model.cell.size, 17);
  EXPECT_EQ(options.files, (std::vector<std::string>{"x", "y z"}));
  EXPECT_EQ(options.seed, 1);
  EXPECT_EQ(from("files: one").files, std::vector<std::string>{"one"});
  EXPECT_TRUE(from("files: []").files.empty());
}

TEST(Options, TypesAndRangesAreChecked) {
  EXPECT_ERROR(from("\nmodel:\n  dropout: 1.5"), kValue, "run.yaml:3: model.dropout must be 0 to 1, got 1.5");
  EXPECT_ERROR(from("model:\n  cell:\n    size: 0"), kValue, "run.yaml:3: model.cell.size must be at least 1, got 0");
  EXPECT_ERROR(from("seed: 1.5"), kValue, "run.yaml:1: seed must be a whole number, got '1.5'");
  EXPECT_ERROR(from("seed: 99999999999999999999"), kValue, "seed must be at most 9223372036854775807, got '99999999999999999999'");
  EXPECT_ERROR(from("seed: [1, 2]"), kValue, "seed must be a whole number, got the list '1, 2'");
  EXPECT_ERROR(from("model: {dropout: nan}"), kValue, "model.dropout must be a number, got 'nan'");
  EXPECT_ERROR(from("verbose: yes"), kValue, "verbose must be true or false, got 'yes'");
  EXPECT_ERROR(from("verbose: []"), kValue, "verbose must be true or false, got the list ''");
  EXPECT_ERROR(from("name: [a]"), kValue, "name must be one text, got a list of 1");
  EXPECT_ERROR(from("model: {cell: {kind: lsmt}}"), kUnknownName, "run.yaml:1: model.cell.kind: 'lsmt' is not known, did you mean 'lstm'?");
}

// An empty text says that something else decides, and is written into configurations like any other value.
TEST(Options, TheDefaultIsTakenThoughItIsNoChoice) {
  struct Chosen {
    std::string metric;
    Chosen() { set_defaults(*this); }
    void visit(OptionVisitor& v) { v(metric, "metric", "", "what best means; empty: the task's own", one_of({"loss", "bleu"})); }
  };
  const auto chosen = [](const std::string& yaml) {
    Chosen options;
    assign(options, parse_config(yaml, "run.yaml"));
    return options.metric;
  };
  EXPECT_EQ(chosen("metric: bleu"), "bleu");
  EXPECT_EQ(chosen("metric: ''"), "");
  EXPECT_EQ(chosen(to_yaml(list_options<Chosen>())), "");
  EXPECT_ERROR(chosen("metric: blue"), kUnknownName, "run.yaml:1: metric: 'blue' is not known, did you mean 'bleu'?; valid: loss, bleu");
}

TEST(Options, UnknownKeysNameTheNearest) {
  EXPECT_ERROR(from("sede: 3"), kUnknownName,
               "run.yaml:1: unknown key 'sede', did you mean 'seed'?; keys here: name, verbose, seed, files");
  EXPECT_ERROR(from("model:\n  droput: 0.5"), kUnknownName, "run.yaml:2: unknown key 'model.droput', did you mean 'model.dropout'?");
  EXPECT_ERROR(from("modle:\n"), kUnknownName, "run.yaml:1: unknown key 'modle', did you mean 'model'?");
}

// A section of many keys names the few that resemble what was typed, and the verb that lists them all.
constexpr const char* kManyKeys[] = {"rate",   "warmup", "momentum", "clip",   "window", "patience",
                                     "metric", "seed",   "threads",  "matmul", "keep",   "average"};
struct ManyOptions {
  struct Section {
    std::int64_t field[12];
    void visit(OptionVisitor& v) {
      for (std::size_t i = 0; i < 12; ++i) v(field[i], kManyKeys[i], 0, "a number");
    }
  } section;
  ManyOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) { v.group(section, "train", "how it learns"); }
};

TEST(Options, ALongSectionNamesTheNearestFew) {
  ManyOptions many;
  try {
    assign(many, parse_config("train: {avrage: 3}", "run.yaml"));
    FAIL();
  } catch (const Error& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("did you mean 'train.average'?; the nearest keys: train.average, "), std::string::npos) << text;
    EXPECT_NE(text.find("`attend keys train` lists all"), std::string::npos) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), ','), 1 + 7) << text;  // eight keys
  }
}

TEST(Options, SectionWithNothingUnderItIsHarmless) {
  EXPECT_EQ(from("model:\nseed: 5").seed, 5);
  EXPECT_EQ(from("model:\n  cell:\n  dropout: 0.5").model.dropout, 0.5);
  EXPECT_EQ(from("model: {}").seed, 1);
  EXPECT_EQ(from("# nothing at all\n").seed, 1);
  EXPECT_ERROR(from("seed:\n"), kValue, "run.yaml:1: seed has no value; give one");
  EXPECT_ERROR(from("name: ~"), kValue, "run.yaml:1: name has no value");
  EXPECT_EQ(from("name: ''").name, "");
  EXPECT_ERROR(from("model: big"), kValue,
               "run.yaml:1: 'model' is a section and takes no value itself; set one of its keys, such as 'model.");
}

TEST(Options, DuplicateKeysNameBothLines) {
  EXPECT_ERROR(from("seed: 1\nname: x\nseed: 2"), kValue, "run.yaml:3: duplicate key 'seed', first given at run.yaml:1");
  EXPECT_ERROR(from("model:\n  dropout: 0\n\n  dropout: 0"), kValue, "run.yaml:4: duplicate key 'dropout', first given at run.yaml:2");
  EXPECT_ERROR(from("model.dropout: 0\nmodel:\n  dropout: 1"), kValue,
               "run.yaml:3: duplicate key 'model.dropout', first given at run.yaml:1");
}

TEST(Options, BrokenConfigsNameTheLine) {
  EXPECT_ERROR(from("seed: 1\nname: 'x"), kValue, "run.yaml:2: not YAML");
  EXPECT_ERROR(from("- seed"), kValue, "run.yaml:1: expected `key: value` lines");
  EXPECT_ERROR(from("[a, b]: 3"), kValue, "run.yaml:1: a key must be a plain name");
  EXPECT_ERROR(from("files: [[a]]"), kValue, "run.yaml:1: 'files' must be a list of plain values");
  EXPECT_ERROR(from("seed: 1\n---\nseed: 2\n"), kValue, "run.yaml:2: expected one YAML document, but more follows");
}

TEST(Options, VariablesExpand) {
  ::setenv("ATTEND_TEST_PLACE", "/some where", 1);
  ::unsetenv("ATTEND_TEST_UNSET");
  EXPECT_EQ(from("name: ${ATTEND_TEST_PLACE}/x").name, "/some where/x");
  EXPECT_EQ(from("files: ['a${ATTEND_TEST_PLACE}', b]").files.at(0), "a/some where");
  EXPECT_EQ(from("name: '$${ATTEND_TEST_PLACE} $5 $$'").name, "${ATTEND_TEST_PLACE} $5 $$");
  EXPECT_ERROR(from("\nname: ${ATTEND_TEST_UNSET}"), kValue, "run.yaml:2: ${ATTEND_TEST_UNSET} is not set; run: export ATTEND_TEST_UNSET=");
  EXPECT_ERROR(from("name: ${ATTEND"), kValue, "'${' without '}'");
}

TEST(Options, SetGivenOverridesTheFile) {
  auto given = parse_config("seed: 1\nname: old", "run.yaml");
  set_given(given, "seed=2", "--set");
  set_given(given, "name=a: b # c", "--set");  // a plain value is taken as it stands
  set_given(given, "files=[x, \"y, z\"]", "--set");
  set_given(given, "model.cell.size=9", "--set");
  RunOptions options;
  assign(options, given);
  EXPECT_EQ(options.seed, 2);
  EXPECT_EQ(options.name, "a: b # c");
  EXPECT_EQ(options.files, (std::vector<std::string>{"x", "y, z"}));
  EXPECT_EQ(options.model.cell.size, 9);

  set_given(given, "name=", "--set");
  assign(options, given);
  EXPECT_EQ(options.name, "");
  set_given(given, "seed=x", "--set");
  EXPECT_ERROR(assign(options, given), kValue, "--set seed=x: seed must be a whole number, got 'x'");
  EXPECT_ERROR(set_given(given, "seed", "--set"), kUsage, "--set: expected key=value, got 'seed'");
  EXPECT_ERROR(set_given(given, "=3", "--set"), kUsage, "expected key=value");
  EXPECT_ERROR(set_given(given, "files=[x", "--set"), kValue, "not YAML");
}

TEST(Options, ListShowsEveryField) {
  const auto list = list_options<RunOptions>();
  std::vector<std::string> keys;
  for (const auto& field : list.fields) keys.push_back(field.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"name", "verbose", "seed", "files", "model.cell.kind", "model.cell.size", "model.dropout"}));
  EXPECT_EQ(list.fields[4].range, "lstm or gru");
  EXPECT_EQ(list.fields[5].type, "integer");
  EXPECT_EQ(list.fields[5].fallback, "256");
  EXPECT_EQ(list.groups.at(1), (std::pair<std::string, std::string>("model.cell", "the recurrent cell")));
}

TEST(Options, RangesDescribeThemselves) {
  Range at_most;
  at_most.high = 3;
  EXPECT_EQ(at_most.describe(), "at most 3");
  EXPECT_EQ(at_least(0.5).describe(), "at least 0.5");
  EXPECT_EQ(one_of({"a", "b", "c"}).describe(), "a, b or c");
  EXPECT_EQ(Range().describe(), "");
}

std::string random_text(RandomStream& random) {
  static const std::vector<std::string> pieces = {"a",
                                                  "Z",
                                                  "0",
                                                  "9",
                                                  " ",
                                                  ":",
                                                  "#",
                                                  "'",
                                                  "\"",
                                                  "\\",
                                                  "$",
                                                  "{",
                                                  "}",
                                                  "${",
                                                  "$$",
                                                  "[",
                                                  "]",
                                                  ",",
                                                  "-",
                                                  "~",
                                                  "null",
                                                  "Null",
                                                  "true",
                                                  "\n",
                                                  "\t",
                                                  "\x01",
                                                  "我",
                                                  "é",
                                                  "👩‍👩‍👧",
                                                  "%",
                                                  "&",
                                                  "*",
                                                  "!",
                                                  "|",
                                                  ">",
                                                  "@",
                                                  "`",
                                                  "?",
                                                  "\xc2\x85",
                                                  "\xe2\x80\xa8",
                                                  "\xef\xbb\xbf",
                                                  "\x7f"};
  std::string text;
  for (auto n = random.below(8); n > 0; --n) text += pieces[random.below(pieces.size())];
  return text;
}

TEST(Options, YamlReadsBackToTheSameValues) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    RandomStream random(random_key(1, {i}));
    RunOptions options;
    options.name = random_text(random);
    options.verbose = random.below(2) == 1;
    options.seed = static_cast<std::int64_t>(random() >> random.below(64));
    if (random.below(2)) options.seed = -options.seed;
    options.files.clear();
    for (auto n = random.below(4); n > 0; --n) options.files.push_back(random_text(random));
    options.model.dropout = std::ldexp(random.uniform(), -static_cast<int>(random.below(100)));
    options.model.cell.kind = random.below(2) ? "gru" : "lstm";
    const auto yaml = to_yaml(list_options(options));
    RunOptions again;
    ASSERT_NO_THROW(assign(again, parse_config(yaml, "dump"))) << yaml;
    ASSERT_EQ(again.name, options.name) << yaml;
    ASSERT_EQ(again.verbose, options.verbose);
    ASSERT_EQ(again.seed, options.seed);
    ASSERT_EQ(again.files, options.files) << yaml;
    ASSERT_EQ(again.model.dropout, options.model.dropout);
    ASSERT_EQ(again.model.cell.kind, options.model.cell.kind);
    ASSERT_EQ(to_yaml(list_options(again)), yaml);
  }
}

TEST(Options, YamlIsReadable) {
  const auto yaml = to_yaml(list_options<RunOptions>());
  EXPECT_NE(yaml.find("\nfiles: [a.txt, \"b c.txt\"]"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("\nmodel:  # the model\n  cell:  # the recurrent cell\n    kind: lstm "), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("\n  dropout: 0.1                        # share of units dropped (0 to 1)\n"), std::string::npos) << yaml;
}

TEST(Options, JsonHoldsTypedValues) {
  RunOptions options;
  options.name = "quote \" and 我";
  options.model.dropout = 1e-9;
  const auto json = nlohmann::json::parse(to_json(list_options(options)));
  EXPECT_EQ(json.at("name"), options.name);
  EXPECT_EQ(json.at("verbose"), false);
  EXPECT_EQ(json.at("model").at("cell").at("size"), 256);
  EXPECT_EQ(json.at("model").at("dropout"), 1e-9);
  EXPECT_EQ(json.at("files").at(1), "b c.txt");
  options.name = "\xff";
  EXPECT_ERROR(to_json(list_options(options)), kValue, "name: expected UTF-8");
  EXPECT_ERROR(to_yaml(list_options(options)), kValue, "name: expected UTF-8");
}

TEST(Options, ConfigFilesAreRead) {
  const TempFolder folder;
  std::ofstream(folder / "run.yaml") << "seed: 3\n";
  std::ofstream(folder / "empty.yaml");
  RunOptions options;
  assign(options, read_config(folder / "run.yaml"));
  EXPECT_EQ(options.seed, 3);
  EXPECT_ERROR(read_config(folder / "none.yaml"), kFile, "/none.yaml: cannot read: No such file");
  EXPECT_ERROR(read_config(folder / "empty.yaml"), kFile, "is empty");
  EXPECT_ERROR(read_config(folder.path()), kFile, folder.path());
}

}  // namespace
}  // namespace attend
