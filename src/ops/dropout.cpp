#include "attend/ops/dropout.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "ops/dropout_kernel.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

constexpr std::int64_t kTogether = 1 << 14;  // numbers a thread takes at a time, about

// Rows of the last dimension, each with a key of its own; x [B, ..., n], keys of the B items.
template <class Number>
void drop_all(const Number* from, Number* to, at::IntArrayRef sizes, double rate, const std::vector<std::uint64_t>& keys) {
  const auto threshold = static_cast<std::int32_t>(static_cast<std::int64_t>(rate * 4294967296.0) - 2147483648);
  const auto width = sizes.size() > 1 ? sizes.back() : 1;
  const auto rows = c10::multiply_integers(sizes) / width, inner = rows / static_cast<std::int64_t>(keys.size());
  at::parallel_for(0, rows, 1 + kTogether / width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const auto key = row_key(keys[static_cast<std::size_t>(r / inner)], r % inner, sizes);
      const DropKernel kernel{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32), threshold, 1 / (1 - rate)};
      drop(kernel, 0, from + r * width, to + r * width, static_cast<std::size_t>(width));
    }
  });
}

at::Tensor dropped(const at::Tensor& x, double rate, const std::vector<std::uint64_t>& keys) {
  const auto from = x.contiguous();  // [B, ..]
  auto to = at::empty_like(from);    // [B, ..]
  if (x.numel() == 0) return to;
  if (x.scalar_type() == at::kFloat) {
    drop_all(from.const_data_ptr<float>(), to.mutable_data_ptr<float>(), from.sizes(), rate, keys);
  } else {
    drop_all(from.const_data_ptr<double>(), to.mutable_data_ptr<double>(), from.sizes(), rate, keys);
  }
  return to;
}

// Keys travel through the graph as int64 [B].
at::Tensor as_tensor(const std::vector<std::uint64_t>& keys) {
  auto tensor = at::empty({static_cast<std::int64_t>(keys.size())}, index_options());  // [B]
  std::copy(keys.begin(), keys.end(), tensor.mutable_data_ptr<std::int64_t>());
  return tensor;
}
std::vector<std::uint64_t> as_keys(const at::Tensor& tensor) {
  const auto* from = tensor.const_data_ptr<std::int64_t>();
  return {from, from + tensor.numel()};
}

struct Dropout : Function<Dropout> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, double rate, const at::Tensor& keys) {
    ctx->saved_data["rate"] = rate;
    ctx->saved_data["keys"] = keys;
    return dropped(x, rate, as_keys(keys));
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "dropout: create_graph needs second derivatives, which it does not have; use at::dropout");
    return {dropped(gradients[0], ctx->saved_data["rate"].toDouble(), as_keys(ctx->saved_data["keys"].toTensor())), at::Tensor(),
            at::Tensor()};
  }
};

}  // namespace

at::Tensor dropout(const at::Tensor& x, double rate, std::uint64_t place) {
  ATTEND_CHECK(rate >= 0 && rate < 1, kValue, "dropout: the rate must be in [0, 1), got {}", rate);
  if (rate == 0) return x;
  if (x.scalar_type() != at::kFloat && x.scalar_type() != at::kDouble) return dropout(x.to(at::kFloat), rate, place).to(x.scalar_type());
  return Dropout::apply(x, rate, as_tensor(draw_keys(place, x.size(0))));
}

at::Tensor dropout_row_keys(at::IntArrayRef sizes, std::uint64_t place) {
  const auto items = draw_keys(place, sizes[0]);
  auto keys = at::empty(sizes.slice(0, sizes.size() - 1), index_options());  // [B, ...]
  auto* to = keys.mutable_data_ptr<std::int64_t>();
  const auto inner = sizes[0] > 0 ? keys.numel() / sizes[0] : 0;
  for (std::int64_t r = 0; r < keys.numel(); ++r)
    to[r] = static_cast<std::int64_t>(row_key(items[static_cast<std::size_t>(r / inner)], r % inner, sizes));
  return keys;
}

}  // namespace attend
