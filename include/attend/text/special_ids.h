#pragma once
// The tokens of a vocabulary that stand for no text of their own.
#include <cstdint>

namespace attend {

/// Their ids. The defaults are those of the vocabularies that Attend makes; imported ones may have others.
struct SpecialIds {
  std::int32_t unknown = 0;  ///< <unk>: a word that the vocabulary does not hold
  std::int32_t pad = 1;      ///< <pad>: fills the shorter sequences of a batch, never written
  std::int32_t begin = 2;    ///< <s>: what a decoder reads before its first token, never written
  std::int32_t end = 3;      ///< </s>: ends a text
  bool operator==(const SpecialIds&) const = default;
};

}  // namespace attend
