#include "measure/porter.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace attend::scoring {
namespace {

/// Per letter: a consonant? y is one at the beginning and after a vowel.
std::vector<bool> consonants(std::string_view word) {
  std::vector<bool> flags(word.size());
  for (std::size_t i = 0; i < word.size(); ++i)
    flags[i] = word[i] == 'y' ? i == 0 || !flags[i - 1] : std::string_view("aeiou").find(word[i]) == std::string_view::npos;
  return flags;
}

/// m of [C](VC)^m[V]: how often a consonant follows a vowel.
int measure(std::string_view stem) {
  const auto consonant = consonants(stem);
  int count = 0;
  for (std::size_t i = 1; i < consonant.size(); ++i) count += !consonant[i - 1] && consonant[i];
  return count;
}
bool has_vowel(std::string_view stem) {
  const auto consonant = consonants(stem);
  return std::find(consonant.begin(), consonant.end(), false) != consonant.end();
}
bool ends_double_consonant(std::string_view word) {
  const std::size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && consonants(word).back();
}
/// Consonant, vowel, consonant other than w, x, y at the end; or a word of just a vowel and a consonant.
bool ends_short(std::string_view word) {
  const auto consonant = consonants(word);
  const std::size_t n = word.size();
  if (n == 2) return !consonant[0] && consonant[1];
  return n > 2 && consonant[n - 3] && !consonant[n - 2] && consonant[n - 1] &&
         std::string_view("wxy").find(word[n - 1]) == std::string_view::npos;
}

bool positive(std::string_view stem) { return measure(stem) > 0; }
bool above_one(std::string_view stem) { return measure(stem) > 1; }
bool always(std::string_view) { return true; }

struct Rule {
  std::string_view suffix, replacement;
  bool (*holds)(std::string_view stem) = positive;
};
/// The first rule whose suffix fits decides, whether or not its condition holds.
std::string apply_rules(std::string word, std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    if (!word.ends_with(rule.suffix)) continue;
    const std::size_t stem = word.size() - rule.suffix.size();
    if (rule.holds(std::string_view(word).substr(0, stem))) word.replace(stem, rule.suffix.size(), rule.replacement);
    break;
  }
  return word;
}

/// Plurals.
std::string step_1a(std::string word) {
  static constexpr Rule kRules[] = {{"sses", "ss", always}, {"ies", "i", always}, {"ss", "ss", always}, {"s", "", always}};
  if (word.size() == 4 && word.ends_with("ies")) return word.substr(0, 3);
  return apply_rules(std::move(word), kRules);
}

/// -eed, -ed and -ing; what they leave is mended.
std::string step_1b(std::string word) {
  static constexpr Rule kMend[] = {{"at", "ate", always}, {"bl", "ble", always}, {"iz", "ize", always}};
  if (word.ends_with("ied")) return word.substr(0, word.size() - (word.size() == 4 ? 1 : 2));
  if (word.ends_with("eed")) return positive(std::string_view(word).substr(0, word.size() - 3)) ? word.substr(0, word.size() - 1) : word;
  for (const std::string_view suffix : {"ed", "ing"}) {
    if (!word.ends_with(suffix)) continue;
    std::string stem = word.substr(0, word.size() - suffix.size());
    if (!has_vowel(stem)) continue;
    for (const Rule& rule : kMend)
      if (stem.ends_with(rule.suffix)) return stem + 'e';
    if (ends_double_consonant(stem)) {
      if (std::string_view("lsz").find(stem.back()) == std::string_view::npos) stem.pop_back();
      return stem;
    }
    return measure(stem) == 1 && ends_short(stem) ? stem + 'e' : stem;
  }
  return word;
}

/// A final y becomes i after a consonant that does not begin the word.
std::string step_1c(std::string word) {
  if (word.size() > 2 && word.back() == 'y' && consonants(word)[word.size() - 2]) word.back() = 'i';
  return word;
}

std::string step_2(std::string word) {
  static constexpr Rule kRules[] = {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
                                    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
                                    {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
                                    {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
                                    {"fulli", "ful"}};
  const std::string_view view = word;
  if (view.ends_with("alli") && positive(view.substr(0, view.size() - 4))) return step_2(word.substr(0, word.size() - 2));
  // The l counts as part of the stem, so that "geologi" goes the way of "archaeologi".
  if (view.ends_with("logi")) return positive(view.substr(0, view.size() - 3)) ? word.substr(0, word.size() - 1) : word;
  return apply_rules(std::move(word), kRules);
}

std::string step_3(std::string word) {
  static constexpr Rule kRules[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                                    {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
  return apply_rules(std::move(word), kRules);
}

std::string step_4(std::string word) {
  static constexpr auto kAfterSOrT = [](std::string_view stem) { return above_one(stem) && (stem.back() == 's' || stem.back() == 't'); };
  static constexpr Rule kRules[] = {{"al", "", above_one},    {"ance", "", above_one}, {"ence", "", above_one}, {"er", "", above_one},
                                    {"ic", "", above_one},    {"able", "", above_one}, {"ible", "", above_one}, {"ant", "", above_one},
                                    {"ement", "", above_one}, {"ment", "", above_one}, {"ent", "", above_one},  {"ion", "", kAfterSOrT},
                                    {"ou", "", above_one},    {"ism", "", above_one},  {"ate", "", above_one},  {"iti", "", above_one},
                                    {"ous", "", above_one},   {"ive", "", above_one},  {"ize", "", above_one}};
  return apply_rules(std::move(word), kRules);
}

/// A final e, and one l of two.
std::string step_5(std::string word) {
  if (word.ends_with('e')) {
    const std::string_view stem = std::string_view(word).substr(0, word.size() - 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_short(stem))) word.pop_back();
  }
  if (word.ends_with("ll") && above_one(std::string_view(word).substr(0, word.size() - 1))) word.pop_back();
  return word;
}

}  // namespace

std::string porter_stem(std::string word) {
  static constexpr std::pair<std::string_view, std::string_view> kIrregular[] = {
      {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},        {"lying", "lie"},
      {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
      {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
      {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};
  for (const auto& [form, stem] : kIrregular)
    if (word == form) return std::string(stem);
  if (word.size() <= 2) return word;
  return step_5(step_4(step_3(step_2(step_1c(step_1b(step_1a(std::move(word))))))));
}

}  // namespace attend::scoring
