#pragma once
// Records made by hand, to look at and to test with.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/draw/scene.h"

namespace attend::samples {

/// A text from its tokens: each is found in `utf8` from left to right; "</s>" is special and owns no bytes.
RecordText text_of(const std::string& utf8, const std::vector<std::string>& tokens);

/// A record of one finished hypothesis without maps.
RecordData bare(RecordText source, RecordText target);

/// "I love you" → 我爱你, scaled dot product: the worked example of the guide, from its queries and keys.
Record love();
/// A sentence of twelve words, recurrent with additive attention.
Record sentence();
/// The same sentence through two Transformer layers of eight heads, each with a habit of its own.
Record transformer();
/// Two texts of 150 and 200 short words.
Record large();
/// Chinese, Arabic, Devanagari, emoji, byte pieces, control bytes, mark-up.
Record hostile();
/// A picture of 112 x 84 pixels, a grid of 6 x 8 cells over it, and the caption "a red house under the sun".
Record house();
/// A story of seven statements whose question three hops answer.
Record story();
/// A scene of one panel whose labels are single letters, so that a test knows where the cells stand.
Scene lettered(std::size_t rows, std::size_t cols);
/// Anything at all: sizes, scripts, sites, heads, specials and weights drawn from `seed`.
Record random(std::uint64_t seed);

}  // namespace attend::samples
