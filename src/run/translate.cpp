// Text in, text out: Runner::translate, revise and score.
#include <algorithm>
#include <numeric>

#include "attend/core/memory.h"
#include "attend/models/steps.h"
#include "attend/run/runner.h"
#include "attend/text/unicode.h"
#include "run/run_records.h"
#include "run/scored_text.h"

namespace attend {
namespace {

// Cuts sentences into batches of similar length: indices by descending length. `end` is the id of </s>; alone(i) are run by themselves.
template <class Alone>
std::vector<std::vector<std::size_t>> batches_by_length(const std::vector<std::vector<std::int64_t>>& ids, std::int32_t end,
                                                        const RunLimits& limits, const Alone& alone) {
  std::vector<std::size_t> order(ids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return ids[a].size() > ids[b].size(); });
  std::vector<std::vector<std::size_t>> batches;
  for (const auto i : order) {
    if (ids[i].front() == end) continue;  // an empty sentence
    const bool full = batches.empty() || batches.back().size() >= limits.sentences || alone(i) || alone(batches.back().front()) ||
                      (batches.back().size() + 1) * ids[batches.back().front()].size() > limits.tokens;
    if (full) batches.emplace_back();
    batches.back().push_back(i);
  }
  return batches;
}

// Runs a batch; a shortage of memory quotes its longest sentence, which is what most of it went to.
template <class Run>
auto quoting_the_longest(std::span<const std::string> texts, const std::vector<std::vector<std::int64_t>>& ids,
                         const std::vector<std::size_t>& batch, const Run& run) {
  try {
    return run();
  } catch (const OutOfMemory& e) {
    const auto longest = *std::max_element(batch.begin(), batch.end(), [&](auto a, auto b) { return ids[a].size() < ids[b].size(); });
    throw OutOfMemory(fmt::format("the sentence of {} tokens '{}': {}", ids[longest].size(), beginning(texts[longest]), e.what()));
  }
}

PaddedBatch pad_chosen(const std::vector<std::vector<std::int64_t>>& ids, const std::vector<std::size_t>& chosen) {
  std::vector<const std::vector<std::int64_t>*> sequences;
  for (const auto i : chosen) sequences.push_back(&ids[i]);
  return pad_batch(sequences);
}

// Sources as numbers.
struct SourceTexts {
  std::vector<std::vector<std::int64_t>> ids;
  std::vector<CopyWords> words;  // empty ones unless the model copies
  bool copies;

  SourceTexts(const TranslationModel& model, std::span<const std::string> texts, bool replace_unk)
      : copies(model.model.of<CopyOptions>().pointer_generator) {
    for (const auto& text : texts) {
      ids.push_back(source_ids(*model.source, model.text, text));
      words.push_back(copies ? copy_words(model, text) : CopyWords{});
      if (replace_unk) words.back().all = words_of_tokens(*model.source, text);
    }
  }
  PaddedBatch batch(const std::vector<std::size_t>& chosen) const {
    auto padded = pad_chosen(ids, chosen);
    std::vector<const CopyWords*> own;
    for (const auto i : chosen) own.push_back(&words[i]);
    if (copies) padded.ids = with_words(padded.ids, own);
    return padded;
  }
};

// What was read from `source`, of a search with these options or of a run that was forced to `target`.
std::shared_ptr<const Record> record_of_text(const TranslationModel& model, const std::string& source, const CopyWords& words,
                                             SearchResult& found, const std::string* target, const SearchOptions* options = nullptr) {
  auto data = record_about(model.model);
  if (options) data.options = {{"beam", std::to_string(options->beam)}, {"length_penalty", fmt::format("{}", options->length_penalty)}};
  data.forced = target != nullptr;
  data.source.utf8 = source;
  data.source.tokens = record_tokens(model.source->encode(source));
  if (model.text.source_end) data.source.tokens.push_back(special_token(model.source->special().end, source.size()));
  return finish_record(std::move(data), *model.target, found, words, target);
}

}  // namespace

