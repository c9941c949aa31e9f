// Speed of the fused attention beside libtorch's own, in one process, in turns; a line of JSON for each case. bench/attention.py runs it
// and keeps what it prints.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "attend/core/options.h"
#include "attend/kernels/isa.h"
#include "attend/ops/dot_attention.h"
#include "attend/ops/memory.h"

namespace attend::bench {

double multiply_add_portable(std::int64_t rounds, float* sink);
#if defined(__x86_64__)
double multiply_add_avx2(std::int64_t rounds, float* sink);
double multiply_add_avx512(std::int64_t rounds, float* sink);
#endif

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One thread's multiplications and additions a second.
double peak() {
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
Spread spread_of(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  const auto at = [&](double share) { return x[static_cast<std::size_t>(std::lround(share * static_cast<double>(x.size() - 1)))]; };
  return {at(0.5), at(0.05), at(0.95)};
}
nlohmann::ordered_json json_of(const Spread& s) { return {{"median", s.median}, {"low", s.low}, {"high", s.high}}; }

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : o_(options) {}

  /// Times both in turns. `work`: operations of one call, in GFLOP; `peer` names whose the second is.
  void pair(const std::string& name, double work, const std::string& peer, const std::function<void()>& ours,
            const std::function<void()>& theirs) {
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
    const nlohmann::ordered_json line = {{"case", name},
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
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
  }

 private:
  BenchOptions o_;
};

struct Shape {
  std::int64_t batch, heads, length, size;
  bool causal;
  at::ScalarType type;
  std::string name() const {
    return fmt::format("{} B{} H{} N{} D{}{}", type == at::kFloat ? "float32" : "bfloat16", batch, heads, length, size,
                       causal ? " causal" : "");
  }
};

void compare(Bench& bench, const Shape& s) {
  const auto make = [&] { return at::randn({s.batch, s.heads, s.length, s.size}).to(s.type); };  // [B, H, N, D]
  const auto q = make(), k = make(), v = make(), g = make();
  DotAttentionOptions options;
  options.scale = 1 / std::sqrt(static_cast<double>(s.size));
  if (s.causal) options.right = 0;
  const auto n = static_cast<double>(s.length);
  const double work = 4e-9 * static_cast<double>(s.batch * s.heads) * n * n * static_cast<double>(s.size) * (s.causal ? 0.5 : 1);
  const auto theirs = [&] { return at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, s.causal); };
  {
    const at::NoGradGuard no_grad;
    bench.pair(
        "forward " + s.name(), work, "libtorch", [&] { dot_attention(q, k, v, options); }, [&] { theirs(); });
    auto asked = options;
    asked.lse = asked.entropy = asked.maximum = true;
    bench.pair(
        "forward, entropy and maximum " + s.name(), work, "our own without", [&] { dot_attention(q, k, v, asked); },
        [&] { dot_attention(q, k, v, options); });
    asked.column_sums = true;
    bench.pair(
        "forward, entropy, maximum and columns " + s.name(), work, "our own without", [&] { dot_attention(q, k, v, asked); },
        [&] { dot_attention(q, k, v, options); });
  }
  const auto tracked = [](const at::Tensor& x) { return x.detach().requires_grad_(true); };
  const auto q1 = tracked(q), k1 = tracked(k), v1 = tracked(v);
  const auto context = dot_attention(q1, k1, v1, options).context;  // [B, H, N, D]
  const auto [out, lse] = theirs();
  bench.pair(
      "backward " + s.name(), 2.5 * work, "libtorch",
      [&] {
        for (const auto& x : {q1, k1, v1}) x.mutable_grad() = at::Tensor();
        context.backward(g, /*retain_graph=*/true);
      },
      [&] { at::_scaled_dot_product_flash_attention_for_cpu_backward(g, q, k, v, out, lse, 0.0, s.causal); });
}

int run(int argc, char** argv) {
  GivenValues given;
  for (int i = 1; i < argc; ++i) set_given(given, argv[i], "argument");
  BenchOptions o;
  assign(o, given);
  keep_freed_memory();
  at::set_num_threads(static_cast<int>(o.threads));
  at::manual_seed(1);
  Bench bench(o);
  for (const auto type : {at::kFloat, at::kBFloat16})
    for (const bool causal : {false, true}) {
      compare(bench, {1, 8, 1024, 64, causal, type});
      compare(bench, {1, 4, 2048, 128, causal, type});
      compare(bench, {1, 2, 4096, 64, causal, type});
      compare(bench, {32, 8, 48, 64, causal, type});
    }
  return 0;
}

}  // namespace
}  // namespace attend::bench

int main(int argc, char** argv) {
  try {
    return attend::bench::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "attention_speed: {}\n", e.what());
    return 1;
  }
}
