#pragma once
// How far a misspelt name is from a valid one.
#include <cstddef>
#include <string_view>

namespace attend {

/// Letters to insert, remove or exchange that make `a` from `b` (Levenshtein 1966). Time |a| · |b|.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace attend
