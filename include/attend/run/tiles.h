#pragma once
// Exact weights of a map that a record holds as a summary.
#include <cstdint>

#include "attend/kernels/fused_attention.h"
#include "attend/record/record.h"

namespace attend {

/// Queries [first_row, end_row) and keys [first_key, end_key) of one head's weights, computed from the queries, keys and log-sum-exps that
/// the summary holds: those of the map itself up to rounding, of the queries and keys too where they were rounded to float16. Throws kValue
/// for a summary without queries and keys, a head that it lacks and a tile that is not within it. Memory: queries and keys of that head
/// once, and the tile. Threads may call it at once; it takes the calling thread alone.
WeightMatrix weights_of_tile(const MapSummary& summary, std::uint32_t head, const kernels::WeightTile& tile);
/// The mean over heads of the same.
WeightMatrix mean_of_tile(const MapSummary& summary, const kernels::WeightTile& tile);

}  // namespace attend
