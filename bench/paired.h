#pragma once
// Two functions timed in turns, in one process, beside the most that the processor can do; a line of JSON for each pair.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "attend/core/options.h"
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

// One thread's multiplications and additions a second.
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

struct BenchOptions {
  std::int64_t threads, pairs;
  std::string only;
  BenchOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(threads, "threads", 1, "processor threads");
    v(pairs, "pairs", 30, "turns of each");
    v(only, "only", "", "cases whose name holds this");
  }
};

struct Spread {
  double median, low, high;  // 5 to 95 of 100
};
inline Spread spread_of(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  const auto at = [&](double share) { return x[static_cast<std::size_t>(std::lround(share * static_cast<double>(x.size() - 1)))]; };
  return {at(0.5), at(0.05), at(0.95)};
}
inline nlohmann::ordered_json json_of(const Spread& s) { return {{"median", s.median}, {"low", s.low}, {"high", s.high}}; }

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : o_(options) {}

  /// Times both in turns. `work`: operations of one call, in GFLOP; `peer` names whose the second is; `bytes`: of memory that ours reads in
  /// a call, in GB, where that may be what bounds it.
  void pair(const std::string& name, double work, const std::string& peer, const std::function<void()>& ours,
            const std::function<void()>& theirs, double bytes = 0) {
    if (name.find(o_.only) == std::string::npos) return;
    const auto calls = [](const std::function<void()>& call) {
      call();
      const auto start = Clock::now();
      call();
      return std::max<std::int64_t>(1, static_cast<std::int64_t>(0.004 / seconds_since(start)));
    };
    const auto our_calls = calls(ours), their_calls = calls(theirs);
    const auto timed = [](const std::function<void()>& call, std::int64_t times) {
      const auto start = Clock::now();
      for (std::int64_t i = 0; i < times; ++i) call();
      return seconds_since(start) / static_cast<double>(times);
    };
    const double before = peak();
    std::vector<double> a, b, ratios;
    for (std::int64_t i = 0; i < o_.pairs; ++i) {
      double mine = 0, other = 0;
      if (i % 2 == 0) mine = timed(ours, our_calls);
      other = timed(theirs, their_calls);
      if (i % 2 != 0) mine = timed(ours, our_calls);
      a.push_back(work / mine);
      b.push_back(work / other);
      ratios.push_back(other / mine);
    }
    const double after = peak(), most = std::max(before, after) * 1e-9 * static_cast<double>(o_.threads);
    const auto rate = spread_of(a);
    nlohmann::ordered_json line = {{"case", name},
                                   {"peer", peer},
                                   {"threads", o_.threads},
                                   {"set", kernels::isa_name(kernels::active_isa())},
                                   {"ratio", json_of(spread_of(ratios))},
                                   {"gflops", json_of(rate)},
                                   {"peer_gflops", json_of(spread_of(b))},
                                   {"peak", most},
                                   {"share_of_peak", rate.median / most},
                                   {"peaks_apart", std::abs(before - after) / std::max(before, after)},
                                   {"pairs", o_.pairs}};
    if (bytes > 0) line["gbytes"] = rate.median / work * bytes;
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
  }

 private:
  BenchOptions o_;
};

}  // namespace attend::bench
