#pragma once
// The tokens that stand for no text.
#include <cstdint>

namespace attend {

/// Special tokens of a vocabulary that is made here.
inline constexpr std::int32_t kSpecialPieces = 4;

/// Ids of the special tokens of one vocabulary. Those that are trained here have them first, in this order; those that come from elsewhere
/// have them anywhere, and several may share an id (T5 begins with <pad>).
struct SpecialIds {
  std::int32_t unknown = 0;  ///< <unk>: a text that has no token of its own
  std::int32_t pad = 1;      ///< <pad>: fills shorter sequences of a batch; what it holds is read by nobody
  std::int32_t begin = 2;    ///< <s>: what a decoder reads before its first token
  std::int32_t end = 3;      ///< </s>: the last token of every sequence

  /// Whether the id is <pad>, <s> or </s>, which are written as nothing.
  bool is_silent(std::int32_t id) const { return id == pad || id == begin || id == end; }
  /// Whether the id is any of the four.
  bool contains(std::int32_t id) const { return id == unknown || is_silent(id); }
  bool operator==(const SpecialIds&) const = default;
};

/// Those of what a model reads and of what it writes.
struct BothSpecialIds {
  SpecialIds source, target;
};

}  // namespace attend
