#pragma once
// What this processor could do at most, and what a call takes of memory.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "attend/kernels/isa.h"

namespace attend::bench {

double multiply_add_portable(std::int64_t rounds, float* sink);
float read_portable(const float* from, std::int64_t count);
#if defined(__x86_64__)
double multiply_add_avx2(std::int64_t rounds, float* sink);
double multiply_add_avx512(std::int64_t rounds, float* sink);
float read_avx2(const float* from, std::int64_t count);
float read_avx512(const float* from, std::int64_t count);
#endif

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// One thread's multiplications and additions a second.
inline double peak() {
  const auto run = [](std::int64_t rounds) {
    float sink = 0;
    double done = 0;
#if defined(__x86_64__)
    if (kernels::active_isa() >= kernels::Isa::kAvx512) done = multiply_add_avx512(rounds, &sink);
    if (kernels::active_isa() == kernels::Isa::kAvx2) done = multiply_add_avx2(rounds, &sink);
#endif
    if (done == 0) done = multiply_add_portable(rounds, &sink);
    volatile float kept = sink;
    static_cast<void>(kept);
    return done;
  };
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    const auto done = run(4000000);
    best = std::max(best, done / seconds_since(start));
  }
  return best;
}

/// Bytes of which a pass leaves nothing in the caches for the next: twice the last level, and 256 MiB at least, as virtual machines may
/// hide that.
inline std::int64_t beyond_caches() {
  std::int64_t last = 0;
#if defined(_SC_LEVEL3_CACHE_SIZE)
  last = std::max<std::int64_t>(0, sysconf(_SC_LEVEL3_CACHE_SIZE));
#endif
  return std::max<std::int64_t>(std::int64_t{256} << 20, 2 * last);
}

/// Bytes a second that libtorch's threads read from memory, each a part of its own.
inline double read_rate() {
  static const auto memory = at::ones({beyond_caches() / 4});
  const auto read = [](const float* from, std::int64_t count) {
#if defined(__x86_64__)
    if (kernels::active_isa() >= kernels::Isa::kAvx512) return read_avx512(from, count);
    if (kernels::active_isa() == kernels::Isa::kAvx2) return read_avx2(from, count);
#endif
    return read_portable(from, count);
  };
  constexpr std::int64_t kBlock = 1 << 16;  // numbers; the readers take multiples of 512
  const auto blocks = memory.numel() / kBlock;
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    at::parallel_for(0, blocks, blocks / at::get_num_threads(), [&](std::int64_t begin, std::int64_t end) {
      volatile float kept = read(memory.const_data_ptr<float>() + begin * kBlock, (end - begin) * kBlock);
      static_cast<void>(kept);
    });
    best = std::max(best, static_cast<double>(4 * blocks * kBlock) / seconds_since(start));
  }
  return best;
}

/// A line of /proc/self/status, in bytes; 0 where the system has none.
inline double status_bytes(const std::string& line) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == line) {
      double kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
  return 0;
}

/// The most memory that a call holds beyond what it leaves behind, in bytes.
inline double memory_of(const std::function<void()>& call) {
  const auto give_back = [] {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
  };
  give_back();
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM begins anew
  call();
  const auto most = status_bytes("VmHWM:");
  give_back();
  return std::max(0.0, most - status_bytes("VmRSS:"));
}

}  // namespace attend::bench
