#include "attend/attention/implementations.h"

#include "attend/attention/score.h"

namespace attend {

extern const Implementation linear_sums_implementation;
extern const Implementation fused_implementation;
extern const Implementation steps_implementation;

namespace {

constexpr Implementation kPlain{
    .name = "plain",
    .sentence = "tensor operations over all weights [B, H, T, S]; takes every call",
    .declines = [](const AttendCall& /*call*/) { return std::string(); },
    .run = [](const AttendCall& call) { return call.mechanism.attend_plainly(call.query, call.memory, call.state, call.request); }};

constexpr const Implementation* kImplementations[] = {&linear_sums_implementation, &fused_implementation, &steps_implementation, &kPlain};

}  // namespace

std::span<const Implementation* const> implementations() { return kImplementations; }

const Implementation& implementation_for(const AttendCall& call) {
  for (const auto* implementation : kImplementations)
    if (implementation->declines(call).empty()) return *implementation;
  ATTEND_ASSERT(false);
  return kPlain;
}

std::vector<std::pair<std::string_view, std::string>> reasons_against(const AttendCall& call) {
  std::vector<std::pair<std::string_view, std::string>> reasons;
  for (const auto* implementation : kImplementations) {
    auto reason = implementation->declines(call);
    if (reason.empty()) break;
    reasons.emplace_back(implementation->name, std::move(reason));
  }
  return reasons;
}

}  // namespace attend
