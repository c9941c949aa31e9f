#include "search/best_tokens.h"

#include <algorithm>
#include <limits>

namespace attend {
namespace {

template <std::size_t size>
bool any_above(std::span<const float, size> values, float bound) {
  int above = 0;  // without a branch in the loop
  for (std::size_t i = 0; i < size; ++i) above |= static_cast<int>(values[i] > bound);
  return above != 0;
}

}  // namespace

bool AllowedTokens::operator()(std::int32_t token) const {
  if (token == special.end) return end;
  if (only_end || token == special.pad || token == special.begin) return false;
  return unknown || token != special.unknown;
}

void best_tokens(std::span<const float> scores, std::size_t keep, const AllowedTokens& allowed,
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
  // Most of a vocabulary exceeds nothing: whole blocks are passed over by comparisons alone, several at a time.
  constexpr std::size_t kBlock = 32;
  std::size_t token = 0;
  for (; token + kBlock <= scores.size(); token += kBlock) {
    const auto block = scores.subspan(token).first<kBlock>();
    if (!any_above(block, least)) continue;
    for (std::size_t i = 0; i < kBlock; ++i) offer(token + i);
  }
  for (; token < scores.size(); ++token) offer(token);
}

}  // namespace attend
