// attend classify, attend answer.
#include "attend/run/answers.h"
#include "attend/text/unicode.h"
#include "attend/train/config.h"
#include "output.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct AnswerFlags {
  std::int64_t best, batch;
  std::string record;
  MapKeeping keep;
  RunnerOptions runner;
  AnswerFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(best, "best", 1, "answers to tell of each item, the likeliest first", between(1, 1000));
    v(record, "record", "", "file for the record of what was attended to (see attend draw)");
    v(batch, "batch", 4096, "tokens or patches answered together", between(1, 1 << 24));
    keep.visit(v);
    runner.visit(v);
  }
};

struct ClassifyFlags {
  AnswerFlags answers;
  LabelledOptions form;
  ClassifyFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    answers.visit(v);
    form.form.visit_texts(v);
    v(form.header, "header", false, "the first row of a file with columns names them");
  }
};

// Writes answers as they come: a line each, and the record.
class Writer {
 public:
  Writer(const Runner& runner, const AnswerFlags& flags, bool quiet)
      : runner_(runner), flags_(flags), quiet_(quiet), record_(flags.record, quiet) {}
  // A line a text; blank ones get a blank line, since there is nothing to classify.
  void texts(std::vector<PlacedText> all, const std::string& place) {
    std::vector<PlacedText> kept;
    std::vector<bool> blank;
    for (auto& text : all) {
      blank.push_back(is_blank(text.text));
      if (!blank.back()) kept.push_back(std::move(text));
    }
    auto next = blank.begin();
    const auto pass_blanks = [&] {
      for (; next != blank.end() && *next; ++next, ++told_) out_.line("");
    };
    before_each_ = [&] {
      pass_blanks();
      ++next;
    };
    if (!kept.empty()) (*this)(*text_quiz(std::move(kept), place), false);
    before_each_ = nullptr;
    pass_blanks();
    out_.flush();
  }
  void operator()(Quiz& quiz, bool with_question) {
    quiz.prepare(runner_.model());
    tell(quiz.told(), quiet_);
    const AnswerOptions options{
        .best = static_cast<std::size_t>(flags_.best), .batch = flags_.batch, .record = static_cast<bool>(record_), .keep = flags_.keep};
    runner_.answer(quiz, options, [&](std::size_t item, Answered answered) {
      stop_if_interrupted();
      if (before_each_) before_each_();
      std::string line = with_question ? quiz.asked(item) + "\t" : "";
      for (const auto& choice : answered.best)
        line += fmt::format("{}{}\t{:.4f}", &choice == answered.best.data() ? "" : "\t", choice.text, choice.probability);
      out_.line(line);
      if (record_) record_.add(*answered.record, told_);
      ++told_;
    });
    out_.flush();
  }
  void close() {
    out_.flush();
    record_.close();
  }

 private:
  const Runner& runner_;
  const AnswerFlags& flags_;
  bool quiet_;
  Output out_{"-"};
  RecordOutput record_;
  std::uint64_t told_ = 0;
  std::function<void()> before_each_;
};

constexpr std::size_t kTextsTogether = 1024;  // texts that are classified before the next are read

void classify_lines(const std::string& file, bool quiet, Writer& write) {
  constexpr std::size_t kLongestText = std::size_t{1} << 24;  // a text may be a whole document
  LineReader reader(file, kLongestText);
  const bool ask = reader.from_terminal() && !quiet;
  if (ask) say("Type a text a line; Ctrl-D ends.\n");
  for (;;) {
    const auto before = reader.lines();
    std::vector<PlacedText> lines;
    for (auto& line : reader.window(kTextsTogether)) lines.push_back({std::move(line), before + lines.size() + 1});
    if (lines.empty()) break;
    write.texts(std::move(lines), reader.name());
  }
}

// Rows of a file with columns, in parts.
void classify_rows(const std::string& file, const LabelledOptions& form, Writer& write) {
  const auto all = read_texts(file, form);
  for (std::size_t begin = 0; begin < all.size(); begin += kTextsTogether)
    write.texts({all.begin() + static_cast<std::ptrdiff_t>(begin),
                 all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), begin + kTextsTogether))},
                file);
}

int classify(const Arguments& arguments) {
  auto flags = arguments.read<ClassifyFlags>();
  const Runner runner(arguments.words[0], flags.answers.runner);
  runner.answerer();
  const auto reads = runner.kind().reads;
  if (reads != Matter::kText && reads != Matter::kPicture) fail_other_kind(runner.model(), runner.name());
  flags.form.usual = read_stored_options<TextForm>(arguments.words[0], "data");
  Writer write(runner, flags.answers, arguments.common.quiet);
  catch_interrupts();
  std::vector<std::string> files(arguments.words.begin() + 1, arguments.words.end());
  if (reads == Matter::kPicture) {
    ATTEND_CHECK(!files.empty(), kUsage, "classify: {} reads pictures; give PNG or JPEG files", arguments.words[0]);
    const auto quiz = read_questions(reads, files);
    write(*quiz, quiz->size() > 1);
  } else {
    if (files.empty()) files.emplace_back("-");
    for (const auto& file : files) {
      if (file != "-" && has_columns(file, flags.form.form))
        classify_rows(file, flags.form, write);
      else
        classify_lines(file, arguments.common.quiet, write);
    }
  }
  write.close();
  return 0;
}

int answer(const Arguments& arguments) {
  const auto flags = arguments.read<AnswerFlags>();
  const Runner runner(arguments.words[0], flags.runner);
  runner.answerer();
  const auto reads = runner.kind().reads;
  if (reads != Matter::kStory && reads != Matter::kDocument) fail_other_kind(runner.model(), runner.name());
  Writer write(runner, flags, arguments.common.quiet);
  catch_interrupts();
  write(*read_questions(reads, {arguments.words[1]}), true);
  write.close();
  return 0;
}

}  // namespace

Command classify_command() {
  return {.name = "classify",
          .sentence = "Tell the class of texts or pictures.",
          .words = "MODEL [FILE...]",
          .details =
              "Texts come a line each, from files or standard input, or a row each of CSV, TSV and JSON lines (.csv, .tsv, .jsonl, or\n"
              "--format); pictures as PNG or JPEG files, or a folder of them. Each answer: class TAB probability; blank for a blank text.\n"
              "Examples:\n"
              "  echo 'a joy from first to last' | attend classify runs/polarity --best 2\n"
              "  attend classify runs/digits three.png --record a.record.npz && attend draw a.record.npz",
          .model_first = true,
          .paths = kAllWords,
          .fewest_words = 1,
          .most_words = 100000,
          .options = flags_of<ClassifyFlags>(),
          .run = classify};
}

Command answer_command() {
  return {.name = "answer",
          .sentence = "Answer questions about stories or documents.",
          .words = "MODEL FILE",
          .details =
              "FILE holds stories as bAbI's (a line that ends in ? asks), or documents with blanks as CMRC 2017's.\n"
              "Each answer: question TAB answer TAB probability.\n"
              "Example:\n  attend answer runs/stories my-story.txt --record a.record.npz && attend draw a.record.npz",
          .model_first = true,
          .paths = kAllWords,
          .fewest_words = 2,
          .most_words = 2,
          .options = flags_of<AnswerFlags>(),
          .run = answer};
}

}  // namespace attend::cli
