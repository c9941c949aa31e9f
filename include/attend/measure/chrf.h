#pragma once
// chrF and chrF++ (Popović, 2015 and 2017) as sacreBLEU defines them: an F-score over character n-grams, and word n-grams.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "attend/core/options.h"

namespace attend {

/// How chrF is computed; word_order 2 is chrF++.
struct ChrfOptions {
  std::int64_t char_order, word_order, beta;
  bool lowercase;
  bool whitespace;  // count white space as characters
  bool smooth;      // orders without n-grams count as ~0 instead of being left out (sacreBLEU's eps_smoothing)
  ChrfOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

struct ChrfResult {
  double score = 0;       ///< 0 to 100
  std::string name;       ///< chrF2, chrF2++: the digit is beta, one '+' for each word order
  std::string signature;  ///< nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0

  std::string line(int decimals = 2) const;                 ///< "chrF2 = 61.35"
  std::string line_with_signature(int decimals = 2) const;  ///< "chrF2|nrefs:1|... = 61.35"
};

/// Counts n-grams sentence by sentence; memory does not grow with the corpus.
///
/// F = (1 + β²) P R / (β² P + R), P and R the means over orders of matches / n-grams of the hypotheses and of the
/// references. Orders for which the corpus has no n-gram on one side are left out (effective order). Of several references
/// the one with the best F for the sentence counts, the first of equals. Characters are code points without white space;
/// words are split at white space, and one ASCII punctuation mark is taken off a word's end, or else off its beginning.
/// One thread at a time may add. Once all is added, threads may share it: const members only read.
class Chrf {
 public:
  /// Throws kValue for orders or a beta out of range.
  explicit Chrf(ChrfOptions options = {});
  Chrf(Chrf&&) noexcept;
  Chrf& operator=(Chrf&&) noexcept;
  ~Chrf();

  /// Adds one sentence with all its references. Throws kValue without a reference, kData for broken UTF-8.
  void add(std::string_view hypothesis, std::span<const std::string_view> references);
  void add(std::string_view hypothesis, std::string_view reference);

  /// chrF of everything added so far. Throws kValue before the first sentence.
  ChrfResult result() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attend
