#pragma once
// Cases of attention_speed: masks and shapes that libtorch takes only with a mask of all pairs or by its general path, and shapes that must
// cost no more than the plain one.
#include <ATen/ATen.h>

#include "attend/ops/fused_attention.h"
#include "paired.h"

namespace attend::bench {

// What libtorch computes by its general path: dropped weights, and a bias with a gradient.
inline void compare_general(Bench& bench, std::int64_t length) {
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

// Forward alone and both ways, of operations on the same q, k and v.
struct BothWays {
  at::Tensor q, k, v, g;  // [B, H, N, D]
  BothWays(at::IntArrayRef sizes, at::ScalarType type) {
    const auto some = [&] { return at::randn(sizes).to(type); };
    q = some().requires_grad_(true), k = some().requires_grad_(true), v = some().requires_grad_(true), g = some();
  }
  void pair(Bench& bench, const std::string& what, const std::string& shape, double work, const std::function<at::Tensor()>& ours,
            const std::function<at::Tensor()>& theirs) const {
    {
      const at::NoGradGuard no_grad;
      bench.pair(
          what + ", forward " + shape, work, "libtorch", [&] { ours(); }, [&] { theirs(); });
    }
    const auto back = [&](const std::function<at::Tensor()>& run) {
      for (const auto& x : {q, k, v}) x.mutable_grad() = at::Tensor();
      run().backward(g);
    };
    bench.pair(
        what + ", forward and backward " + shape, 3.5 * work, "libtorch", [&] { back(ours); }, [&] { back(theirs); });
  }
};

// Items of lengths drawn evenly, that fill half of the batch; libtorch is told by a mask.
inline void compare_padded(Bench& bench, at::ScalarType type) {
  constexpr std::int64_t kBatch = 16, kHeads = 8, kLength = 512, kSize = 64;
  const BothWays x({kBatch, kHeads, kLength, kSize}, type);
  const auto drawn = at::randint(1, kLength, {kBatch / 2}, at::kLong);  // [B/2]
  const auto lengths = at::cat({drawn, kLength - drawn});               // [B]
  FusedAttentionOptions options;
  options.scale = 1 / 8.0;
  options.query_lengths = options.key_lengths = lengths;
  const auto keep = at::arange(kLength, at::kLong).lt(lengths.unsqueeze(1)).view({kBatch, 1, 1, kLength});  // [B, 1, 1, S]
  const double work = 4e-9 * kHeads * kSize * lengths.square().sum().item<double>();
  x.pair(
      bench, "padded to twice its tokens", fmt::format("{} B{} H{} N{} D{}", name_of(type), kBatch, kHeads, kLength, kSize), work,
      [&] { return fused_attention(x.q, x.k, x.v, options).context; },
      [&] { return at::scaled_dot_product_attention(x.q, x.k, x.v, keep); });
}

// Each query sees the 256 keys up to its own place.
inline void compare_window(Bench& bench, at::ScalarType type) {
  constexpr std::int64_t kHeads = 4, kLength = 4096, kSize = 64, kWindow = 256;
  const BothWays x({1, kHeads, kLength, kSize}, type);
  FusedAttentionOptions options;
  options.scale = 1 / 8.0;
  options.left = kWindow - 1, options.right = 0;
  const auto place = at::arange(kLength, at::kLong);
  const auto behind = place.unsqueeze(1) - place;                // [T, S]
  const auto keep = behind.ge(0).logical_and(behind < kWindow);  // [T, S]
  const double work = 4e-9 * kHeads * kSize * keep.sum().item<double>();
  x.pair(
      bench, "window 256", fmt::format("{} B1 H{} N{} D{}", name_of(type), kHeads, kLength, kSize), work,
      [&] { return fused_attention(x.q, x.k, x.v, options).context; },
      [&] { return at::scaled_dot_product_attention(x.q, x.k, x.v, keep); });
}

// Shapes that must cost what a plain one of the same work does.
inline void compare_shapes(Bench& bench, at::ScalarType type) {
  constexpr std::int64_t kLength = 2048;
  struct Inputs {
    at::Tensor q, k, v, g, context;  // [B, H, N, D or Dv]
    FusedAttentionOptions options;
  };
  const auto make = [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    Inputs x{q.detach().requires_grad_(true), k.detach().requires_grad_(true), v.detach().requires_grad_(true), {}, {}, {}};
    x.options.scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
    x.context = fused_attention(x.q, x.k, x.v, x.options).context;
    x.g = at::randn(x.context.sizes()).to(type);
    return x;
  };
  const auto some = [&](std::int64_t heads, std::int64_t size) { return at::randn({1, heads, kLength, size}).to(type); };
  const auto turned = [&] { return at::randn({1, kLength, 8, 64}).to(type).transpose(1, 2); };  // [B, H, N, D] of memory [B, N, H, D]
  const auto plain = make(some(8, 64), some(8, 64), some(8, 64));
  const auto forward = [](const Inputs& x) {
    const at::NoGradGuard no_grad;
    fused_attention(x.q, x.k, x.v, x.options);
  };
  const auto backward = [](const Inputs& x) {
    for (const auto& leaf : {x.q, x.k, x.v}) leaf.mutable_grad() = at::Tensor();
    x.context.backward(x.g, /*retain_graph=*/true);
  };
  const double work = 4e-9 * 8 * static_cast<double>(kLength * kLength) * 64;
  const auto pair = [&](const std::string& what, const Inputs& x) {
    const auto name = fmt::format("{} {} B1 H8 N{}", what, name_of(type), kLength);
    bench.pair(
        "forward, " + name, work, "our own plain", [&] { forward(x); }, [&] { forward(plain); });
    bench.pair(
        "backward, " + name, 2.5 * work, "our own plain", [&] { backward(x); }, [&] { backward(plain); });
  };
  pair("a key head for 8", make(some(8, 64), some(1, 64), some(1, 64)));
  pair("keys of 96 and values of 32", make(some(8, 96), some(8, 96), some(8, 32)));
  pair("heads that lie between tokens", make(turned(), turned(), turned()));
}

inline void compare_masks(Bench& bench) {
  compare_general(bench, 1024);
  compare_general(bench, 2048);
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    compare_padded(bench, type);
    compare_window(bench, type);
    compare_shapes(bench, type);
  }
}

}  // namespace attend::bench
