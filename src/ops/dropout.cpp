#include "attend/ops/dropout.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "ops/dropout_kernel.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

template <class Number>
void drop_all(const Number* from, Number* to, std::int64_t n, double rate, std::uint64_t key) {
  const auto threshold = static_cast<std::int32_t>(static_cast<std::int64_t>(rate * 4294967296.0) - 2147483648);
  at::parallel_for(0, n, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {  // places are counted in 32 bits; what is above them enters the key
      const auto high = begin >> 32;
      const auto stop = std::min(end, (high + 1) << 32);
      const DropKernel kernel{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>((key >> 32) + static_cast<std::uint64_t>(high)),
                              threshold, 1 / (1 - rate)};
      drop(kernel, static_cast<std::uint32_t>(begin), from + begin, to + begin, static_cast<std::size_t>(stop - begin));
      begin = stop;
    }
  });
}

at::Tensor dropped(const at::Tensor& x, double rate, std::uint64_t key) {
  const auto from = x.contiguous();
  auto to = at::empty_like(from);
  if (x.scalar_type() == at::kFloat) {
    drop_all(from.const_data_ptr<float>(), to.mutable_data_ptr<float>(), from.numel(), rate, key);
  } else {
    drop_all(from.const_data_ptr<double>(), to.mutable_data_ptr<double>(), from.numel(), rate, key);
  }
  return to;
}

struct Dropout : Function<Dropout> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, double rate, std::int64_t key) {
    ctx->saved_data["rate"] = rate;
    ctx->saved_data["key"] = key;
    return dropped(x, rate, static_cast<std::uint64_t>(key));
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "dropout: create_graph needs second derivatives, which it does not have; use at::dropout");
    return {dropped(gradients[0], ctx->saved_data["rate"].toDouble(), static_cast<std::uint64_t>(ctx->saved_data["key"].toInt())),
            at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor dropout(const at::Tensor& x, double rate) {
  ATTEND_CHECK(rate >= 0 && rate < 1, kValue, "dropout: the rate must be in [0, 1), got {}", rate);
  if (rate == 0) return x;
  if (!x.device().is_cpu() || (x.scalar_type() != at::kFloat && x.scalar_type() != at::kDouble)) return at::dropout(x, rate, true);
  auto* generator = at::get_generator_or_default<at::CPUGeneratorImpl>(std::nullopt, at::detail::getDefaultCPUGenerator());
  std::uint64_t key;
  {
    const std::lock_guard lock(generator->mutex_);
    key = generator->random64();
  }
  return Dropout::apply(x, rate, static_cast<std::int64_t>(key));
}

}  // namespace attend
