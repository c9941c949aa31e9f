#pragma once
// What a corpus looks like, and the configuration that suits it where the user said nothing.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attend/core/options.h"
#include "attend/train/config.h"

namespace attend {

/// One side of a corpus, counted by white space. A word is what stands between two spaces, without the punctuation around it.
struct SideProfile {
  std::uint64_t lines = 0, words = 0, types = 0, once = 0;  ///< types are different words, `once` those seen one time
  std::uint64_t characters = 0;                             ///< without white space
  double cjk = 0;                                           ///< share of characters that are Chinese, Japanese or Korean
  double attached = 0;                                 ///< share of lines with a word that has . , ? ! or ; at its end, as prose writes it
  std::int64_t usual_words = 0, usual_characters = 0;  ///< 99 of 100 lines have at most as many
  std::int64_t most_words = 0, most_characters = 0;    ///< the longest line
  double mean_words() const { return lines > 0 ? static_cast<double>(words) / static_cast<double>(lines) : 0; }
  double mean_characters() const { return lines > 0 ? static_cast<double>(characters) / static_cast<double>(lines) : 0; }
  double letters_a_word() const { return words > 0 ? static_cast<double>(characters) / static_cast<double>(words) : 0; }
  /// The words seen are all there are: fewer than 3 in 1,000 words of new text are expected to be others, which is the share of words
  /// seen once (Good 1953, eq. 9), and there are at most 5,000 of them.
  bool closed() const;
  /// Nearly every line is one word.
  bool one_word() const { return lines > 0 && mean_words() < 1.05; }
  /// Nearly every word is one letter: a file that writes letters apart.
  bool letters_apart() const { return words > 0 && mean_words() > 1.5 && letters_a_word() < 1.2; }
  /// Written without spaces between words.
  bool unspaced() const { return cjk > 0.5 ? letters_a_word() > 4 : letters_a_word() > 14 && mean_words() < 4; }
};

/// A corpus as choose_pairs sees it.
struct CorpusProfile {
  std::uint64_t pairs = 0;  ///< of the whole corpus, however many were counted
  SideProfile source, target;
  double identical = 0;  ///< share of pairs whose two sides are the same
};

/// Counts a side line by line. Not for several threads at once.
class SideCounter {
 public:
  SideCounter();
  ~SideCounter();
  void add(std::string_view line);
  SideProfile finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Fills what was not given with what suits such a corpus: tokens, sizes, batches, rate, length of the run. `given` are the keys the
/// user set. Returns one line a decision, with its reason, for the user to read; that of train.steps says how long the run will take.
std::vector<std::string> fit_to_corpus(Config& config, const GivenValues& given, const CorpusProfile& corpus);

/// The same for texts with classes, pictures with classes (`texts` without lines), stories and documents with questions.
struct QuizProfile {
  std::uint64_t items = 0;
  SideProfile texts;
};
std::vector<std::string> fit_to_quiz(Config& config, const GivenValues& given, const QuizProfile& quiz);
/// The same for a language model's text, and for pictures with captions.
std::vector<std::string> fit_to_text(Config& config, const GivenValues& given, const SideProfile& text);
std::vector<std::string> fit_to_captions(Config& config, const GivenValues& given, std::uint64_t pictures);

}  // namespace attend
