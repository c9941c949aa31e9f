#pragma once
#include <string>

namespace attend::scoring {

/// The stem of a lower-case ASCII word by Porter's suffix rules (1980) with the changes NLTK makes by default: a few irregular
/// forms, "dies" to "die" but "flies" to "fli", y kept after a vowel, two more suffixes. Digits count as consonants.
std::string porter_stem(std::string word);

}  // namespace attend::scoring
