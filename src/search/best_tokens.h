#pragma once
// The best tokens of one row of scores.
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "attend/text/special_ids.h"

namespace attend {

/// Which tokens may follow; <pad> and <s> never do.
struct AllowedTokens {
  SpecialIds special;
  bool end = true, only_end = false, unknown = false;  ///< only_end goes with end
  bool operator()(std::int32_t token) const;
};

/// The best `keep` allowed tokens, best first, ties to the lower id -> best. What has no finite score is left out, so there may be fewer.
/// peaks: those of the row (StepScores).
void best_tokens(std::span<const float> scores, std::span<const float> peaks, std::size_t keep, const AllowedTokens& allowed,
                 std::vector<std::pair<float, std::int32_t>>& best);

}  // namespace attend
