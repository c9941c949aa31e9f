#pragma once
// How a call of a mechanism is computed. attend() asks an ordered list: each implementation takes the call or says why it declines. The
// plain composition of tensor operations is the last one and never declines; it is what the others are tested against.
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attend/attention/statistics.h"

namespace attend {

class ScoredAttention;
class Memory;
class State;

/// One call, as implementations see it.
struct AttendCall {
  const ScoredAttention& mechanism;
  const at::Tensor& query;  ///< [B, H, T, Dq]
  const Memory& memory;
  State* state;
  const Request& request;
};

struct Implementation {
  std::string_view name, sentence;
  /// Why it does not take the call; empty when it does.
  std::string (*declines)(const AttendCall& call);
  Result (*run)(const AttendCall& call);
};

/// All of them, in the order in which they are asked.
std::span<const Implementation* const> implementations();
/// The first one that takes the call. The plain composition always does.
const Implementation& implementation_for(const AttendCall& call);
/// Name and reason of each one that declines, up to the one that takes the call.
std::vector<std::pair<std::string_view, std::string>> reasons_against(const AttendCall& call);

}  // namespace attend
