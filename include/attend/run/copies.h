#pragma once
// Words of a source beside the vocabulary of its target: what models that copy (model.pointer_generator) may say, what stands for <unk>
// (decode.replace_unk), and how it is written.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/store/model_folder.h"

namespace attend {

/// One source as the target's side sees it.
struct CopyWords {
  std::vector<std::int64_t> ids;  ///< of each source token: the target's id of the same text, or V + i for own[i]
  std::vector<std::string> own;   ///< its words outside the target's vocabulary of V pieces
  std::vector<std::string> all;   ///< with replace_unk: the word that each source token is or belongs to
};
/// The word of each token: the token itself, or of pieces of words the whole word.
std::vector<std::string> words_of_tokens(const Tokenizer& tokenizer, std::string_view text);
/// A piece stands for the target's piece of the same name where both sides have one kind of tokenizer, else its text for the one target
/// token it makes; else the text is an own word. As many ids as source_ids() gives; </s> stands for itself.
CopyWords copy_words(const TranslationModel& model, std::string_view source);
/// Token ids of a target with </s>; an <unk> whose text is an own word of the source becomes that word.
std::vector<std::int64_t> copied_ids(const Tokenizer& target, std::string_view text, const CopyWords& source);
/// ids [B, S] as models that copy read them: int64 [B, S, 2], the words' ids beside them.
at::Tensor with_words(const at::Tensor& ids, const std::vector<const CopyWords*>& words);

/// Text of `tokens` in which token t is written as instead[t] where that is not null; spans as Tokenizer::decode gives them.
std::string decode_with(const Tokenizer& tokenizer, std::span<const std::int32_t> tokens, const std::vector<const std::string*>& instead,
                        std::vector<TextToken>* spans = nullptr);
/// For each token the own word it stands for, else null; where sources[t] is given and not −1, the source's word of that number
/// (Luong et al. 2015, Addressing the rare word problem).
std::vector<const std::string*> own_words(const Tokenizer& tokenizer, std::span<const std::int32_t> tokens, const CopyWords& source,
                                          std::span<const std::int32_t> sources = {});

}  // namespace attend
