#pragma once
// Scenes of maps that a record holds as summaries: blocks of the whole map, and single weights of a part of it.
#include <cstdint>
#include <vector>

#include "attend/draw/scene.h"

namespace attend {

struct BlockOptions : SceneOptions {
  bool maximum = false;             ///< cells are the largest weight of their block, not the mean of them
  std::uint32_t most_blocks = 512;  ///< on either side: the finest level with no more is shown, else the coarsest
  bool all_heads = false;
};

/// The summary that the options name, by the rules that choose a map (SceneOptions); null where they choose a map that is held in full, or
/// the record has neither.
const MapSummary* choose_summary(const Record& record, const SceneOptions& options);

/// The whole map as blocks. Linear colours reach up to the largest cell drawn, and logarithmic ones count from it; notes say what a cell
/// is. Throws kValue for a summary without a pyramid, a head that it lacks or a hypothesis other than the first.
Scene blocks_scene(const Record& record, const MapSummary& summary, const BlockOptions& options = {});

/// Single weights of the rows from first_row and the columns from first_column on, computed by the caller (run/tiles.h). Throws kValue
/// where they are not within the map, or more than 4 million.
Scene tile_scene(const Record& record, const MapSummary& summary, const WeightMatrix& weights, std::uint32_t first_row,
                 std::uint32_t first_column, const SceneOptions& options = {});

/// Blocks of every summary of the record, all heads, in its order; at most 128 a side.
std::vector<Scene> all_block_scenes(const Record& record, const BlockOptions& options = {});

}  // namespace attend
