#include "attend/ops/packed_linear.h"

#include "ops/torch_workers.h"

namespace attend {

using kernels::WeightForm;

namespace {

// How often a tensor was written to. Tensors of inference mode do not count, and cannot be trained.
std::int64_t writes_to(const at::Tensor& x) { return x.is_inference() ? 0 : x._version(); }

}  // namespace

// A weight as it was when it was packed. Its storage is not kept alive, yet remembered in a way that no other can be taken for it.
struct PackedWeight::Packed {
  c10::weak_intrusive_ptr<c10::StorageImpl> storage;
  const void* data;
  std::int64_t version;
  std::int64_t outputs, inputs;
  at::Tensor bytes;
  kernels::PackedWeights weights;

  bool is_of(const at::Tensor& weight, WeightForm form) const {
    return weights.form == form && data == weight.const_data_ptr() && version == writes_to(weight) && outputs == weight.size(0) &&
           inputs == weight.size(1) && storage._unsafe_get_target() == weight.storage().unsafeGetStorageImpl();
  }
};

std::shared_ptr<const PackedWeight::Packed> PackedWeight::packed(const at::Tensor& weight, WeightForm form) const {
  auto held = packed_.load(std::memory_order_acquire);
  if (held && held->is_of(weight, form)) return held;
  const auto wide = weight.detach().to(at::kFloat);  // [N, K]
  const auto rows = wide.stride(1) == 1 ? wide : wide.contiguous();
  auto made = std::make_shared<Packed>(Packed{
      .storage = c10::weak_intrusive_ptr<c10::StorageImpl>(weight.storage().getWeakStorageImpl()),
      .data = weight.const_data_ptr(),
      .version = writes_to(weight),
      .outputs = weight.size(0),
      .inputs = weight.size(1),
      .bytes = at::empty({kernels::packed_linear_bytes(form, weight.size(0), weight.size(1), "linear")}, index_options().dtype(at::kByte)),
      .weights = {}});
  TorchWorkers workers;
  made->weights = kernels::pack_linear(
      form, {.data = rows.const_data_ptr(), .outputs = weight.size(0), .inputs = weight.size(1), .row = rows.stride(0)},
      made->bytes.mutable_data_ptr(), workers, "linear");
  held = std::move(made);
  packed_.store(held, std::memory_order_release);
  return held;
}

at::Tensor PackedWeight::linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, kernels::Activation activation,
                                bool int8) const {
  const auto type = weight.scalar_type();
  const auto inputs = weight.dim() == 2 ? weight.size(1) : 0;
  const bool fits = inputs > 0 && weight.size(0) > 0 && x.dim() >= 1 && x.size(-1) == inputs && x.scalar_type() == type && x.is_cpu() &&
                    weight.is_cpu() && (type == at::kFloat || type == at::kBFloat16) &&
                    (!bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.size(0) && bias.scalar_type() == type));
  const bool tracked =
      at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad()));
  const auto rows = inputs > 0 ? x.numel() / inputs : 0;
  if (!fits || tracked || rows == 0 || (!int8 && rows > kFewRows)) return activate(activation, at::linear(x, weight, bias));

  const auto held = packed(weight, int8 ? WeightForm::kInt8 : type == at::kFloat ? WeightForm::kFloat32 : WeightForm::kBfloat16);
  const auto wide = x.to(at::kFloat).reshape({rows, inputs});         // [M, K]
  const auto given = wide.stride(1) == 1 ? wide : wide.contiguous();  // [M, K]
  const auto added = bias.defined() ? bias.to(at::kFloat).contiguous() : at::Tensor();
  auto sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  const auto y = at::empty(sizes, given.options().requires_grad(false));  // [.., N]
  kernels::PackedLinear call;
  call.weights = held->weights;
  call.rows = rows;
  call.x = {given.const_data_ptr(), given.stride(0)};
  if (added.defined()) call.bias = added.const_data_ptr();
  call.activation = activation;
  call.y = y.mutable_data_ptr(), call.y_row = weight.size(0);
  TorchWorkers workers;
  kernels::packed_linear(call, workers, "linear");
  return y.to(type);
}

at::Tensor activate(kernels::Activation kind, at::Tensor x) {
  using kernels::Activation;
  switch (kind) {
    case Activation::kNone: return x;
    case Activation::kRelu: return x.relu_();
    case Activation::kGelu: return at::gelu(x, "none");
    case Activation::kGeluTanh: return at::gelu(x, "tanh");
    case Activation::kSilu: return at::silu(x);
    case Activation::kTanh: return x.tanh_();
    case Activation::kSigmoid: return x.sigmoid_();
  }
  ATTEND_ASSERT(false);
  return x;
}

}  // namespace attend
