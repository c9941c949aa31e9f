#pragma once
// Corpus BLEU (Papineni et al., 2002) as sacreBLEU defines it (Post, 2018): same tokens, same smoothing, same digits.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/core/options.h"

namespace attend {

/// The sacreBLEU release whose figures these metrics reproduce: the golden values of the tests were made with it, and
/// signatures name it. It says which definition a figure follows, not that the Python program ran.
inline constexpr const char* kSacreBleuVersion = "2.6.0";

/// How BLEU is computed.
struct BleuOptions {
  std::string tokenizer;  // one of bleu_tokenizer_names()
  bool lowercase;
  std::string smooth;   // exp, floor, add-k, none
  double smooth_value;  // 0: the method's own
  bool effective_order;
  std::int64_t max_order;  // BLEU-1 .. BLEU-n; 4 is what "BLEU" means
  BleuOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

struct BleuResult {
  double score = 0;                    ///< 0 to 100
  std::vector<double> precisions;      ///< per order, 0 to 100, after smoothing; all 0 when nothing matched
  std::vector<std::uint64_t> matches;  ///< per order: n-grams found in a reference, clipped
  std::vector<std::uint64_t> totals;   ///< per order: n-grams of the hypotheses
  double brevity_penalty = 1;
  std::uint64_t hypothesis_length = 0;  ///< tokens
  std::uint64_t reference_length = 0;   ///< tokens, of the closest reference of each sentence
  std::string signature;                ///< nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0

  double ratio() const;  ///< hypothesis length / reference length, 0 without references' tokens
  /// "BLEU = 41.02 72.5/48.1/34.0/24.2 (BP = 1.000 ratio = 1.002 hyp_len = 12057 ref_len = 12033)".
  std::string line(int decimals = 2) const;
  /// The same with the signature after the name, as sacreBLEU prints it: "BLEU|nrefs:1|... = 41.02 ...".
  std::string line_with_signature(int decimals = 2) const;
};

/// Counts n-grams sentence by sentence; memory does not grow with the corpus.
///
///     Bleu bleu(options);
///     for (...) bleu.add(hypothesis, reference);
///     std::cout << bleu.result().line();
///
/// score = BP · exp(mean over orders of ln precision); BP = 1, or exp(1 − r/c) when the hypotheses are shorter (c < r).
/// An n-gram counts at most as often as in the reference that has it most; r adds up, for each sentence, the reference
/// length closest to the hypothesis (the shorter of two equally close).
/// One thread at a time may add. Once all is added, threads may share it: const members only read.
class Bleu {
 public:
  /// Throws kUnknownName for a tokenizer or smoothing method that does not exist, kValue for numbers out of range.
  explicit Bleu(BleuOptions options = {});
  Bleu(Bleu&&) noexcept;
  Bleu& operator=(Bleu&&) noexcept;
  ~Bleu();

  /// Adds one sentence with all its references; the number of references may vary. Text is detokenised and untouched.
  /// Throws kValue without a reference, kData for broken UTF-8, naming the sentence and the byte.
  void add(std::string_view hypothesis, std::span<const std::string_view> references);
  void add(std::string_view hypothesis, std::string_view reference);

  /// BLEU of everything added so far. Throws kValue before the first sentence.
  BleuResult result() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// BLEU-1 to BLEU-max_order, each 0 to 100, as the COCO caption scorer (Chen et al., 2015) prints them, from the same counts: no
/// smoothing but its own 1e-15 and 1e-9 beside matches and totals, the closest reference length. The scorer counts words
/// between blanks: give captions in lower case, without punctuation, and count them with
///
///     BleuOptions options;
///     options.tokenizer = "none";
std::vector<double> caption_bleu(const BleuResult& counts);

/// The names of `tokenizer`.
std::vector<std::string> bleu_tokenizer_names();

/// The tokens BLEU counts for one text: `tokenizer` is a name of BleuOptions. Throws as Bleu does.
///   13a   mteval-v13a: entities undone, ASCII punctuation apart, '.' and ',' apart unless between digits
///   zh    each Chinese character and full-width mark a token, the rest as 13a
///   char  each character a token
///   intl  mteval-v14: Unicode punctuation apart unless between numbers, symbols apart
///   none  split at white space
std::vector<std::string> bleu_tokens(std::string_view text, const std::string& tokenizer, bool lowercase = false);

}  // namespace attend
