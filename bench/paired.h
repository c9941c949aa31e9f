#pragma once
// Two functions timed in turns, in one process, beside the most that the processor can do; a line of JSON for each pair.
#include <cmath>
#include <nlohmann/json.hpp>

#include "attend/core/options.h"
#include "rates.h"

namespace attend::bench {

inline const char* name_of(at::ScalarType type) { return type == at::kFloat ? "float32" : "bfloat16"; }

struct BenchOptions {
  std::int64_t threads, pairs, seconds;
  std::string only;
  BenchOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(threads, "threads", 1, "processor threads", between(1, 1024));
    v(pairs, "pairs", 30, "turns of each", at_least(1));
    v(seconds, "seconds", 60, "that the turns of a case may take; 5 are taken in any case", at_least(0));
    v(only, "only", "", "cases whose name holds this, or one of these with | between");
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

/// Memory that ours reads in a call, in GB, where that may be what bounds it.
struct Reads {
  double gbytes = 0;
  bool from_memory = false;  ///< none of it is in the caches when a call begins
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : o_(options) {}

  std::int64_t threads() const { return o_.threads; }
  bool wants(const std::string& name) const {
    for (std::size_t begin = 0; begin <= o_.only.size();) {
      const auto end = std::min(o_.only.find('|', begin), o_.only.size());
      if (name.find(o_.only.substr(begin, end - begin)) != std::string::npos) return true;
      begin = end + 1;
    }
    return false;
  }

  /// Times both in turns. `work`: operations of one call, in GFLOP; `peer` names whose the second is.
  void pair(const std::string& name, double work, const std::string& peer, const std::function<void()>& ours,
            const std::function<void()>& theirs, const Reads& reads = {}) {
    if (!wants(name)) return;
    const double memory = memory_of(ours), their_memory = memory_of(theirs);
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
    const double before = peak(), read_before = reads.from_memory ? read_rate() : 0;
    std::vector<double> a, b, ratios;
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < o_.pairs && (i < 5 || seconds_since(start) < static_cast<double>(o_.seconds)); ++i) {
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
    auto line = head(name, peer, ratios);
    line["gflops"] = json_of(rate);
    line["peer_gflops"] = json_of(spread_of(b));
    line["peak"] = most;
    line["share_of_peak"] = rate.median / most;
    line["peaks_apart"] = std::abs(before - after) / std::max(before, after);
    if (reads.gbytes > 0) line["gbytes"] = rate.median / work * reads.gbytes;
    if (reads.from_memory) {
      const double most_read = std::max(read_before, read_rate()) * 1e-9;
      line["read_gbytes"] = most_read;
      line["share_of_read"] = rate.median / work * reads.gbytes / most_read;
    }
    line["memory_mib"] = memory / (1 << 20);
    line["peer_memory_mib"] = their_memory / (1 << 20);
    print(line);
  }

  /// The errors of both, one of each a trial: the ratio says how many times the peer's is ours.
  void errors(const std::string& name, const std::string& peer, const std::vector<double>& ours, const std::vector<double>& theirs) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < ours.size(); ++i) ratios.push_back(theirs[i] / ours[i]);
    auto line = head(name, peer, ratios);
    line["error"] = json_of(spread_of(ours));
    line["peer_error"] = json_of(spread_of(theirs));
    print(line);
  }

 private:
  nlohmann::ordered_json head(const std::string& name, const std::string& peer, const std::vector<double>& ratios) const {
    return {{"case", name},           {"peer", peer},
            {"threads", o_.threads},  {"set", kernels::isa_name(kernels::active_isa())},
            {"pairs", ratios.size()}, {"ratio", json_of(spread_of(ratios))}};
  }
  static void print(const nlohmann::ordered_json& line) {
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
  }
  BenchOptions o_;
};

}  // namespace attend::bench
