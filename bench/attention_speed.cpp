// Speed of the fused attention beside libtorch's own, in one process, in turns; a line of JSON for each case. bench/attention.py runs it
// and keeps what it prints.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "attend/ops/fused_attention.h"
#include "attend/ops/memory.h"
#include "mechanism_speed.h"
#include "steps_speed.h"

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
    asked.pool_rows = asked.pool_keys = (s.length + 31) / 32;
    bench.pair(
        "forward, and columns and maps " + s.name(), work, "our own without", [&] { fused_attention(q, k, v, asked); },
        [&] { fused_attention(q, k, v, options); });
    asked.top = 8;
    bench.pair(
        "forward, and the 8 largest " + s.name(), work, "our own without", [&] { fused_attention(q, k, v, asked); },
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

// What libtorch computes by its general path: dropped weights, and a bias with a gradient.
void compare_general(Bench& bench, std::int64_t length) {
  const auto make = [&] { return at::randn({1, 8, length, 64}).requires_grad_(true); };  // [B, H, N, D]
  const auto q = make(), k = make(), v = make(), bias = at::randn({1, 8, length, length}).requires_grad_(true);
  const auto g = at::randn({1, 8, length, 64});
  const auto n = static_cast<double>(length);
  const double work = 4e-9 * 8 * n * n * 64 * 3.5;
  const auto clear = [&] {
    for (const auto& x : {q, k, v, bias}) x.mutable_grad() = at::Tensor();
  };
  FusedAttentionOptions dropping;
  dropping.scale = 1 / 8.0;
  dropping.drop_rate = 0.1;
  dropping.drop_keys = at::randint(std::numeric_limits<std::int64_t>::max(), {1, 8, length}, at::kLong);
  bench.pair(
      fmt::format("dropout 0.1, forward and backward float32 B1 H8 N{} D64", length), work, "libtorch",
      [&] {
        clear();
        fused_attention(q, k, v, dropping).context.backward(g);
      },
      [&] {
        clear();
        at::scaled_dot_product_attention(q, k, v, {}, 0.1).backward(g);
      });
  FusedAttentionOptions biased;
  biased.scale = 1 / 8.0;
  biased.bias = bias;
  bench.pair(
      fmt::format("bias with a gradient, forward and backward float32 B1 H8 N{} D64", length), work, "libtorch",
      [&] {
        clear();
        fused_attention(q, k, v, biased).context.backward(g);
      },
      [&] {
        clear();
        at::scaled_dot_product_attention(q, k, v, bias).backward(g);
      });
}

// Additive scores beside the composition of tensor operations; work is counted in elements B·T·S·E.
void compare_additive(Bench& bench, std::int64_t batch, std::int64_t queries, std::int64_t keys, std::int64_t size) {
  const auto make = [&](std::int64_t rows) { return at::randn({batch, 1, rows, size}).requires_grad_(true); };
  const auto q = make(queries), k = make(keys), v = make(keys);  // [B, 1, T, E], [B, 1, S, E]
  const auto energy = (at::randn({1, size}) * 0.1).requires_grad_(true), g = at::randn({batch, 1, queries, size});
  FusedAttentionOptions options;
  options.score = kernels::ScoreKind::kTanh;
  options.energy = energy.detach();
  const double work = 1e-9 * static_cast<double>(batch * queries * keys * size);
  const auto name = fmt::format("additive B{} T{} S{} E{}", batch, queries, keys, size);
  const auto eager = [&] {
    const auto e = at::matmul(at::tanh(q.unsqueeze(3) + k.unsqueeze(2)), energy[0]);  // [B, 1, T, S]
    return at::matmul(e.softmax(-1), v);                                              // [B, 1, T, E]
  };
  {
    const at::NoGradGuard no_grad;
    if (queries == 1) options.packed = pack_source(k, v, options, 1, /*both_ways=*/false);
    bench.pair(
        "forward " + name, work, "eager composition", [&] { fused_attention(q, k, v, options); }, [&] { eager(); });
  }
  if (queries == 1) options.packed = pack_source(k.detach(), v.detach(), options, 1, /*both_ways=*/true);
  options.energy = energy;
  const auto clear = [&] {
    for (const auto& x : {q, k, v, energy}) x.mutable_grad() = at::Tensor();
  };
  bench.pair(
      "forward and backward " + name, work, "eager composition",
      [&] {
        clear();
        fused_attention(q, k, v, options).context.backward(g);
      },
      [&] {
        clear();
        eager().backward(g);
      });
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
  compare_general(bench, 1024);
  compare_general(bench, 2048);
  compare_additive(bench, 8, 64, 64, 512);
  compare_additive(bench, 1, 256, 256, 512);
  compare_additive(bench, 64, 1, 40, 512);
  compare_mechanisms(bench);
  for (const auto knows : {Knows::kNothing, Knows::kCoverage, Knows::kLocation}) compare_steps(bench, knows, 64, 40, 40, 512);
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
