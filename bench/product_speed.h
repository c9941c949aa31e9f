#pragma once
// Cases of attention_speed: plain attention over products, its statistics and its gradients, beside libtorch's flash attention for the CPU.
#include <ATen/ATen.h>

#include "attend/ops/fused_attention.h"
#include "paired.h"

namespace attend::bench {

struct Shape {
  std::int64_t batch, heads, length, size;
  bool causal;
  at::ScalarType type;
  bool gradients_alone = false;
  std::string name() const {
    return fmt::format("{} B{} H{} N{} D{}{}", name_of(type), batch, heads, length, size, causal ? " causal" : "");
  }
};

inline void compare(Bench& bench, const Shape& s) {
  const auto make = [&] { return at::randn({s.batch, s.heads, s.length, s.size}).to(s.type); };  // [B, H, N, D]
  const auto q = make(), k = make(), v = make(), g = make();
  FusedAttentionOptions options;
  options.scale = 1 / std::sqrt(static_cast<double>(s.size));
  if (s.causal) options.right = 0;
  const auto n = static_cast<double>(s.length);
  const double work = 4e-9 * static_cast<double>(s.batch * s.heads) * n * n * static_cast<double>(s.size) * (s.causal ? 0.5 : 1);
  const auto theirs = [&] { return at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, s.causal); };
  if (!s.gradients_alone) {
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

// Gradients of one head, which libtorch leaves to one thread.
inline void compare_one_head(Bench& bench) {
  for (const auto type : {at::kFloat, at::kBFloat16})
    for (const bool causal : {false, true}) compare(bench, {1, 1, 2048, 64, causal, type, /*gradients_alone=*/true});
}

// Two threads beside one, of ours.
inline void compare_threads(Bench& bench, std::int64_t heads, std::int64_t length, at::ScalarType type) {
  const auto make = [&] { return at::randn({1, heads, length, 64}).to(type).requires_grad_(true); };  // [B, H, N, D]
  const auto q = make(), k = make(), v = make(), g = at::randn({1, heads, length, 64}).to(type);
  FusedAttentionOptions options;
  options.scale = 1 / 8.0;
  const auto n = static_cast<double>(length), work = 4e-9 * static_cast<double>(heads) * n * n * 64;
  const auto name = fmt::format("{} B1 H{} N{} D64", name_of(type), heads, length);
  const auto by_one = [](const std::function<void()>& call) {
    return [call] {
      at::set_num_threads(1);
      call();
      at::set_num_threads(2);
    };
  };
  const auto forward = [&] {
    const at::NoGradGuard no_grad;
    fused_attention(q, k, v, options);
  };
  const auto context = fused_attention(q, k, v, options).context;  // [B, H, N, D]
  const auto backward = [&] {
    for (const auto& x : {q, k, v}) x.mutable_grad() = at::Tensor();
    context.backward(g, /*retain_graph=*/true);
  };
  bench.pair("two threads, forward " + name, work, "our own with one", forward, by_one(forward));
  bench.pair("two threads, backward " + name, 2.5 * work, "our own with one", backward, by_one(backward));
}

// bfloat16 beside float32, of ours: where no instruction multiplies it, it is widened on the way.
inline void compare_widened(Bench& bench, std::int64_t heads, std::int64_t length) {
  FusedAttentionOptions options;
  options.scale = 1 / 8.0;
  struct Inputs {
    at::Tensor q, k, v, g, context;  // [B, H, N, D]
  };
  const auto make = [&](at::ScalarType type) {
    const auto some = [&] { return at::randn({1, heads, length, 64}).to(type); };
    Inputs x{some().requires_grad_(true), some().requires_grad_(true), some().requires_grad_(true), some(), {}};
    x.context = fused_attention(x.q, x.k, x.v, options).context;
    return x;
  };
  const auto narrow = make(at::kBFloat16), wide = make(at::kFloat);
  const auto forward = [&](const Inputs& x) {
    const at::NoGradGuard no_grad;
    fused_attention(x.q, x.k, x.v, options);
  };
  const auto backward = [](const Inputs& x) {
    for (const auto& leaf : {x.q, x.k, x.v}) leaf.mutable_grad() = at::Tensor();
    x.context.backward(x.g, /*retain_graph=*/true);
  };
  const auto n = static_cast<double>(length), work = 4e-9 * static_cast<double>(heads) * n * n * 64;
  const auto name = fmt::format("bfloat16 beside float32 B1 H{} N{} D64", heads, length);
  bench.pair(
      "forward, " + name, work, "our own float32", [&] { forward(narrow); }, [&] { forward(wide); });
  bench.pair(
      "backward, " + name, 2.5 * work, "our own float32", [&] { backward(narrow); }, [&] { backward(wide); });
}

// How far gradients in bfloat16 are from those in float64, as a share of these.
inline void compare_errors(Bench& bench, std::int64_t heads, std::int64_t length, bool causal) {
  const auto name = fmt::format("error of gradients bfloat16 B1 H{} N{} D64{}", heads, length, causal ? " causal" : "");
  if (!bench.wants(name)) return;
  FusedAttentionOptions options;
  options.scale = 1 / 8.0;
  if (causal) options.right = 0;
  std::vector<double> ours, theirs;
  for (int trial = 0; trial < 5; ++trial) {
    const auto some = [&] { return at::randn({1, heads, length, 64}).to(at::kBFloat16); };  // [B, H, N, D]
    const std::vector<at::Tensor> inputs{some(), some(), some()};
    const auto g = some();
    // The gradients of q, k and v behind one another, in float64.
    const auto gradients = [&](at::ScalarType type, const auto& attend) {
      std::vector<at::Tensor> x, found;
      for (const auto& input : inputs) x.push_back(input.to(type).detach().requires_grad_(true));
      attend(x).backward(g.to(type));
      for (const auto& leaf : x) found.push_back(leaf.grad().to(at::kDouble).flatten());
      return at::cat(found);
    };
    const auto of_ours = [&](const std::vector<at::Tensor>& x) { return fused_attention(x[0], x[1], x[2], options).context; };
    const auto of_libtorch = [&](const std::vector<at::Tensor>& x) {
      return at::scaled_dot_product_attention(x[0], x[1], x[2], {}, 0.0, causal);
    };
    const auto exact = gradients(at::kDouble, [&](const std::vector<at::Tensor>& x) {
      auto scores = at::matmul(x[0], x[1].mT()) / 8;  // [B, H, N, N]
      if (causal) scores = scores.masked_fill(at::ones({length, length}, at::kBool).triu(1), -std::numeric_limits<double>::infinity());
      return at::matmul(scores.softmax(-1), x[2]);
    });
    const auto error = [&](const at::Tensor& found) { return ((found - exact).norm() / exact.norm()).item<double>(); };
    ours.push_back(error(gradients(at::kBFloat16, of_ours)));
    theirs.push_back(error(gradients(at::kBFloat16, of_libtorch)));
  }
  bench.errors(name, "libtorch", ours, theirs);
}

inline void compare_products(Bench& bench) {
  for (const auto type : {at::kFloat, at::kBFloat16})
    for (const bool causal : {false, true}) {
      compare(bench, {1, 8, 1024, 64, causal, type});
      compare(bench, {1, 4, 2048, 128, causal, type});
      compare(bench, {1, 2, 4096, 64, causal, type});
      compare(bench, {32, 8, 48, 64, causal, type});
      compare(bench, {8, 8, 64, 64, causal, type});
    }
  compare_widened(bench, 8, 1024);
  compare_widened(bench, 2, 4096);
  for (const bool causal : {false, true}) compare_errors(bench, 4, 1024, causal);
  if (bench.threads() != 2) return;
  compare_one_head(bench);
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    compare_threads(bench, 8, 1024, type);
    compare_threads(bench, 2, 4096, type);
  }
}

}  // namespace attend::bench
