#pragma once
// Data made by rule: a small English–Chinese phrasebook and sequence tasks, both with gold alignments, for demonstrations,
// tests and measures that need to know what a model should attend to.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/core/options.h"

namespace attend {

/// One aligned pair of tokens, 0-based. A sure link must be found; a possible link (sure == false) may be found.
struct GoldLink {
  std::uint32_t source = 0, target = 0;
  bool sure = true;
  bool operator==(const GoldLink&) const = default;
};

/// A sentence pair and its gold links, sorted by source, then target, each (source, target) once.
struct GeneratedPair {
  std::string source, target;
  std::vector<GoldLink> links;
  bool operator==(const GeneratedPair&) const = default;
};

struct GeneratedSet {
  std::vector<GeneratedPair> train, dev, test;
};

/// An English–Chinese phrasebook from a small grammar of our own: 16,000 training, 500 dev and 500 test pairs, each English
/// sentence once. Source tokens are words, with "?" a token of its own ("tea?" is two tokens); target tokens are characters.
/// Statements carry no final full stop in either language; questions end in "?" and "？". Every token of both sides has at
/// least one link. Dev sentences are new; a test sentence also holds a combination (say, a verb with its object) that no
/// training sentence holds; every word of both is known from training. The same seed gives the same bytes everywhere.
GeneratedSet generate_phrasebook(std::uint64_t seed);

/// Options of generate_sequences; config section `data.sequences`.
struct SequenceOptions {
  std::string task;  // reverse, copy, sort, dates
  std::int64_t pairs;
  std::int64_t minimum_length;  // symbols; not used by dates
  std::int64_t maximum_length;
  std::int64_t symbols;     // a to z, then aa, ab, ...; sort orders them by number: a < z < aa
  std::int64_t first_year;  // dates only
  std::int64_t last_year;
  std::int64_t seed;
  SequenceOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Distinct pairs, the same for the same options. All tokens are separated by spaces, on both sides.
///   reverse, copy, sort  links t to S−1−t, t to t, and the stable sorting order (equal symbols keep their order).
///   dates                "March 5 , 2021", "5 March 2021", "Friday 5 March 2021", "the 5 th of March 2021", "2021 / 3 / 5": formats
///                        that cannot be misread, to "2 0 2 1 - 0 3 - 0 5". Each digit has a sure link to the source token that
///                        holds its part of the date; each hyphen has a possible link to the part that follows it.
/// Lengths of symbol tasks are drawn evenly between the limits. Throws kValue for limits in the wrong order and when more
/// pairs are asked for than exist, saying how many there are.
std::vector<GeneratedPair> generate_sequences(const SequenceOptions& options);

/// `source TAB target TAB links`, links as "0-0 1p2": sure i-j, possible ipj; without links no third column. No newline.
std::string to_tsv_line(const GeneratedPair& pair);

}  // namespace attend
