#include "attend/kernels/logsumexp.h"

#include <algorithm>
#include <limits>

#include "attend/core/error.h"
#include "kernels/cpu/logsumexp.h"
#include "kernels/run_logsumexp.h"

namespace attend::kernels {
namespace {

// The strongest loops up to `isa`, which it then is.
LogSumExpRow row_of(Isa& isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx512) return isa = Isa::kAvx512, logsumexp_avx512;
  if (isa == Isa::kAvx2) return logsumexp_avx2;
#endif
  return isa = Isa::kPortable, logsumexp_portable;
}

}  // namespace

Isa logsumexp_rows(const LogSumExpRows& call, float* to, Workers& workers, const char* who) {
  return run_logsumexp_rows(active_isa(), call, to, workers, who);
}

Isa run_logsumexp_rows(Isa isa, const LogSumExpRows& call, float* to, Workers& workers, const char* who) {
  ATTEND_CHECK(call.rows >= 0 && call.size >= 0, kShape, "{}: sizes must be at least 0, got R={}, n={}", who, call.rows, call.size);
  const auto row = row_of(isa);
  const auto one = [&](std::int64_t i) {
    auto* peaks = call.peaks ? call.peaks + i * ((call.size + kPeakBlock - 1) / kPeakBlock) : nullptr;
    to[i] = call.size > 0 ? row(call.x + i * call.row, call.size, peaks) : -std::numeric_limits<float>::infinity();
  };
  constexpr std::int64_t kNumbers = 32768;  // of a task
  const auto together = std::max<std::int64_t>(1, kNumbers / std::max<std::int64_t>(1, call.size)),
             tasks = (call.rows + together - 1) / together;
  if (tasks <= 1 || workers.count() == 1) {
    for (std::int64_t i = 0; i < call.rows; ++i) one(i);
  } else {
    workers.run(tasks, [&](std::int64_t task, int /*worker*/) {
      for (auto i = task * together; i < std::min(call.rows, (task + 1) * together); ++i) one(i);
    });
  }
  return isa;
}

}  // namespace attend::kernels
