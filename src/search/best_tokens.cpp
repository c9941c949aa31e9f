#include "search/best_tokens.h"

#include <algorithm>
#include <limits>

#include "attend/search/step_model.h"

namespace attend {
bool AllowedTokens::operator()(std::int32_t token) const {
  if (token == special.end) return end;
  if (only_end || token == special.pad || token == special.begin) return false;
  return unknown || token != special.unknown;
}

void best_tokens(std::span<const float> scores, std::span<const float> peaks, std::size_t keep, const AllowedTokens& allowed,
                 std::vector<std::pair<float, std::int32_t>>& best) {
  best.clear();
  float least = -std::numeric_limits<float>::infinity();  // what a token must exceed to be kept
  const auto offer = [&](std::size_t at) {
    const float value = scores[at];
    const auto token = static_cast<std::int32_t>(at);
    if (!(value > least) || !allowed(token)) return;
    const auto place = std::upper_bound(best.begin(), best.end(), value, [](float v, const auto& entry) { return v > entry.first; });
    best.insert(place, {value, token});
    if (best.size() > keep) best.pop_back();
    if (best.size() == keep) least = best.back().first;
  };
  if (allowed.only_end) {
    offer(static_cast<std::size_t>(allowed.special.end));
    return;
  }
  // Most of a vocabulary exceeds nothing: whole blocks are passed over by their largest score.
  constexpr auto kBlock = static_cast<std::size_t>(StepScores::kPeakBlock);
  for (std::size_t block = 0; block < peaks.size(); ++block)
    if (peaks[block] > least)
      for (auto at = block * kBlock; at < std::min(scores.size(), (block + 1) * kBlock); ++at) offer(at);
}

}  // namespace attend
