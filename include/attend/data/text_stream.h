#pragma once
// A file as one long text, for language models.
#include <string>

namespace attend {

/// The whole file in NFC, its lines joined as they are: line ends stay (CRLF becomes LF), a BOM goes. Throws kData (`file:line`)
/// for a byte that is not UTF-8 or is NUL, kFile as ParallelCorpus.
std::string read_text(const std::string& path);

struct TextShares {
  double dev = 0.05, test = 0.05;  ///< of the text's bytes; the rest is for training
};

struct TextParts {
  std::string train, dev, test;  ///< in the order of the text; together they are the whole of it
};

/// Cuts behind the line end that is nearest to where each share begins. Throws kValue for shares outside [0, 1) or of 1 and more
/// together, kData when a part of positive share would stay empty, saying `name`.
TextParts split_text(const std::string& text, const TextShares& shares, const std::string& name);

}  // namespace attend
