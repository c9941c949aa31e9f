// Trains one layer of attention to name the symbol three places back, with a bonus for the entropy of head 0, and prints what each head
// does.
#include <ATen/ATen.h>
#include <attend/ops/fused_attention.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::int64_t kSymbols = 8, kLength = 24, kSize = 32, kHeads = 4, kBack = 3, kBatch = 32;
constexpr double kBonus = 0.2;

// The layer: parameters, and the steps of Adam (Kingma & Ba 2015) that train them.
struct Layer {
  std::vector<at::Tensor> weights, first, second;
  int steps = 0;
  at::Tensor parameter(at::IntArrayRef sizes, double spread) {
    weights.push_back((at::randn(sizes, at::kFloat) * spread).requires_grad_(true));
    first.push_back(at::zeros_like(weights.back())), second.push_back(at::zeros_like(weights.back()));
    return weights.back();
  }
  at::Tensor symbols = parameter({kSymbols, kSize}, 1), places = parameter({kLength, kSize}, 1);
  at::Tensor project = parameter({3 * kSize, kSize}, 0.1), out = parameter({kSymbols, kSize}, 0.1);

  // tokens [B, T] -> logits [B, T, symbols], and what the heads did
  std::pair<at::Tensor, attend::FusedAttentionOutputs> operator()(const at::Tensor& tokens) const {
    const auto x = at::embedding(symbols, tokens) + places;                                                               // [B, T, N]
    const auto qkv = at::linear(x, project).view({kBatch, kLength, 3, kHeads, kSize / kHeads}).permute({2, 0, 3, 1, 4});  // [3, B, H, T, D]
    attend::FusedAttentionOptions options;
    options.scale = 1 / std::sqrt(static_cast<double>(kSize / kHeads));
    options.right = 0;  // causal
    options.entropy = options.maximum = options.column_sums = true;
    const auto seen = attend::fused_attention(qkv[0], qkv[1], qkv[2], options);
    return {at::linear(seen.context.transpose(1, 2).flatten(2), out), seen};  // [B, T, symbols]
  }

  void update(double rate) {
    const at::NoGradGuard no_grad;
    ++steps;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const auto g = weights[i].grad();  // as the parameter
      first[i].lerp_(g, 0.1);
      second[i].lerp_(g.square(), 0.001);
      const auto size = second[i].div(1 - std::pow(0.999, steps)).sqrt_().add_(1e-8);  // as the parameter
      weights[i].sub_(first[i].div(size).mul_(rate / (1 - std::pow(0.9, steps))));
      weights[i].mutable_grad().reset();
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 300;
  at::manual_seed(1);
  Layer layer;
  at::Tensor loss, right;
  attend::FusedAttentionOutputs seen;
  for (int step = 0; step < steps; ++step) {
    const auto tokens = at::randint(kSymbols, {kBatch, kLength}, at::kLong);  // [B, T]
    at::Tensor logits;
    std::tie(logits, seen) = layer(tokens);
    const auto said = logits.narrow(1, kBack, kLength - kBack).flatten(0, 1);  // [B·(T − 3), symbols]
    const auto wanted = tokens.narrow(1, 0, kLength - kBack).flatten();        // [B·(T − 3)]
    loss = at::cross_entropy_loss(said, wanted);
    right = said.argmax(-1).eq(wanted).to(at::kFloat).mean();
    (loss - kBonus * seen.entropy.select(1, 0).mean()).backward();  // statistics have gradients
    layer.update(1e-2);
  }
  std::printf("loss %.3f, %.0f %% right\n", loss.item<double>(), 100 * right.item<double>());
  std::puts("head  entropy  largest weight  three places back  most read place");
  const auto back =
      (at::arange(kLength, at::kLong) - seen.argmax).narrow(2, kBack, kLength - kBack).eq(kBack).to(at::kFloat);  // [B, H, T − 3]
  for (std::int64_t h = 0; h < kHeads; ++h) {
    const auto mean = [h](const at::Tensor& x) { return x.select(1, h).mean().item<double>(); };
    std::printf("%4d  %7.3f  %14.3f  %15.0f %%  %15d\n", static_cast<int>(h), mean(seen.entropy), mean(seen.maximum), 100 * mean(back),
                static_cast<int>(seen.column_sums.select(1, h).mean(0).argmax().item<std::int64_t>()));
  }
}
