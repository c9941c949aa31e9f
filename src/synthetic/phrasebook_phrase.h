#pragma once
// Pieces of a sentence in both languages at once, with the links between their words, and how pieces are put together.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attend/synthetic/generate.h"

namespace attend::phrasebook {

/// A Chinese word and the English words (indices into the phrase) it is linked to.
struct Chunk {
  std::string text;
  std::vector<std::uint32_t> sure, possible;
  bool aspect = false;  ///< 了 or 过, so that an auxiliary outside the phrase can be linked to it
};

struct Phrase {
  std::vector<std::string> words;
  std::vector<Chunk> chunks;
  std::vector<std::string> bonds;  ///< combinations of content words, "buy+book"; what the test set holds out
  std::string head;                ///< the content word that takes part in bonds
  bool empty() const { return words.empty() && chunks.empty(); }
};

using Slots = std::vector<std::pair<std::string_view, Phrase>>;

/// Builds a phrase from two patterns. English: words and `{slot}`s between spaces. Chinese: words and `{slot}`s between spaces,
/// each followed by marks: `=a,b` sure links to the pattern's words a and b, `~c` possible links, `^d` possible links from the
/// aspect particles inside a slot; `{s}` in a mark means all words of that slot. A word that occurs twice means both.
///   compose("{s} did not {v}", "{s} 没=not~did {v}", {{"s", subject}, {"v", verb}})
/// A name or slot that the English pattern lacks is a bug (std::logic_error).
Phrase compose(std::string_view english, std::string_view chinese, const Slots& slots = {});

/// A phrase without slots written as "english|chinese".
Phrase aligned(std::string_view row);

/// English words without Chinese; something else must link to them.
Phrase english_only(std::string_view words);

/// The finished pair: first letter in upper case, words joined, links from words to characters. Throws std::logic_error when a
/// word or a character has no link.
GeneratedPair finish(const Phrase& sentence);

}  // namespace attend::phrasebook
