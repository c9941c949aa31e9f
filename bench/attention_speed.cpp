// Speed of the fused attention beside libtorch's own, in one process, in turns; a line of JSON for each case. bench/attention.py runs it
// and keeps what it prints.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "attend/ops/fused_attention.h"
#include "attend/ops/memory.h"
#include "paired.h"

namespace attend::bench {

namespace {

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
  FusedAttentionOptions options;
  options.scale = 1 / std::sqrt(static_cast<double>(s.size));
  if (s.causal) options.right = 0;
  const auto n = static_cast<double>(s.length);
  const double work = 4e-9 * static_cast<double>(s.batch * s.heads) * n * n * static_cast<double>(s.size) * (s.causal ? 0.5 : 1);
  const auto theirs = [&] { return at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, s.causal); };
  {
    const at::NoGradGuard no_grad;
    bench.pair(
        "forward " + s.name(), work, "libtorch", [&] { fused_attention(q, k, v, options); }, [&] { theirs(); });
    auto asked = options;
    asked.lse = asked.entropy = asked.maximum = true;
    bench.pair(
        "forward, entropy and maximum " + s.name(), work, "our own without", [&] { fused_attention(q, k, v, asked); },
        [&] { fused_attention(q, k, v, options); });
    asked.column_sums = true;
    bench.pair(
        "forward, entropy, maximum and columns " + s.name(), work, "our own without", [&] { fused_attention(q, k, v, asked); },
        [&] { fused_attention(q, k, v, options); });
  }
  const auto tracked = [](const at::Tensor& x) { return x.detach().requires_grad_(true); };
  const auto q1 = tracked(q), k1 = tracked(k), v1 = tracked(v);
  const auto context = fused_attention(q1, k1, v1, options).context;  // [B, H, N, D]
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
