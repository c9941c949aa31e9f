// attend data
#include <algorithm>
#include <filesystem>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/text/generate.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct DataFlags {
  std::string out;
  std::int64_t pairs, minimum_length, maximum_length, symbols, seed;
  DataFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(out, "out", "", "folder for train.tsv, dev.tsv and test.tsv");
    v(pairs, "pairs", 10000, "training pairs of reverse, copy, sort and dates; a tenth more each for dev and test", between(10, 1e8));
    v(minimum_length, "minimum_length", 1, "symbols of the shortest source", between(1, 10000));
    v(maximum_length, "maximum_length", 10, "symbols of the longest source", between(1, 10000));
    v(symbols, "symbols", 26, "different symbols", between(1, 100000));
    v(seed, "seed", 1, "same seed, same bytes", at_least(0));
  }
};

void write_set(const std::string& path, const std::vector<GeneratedPair>& pairs) {
  std::string text;
  for (const auto& pair : pairs) text += to_tsv_line(pair) + "\n";
  write_file_atomic(path, text);
}

GeneratedSet sequences(const std::string& task, const DataFlags& flags) {
  SequenceOptions options;
  options.task = task;
  options.minimum_length = flags.minimum_length;
  options.maximum_length = flags.maximum_length;
  options.symbols = flags.symbols;
  options.seed = flags.seed;
  const auto tenth = flags.pairs / 10;
  options.pairs = flags.pairs + 2 * tenth;
  auto all = generate_sequences(options);  // distinct pairs, so the three parts are disjoint
  GeneratedSet set;
  const auto train_end = all.begin() + flags.pairs, dev_end = train_end + tenth;
  set.train.assign(all.begin(), train_end);
  set.dev.assign(train_end, dev_end);
  set.test.assign(dev_end, all.end());
  return set;
}

int data(const Arguments& arguments) {
  const auto flags = arguments.read<DataFlags>();
  const auto& name = arguments.words[0];
  const std::vector<std::string> known{"phrasebook", "reverse", "copy", "sort", "dates"};
  if (std::find(known.begin(), known.end(), name) == known.end()) fail_unknown_name("data", name, known);
  ATTEND_CHECK(!flags.out.empty(), kUsage, "data: --out is missing: the folder to write to");
  const auto set = name == "phrasebook" ? generate_phrasebook(static_cast<std::uint64_t>(flags.seed)) : sequences(name, flags);
  std::error_code error;
  std::filesystem::create_directories(flags.out, error);
  ATTEND_CHECK(!error, kFile, "{}: cannot be made: {}", flags.out, error.message());
  write_set(flags.out + "/train.tsv", set.train);
  write_set(flags.out + "/dev.tsv", set.dev);
  write_set(flags.out + "/test.tsv", set.test);
  if (!arguments.common.quiet)
    fmt::print(stderr, "{}: {} training, {} validation and {} test pairs with gold alignments in {}\n", name, set.train.size(),
               set.dev.size(), set.test.size(), flags.out);
  return 0;
}

}  // namespace

Command data_command() {
  return {.name = "data",
          .sentence = "Make data by rule, with gold alignments: phrasebook, reverse, copy, sort, dates.",
          .words = "NAME",
          .details =
              "Writes train.tsv, dev.tsv and test.tsv: source TAB target TAB links (i-j sure, ipj possible).\n"
              "Example:\n  attend data phrasebook --out data/phrasebook",
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<DataFlags>(),
          .run = data};
}

}  // namespace attend::cli
