// attend data
#include <algorithm>
#include <filesystem>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/synthetic/generate_files.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct DataFlags {
  std::string out;
  std::int64_t pairs, minimum_length, maximum_length, symbols, seed;
  bool overwrite;
  DataFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(out, "out", "", "folder for the files");
    v(pairs, "pairs", 10000, "training pairs of reverse, copy, sort, dates, commands, parity and bits; a tenth more each for dev and test",
      between(10, 1e8));
    v(minimum_length, "minimum_length", 1, "symbols of the shortest source of reverse, copy, sort and bits", between(1, 10000));
    v(maximum_length, "maximum_length", 10, "symbols of the longest source; numbers of each of parity's", between(1, 10000));
    v(symbols, "symbols", 26, "different symbols of reverse, copy and sort", between(1, 100000));
    v(seed, "seed", 1, "same seed, same bytes", at_least(0));
    v(overwrite, "overwrite", false, "replace files of the same names that hold something else");
  }
  std::uint64_t seed_number() const { return static_cast<std::uint64_t>(seed); }
  std::int64_t pairs_in_all() const { return pairs + 2 * (pairs / 10); }
};

/// Distinct pairs, so the three parts are disjoint.
GeneratedFiles in_three_parts(const std::vector<GeneratedPair>& all, const DataFlags& flags) {
  const auto train_end = all.begin() + flags.pairs, dev_end = train_end + flags.pairs / 10;
  return to_tsv_files({{all.begin(), train_end}, {train_end, dev_end}, {dev_end, all.end()}});
}

GeneratedFiles sequences(const char* task, const DataFlags& flags) {
  SequenceOptions options;
  options.task = task;
  options.minimum_length = flags.minimum_length;
  options.maximum_length = flags.maximum_length;
  options.symbols = flags.symbols;
  options.seed = flags.seed;
  options.pairs = flags.pairs_in_all();
  return in_three_parts(generate_sequences(options), flags);
}

GeneratedFiles parity(const DataFlags& flags) {
  return in_three_parts(generate_parity(static_cast<std::uint64_t>(flags.pairs_in_all()), static_cast<std::uint64_t>(flags.maximum_length),
                                        flags.seed_number()),
                        flags);
}

GeneratedFiles bits(const DataFlags& flags) {
  return in_three_parts(generate_bits(static_cast<std::uint64_t>(flags.pairs_in_all()), static_cast<std::uint64_t>(flags.minimum_length),
                                      static_cast<std::uint64_t>(flags.maximum_length), flags.seed_number()),
                        flags);
}

constexpr const char* kTsv = "train.tsv, dev.tsv, test.tsv";
constexpr const char* kTexts = "train.txt, dev.txt, test.txt";

/// What can be made: what it is, the files it writes, and how.
struct DataKind {
  const char *name, *sentence, *files;
  GeneratedFiles (*make)(const DataFlags&);
};

