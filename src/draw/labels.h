#pragma once
// From tokens, which are spans of bytes, to what a reader sees.
#include <vector>

#include "attend/draw/scene.h"

namespace attend {

/// One label per token.
std::vector<Label> token_labels(const RecordText& text);

/// The text cut into pieces along grapheme clusters: tokens that share a cluster share a piece. `columns[i]` is the
/// column of token i, or -1 when it is hidden; its text then stays, untinted.
std::vector<TextPiece> text_pieces(const RecordText& text, const std::vector<std::int32_t>& columns);

}  // namespace attend
