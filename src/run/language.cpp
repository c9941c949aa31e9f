// Language models: Runner::generate, predict, force_texts and score_texts.
#include <algorithm>

#include "attend/models/steps.h"
#include "attend/run/windows.h"
#include "attend/search/finite.h"
#include "run/run_records.h"
#include "run/scored_text.h"

namespace attend {
namespace {

constexpr std::size_t kTextsTogether = 64, kWindowsTogether = 32;

}  // namespace

std::vector<Translated> Runner::generate(const std::string& prompt, std::size_t first, std::size_t count, const SampleOptions& options,
                                         const SearchControl& control) const {
  const auto& model = writer(Matter::kNothing);
  std::vector<std::int32_t> begin;
  for (const auto& token : model.target->encode(prompt)) begin.push_back(token.id);
  std::vector<Translated> results;
  while (results.size() < count) {
    const auto some = std::min(kTextsTogether, count - results.size()), number = first + results.size();
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < some; ++i) numbers.push_back(number + i);
    const auto steps = steps_without_source(*model.network, static_cast<std::int64_t>(some), model.target->special());
    auto found = sample(*steps, {std::vector(some, begin), number}, options, over_part(control, numbers));
    for (std::size_t i = 0; i < some; ++i) {
      Translated drawn{.best = {scored_text(*model.target, found[i].best[0])}, .record = {}};
      drawn.best[0].text = fmt::format("{}", fmt::join(lines_of(*model.target, drawn.best[0].tokens), "\n"));
      if (control.record) {
        auto data = record_about(model.model, "generate");
        data.sentence = numbers[i];
        drawn.record = finish_record(std::move(data), *model.target, found[i]);
      }
      results.push_back(std::move(drawn));
    }
  }
  return results;
}

std::vector<Translated> Runner::force_texts(std::span<const std::string> texts, const SearchControl& control) const {
  const auto& model = writer(Matter::kNothing);
  const auto alone = [&](const std::vector<std::int32_t>& tokens) { return control.record && control.keep.runs_alone(tokens.size()); };
  std::vector<Translated> results;
  while (results.size() < texts.size()) {
    std::vector<std::vector<std::int32_t>> tokens;
    std::vector<std::size_t> numbers;
    for (auto i = results.size(); i < texts.size() && tokens.size() < kTextsTogether; ++i) {
      auto own = tokens_of(ids_with_end(*model.target, texts[i]));
      if (!tokens.empty() && (alone(own) || alone(tokens.back()))) break;
      tokens.push_back(std::move(own));
      numbers.push_back(i);
    }
    const auto steps = steps_without_source(*model.network, static_cast<std::int64_t>(tokens.size()), model.target->special());
    auto found = force(*steps, tokens, over_part(control, numbers));
    for (std::size_t k = 0; k < found.size(); ++k) {
      Translated forced{.best = {scored_text(*model.target, found[k].best[0])}, .record = {}};
      forced.best[0].text = texts[numbers[k]];
      if (control.record) {
        auto data = record_about(model.model, "score");
        data.sentence = numbers[k];
        data.forced = true;
        forced.record = finish_record(std::move(data), *model.target, found[k], {}, &texts[numbers[k]]);
      }
      results.push_back(std::move(forced));
    }
  }
  return results;
}

std::vector<ScoredText> Runner::score_texts(std::span<const std::string> texts) const {
  std::vector<ScoredText> scores;
  for (auto& forced : force_texts(texts)) scores.push_back(std::move(forced.best[0]));
  return scores;
}

LanguageModelScore Runner::predict(const Stream& stream, std::int64_t window) const {
  at::NoGradGuard no_grad;
  const auto& network = *writer(Matter::kNothing).network;
  LanguageModelScore score;
  if (stream.ids.empty()) return score;
  // A window reads `past` tokens that an earlier one has predicted, and predicts the rest: each token of the text once.
  const auto length = static_cast<std::size_t>(window), past = length / 2, total = stream.ids.size();
  std::vector<Window> places{{0, std::min(length, total)}};
  for (auto predicted = length; predicted < total; predicted += length - past)
    places.push_back({predicted - past, std::min(length, total - (predicted - past))});
  for (std::size_t at = 0; at < places.size(); at += kWindowsTogether) {
    const std::vector<Window> some(places.begin() + static_cast<std::ptrdiff_t>(at),
                                   places.begin() + static_cast<std::ptrdiff_t>(std::min(places.size(), at + kWindowsTogether)));
    const auto batch = windows_of(stream, some);
    const auto log_p = at::log_softmax(network.logits(states_of(network, batch)).to(at::kFloat), -1)
                           .gather(2, batch.wanted.unsqueeze(2))
                           .squeeze(2);  // [B, T]
    for (std::size_t b = 0; b < some.size(); ++b) {
      const auto first = at + b == 0 ? 0 : past, counted = some[b].size - first;
      const auto counts =
          log_p[static_cast<std::int64_t>(b)].narrow(0, static_cast<std::int64_t>(first), static_cast<std::int64_t>(counted));  // [counted]
      const auto log_prob = counts.sum().item<double>();
      check_score(log_prob, "score", some[b].begin);
      score.add(-log_prob, counted);
    }
  }
  score.add(0, 0, stream.characters);
  return score;
}

}  // namespace attend
