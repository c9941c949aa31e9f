#pragma once
// How many columns a text takes on a terminal, counted by grapheme cluster (UAX #29) and East Asian width (UAX #11).
#include <string>
#include <string_view>
#include <vector>

namespace attend {

/// Grapheme clusters of a text, in order. Broken UTF-8 gives clusters of one byte.
std::vector<std::string_view> grapheme_clusters(std::string_view text);

/// Columns of a text: 我 2, e + U+0301 1, a family emoji or a flag 2. `wide`: characters of ambiguous width take 2, as
/// in East Asian terminals.
int display_width(std::string_view text, bool wide = false);

/// The text if it fits into `columns`, else its beginning and "…"; cut between clusters.
std::string clip_text(std::string_view text, int columns, bool wide = false);

/// The text with everything shown that could steer a terminal or hide: control bytes as their pictures (␛), direction
/// marks and other invisible controls as \u202e, broken bytes as \xe4. The result is always valid UTF-8.
std::string visible_text(std::string_view bytes);

/// The text in forms about whose width all terminals agree: emoji without colour of skin and variation, the first of those that are joined
/// to one, digits without their key. Everything else stays.
std::string steady_text(std::string_view text);

}  // namespace attend
