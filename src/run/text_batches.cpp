#include "attend/run/text_batches.h"

#include <algorithm>

#include "run/run_records.h"

namespace attend {

RecordText text_of(const Tokenizer& tokenizer, std::string_view text) { return {std::string(text), record_tokens(tokenizer.encode(text))}; }

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

}  // namespace attend
