// attend score
#include "attend/run/evaluate.h"
#include "attend/run/runner.h"
#include "output.h"
#include "parallel.h"
#include "searching.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct ScoreFlags {
  ParallelFlags text;
  std::string record, link_units, layer;
  bool tokens, alignment;
  MapKeeping keep;
  RunnerOptions runner;
  ScoreFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    text.visit(v);
    v(tokens, "tokens", false, "add each token with its log-probability");
    v(alignment, "alignment", false, "add the links of the attention as i-j");
    v(link_units, "link_units", "auto", "what links join: auto, words, punctuated, tokens or characters, or two of them as SOURCE-TARGET");
    v(layer, "layer", "last", "whose attention to the source the links are read from: last, or a number from 0");
    v(record, "record", "", "file for the record of every layer, head and step (see attend draw)");
    keep.visit(v);
    runner.visit(v);
  }
};

// "nan" where there is nothing to score, with the columns that were asked for.
std::string score_line(const ScoreFlags& flags, const Translated* result, const LinkOptions& links, const MapChoice& choice) {
  const auto* best = result && !result->best[0].tokens.empty() ? &result->best[0] : nullptr;
  auto line = best ? fmt::format("{:.6f}", best->log_prob) : std::string("nan");
  if (flags.tokens) {
    line += " |||";
    for (std::size_t t = 0; best && t < best->tokens.size(); ++t) line += fmt::format(" {}:{:.6f}", best->pieces[t], best->log_probs[t]);
  }
  if (flags.alignment) line += " ||| " + (best && result->record ? format_links(attention_links(*result->record, links, choice)) : "");
  return line;
}

// Of a language model: whole texts, which read nothing.
int score_alone(const Runner& runner, const ScoreFlags& flags, bool quiet) {
  ATTEND_CHECK(flags.text.source.empty() && flags.text.tsv.empty() && !flags.text.target.empty(), kUsage,
               "score: {} is a language model, which has no source; give its texts, one a line, as --target FILE", runner.name());
  ATTEND_CHECK(!flags.alignment, kUsage, "score: a language model attends to no source; leave out --alignment");
  constexpr std::size_t kLongestText = std::size_t{1} << 24, kTogether = 64;
  LineReader reader(flags.text.target, kLongestText);
  if (flags.text.header) reader.window(1);
  Output out("-");
  RecordOutput writer(flags.record, quiet);
  catch_interrupts();
  for (std::size_t told = 0;;) {
    stop_if_interrupted();
    const auto lines = reader.window(kTogether);
    if (lines.empty()) break;
    const auto results = runner.force_texts(lines, {.record = static_cast<bool>(writer), .keep = flags.keep, .stop = &interrupted});
    for (const auto& result : results) {
      out.line(score_line(flags, &result, {}, {}));
      if (writer) writer.add(*result.record, told);
      ++told;
    }
    out.flush();
  }
  writer.close();
  return 0;
}

int score(const Arguments& arguments) {
  auto flags = arguments.read<ScoreFlags>();
  const Runner runner(arguments.words[0], flags.runner);
  if (runner.kind().reads == Matter::kNothing) return score_alone(runner, flags, arguments.common.quiet);
  runner.writer();        // throws for a model of another kind
  if (flags.alignment) {  // links are read from whole maps
    ATTEND_CHECK(flags.keep.maps != "summary", kUsage, "score: --alignment reads whole maps; leave out --maps summary");
    flags.keep = MapKeeping::full();
  }
  const auto text = read_parallel(flags.text, "score", BlankPairs::kSource);
  LinkOptions links;
  links.units = link_units(runner.writer(), flags.link_units);
  const MapChoice choice{.site = {}, .layer = parse_layer(flags.layer), .head = {}};
  if (flags.alignment) tell_layer(runner.sites(), choice.layer, "score", arguments.common.quiet);
  tell_left_out(text, "score", arguments.common.quiet);
  Output out("-");
  RecordOutput writer(flags.record, arguments.common.quiet);
  catch_interrupts();
  constexpr std::size_t kWindow = 1024;
  std::size_t told = 0;  // lines written
  const auto tell_until = [&](std::size_t line) {
    for (; told < line; ++told) out.line(score_line(flags, nullptr, links, choice));
  };
  for (std::size_t begin = 0; begin < text.sources.size(); begin += kWindow) {
    stop_if_interrupted();
    const auto n = std::min(kWindow, text.sources.size() - begin);
    const auto results = runner.score(std::span(text.sources).subspan(begin, n), std::span(text.targets).subspan(begin, n),
                                      {.record = writer || flags.alignment, .keep = flags.keep, .stop = &interrupted});
    for (std::size_t i = 0; i < n; ++i, ++told) {
      tell_until(text.line[begin + i]);
      out.line(score_line(flags, &results[i], links, choice));
      if (writer && results[i].record) writer.add(*results[i].record, text.line[begin + i]);
    }
    out.flush();
  }
  tell_until(text.lines);
  out.flush();
  writer.close();
  return 0;
}

}  // namespace

Command score_command() {
  return {.name = "score",
          .sentence = "Log-probabilities of given translations or texts.",
          .words = "MODEL",
          .details =
              "One line a line of input: the natural logarithm of p(target | source), </s> included. An empty target is scored as the\n"
              "empty translation; where the source is blank, or a side longer than 65536 bytes, the line is nan.\n"
              "Of a language model: ln p of the texts of --target FILE, a line each.",
          .model_first = true,
          .paths = 1,
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<ScoreFlags>(),
          .run = score};
}

}  // namespace attend::cli
