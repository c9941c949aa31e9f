#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace attend::scoring {

enum class BleuTokenizer { k13a, kZh, kChar, kIntl, kNone };

/// Throws kUnknownName.
BleuTokenizer find_bleu_tokenizer(const std::string& name);
const std::vector<std::string>& bleu_tokenizer_names();

/// The text with blanks between its tokens: split() gives the tokens.
std::u32string separate(BleuTokenizer tokenizer, std::u32string_view text, bool lowercase);

}  // namespace attend::scoring
