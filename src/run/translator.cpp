#include "attend/run/translator.h"

#include <algorithm>
#include <numeric>

#include "attend/core/memory.h"
#include "attend/models/steps.h"
#include "attend/search/growing_record.h"
#include "attend/text/unicode.h"

namespace attend {
namespace {

Token special_token(std::int32_t id, std::size_t place) {
  return {.id = id, .span = {static_cast<std::uint32_t>(place), static_cast<std::uint32_t>(place)}, .word = 0, .special = true};
}

std::vector<Token> record_tokens(const std::vector<TextToken>& tokens) {
  std::vector<Token> out;
  for (const auto& t : tokens) out.push_back({.id = t.id, .span = {t.begin, t.end}, .word = t.word, .special = false});
  return out;
}

Hypothesis record_hypothesis(const Tokenizer& tokenizer, const FoundHypothesis& best, const CopyWords& words) {
  Hypothesis h{.last_node = best.last_node, .text = {}, .log_prob = best.log_prob, .score = best.score};
  std::vector<TextToken> spans;
  h.text.utf8 = decode_with(tokenizer, best.tokens, own_words(tokenizer, best.tokens, words, best.sources), &spans);
  h.text.tokens = record_tokens(spans);
  for (auto& token : h.text.tokens) token.special = token.id == tokenizer.special().end;
  return h;
}

// A forced run shows its target as it was given, spans and words too: what the vocabulary does not know is not written as <unk>.
// `ids` are what was forced, words of the source among them.
Text given_text(const Tokenizer& tokenizer, std::string_view text, const std::vector<std::int32_t>& ids) {
  auto given = text_of(tokenizer, text);
  given.tokens.push_back(special_token(tokenizer.special().end, text.size()));
  ATTEND_ASSERT(given.tokens.size() == ids.size());
  for (std::size_t t = 0; t < ids.size(); ++t) given.tokens[t].id = ids[t];
  return given;
}

// The draft that a second pass has read stands behind the source, and the maps have columns for both.
void show_draft(RecordData& data, const Tokenizer& tokenizer, const std::vector<std::int32_t>& draft) {
  const auto source = static_cast<std::uint32_t>(data.source.tokens.size());
  const auto words = data.source.tokens.empty() ? 0 : data.source.tokens.back().word + 1;
  data.source.utf8 += ' ';
  const auto begin = static_cast<std::uint32_t>(data.source.utf8.size());
  std::vector<TextToken> spans;
  data.source.utf8 += decode_with(tokenizer, draft, own_words(tokenizer, draft, {}, {}), &spans);
  for (auto& token : record_tokens(spans)) {
    token.span = {token.span.begin + begin, token.span.end + begin};
    token.word += words;
    token.special = token.id == tokenizer.special().end;
    data.source.tokens.push_back(token);
  }
  const auto tokens = static_cast<std::uint32_t>(data.source.tokens.size());
  for (auto& map : data.maps)
    if (over_source(map.site.columns)) widen(map, tokens, 0, map.site.columns == ColumnAxis::kDraft ? source : 0);
  data.parts = {{ColumnAxis::kSource, 0, source}, {ColumnAxis::kDraft, source, tokens}};
}

// Cuts sentences into batches of similar length: indices by descending length. `end` is the id of </s>.
std::vector<std::vector<std::size_t>> batches_by_length(const std::vector<std::vector<std::int64_t>>& ids, std::int32_t end,
                                                        const RunLimits& limits) {
  std::vector<std::size_t> order(ids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return ids[a].size() > ids[b].size(); });
  std::vector<std::vector<std::size_t>> batches;
  for (const auto i : order) {
    if (ids[i].front() == end) continue;  // an empty sentence
    const bool full = batches.empty() || batches.back().size() >= limits.sentences ||
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

// The same control over one batch, whose items are `batch` of all.
SearchControl over_batch(const SearchControl& control, const std::vector<std::size_t>& batch) {
  auto own = control;
  if (control.on_step)
    own.on_step = [&](const StepEvent& event) {
      auto told = event;
      told.item = static_cast<std::int64_t>(batch[static_cast<std::size_t>(event.item)]);
      return control.on_step(told);
    };
  return own;
}

}  // namespace

Text text_of(const Tokenizer& tokenizer, std::string_view text) { return {std::string(text), record_tokens(tokenizer.encode(text))}; }

std::vector<std::int64_t> ids_with_end(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int64_t> ids;
  for (const auto& token : tokenizer.encode(text)) ids.push_back(token.id);
  ids.push_back(tokenizer.special().end);
  return ids;
}

std::vector<std::int64_t> source_ids(const Tokenizer& tokenizer, const TextOptions& text, std::string_view source) {
  auto ids = ids_with_end(tokenizer, source);
  if (!text.source_end && ids.size() > 1) ids.pop_back();
  return ids;
}

std::vector<std::int32_t> tokens_of(std::span<const std::int64_t> ids) {
  std::vector<std::int32_t> tokens;
  for (const auto id : ids) tokens.push_back(static_cast<std::int32_t>(id));
  return tokens;
}

PaddedBatch pad_batch(const std::vector<const std::vector<std::int64_t>*>& sequences) {
  std::size_t longest = 0;
  for (const auto* s : sequences) longest = std::max(longest, s->size());
  PaddedBatch batch;
  const auto rows = static_cast<std::int64_t>(sequences.size());
  batch.ids = at::zeros({rows, static_cast<std::int64_t>(longest)}, index_options());  // [B, L]
  batch.lengths = at::empty({rows}, index_options());                                  // [B]
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    std::copy(sequences[i]->begin(), sequences[i]->end(), batch.ids.data_ptr<std::int64_t>() + i * longest);
    batch.lengths.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(sequences[i]->size());
  }
  return batch;
}

std::string cut_message(std::size_t cut, std::size_t outputs, const SearchOptions& options) {
  if (cut == 0) return {};
  return fmt::format(
      "{} of {} outputs reached the length limit, {} x source tokens + {}, and were cut there; raise --max-length-ratio or "
      "--max-length-extra (decode.max_length_ratio, decode.max_length_extra)",
      cut, outputs, options.max_length_ratio, options.max_length_extra);
}

Translator::Translator(const std::string& path) : Translator(read_model(path)) {
  search_options_ = read_stored_options<SearchOptions>(path, "decode");
}
Translator::Translator(TranslationModel model) : model_(std::move(model)) { model_.network->eval(); }

std::string Translator::translate(std::string_view source) const {
  const std::string sources[] = {std::string(source)};
  return translate(sources, search_options_)[0].text();
}

ScoredText Translator::hypothesis(const FoundHypothesis& found, const CopyWords& words) const {
  const auto copied = own_words(*model_.target, found.tokens, words, found.sources);
  ScoredText h{.text = decode_with(*model_.target, found.tokens, copied),
               .log_prob = found.log_prob,
               .score = found.score,
               .tokens = found.tokens,
               .log_probs = found.log_probs,
               .pieces = {},
               .cut = found.cut};
  for (std::size_t t = 0; t < copied.size(); ++t) h.pieces.push_back(copied[t] ? *copied[t] : model_.target->piece(found.tokens[t]));
  return h;
}

// Of a search with these options, or of a forced run to this target.
std::shared_ptr<const Record> Translator::make_record(const std::string& source, const CopyWords& words, SearchResult& found,
                                                      const SearchOptions* options, const std::string* target) const {
  RecordData data;
  data.model = model_.model.type;
  data.mechanism = looks_by(model_.model);
  if (options) data.options = {{"beam", std::to_string(options->beam)}, {"length_penalty", fmt::format("{}", options->length_penalty)}};
  data.forced = !options;
  data.source.utf8 = source;
  data.source.tokens = record_tokens(model_.source->encode(source));
  if (model_.text.source_end) data.source.tokens.push_back(special_token(model_.source->special().end, source.size()));
  data.nodes = std::move(found.nodes);
  data.maps = std::move(found.maps);
  data.scalars = std::move(found.scalars);
  for (const auto& best : found.best) data.hypotheses.push_back(record_hypothesis(*model_.target, best, words));
  if (target) data.hypotheses.at(0).text = given_text(*model_.target, *target, found.best.at(0).tokens);
  if (!found.draft.empty()) show_draft(data, *model_.target, found.draft);
  return std::make_shared<const Record>(std::move(data));
}

std::shared_ptr<const Record> finish_record(RecordData data, const Tokenizer& tokenizer, SearchResult& found) {
  data.nodes = std::move(found.nodes);
  data.maps = std::move(found.maps);
  data.scalars = std::move(found.scalars);
  for (const auto& best : found.best) data.hypotheses.push_back(record_hypothesis(tokenizer, best, {}));
  return std::make_shared<const Record>(std::move(data));
}

std::shared_ptr<const Record> text_record(const ModelOptions& model, const Tokenizer& tokenizer, SearchResult& found,
                                          std::uint64_t sentence) {
  RecordData data;
  data.sentence = sentence;
  data.task = "generate";
  data.model = model.type;
  data.mechanism = looks_by(model);
  return finish_record(std::move(data), tokenizer, found);
}

std::vector<Translated> Translator::translate(std::span<const std::string> sources, const SearchOptions& options,
                                              const SearchControl& control) const {
  return found_by(sources, options, control, [&](StepModel& steps, const std::vector<std::size_t>& batch) {
    return search_in_rounds(steps, options, over_batch(control, batch));
  });
}

std::vector<Translated> Translator::revise(std::span<const std::string> sources, std::span<const std::string> drafts,
                                           const SearchOptions& options, const SearchControl& control) const {
  ATTEND_CHECK(sources.size() == drafts.size(), kValue, "revise: {} sources, {} drafts; give one draft a source", sources.size(),
               drafts.size());
  return found_by(sources, options, control, [&](const StepModel& steps, const std::vector<std::size_t>& batch) {
    std::vector<std::vector<std::int32_t>> tokens;
    for (const auto i : batch) tokens.push_back(tokens_of(ids_with_end(*model_.target, drafts[i])));
    return attend::revise(steps, tokens, options, over_batch(control, batch));
  });
}

// find (the model about to translate a batch, the numbers of its sources) -> results, in the batch's order.
template <class Find>
std::vector<Translated> Translator::found_by(std::span<const std::string> sources, const SearchOptions& options,
                                             const SearchControl& control, const Find& find) const {
  const SourceTexts texts(model_, sources, options.replace_unk);
  std::vector<Translated> results(sources.size(), Translated{.best = {ScoredText{}}, .record = {}});
  for (const auto& batch : batches_by_length(texts.ids, model_.source->special().end, limits)) {
    auto found = quoting_the_longest(sources, texts.ids, batch, [&] {
      const auto source = texts.batch(batch);
      return find(*steps_of(*model_.network, source.ids, source.lengths, model_.special()), batch);
    });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto& result = results[batch[i]];
      const auto& words = texts.words[batch[i]];
      result.best.clear();
      for (const auto& best : found[i].best) result.best.push_back(hypothesis(best, words));
      if (control.record) result.record = make_record(sources[batch[i]], words, found[i], &options, nullptr);
    }
  }
  return results;
}

