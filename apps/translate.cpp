// attend translate
#include "attend/measure/alignment.h"
#include "attend/run/evaluate.h"
#include "attend/run/translator.h"
#include "output.h"
#include "searching.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct TranslateFlags {
  SearchOptions search;
  RunnerOptions runner;
  MapKeeping keep;
  std::string output, record;
  bool alignment;
  std::int64_t batch;
  TranslateFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(output, "output", "-", "file to write to; - is standard output");
    v(record, "record", "", "file for the record of every layer, head and step (see attend draw)");
    v(alignment, "alignment", false, "add the links of the attention as i-j: text ||| links");
    v(batch, "batch", 64, "sentences translated together", between(1, 100000));
    keep.visit(v);
    search.visit(v);
    runner.visit(v);
  }
};

std::string links_text(const Translated& result, std::size_t h, std::optional<std::int64_t> layer, const LinkOptions& links) {
  return result.record ? format_links(links_of(*result.record, {.site = {}, .layer = layer, .head = {}}, h, links).links) : "";
}

void print_result(Output& out, std::size_t index, const Translated& result, const TranslateFlags& flags, const LinkOptions& links) {
  if (flags.search.n_best == 1) {
    out.line(flags.alignment ? fmt::format("{} ||| {}", result.text(), links_text(result, 0, flags.search.source_layer(), links))
                             : result.text());
    return;
  }
  for (std::size_t h = 0; h < result.best.size(); ++h) {
    auto line = fmt::format("{} ||| {} ||| {:.6f}", index, result.best[h].text, result.best[h].score);
    if (flags.alignment) line += " ||| " + links_text(result, h, flags.search.source_layer(), links);
    out.line(line);
  }
}

int translate(const Arguments& arguments) {
  TranslateFlags flags;
  flags.search = read_stored_options<SearchOptions>(arguments.words[0], "decode");
  flags = arguments.read(flags);
  auto control = settle_search(flags.search, arguments);
  Translator translator(arguments.words[0], flags.runner);
  translator.limits.sentences = static_cast<std::size_t>(flags.batch);
  control.record = !flags.record.empty() || flags.alignment;
  control.keep = flags.keep;
  if (flags.alignment) tell_layer(translator.sites(), flags.search.source_layer(), "translate", arguments.common.quiet);
  const auto links = flags.alignment ? default_links(translator.writer()) : LinkOptions{};
  Output out(flags.output);
  RecordOutput writer(flags.record, arguments.common.quiet);
  std::vector<std::string> files(arguments.words.begin() + 1, arguments.words.end());
  if (files.empty()) files.emplace_back("-");
  catch_interrupts();
  std::size_t index = 0, cut = 0;
  for (const auto& file : files) {
    LineReader reader(file);
    const bool ask = reader.from_terminal() && !arguments.common.quiet;
    if (ask) say("Type a sentence a line; Ctrl-D ends.\n");
    for (;;) {
      if (ask) say("> ");
      const auto lines = reader.window(16 * translator.limits.sentences);
      if (lines.empty()) break;
      const auto results = translator.translate(lines, flags.search, control);
      for (std::size_t i = 0; i < lines.size(); ++i, ++index) {
        print_result(out, index, results[i], flags, links);
        cut += results[i].best[0].cut;
        if (writer && results[i].record) writer.add(*results[i].record, index);
      }
      out.flush();
    }
  }
  out.close();
  writer.close();
  if (const auto message = cut_message(cut, index, flags.search); !message.empty() && !arguments.common.quiet) say("{}\n", message);
  return 0;
}

}  // namespace

// Tasks that turn a line into a line differ in name and in what their lines are.
Command lines_command(const char* name, const char* sentence, const char* details) {
  return {.name = name,
          .sentence = sentence,
          .words = "MODEL [FILE...]",
          .details = details,
          .model_first = true,
          .paths = kAllWords,
          .fewest_words = 1,
          .most_words = 100000,
          .options = flags_of<TranslateFlags>(),
          .run = translate};
}

Command translate_command() {
  return lines_command(
      "translate", "Translate lines of text.",
      "Without files it reads standard input. MODEL is a model folder or the folder of a training run (its best checkpoint).\n"
      "With --n-best N each line is: number ||| text ||| score.\n"
      "Ctrl-C keeps what was written; sentences of a file are read and written 16 times --batch at a time.\n"
      "Examples:\n"
      "  echo 'I love you' | attend translate runs/phrasebook\n"
      "  attend translate runs/phrasebook a.en --record a.record.npz && attend draw a.record.npz");
}

Command summarise_command() {
  return lines_command("summarise", "Summarise documents, one a line.",
                       "Without files it reads standard input. MODEL was trained with task: summarise on document TAB summary.\n"
                       "Example:\n  attend summarise runs/headlines stories.txt");
}

Command transliterate_command() {
  return lines_command("transliterate", "Spell words in sounds or in another script.",
                       "Without files it reads standard input, a word a line. MODEL was trained with task: transliterate.\n"
                       "Example:\n  echo Anna | attend transliterate runs/names");
}

}  // namespace attend::cli
