#include "run/run_records.h"

#include "attend/search/growing_record.h"

namespace attend {
namespace {

Hypothesis record_hypothesis(const Tokenizer& tokenizer, const FoundHypothesis& best, const CopyWords& words) {
  Hypothesis h{.last_node = best.last_node, .text = {}, .log_prob = best.log_prob, .score = best.score};
  std::vector<TextToken> spans;
  h.text.utf8 = decode_with(tokenizer, best.tokens, own_words(tokenizer, best.tokens, words, best.sources), &spans);
  h.text.tokens = record_tokens(spans);
  for (auto& token : h.text.tokens) token.special = token.id == tokenizer.special().end;
  return h;
}

// `ids` are what was forced, words of the source among them.
RecordText given_text(const Tokenizer& tokenizer, std::string_view text, const std::vector<std::int32_t>& ids) {
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
  for (auto& summary : data.summaries)
    if (summary.site.columns == ColumnAxis::kDraft) summary.first_column = source;
  data.parts = {{ColumnAxis::kSource, 0, source}, {ColumnAxis::kDraft, source, tokens}};
}

}  // namespace

RecordToken special_token(std::int32_t id, std::size_t place) {
  return {.id = id, .span = {static_cast<std::uint32_t>(place), static_cast<std::uint32_t>(place)}, .word = 0, .special = true};
}

std::vector<RecordToken> record_tokens(const std::vector<TextToken>& tokens) {
  std::vector<RecordToken> out;
  for (const auto& t : tokens) out.push_back({.id = t.id, .span = {t.begin, t.end}, .word = t.word, .special = false});
  return out;
}

RecordData record_about(const ModelOptions& model, const char* task) {
  RecordData data;
  data.task = task;
  data.model = model.type;
  data.mechanism = looks_by(model);
  return data;
}

std::shared_ptr<const Record> finish_record(RecordData data, const Tokenizer& tokenizer, SearchResult& found, const CopyWords& words,
                                            const std::string* given) {
  data.nodes = std::move(found.nodes);
  data.maps = std::move(found.maps);
  data.scalars = std::move(found.scalars);
  data.summaries = std::move(found.summaries);
  for (const auto& best : found.best) data.hypotheses.push_back(record_hypothesis(tokenizer, best, words));
  if (given) data.hypotheses.at(0).text = given_text(tokenizer, *given, found.best.at(0).tokens);
  if (!found.draft.empty()) show_draft(data, tokenizer, found.draft);
  return std::make_shared<const Record>(std::move(data));
}

}  // namespace attend