std::vector<Translated> Runner::translate(std::span<const std::string> sources, const SearchOptions& options,
                                          const SearchControl& control) const {
  return found_by(sources, options, control, [&](StepModel& steps, const std::vector<std::size_t>& batch) {
    return search_in_rounds(steps, options, over_part(control, batch));
  });
}

std::vector<Translated> Runner::revise(std::span<const std::string> sources, std::span<const std::string> drafts,
                                       const SearchOptions& options, const SearchControl& control) const {
  ATTEND_CHECK(sources.size() == drafts.size(), kValue, "revise: {} sources, {} drafts; give one draft a source", sources.size(),
               drafts.size());
  return found_by(sources, options, control, [&](const StepModel& steps, const std::vector<std::size_t>& batch) {
    std::vector<std::vector<std::int32_t>> tokens;
    for (const auto i : batch) tokens.push_back(tokens_of(ids_with_end(*model_.target, drafts[i])));
    return attend::revise(steps, tokens, options, over_part(control, batch));
  });
}

// find (the model about to translate a batch, the numbers of its sources) -> results, in the batch's order.
template <class Find>
std::vector<Translated> Runner::found_by(std::span<const std::string> sources, const SearchOptions& options, const SearchControl& control,
                                         const Find& find) const {
  const auto& model = writer();
  const SourceTexts texts(model, sources, options.replace_unk);
  std::vector<Translated> results(sources.size(), Translated{.best = {ScoredText{}}, .record = {}});
  const auto alone = [&](std::size_t i) { return control.record && control.keep.runs_alone(texts.ids[i].size()); };
  for (const auto& batch : batches_by_length(texts.ids, model.source->special().end, limits, alone)) {
    auto found = quoting_the_longest(sources, texts.ids, batch, [&] {
      const auto source = texts.batch(batch);
      return find(*steps_of(*model.network, source.ids, source.lengths, model.special()), batch);
    });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto& result = results[batch[i]];
      const auto& words = texts.words[batch[i]];
      result.best.clear();
      for (const auto& best : found[i].best) result.best.push_back(scored_text(*model.target, best, words));
      if (control.record) result.record = record_of_text(model, sources[batch[i]], words, found[i], nullptr, &options);
    }
  }
  return results;
}

std::vector<Translated> Runner::score(std::span<const std::string> sources, std::span<const std::string> targets,
                                      const SearchControl& control) const {
  ATTEND_CHECK(sources.size() == targets.size(), kValue, "score: {} sources, {} targets; give one target a source", sources.size(),
               targets.size());
  const auto& model = writer();
  const SourceTexts texts(model, sources, /*replace_unk=*/false);
  std::vector<std::vector<std::int32_t>> target_ids;
  for (std::size_t i = 0; i < targets.size(); ++i) target_ids.push_back(tokens_of(copied_ids(*model.target, targets[i], texts.words[i])));
  std::vector<Translated> results(sources.size(), Translated{.best = {ScoredText{}}, .record = {}});
  const auto alone = [&](std::size_t i) {
    return control.record && control.keep.runs_alone(std::max(texts.ids[i].size(), target_ids[i].size()));
  };
  for (const auto& batch : batches_by_length(texts.ids, model.source->special().end, limits, alone)) {
    auto found = quoting_the_longest(sources, texts.ids, batch, [&] {
      const auto source = texts.batch(batch);
      std::vector<std::vector<std::int32_t>> own;
      for (const auto i : batch) own.push_back(target_ids[i]);
      return force(*steps_of(*model.network, source.ids, source.lengths, model.special()), own, over_part(control, batch));
    });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto& result = results[batch[i]];
      result.best = {scored_text(*model.target, found[i].best[0], texts.words[batch[i]])};
      result.best[0].text = targets[batch[i]];
      if (control.record) result.record = record_of_text(model, sources[batch[i]], texts.words[batch[i]], found[i], &targets[batch[i]]);
    }
  }
  return results;
}

}  // namespace attend
