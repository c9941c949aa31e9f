#pragma once
// Word alignments: links, their Pharaoh text form, alignment error rate, and links read off attention weights.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attend/record/record.h"

namespace attend {

/// One link between a source and a target word, both counted from 0. Gold links are sure or only possible.
struct Link {
  std::uint32_t source = 0, target = 0;
  bool sure = true;
  auto operator<=>(const Link&) const = default;
};
/// Links of one sentence pair.
using Links = std::vector<Link>;

/// Source-major order, each pair once; a pair given both as sure and as possible is sure.
Links sorted_links(Links links);

/// Reads "0-0 1p2 2-1": `i-j` sure, `ipj` or `i?j` possible, blanks between; `base` (0 or 1) is the number of the first word. Result
/// sorted. Throws kData naming `place` ("file:line") and the link.
Links parse_links(std::string_view line, int base, const std::string& place);
/// Links of a TSV row whose further columns are `columns`, tabs between: the first column of links and nothing else. None when the
/// first is blank. Throws kData naming `place` when no column is links.
Links parse_link_columns(std::string_view columns, int base, const std::string& place);
/// The text form parse_links reads, in the order given.
std::string format_links(const Links& links, int base = 0);
/// One sentence pair a line; a blank line is a pair without links. Throws kFile, or kData with `file:line`.
std::vector<Links> read_links(const std::string& path, int base = 0);

/// Throws kData naming `place` and the first link that joins a word which is not there: `sources` and `targets` words are.
void check_links(const Links& links, std::uint32_t sources, std::uint32_t targets, const std::string& place);

/// Precision, recall and alignment error rate against gold links (Och & Ney, 2003), as sums over a corpus:
///   precision |A∩P| / |A|,  recall |A∩S| / |S|,  AER = 1 − (|A∩S| + |A∩P|) / (|A| + |S|)
/// with A the links found, S the sure ones, P the possible ones; S counts within P. A measure is null where its
/// denominator is 0. One thread at a time may add. Once all is added, threads may share it: const members only read.
class AlignmentScore {
 public:
  /// Adds one sentence pair; `sure` of the found links is not looked at, doubled links count once.
  void add(const Links& found, const Links& gold);
  AlignmentScore& operator+=(const AlignmentScore& other);

  std::optional<double> precision() const;
  std::optional<double> recall() const;
  std::optional<double> aer() const;
  /// 1 / (α / precision + (1 − α) / recall), the weighted harmonic mean (Fraser & Marcu, 2007); α = 0.5 is F1. Null when precision or
  /// recall is.
  std::optional<double> f_measure(double alpha = 0.5) const;

  std::uint64_t found() const { return found_; }                    ///< |A|
  std::uint64_t sure() const { return sure_; }                      ///< |S|
  std::uint64_t found_sure() const { return found_sure_; }          ///< |A∩S|
  std::uint64_t found_possible() const { return found_possible_; }  ///< |A∩P|

 private:
  std::uint64_t found_ = 0, sure_ = 0, found_sure_ = 0, found_possible_ = 0;
};

/// Links read off a matrix [target, source].
struct WeightLinks {
  Links links;                  ///< source-major, all sure
  std::uint32_t tied_rows = 0;  ///< argmax only: rows whose largest weight stands at several sources; the lowest was linked
};
/// Each target row linked to the source with the largest weight; rows without a weight above 0 stay unlinked.
WeightLinks argmax_links(const WeightMatrix& weights);
/// Every cell with weight > threshold; threshold 0 links whatever was attended to at all.
WeightLinks threshold_links(const WeightMatrix& weights, double threshold);

/// [target tokens, source tokens] to [target words, source words]: the sum over a word's source pieces, the mean over its
/// target pieces (Zenkel et al., 2019), by RecordToken::word. Special tokens belong to no word, their rows and columns are left
/// out, so rows sum to one less the weight that went to special tokens. Throws kShape when the sizes do not fit.
WeightMatrix words_from_pieces(const WeightMatrix& weights, const std::vector<RecordToken>& target, const std::vector<RecordToken>& source);

/// What links join on one side.
enum class LinkUnit : std::uint8_t {
  kWords,       ///< stretches between white space (RecordToken::word)
  kPunctuated,  ///< the same with punctuation apart; RecordToken::word must count so (decode's linked_text does it)
  kTokens,      ///< tokens, special ones not counted
  kCharacters   ///< grapheme clusters that are not white space; those of one token share its links
};
struct LinkUnits {
  LinkUnit source = LinkUnit::kWords, target = LinkUnit::kWords;
  bool operator==(const LinkUnits&) const = default;
};
/// The numbers of the units that each token is of or holds; none for special tokens and for those that are white space alone where
/// characters count.
std::vector<std::vector<std::uint32_t>> units_of(const RecordText& text, LinkUnit unit);
/// How many units a text has.
std::uint32_t unit_count(const RecordText& text, LinkUnit unit);

/// Which weights of a record the links are read from.
struct MapChoice {
  std::string site;                   ///< decoder.cross, decoder.attention, ...; empty: the attention to the source (record/site.h)
  std::optional<std::int64_t> layer;  ///< null: the last one of the site
  std::optional<std::uint32_t> head;  ///< null: the mean over heads
};
/// How links are read off weights.
struct LinkOptions {
  std::optional<double> threshold;  ///< null: argmax of each target row
  bool shifted = false;             ///< read token t from the row of the step that takes it as input, t + 1 (Shift-Att: Chen et al., 2020)
  LinkUnits units = {};             ///< words gather their pieces as words_from_pieces does
};
/// The map that `choice` names. Null where no site is named and the record has no attention to the source; throws kValue for a site or a
/// layer that is not there, and for a map that does not go from target to source.
const AttentionMap* chosen_map(const Record& record, const MapChoice& choice);
/// Links of one hypothesis of a record. Special tokens never align. Throws kValue for a map that does not go from target to
/// source, a head or a hypothesis that is not there.
WeightLinks links_of(const Record& record, const MapChoice& choice = {}, std::size_t hypothesis = 0, const LinkOptions& options = {});

}  // namespace attend