std::vector<Translated> Translator::score(std::span<const std::string> sources, std::span<const std::string> targets,
                                          const SearchControl& control) const {
  ATTEND_CHECK(sources.size() == targets.size(), kValue, "score: {} sources, {} targets; give one target a source", sources.size(),
               targets.size());
  const SourceTexts texts(model_, sources, /*replace_unk=*/false);
  std::vector<std::vector<std::int32_t>> target_ids;
  for (std::size_t i = 0; i < targets.size(); ++i) target_ids.push_back(tokens_of(copied_ids(*model_.target, targets[i], texts.words[i])));
  std::vector<Translated> results(sources.size(), Translated{.best = {ScoredText{}}, .record = {}});
  for (const auto& batch : batches_by_length(texts.ids, model_.source->special().end, limits)) {
    auto found = quoting_the_longest(sources, texts.ids, batch, [&] {
      const auto source = texts.batch(batch);
      std::vector<std::vector<std::int32_t>> own;
      for (const auto i : batch) own.push_back(target_ids[i]);
      return force(*steps_of(*model_.network, source.ids, source.lengths, model_.special()), own, over_batch(control, batch));
    });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto& result = results[batch[i]];
      result.best = {hypothesis(found[i].best[0], texts.words[batch[i]])};
      result.best[0].text = targets[batch[i]];
      if (control.record) result.record = make_record(sources[batch[i]], texts.words[batch[i]], found[i], nullptr, &targets[batch[i]]);
    }
  }
  return results;
}

}  // namespace attend
