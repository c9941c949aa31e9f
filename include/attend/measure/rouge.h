#pragma once
// ROUGE-1, ROUGE-2 and ROUGE-L (Lin, 2004) as Google's rouge_score package defines them: same tokens, same stems, same digits.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/core/options.h"

namespace attend {

/// The release of rouge_score whose figures are reproduced: the golden values of the tests were made with it, and signatures
/// name it. It says which definition a figure follows, not that the Python program ran.
inline constexpr const char* kRougeScoreVersion = "0.1.2";

/// How text becomes the tokens ROUGE counts.
struct RougeOptions {
  bool stem;        // Porter's stemmer, words of more than three letters
  bool characters;  // keep Chinese, Japanese and Korean characters, each a token; the package drops them
  RougeOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// The tokens of one text: lower-cased runs of a–z and 0–9, everything else separates (accented letters too: "café" is "caf").
/// Throws kData for broken UTF-8.
std::vector<std::string> rouge_tokens(std::string_view text, const RougeOptions& options = {});

/// Shares of tokens or n-grams, 0 to 100. 0 where the package has it: a side without n-grams scores 0.
struct RougeScore {
  double precision = 0;  ///< matches / of the hypothesis
  double recall = 0;     ///< matches / of the reference
  double f1 = 0;         ///< 2PR / (P + R)
};

struct RougeScores {
  RougeScore rouge_1;      ///< words
  RougeScore rouge_2;      ///< pairs of neighbours
  RougeScore rouge_l;      ///< longest common subsequence of the whole texts
  RougeScore rouge_l_sum;  ///< union of those of each reference sentence with every hypothesis sentence; sentences end at '\n'
};

struct RougeResult {
  RougeScores mean;                         ///< arithmetic means over the items of precision, recall and F1, each on its own
  std::uint64_t items = 0;                  ///< texts scored
  std::string signature;                    ///< nrefs:1|case:lc|stem:porter|tok:words|split:newline|version:0.1.2
  std::string line() const;                 ///< "ROUGE F1 = 39.53/17.28/36.38/36.41 (1/2/L/Lsum)"
  std::string line_with_signature() const;  ///< the same with the signature after the name
};

/// Scores of one text. Of several references the one with the best F1 counts, for each measure on its own, the first of
/// equals. Throws kValue without a reference, kData for broken UTF-8.
/// Time O(n·m) in tokens; memory O(n·m) for the longest pair of sentences.
RougeScores rouge_scores(std::string_view hypothesis, std::span<const std::string_view> references, const RougeOptions& options = {});

/// Means over a corpus; memory does not grow with it.
///
///     Rouge rouge(options);
///     for (...) rouge.add(summary, reference);
///     std::cout << rouge.result().line();
///
/// One thread at a time may add. Once all is added, threads may share it: const members only read.
class Rouge {
 public:
  explicit Rouge(RougeOptions options = {});
  Rouge(Rouge&&) noexcept;
  Rouge& operator=(Rouge&&) noexcept;
  ~Rouge();

  /// Adds one text with all its references. Throws as rouge_scores, naming the item.
  void add(std::string_view hypothesis, std::span<const std::string_view> references);
  void add(std::string_view hypothesis, std::string_view reference);

  /// Throws kValue before the first item.
  RougeResult result() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attend
