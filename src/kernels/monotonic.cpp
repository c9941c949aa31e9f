#include "attend/kernels/monotonic.h"

#include <algorithm>
#include <array>

#include "attend/core/error.h"
#include "kernels/cpu/monotonic.h"
#include "kernels/memory.h"
#include "kernels/run_monotonic.h"

namespace attend::kernels {
namespace {

// By instruction set; null where a set has no loops for these numbers, and the next lower one is taken.
constexpr std::array<const MonotonicKernels*, 5> kMonotonicFloat32 = {&monotonic_float32_portable,
#if defined(__x86_64__)
                                                                      &monotonic_float32_avx2, &monotonic_float32_avx512
#endif
};
constexpr std::array<const MonotonicKernels*, 5> kMonotonicFloat64 = {&monotonic_float64_portable};

void check_monotonic(const MonotonicRows& c, const char* who) {
  ATTEND_CHECK(c.rows >= 0 && c.keys >= 0, kShape, "{}: sizes must be at least 0, got R={}, S={}", who, c.rows, c.keys);
  ATTEND_CHECK(c.number == Number::kFloat32 || c.number == Number::kFloat64, kValue, "{}: numbers must be float32 or float64", who);
}

// Runs body(kernels, first row, rows, byte offset, scratch) for rows that are computed side by side, and returns the set of the kernels.
template <class Scratch, class Body>
Isa side_by_side(Isa isa, const MonotonicRows& c, Workers& workers, const Scratch& scratch, const Body& body) {
  const auto& tables = c.number == Number::kFloat64 ? kMonotonicFloat64 : kMonotonicFloat32;
  auto set = static_cast<std::size_t>(isa);
  while (!tables.at(set)) --set;
  const auto& kernels = *tables.at(set);
  if (c.rows > 0 && c.keys > 0) {
    const auto rooms = room_for_each(workers, scratch(kernels) * kernels.real_bytes);
    workers.run((c.rows + kernels.lanes - 1) / kernels.lanes, [&](std::int64_t task, int worker) {
      const auto first = task * kernels.lanes;
      body(kernels, std::min(kernels.lanes, c.rows - first), first * c.keys * kernels.real_bytes,
           rooms[static_cast<std::size_t>(worker)].data());
    });
  }
  return static_cast<Isa>(set);
}

const void* moved(const void* p, std::int64_t bytes) { return static_cast<const char*>(p) + bytes; }
void* moved(void* p, std::int64_t bytes) { return p ? static_cast<char*>(p) + bytes : nullptr; }

}  // namespace

Isa monotonic_alignment(const MonotonicRows& call, const void* p, const void* before, void* w, Workers& workers, const char* who) {
  return run_monotonic(active_isa(), call, p, before, w, workers, who);
}

Isa run_monotonic(Isa isa, const MonotonicRows& call, const void* p, const void* before, void* w, Workers& workers, const char* who) {
  check_monotonic(call, who);
  return side_by_side(
      isa, call, workers, [&](const MonotonicKernels& kernels) { return kernels.forward_scratch(call.keys); },
      [&](const MonotonicKernels& kernels, std::int64_t rows, std::int64_t at, void* scratch) {
        kernels.forward(rows, call.keys, moved(p, at), moved(before, at), moved(w, at), scratch);
      });
}

Isa monotonic_alignment_backward(const MonotonicRows& call, const void* p, const void* before, const void* w_gradient, void* p_gradient,
                                 void* before_gradient, Workers& workers, const char* who) {
  return run_monotonic_backward(active_isa(), call, p, before, w_gradient, p_gradient, before_gradient, workers, who);
}

Isa run_monotonic_backward(Isa isa, const MonotonicRows& call, const void* p, const void* before, const void* w_gradient, void* p_gradient,
                           void* before_gradient, Workers& workers, const char* who) {
  check_monotonic(call, who);
  return side_by_side(
      isa, call, workers, [&](const MonotonicKernels& kernels) { return kernels.backward_scratch(call.keys); },
      [&](const MonotonicKernels& kernels, std::int64_t rows, std::int64_t at, void* scratch) {
        kernels.backward(rows, call.keys, moved(p, at), moved(before, at), moved(w_gradient, at), moved(p_gradient, at),
                         moved(before_gradient, at), scratch);
      });
}

}  // namespace attend::kernels
