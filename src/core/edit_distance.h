#pragma once
// How far a misspelt name is from a valid one.
#include <cstddef>
#include <string_view>

namespace attend {

/// Nobody mistypes a name of more letters, and the distance costs the product of the lengths.
inline constexpr std::size_t kLongestMisspelt = 100;

/// Letters to insert, remove or exchange that make `a` from `b` (Levenshtein 1966). Time |a| · |b|.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace attend
