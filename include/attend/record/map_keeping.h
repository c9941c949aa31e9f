#pragma once
// How much of a run's maps its record keeps.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/core/options.h"

namespace attend {

/// Options of every verb that records. A map that is not kept in full is summarised (record/map_summary.h), and nothing of its size is ever
/// in memory where the mechanism computes it tile by tile. Maps whose rows come one by one while a text is being written, as in
/// translation, are kept in full always: they grow by a row a step.
struct MapKeeping {
  /// `auto`: weights of a layer, all heads together, up to which its map is kept in full (64 MiB).
  static constexpr std::uint64_t kMostWeights = std::uint64_t{1} << 24;
  /// Only items that are run alone can have summaries: neighbours of a batch would lengthen their maps by padding. Tokens of an item from
  /// which `auto` runs it alone.
  static constexpr std::size_t kAlone = 1024;
  static constexpr std::int64_t kMostBlocks = 1024;  ///< of the finest level of the pyramid, on either side
  static constexpr std::int64_t kMostTop = 16;

  std::string maps, tiles;
  std::int64_t top;
  std::vector<std::string> rows;
  MapKeeping() { set_defaults(*this); }
  void visit(OptionVisitor& v);
  static MapKeeping full();

  /// Whether an item of so many tokens has to be run alone.
  bool runs_alone(std::size_t tokens) const;
  /// Whether a map of these sizes is summarised rather than kept.
  bool summarises(std::int64_t heads, std::int64_t rows, std::int64_t columns) const;
  /// The rows to store in full, ascending, those below `count`. Throws kValue for what is no number.
  std::vector<std::int64_t> chosen_rows(std::int64_t count) const;
};

}  // namespace attend
