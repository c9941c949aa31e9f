// The command line is read as it was typed; what the program says of itself comes from the verbs' declarations.
#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "attend/core/options.h"
#include "cli/program.h"

namespace attend {
namespace {

class Flags : public Cli {};

TEST_F(Flags, AFlagTakesOneValueAndTheRestAreWords) {
  const auto in = folder_ / "in", out = folder_ / "out";
  put_file(in, "a b\nc\n");
  const auto expected = run({"translate", model(), in, "--beam", "3"}).out;
  const std::vector<std::vector<std::string>> orders{{"translate", model(), "--output", out, in, "--beam", "3"},
                                                     {"translate", model(), "--output=" + out, in, "--beam=3"},
                                                     {"translate", "--beam", "3", model(), in, "--output", out},
                                                     {"translate", "--output", out, "--beam", "3", "--", model(), in}};
  for (const auto& arguments : orders) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(slurp(out), expected);
    EXPECT_EQ(slurp(in), "a b\nc\n");
    fs::remove(out);
  }
  EXPECT_EQ(run({"translate", model(), "--record", folder_ / "r.npz", in, "--beam", "3"}).out, expected);
  EXPECT_EQ(slurp(in), "a b\nc\n");
  // A second record after a flag is one word too many, not a second output.
  fs::copy(folder_ / "r.npz", folder_ / "b.npz");
  expect_failure(run({"draw", folder_ / "r.npz", "--png", folder_ / "p.png", folder_ / "b.npz"}), 2, "got 2 words");
  EXPECT_EQ(slurp(folder_ / "b.npz"), slurp(folder_ / "r.npz"));
  EXPECT_EQ(run({"rerank", model(), "--weights", "entropy=-0.5", "--weights", "coverage=0.1", in}).code, 0);
}

// A configuration for one mechanism serves another: what only the first reads is left out.
TEST_F(Flags, AKeyOfTheFileCanBeLeftOut) {
  const auto config = folder_ / "c.yaml", pairs = folder_ / "p.tsv";
  std::string lines;
  for (const char* line : {"a b\tb a\n", "b c\tc b\n", "c a\ta c\n", "a\ta\n"}) lines += line;
  put_file(pairs, lines);
  put_file(config, "model:\n  attention: additive\n  energy: 24\n  embedding: 16\n  encoder_hidden: 8\n  hidden: 16\n");
  const auto plan = [&](std::vector<std::string> more) {
    std::vector<std::string> all{"train", config, "--tsv", pairs, "--out", folder_ / "run", "--dry-run"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  EXPECT_EQ(plan({}).code, 0);
  expect_failure(plan({"--set", "model.attention=dot"}), 1, "model.energy is not read with model.attention: dot; it is read with");
  const auto without = plan({"--set", "model.attention=dot", "--unset", "model.energy"});
  EXPECT_EQ(without.code, 0) << without.err;
  EXPECT_EQ(without.out.find("energy:"), std::string::npos);
  EXPECT_NE(plan({"--unset", "model"}).out.find("embedding: 256"), std::string::npos);  // a whole section
  expect_failure(plan({"--unset", "model.energi"}), 2, "--unset model.energi: the configuration file does not set it");
}

TEST_F(Flags, AModelRunsInAnotherPrecision) {
  const auto pairs = folder_ / "p.tsv";
  put_file(pairs, "a b\tb a\nb c\tc b\n");
  const auto scores = [&](const std::string& precision) {
    const auto said = run({"score", model(), "--tsv", pairs, "--precision", precision});
    EXPECT_EQ(said.code, 0) << said.err;
    return said.out;
  };
  const auto exact = scores("float32"), rounded = scores("bfloat16");
  EXPECT_NE(exact, rounded);
  EXPECT_NEAR(std::stod(exact), std::stod(rounded), 0.5);
  EXPECT_EQ(run({"translate", model(), "--precision", "bfloat16", "--record", folder_ / "r.npz"}, "a b\n").code, 0);
  EXPECT_EQ(run({"draw", folder_ / "r.npz"}).code, 0);
  EXPECT_EQ(run({"evaluate", model(), "--tsv", pairs, "--precision", "bfloat16"}).code, 0);
  expect_failure(run({"score", model(), "--tsv", pairs, "--precision", "float16"}), 1, "valid: float32, bfloat16");
}

TEST_F(Flags, NoArgumentIsTakenApart) {
  const auto traced = run({"trace", model(), "[a b]"});
  ASSERT_EQ(traced.code, 0) << traced.err;
  EXPECT_NE(traced.out.find("[a b] ->"), std::string::npos) << traced.out;
  EXPECT_EQ(run({"trace", model(), "[a, b]"}).code, 0);
  EXPECT_NE(run({"trace", model(), "a", "--target", "[b,a]"}).out.find("-> [b,a] (given)"), std::string::npos);
  const auto run_folder = folder_ / "[run]";
  fs::copy(fs::canonical(model() + "/best"), run_folder);
  EXPECT_EQ(run({"translate", run_folder, "--output", folder_ / "[out]"}, "a\n").code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "[out]"));
  for (const char* text : {"\"a b\"", "{a}", "%%", "a,b", "'a'", "-"}) EXPECT_EQ(run({"trace", model(), "--", text}).code, 0) << text;
  EXPECT_EQ(run({"trace", model(), "--", "--step"}).code, 0);
}

TEST_F(Flags, MistakesAreUsageErrors) {
  expect_failure(run({"translate", model(), "--output"}), 2, "--output needs a value");
  expect_failure(run({"translate", model(), "--output", "--quiet"}), 2, "--output=--quiet");
  expect_failure(run({"translate", model(), "--alignment=yes"}), 2, "takes no value");
  expect_failure(run({"translate", model(), "-b", "3"}), 2, "unknown flag -b");
  expect_failure(run({"--beam"}), 2, "a verb comes first");
  expect_failure(run({"draw"}), 2, "Try: attend draw --help");
  EXPECT_EQ(run({"translate", model(), "--no-alignment", "--beam", "0", "--beam", "2"}, "a\n").code, 0);  // the last counts
}

TEST_F(Flags, HelpCanBeAskedForEitherWay) {
  EXPECT_EQ(run({"help", "translate"}).out, run({"translate", "--help"}).out);
  EXPECT_EQ(run({"help"}).out, run({"--help"}).out);
  expect_failure(run({"help", "tranlate"}), 2, "did you mean 'translate'?");
  EXPECT_NE(run({"translate", "--help"}).out.find("--output FILE"), std::string::npos);
}

struct Key {
  std::string type, fallback, help;
};

// What `attend keys` says of each; lines without a key begin a section.
std::map<std::string, Key> keys_in(const std::string& listed) {
  static const std::regex kRow(R"re(  (\S+) +(text|integer|number|flag|list) +(\[.*?\]|""|\S+) +(\S.*))re");
  std::map<std::string, Key> keys;
  for (const auto& line : lines_of(listed)) {
    std::smatch parts;
    if (std::regex_match(line, parts, kRow))
      keys[parts[1]] = {parts[2], parts[3], parts[4]};
    else
      EXPECT_TRUE(line.empty() || std::regex_match(line, std::regex(R"([a-z.]+: \S.*| +read with [a-z]+.*)"))) << line;
  }
  return keys;
}

TEST_F(Flags, KeysTellTypeDefaultRangeAndMeaning) {
  // A run that is told nothing but its data has every default, and says with each key what it means.
  const auto config = write("c.yaml", "data:\n  tsv: " + *shared_ / "data/train.tsv" + "\n");
  const auto plan = run({"train", config, "--dry-run"}).out;
  const auto resolved = parse_config(plan.substr(plan.find("\ntask: ")), "plan");
  ASSERT_GT(resolved.size(), 80u);
  // These follow the data, or one another.
  const std::set<std::string> follow{"data.tsv", "data.max_length", "model.attention", "train.out", "train.metric"};
  const auto keys = keys_in(run({"keys"}).out);
  EXPECT_GT(keys.size(), resolved.size() + 50);  // those of other tasks, models and mechanisms
  const std::map<std::string, std::regex> values{{"text", std::regex(R"re(""|[^\s\[].*)re")},
                                                 {"integer", std::regex("[0-9]+")},
                                                 {"number", std::regex("-?[0-9.]+(e-?[0-9]+)?")},
                                                 {"flag", std::regex("true|false")},
                                                 {"list", std::regex(R"(\[.*\])")}};
  for (const auto& [name, value] : resolved) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(keys.contains(name));
    const auto& key = keys.at(name);
    EXPECT_TRUE(std::regex_match(key.fallback, values.at(key.type))) << key.type << " " << key.fallback;
    EXPECT_NE(plan.find("# " + key.help + "\n"), std::string::npos) << key.help;
    const auto text = value.texts.empty() ? std::string() : value.texts[0];
    const auto shown = value.is_list ? "[" + text + "]" : text.empty() ? "\"\"" : text;
    EXPECT_TRUE(follow.contains(name) || key.fallback == shown) << key.fallback << ", in the run " << shown;
  }
  EXPECT_TRUE(keys.at("train.rate").help.ends_with(" (0 to 1000)")) << keys.at("train.rate").help;
  for (const std::string section : {"data", "text", "text.source", "model", "train", "decode"}) {
    const auto part = keys_in(run({"keys", section}).out);
    EXPECT_GE(part.size(), 5u) << section;
    EXPECT_EQ(part.size(), std::count_if(keys.begin(), keys.end(), [&](const auto& key) { return key.first.starts_with(section + "."); }))
        << section;
    for (const auto& [name, key] : part) EXPECT_TRUE(name.starts_with(section + ".") && keys.at(name).help == key.help) << name;
  }
  const auto one = keys_in(run({"keys", "train.rate"}).out);
  ASSERT_TRUE(one.size() == 1 && one.contains("train.rate"));
  EXPECT_EQ(one.at("train.rate").type, "number");
  expect_failure(run({"keys", "modle"}), 1, "'modle' is not known, did you mean 'model'?");
  expect_failure(run({"keys", "train.rat"}), 1, "'train.rat' is not known, did you mean 'train.rate'?");
}

TEST_F(Flags, BashCompletesVerbsFlagsChoicesAndFiles) {
  const auto script = run({"completion", "bash"}).out;
  const auto offered = [&](const std::string& line, int words) {  // at the end of `line`
    const auto asks = write("s", script + "\nCOMP_WORDS=(" + line + ")\nCOMP_CWORD=" + std::to_string(words - 1) +
                                     "\n_attend\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n");
    const auto shell = run({asks}, "", "/bin/bash");
    EXPECT_EQ(shell.code, 0) << shell.err;
    return shell.out;
  };
  EXPECT_EQ(offered("attend transla", 2), "translate\n");
  EXPECT_EQ(offered("attend draw --vi", 3), "--view\n");
  EXPECT_EQ(offered("attend draw --view li", 4), "list\n");
  EXPECT_EQ(offered("attend data phr", 3), "phrasebook\n");
  const auto wanted = write("wanted", "");
  EXPECT_EQ(offered("attend translate m --record " + folder_ / "wan", 5), wanted + "\n");
  const auto zsh = run({"completion", "zsh"}).out;
  EXPECT_TRUE(zsh.starts_with("#compdef attend\n"));
  EXPECT_NE(zsh.find("'--view=["), std::string::npos);
  expect_failure(run({"completion", "fish"}), 1, "bash, zsh");
}

// A manual page as a reader sees it, without roff's escapes.
std::string plain(const std::string& page) {
  return std::regex_replace(std::regex_replace(page, std::regex(R"(\\&)"), ""), std::regex(R"(\\-)"), "-");
}

// Flags and what they do, out of a verb's --help; those of long names have their text on the next line.
std::vector<std::pair<std::string, std::string>> flags_in(const std::vector<std::string>& help) {
  std::vector<std::pair<std::string, std::string>> flags;
  auto line = std::find(help.begin(), help.end(), "Flags:");
  while (line != help.end() && ++line != help.end() && !line->empty()) {
    const auto end = line->find("  ", 2);
    const auto flag = line->substr(0, end).substr(2);
    const auto text = end == std::string::npos ? *++line : line->substr(end);
    flags.emplace_back(flag, text.substr(text.find_first_not_of(' ')));
  }
  return flags;
}

TEST_F(Flags, ManualPagesOfEveryVerb) {
  const auto pages = folder_ / "man";
  ASSERT_EQ(run({"man", "--out", pages}).code, 0);
  const auto whole = run({"man"}).out;
  EXPECT_EQ(slurp(pages + "/attend.1"), whole);
  const auto expect_in = [](const std::string& page, const std::string& part) { EXPECT_NE(page.find(part), page.npos) << part << page; };
  for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "VERBS", "OPTIONS", "EXIT STATUS", "SEE ALSO"})
    expect_in(whole, std::string("\n.SH ") + section + "\n");
  std::set<std::string> verbs, written;
  for (const auto& entry : fs::directory_iterator(pages)) written.insert(entry.path().filename().string());
  for (const auto& line : lines_of(run({"help"}).out)) {
    std::smatch parts;
    if (line == "Flags:") break;
    if (!std::regex_match(line, parts, std::regex(R"(  ([a-z]+) +(\S.*\.))"))) continue;
    const std::string verb = parts[1], sentence = parts[2];
    SCOPED_TRACE(verb);
    verbs.insert(verb);
    ASSERT_TRUE(written.contains("attend-" + verb + ".1"));
    const auto source = slurp(pages + "/attend-" + verb + ".1"), page = plain(source);
    const auto help = lines_of(run({verb, "--help"}).out);
    ASSERT_GE(help.size(), 2u);
    EXPECT_EQ(help[0], sentence);
    ASSERT_TRUE(help[1].starts_with("Usage: attend " + verb));
    EXPECT_TRUE(source.starts_with(".TH ATTEND\\-"));
    expect_in(page, "\n.SH NAME\nattend-" + verb + " - " + sentence.substr(0, sentence.size() - 1) + "\n.SH SYNOPSIS\n");
    expect_in(page, "\n.SH SYNOPSIS\n.B " + help[1].substr(std::string("Usage: ").size()) + "\n.SH DESCRIPTION\n");
    expect_in(page, "\n.SH DESCRIPTION\n" + sentence + "\n");
    const auto flags = flags_in(help);
    EXPECT_GE(flags.size(), 4u);  // those that every verb has
    const auto options = page.substr(std::min(page.find("\n.SH OPTIONS\n"), page.size()));
    for (const auto& [flag, text] : flags) expect_in(options, "\n.TP\n.B " + flag + "\n" + text + "\n");
    EXPECT_TRUE(page.ends_with("\n.SH SEE ALSO\n.BR attend (1)\n")) << page;
    expect_in(plain(whole), "\n.TP\n.B " + verb + "\n" + sentence + "\n");
    expect_in(plain(whole), ".BR attend-" + verb + " (1)");
  }
  EXPECT_EQ(written.size(), verbs.size() + 1);
  for (const char* verb : {"data", "train", "translate", "evaluate", "draw", "runs", "keys", "help", "man", "completion"})
    EXPECT_TRUE(verbs.contains(verb)) << verb;
  EXPECT_GE(verbs.size(), 20u);
  const auto translate = run({"man", "translate"}).out;
  EXPECT_EQ(translate, slurp(pages + "/attend-translate.1"));
  expect_in(translate, ".B \\-\\-beam N\nhypotheses kept at every step");
}

}  // namespace
}  // namespace attend
