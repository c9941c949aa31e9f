// attend score
#include "attend/decode/evaluate.h"
#include "attend/text/corpus.h"
#include "parallel.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct ScoreFlags {
  ParallelFlags text;
  std::string record;
  bool tokens, alignment;
  ScoreFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    text.visit(v);
    v(tokens, "tokens", false, "add each token with its log-probability");
    v(alignment, "alignment", false, "add the links of the attention as i-j");
    v(record, "record", "", "file for the record of every layer, head and step (see attend draw)");
  }
};

int score(const Arguments& arguments) {
  const auto flags = arguments.read<ScoreFlags>();
  const auto text = read_parallel(flags.text, "score");
  const Translator translator(arguments.words[0]);
  std::unique_ptr<RecordWriter> writer;
  if (!flags.record.empty()) writer = std::make_unique<RecordWriter>(flags.record);
  constexpr std::size_t kWindow = 1024;
  for (std::size_t begin = 0; begin < text.sources.size(); begin += kWindow) {
    const auto n = std::min(kWindow, text.sources.size() - begin);
    const auto results = translator.score(std::span(text.sources).subspan(begin, n), std::span(text.targets).subspan(begin, n),
                                          writer != nullptr || flags.alignment);
    for (std::size_t i = 0; i < n; ++i) {
      const auto& best = results[i].best[0];
      auto line = fmt::format("{:.6f}", best.log_prob);
      if (flags.tokens)
        for (std::size_t t = 0; t < best.tokens.size(); ++t)
          line += fmt::format("{}{}:{:.6f}", t == 0 ? " ||| " : " ", best.pieces[t], best.log_probs[t]);
      if (flags.alignment)
        line +=
            " ||| " + (results[i].record ? format_links(links_of(*results[i].record, {}, 0, default_links(translator.model())).links) : "");
      fmt::print("{}\n", line);
      if (!writer || !results[i].record) continue;
      auto data = results[i].record->data();
      data.sentence = begin + i;
      writer->add(Record(std::move(data)));
    }
  }
  if (writer) writer->close();
  return 0;
}

}  // namespace

ParallelText read_parallel(const ParallelFlags& flags, const char* verb) {
  if (flags.tsv.empty() && (flags.source.empty() || flags.target.empty()))
    fail(ErrorKind::kUsage, "{}: give --source FILE and --target FILE, or --tsv FILE", verb);
  CorpusOptions options;
  options.header = flags.header;
  const auto corpus =
      flags.tsv.empty() ? ParallelCorpus::from_files(flags.source, flags.target, options) : ParallelCorpus::from_tsv(flags.tsv, options);
  ParallelText text;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    text.sources.emplace_back(corpus.source(i));
    text.targets.emplace_back(corpus.target(i));
    text.extras.emplace_back(corpus.extra(i));
  }
  return text;
}

Command score_command() {
  return {.name = "score",
          .sentence = "Log-probabilities of given translations.",
          .words = "MODEL",
          .details = "One line a pair: the natural logarithm of p(target | source), </s> included.",
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<ScoreFlags>(),
          .run = score};
}

}  // namespace attend::cli
