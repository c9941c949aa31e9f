#include "attend/decode/evaluate.h"

#include <cmath>

#include "attend/measure/text_scores.h"

namespace attend {

double Evaluation::figure(const std::string& metric) const {
  if (metric == "bleu") return bleu.score;
  if (metric == "chrf") return chrf.score;
  if (metric == "exact") return exact;
  if (metric == "loss") return loss;
  if (metric == "perplexity") return perplexity;
  const std::vector<std::string> valid{"bleu", "chrf", "exact", "loss", "perplexity"};
  fail_unknown_name("metric", metric, valid);
}

bool larger_is_better(const std::string& metric) { return metric != "loss" && metric != "perplexity"; }

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
  const auto translated = translator.translate(sources, options.search);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& text = translated[i].text();
    bleu.add(text, references[i]);
    chrf.add(text, references[i]);
    exact.add(text, references[i]);
    result.translations.push_back(text);
  }
  result.bleu = bleu.result();
  result.chrf = chrf.result();
  result.exact = exact.share().value_or(0);
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

AlignmentScore evaluate_alignment(const Translator& translator, std::span<const std::string> sources,
                                  std::span<const std::string> references, std::span<const Links> gold, const MapChoice& choice,
                                  const LinkOptions& options) {
  ATTEND_CHECK(sources.size() == gold.size(), kValue, "evaluate: {} sentences and {} lines of gold links; give one line a sentence",
               sources.size(), gold.size());
  AlignmentScore score;
  const auto forced = translator.score(sources, references, true);
  for (std::size_t i = 0; i < forced.size(); ++i)
    if (forced[i].record) score.add(links_of(*forced[i].record, choice, 0, options).links, gold[i]);
  return score;
}

}  // namespace attend
