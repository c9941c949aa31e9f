#include "attend/decode/evaluate.h"

#include <cmath>

#include "attend/measure/error_rate.h"
#include "attend/measure/focus.h"
#include "attend/measure/text_scores.h"

namespace attend {

Evaluation evaluate(const Translator& translator, std::span<const std::string> sources, std::span<const std::string> references,
                    const EvaluateOptions& options) {
  ATTEND_CHECK(sources.size() == references.size() && !sources.empty(), kValue,
               "evaluate: {} sources and {} references; give one reference a source", sources.size(), references.size());
  Evaluation result;
  result.sentences = sources.size();
  BleuOptions bleu_options;
  bleu_options.tokenizer = options.bleu_tokenizer;
  bleu_options.lowercase = options.lowercase;
  ChrfOptions chrf_options;
  chrf_options.lowercase = options.lowercase;
  Bleu bleu(bleu_options);
  Chrf chrf(chrf_options);
  ExactMatch exact;
  ErrorRate words(ErrorUnit::kWords), characters(ErrorUnit::kCharacters);
  const auto translated = translator.translate(sources, options.search);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& text = translated[i].text();
    result.cut += translated[i].best[0].cut;
    bleu.add(text, references[i]);
    chrf.add(text, references[i]);
    exact.add(text, references[i]);
    words.add(text, references[i]);
    characters.add(text, references[i]);
    result.translations.push_back(text);
  }
  result.bleu = bleu.result();
  result.chrf = chrf.result();
  result.exact = exact.share().value_or(0);
  result.word_errors = words.rate().value_or(0);
  result.character_errors = characters.rate().value_or(0);
  if (options.forced_loss) {
    double sum = 0;
    for (const auto& scored : translator.score(sources, references)) {
      sum -= scored.best[0].log_prob;
      result.target_tokens += scored.best[0].tokens.size();
    }
    result.loss = result.target_tokens > 0 ? sum / static_cast<double>(result.target_tokens) : 0;
    result.perplexity = std::exp(result.loss);
  }
  return result;
}

bool has_pieces(const TranslationModel& model) {
  auto pieces = [](const Tokenizer& t) { return t.options().kind == "unigram" || t.options().kind == "bpe"; };
  return pieces(*model.source) || pieces(*model.target);
}

LinkOptions default_links(const TranslationModel& model) {
  LinkOptions options;
  options.words = has_pieces(model);
  return options;
}

namespace {

// Mean over the heads of the mean over the rows, of the map that links are read from.
std::optional<double> mean_entropy(const Record& record, const MapChoice& choice) {
  for (const auto& map : record.data().maps) {
    if (map.axis != RowAxis::kNode || map.target_columns) continue;
    if (!choice.site.empty() && (map.site != choice.site || map.layer != choice.layer)) continue;
    double sum = 0;
    int heads = 0;
    for (std::uint32_t h = 0; h < map.heads; ++h)
      if (const auto focus = focus_of_map(record.map(map, h)); focus.mean) {
        sum += focus.mean->entropy;
        ++heads;
      }
    return heads > 0 ? std::optional(sum / heads) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

AttentionFigures evaluate_attention(const Translator& translator, std::span<const std::string> sources,
                                    std::span<const std::string> references, std::span<const Links> gold, const MapChoice& choice,
                                    const LinkOptions& options) {
  ATTEND_CHECK(sources.size() == gold.size(), kValue, "evaluate: {} sentences and {} lines of gold links; give one line a sentence",
               sources.size(), gold.size());
  AttentionFigures figures;
  const auto forced = translator.score(sources, references, true);
  double entropy = 0;
  int counted = 0;
  for (std::size_t i = 0; i < forced.size(); ++i) {
    if (!forced[i].record) continue;
    figures.links.add(links_of(*forced[i].record, choice, 0, options).links, gold[i]);
    if (const auto own = mean_entropy(*forced[i].record, choice)) {
      entropy += *own;
      ++counted;
    }
  }
  if (counted > 0) figures.entropy = entropy / counted;
  return figures;
}

}  // namespace attend