const std::vector<DataKind>& kinds() {
  static const std::vector<DataKind> all{
      {"phrasebook", "English to Chinese with gold alignments", kTsv,
       [](const DataFlags& f) { return to_tsv_files(generate_phrasebook(f.seed_number())); }},
      {"reverse", "symbols backwards", kTsv, [](const DataFlags& f) { return sequences("reverse", f); }},
      {"copy", "symbols as they are", kTsv, [](const DataFlags& f) { return sequences("copy", f); }},
      {"sort", "symbols in order", kTsv, [](const DataFlags& f) { return sequences("sort", f); }},
      {"dates", "dates as people write them to YYYY-MM-DD", kTsv, [](const DataFlags& f) { return sequences("dates", f); }},
      {"commands", "commands to actions, by the grammar of SCAN", kTsv,
       [](const DataFlags& f) {
         return in_three_parts(generate_commands(static_cast<std::uint64_t>(f.pairs_in_all()), f.seed_number()), f);
       }},
      {"parity", "numbers 1, -1 and 0 to whether the ones are odd in number", kTsv, parity},
      {"bits", "vectors of eight random bits, to be copied", kTsv, bits},
      {"headlines", "news stories to headlines, with names never seen in training", kTsv,
       [](const DataFlags& f) { return to_tsv_files(generate_headlines(f.seed_number())); }},
      {"spelling", "invented words to phonemes", kTsv, [](const DataFlags& f) { return to_tsv_files(generate_spelling(f.seed_number())); }},
      {"stories", "stories with questions and supporting facts, as bAbI", kTexts,
       [](const DataFlags& f) { return generate_stories(f.seed_number()); }},
      {"clozes", "English and Chinese documents with a word to fill in, as CMRC 2017",
       "en/train.doc_query, en/train.answer, the same for dev and test, and all in zh/",
       [](const DataFlags& f) { return generate_clozes(f.seed_number()); }},
      {"polarity", "opinions with negation and contrast: label, space, sentence", kTexts,
       [](const DataFlags& f) { return generate_polarity(f.seed_number()); }},
      {"sentences", "sentences with agreement and nesting for language models", kTexts,
       [](const DataFlags& f) { return generate_sentences(f.seed_number()); }},
      {"shapes", "drawn pictures with five captions each, as Flickr8k",
       "images/*.png, captions.txt, and lists train.txt, dev.txt, test.txt",
       [](const DataFlags& f) { return generate_shapes(f.seed_number()); }},
      {"digits", "digits drawn from strokes, as MNIST",
       "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, and the same with t10k for the test",
       [](const DataFlags& f) { return generate_digits(f.seed_number()); }},
  };
  return all;
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const auto& kind : kinds()) names.emplace_back(kind.name);
  return names;
}

std::string help_text() {
  std::string text = "Every NAME, and the files it writes:\n";
  for (const auto& kind : kinds()) text += fmt::format("  {:<11}{}\n{:13}{}\n", kind.name, kind.sentence, "", kind.files);
  return text +
         "A .tsv holds: source TAB target TAB links (i-j sure, ipj possible); parity has no links.\n"
         "Example:\n  attend data phrasebook --out data/phrasebook";
}

// A folder of the user's own may hold a train.tsv.
void refuse_to_replace(const std::string& folder, const GeneratedFiles& files) {
  for (const auto& file : files) {
    const auto path = std::filesystem::path(folder) / file.name;
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) continue;  // nothing is there, or writing will say what is
    ATTEND_CHECK(size == file.bytes.size() && read_file(path.string()) == file.bytes, kFile,
                 "{}: holds something else than would be written; choose another folder, or --overwrite", path.string());
  }
}

void write_files(const std::string& folder, const GeneratedFiles& files) {
  for (const auto& file : files) {
    const auto path = std::filesystem::path(folder) / file.name;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    ATTEND_CHECK(!error, kFile, "{}: the folder cannot be made: {}; choose another --out", path.parent_path().string(), error.message());
    // Thousands of pictures would wait for the disk one by one. The lists that name them come last and wait.
    if (path.extension() == ".png")
      FileWriter(path.string()).write(file.bytes);
    else
      write_file_atomic(path.string(), file.bytes);
  }
}

int data(const Arguments& arguments) {
  const auto flags = arguments.read<DataFlags>();
  const auto& name = arguments.words[0];
  const auto kind = std::find_if(kinds().begin(), kinds().end(), [&](const DataKind& k) { return k.name == name; });
  if (kind == kinds().end()) fail_unknown_name("data", name, kind_names());
  ATTEND_CHECK(!flags.out.empty(), kUsage, "data: --out is missing: the folder to write to");
  const auto files = kind->make(flags);
  if (!flags.overwrite) refuse_to_replace(flags.out, files);
  write_files(flags.out, files);
  if (!arguments.common.quiet) say("{}: {} in {}: {}\n", name, kind->sentence, flags.out, kind->files);
  return 0;
}

}  // namespace

Command data_command() {
  return {.name = "data",
          .sentence = "Make data by rule, for every task and with gold where it makes sense.",
          .words = "NAME",
          .details = help_text(),
          .choices = kind_names(),
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<DataFlags>(),
          .run = data};
}

}  // namespace attend::cli
