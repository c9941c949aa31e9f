#pragma once
// Texts as token ids, and many of them as one tensor. Threads may call all of it at once.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "attend/record/record.h"
#include "attend/store/model_folder.h"

namespace attend {

/// A text with its tokens, as records hold it; without </s>.
RecordText text_of(const Tokenizer& tokenizer, std::string_view text);
/// Token ids of one text with </s>, as decoders write them.
std::vector<std::int64_t> ids_with_end(const Tokenizer& tokenizer, std::string_view text);
/// Token ids of a source as encoders read them: with </s> where text.source_end says so. A text without tokens gives </s> alone.
std::vector<std::int64_t> source_ids(const Tokenizer& tokenizer, const TextOptions& text, std::string_view source);
/// The same ids as search takes them.
std::vector<std::int32_t> tokens_of(std::span<const std::int64_t> ids);

/// Ids of many sequences as one batch, padded with 0, which nobody reads.
struct PaddedBatch {
  at::Tensor ids, lengths;  ///< int64 [B, L], int64 [B]
};
PaddedBatch pad_batch(const std::vector<const std::vector<std::int64_t>*>& sequences);

}  // namespace attend
