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
  std::vector<std::int64_t> sizes, strides;  // [N, K]
  at::Tensor bytes;
  kernels::PackedWeights weights;

  bool is_of(const at::Tensor& weight, WeightForm form) const {
    return weights.form == form && data == weight.const_data_ptr() && version == writes_to(weight) && weight.sizes() == sizes &&
           weight.strides() == strides && storage._unsafe_get_target() == weight.storage().unsafeGetStorageImpl();
  }
};

std::shared_ptr<const PackedWeight::Packed> PackedWeight::packed(const at::Tensor& weight, WeightForm form, bool turned) const {
  auto& place = turned ? turned_ : packed_;
  auto held = place.load(std::memory_order_acquire);
  if (held && held->is_of(weight, form)) return held;
  const auto wide = weight.detach().to(at::kFloat);  // [N, K]
  // In memory a matrix turned is one whose rows are the other's columns.
  const bool columns = wide.stride(1) != 1 && wide.stride(0) == 1;
  const auto rows = wide.stride(1) == 1 || columns ? wide : wide.contiguous();
  const auto outputs = rows.size(turned ? 1 : 0), inputs = rows.size(turned ? 0 : 1);
  auto made = std::make_shared<Packed>(
      Packed{.storage = c10::weak_intrusive_ptr<c10::StorageImpl>(weight.storage().getWeakStorageImpl()),
             .data = weight.const_data_ptr(),
             .version = writes_to(weight),
             .sizes = weight.sizes().vec(),
             .strides = weight.strides().vec(),
             .bytes = at::empty({kernels::packed_linear_bytes(form, outputs, inputs, "linear")}, index_options().dtype(at::kByte)),
             .weights = {}});
  const kernels::LinearWeights given{.data = rows.const_data_ptr(),
                                     .outputs = outputs,
                                     .inputs = inputs,
                                     .row = rows.stride(columns ? 1 : 0),
                                     .turned = turned != columns};
  TorchWorkers workers;
  made->weights = kernels::pack_linear(form, given, made->bytes.mutable_data_ptr(), workers, "linear");
  held = std::move(made);
  place.store(held, std::memory_order_release);
  return held;
}

at::Tensor PackedWeight::multiply(const at::Tensor& x, const at::Tensor& weight, WeightForm form, bool turned, const at::Tensor& bias,
                                  kernels::Activation activation) const {
  const auto held = packed(weight, form, turned);
  const auto outputs = held->weights.outputs, inputs = held->weights.inputs;
  const auto as_rows = [](const at::Tensor& all, std::int64_t size) {
    const auto rows = all.to(at::kFloat).reshape({all.numel() / size, size});  // [M, *]
    return rows.stride(1) == 1 ? rows : rows.contiguous();
  };
  const auto given = as_rows(x, inputs);
  const auto added = bias.defined() ? as_rows(bias, outputs) : at::Tensor();  // [M or 1, N]
  auto sizes = x.sizes().vec();
  sizes.back() = outputs;
  const auto y = at::empty(sizes, given.options().requires_grad(false));  // [.., N]
  kernels::PackedLinear call;
  call.weights = held->weights;
  call.rows = given.size(0);
  call.x = {given.const_data_ptr(), given.stride(0)};
  if (added.defined() && bias.dim() == 1) call.bias = added.const_data_ptr();
  if (added.defined() && bias.dim() > 1) call.before = {added.const_data_ptr(), added.stride(0)};
  call.activation = activation;
  call.y = y.mutable_data_ptr(), call.y_row = outputs;
  TorchWorkers workers;
  kernels::packed_linear(call, workers, "linear");
  return y.to(x.scalar_type());
}

namespace {

bool tracked(const at::Tensor& x) { return x.defined() && x.requires_grad() && at::GradMode::is_enabled(); }

// Whether x [.., K] and W [N, K], or [K, N] turned, are what packed weights take.
bool fits(const at::Tensor& x, const at::Tensor& weight, bool turned) {
  const auto type = weight.scalar_type();
  return weight.dim() == 2 && weight.numel() > 0 && x.dim() >= 1 && x.numel() > 0 && x.size(-1) == weight.size(turned ? 0 : 1) &&
         x.scalar_type() == type && x.is_cpu() && weight.is_cpu() && (type == at::kFloat || type == at::kBFloat16) && !tracked(x) &&
         !tracked(weight);
}
// Whether `bias` is one for each output or each result of them.
bool can_add(const at::Tensor& bias, const at::Tensor& x, const at::Tensor& weight) {
  if (!bias.defined()) return true;
  if (bias.scalar_type() != weight.scalar_type() || tracked(bias) || bias.size(-1) != weight.size(0)) return false;
  return bias.dim() == 1 || (bias.dim() == x.dim() && bias.sizes().slice(0, x.dim() - 1) == x.sizes().slice(0, x.dim() - 1));
}
WeightForm form_of(const at::Tensor& weight) { return weight.scalar_type() == at::kFloat ? WeightForm::kFloat32 : WeightForm::kBfloat16; }
bool few_rows(const at::Tensor& x) { return x.numel() / x.size(-1) <= PackedWeight::kFewRows; }

at::Tensor plain_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!bias.defined() || bias.dim() <= 1) return at::linear(x, weight, bias);
  return x.dim() == 2 && bias.dim() == 2 ? at::addmm(bias, x, weight.t()) : at::linear(x, weight) + bias;
}

}  // namespace

at::Tensor PackedWeight::linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, kernels::Activation activation,
                                bool int8) const {
  if (!fits(x, weight, false) || !can_add(bias, x, weight) || (!int8 && !few_rows(x)))
    return activate(activation, plain_linear(x, weight, bias));
  return multiply(x, weight, int8 ? WeightForm::kInt8 : form_of(weight), false, bias, activation);
}

at::Tensor PackedWeight::back(const at::Tensor& dy, const at::Tensor& weight) const {
  if (!fits(dy, weight, true) || !few_rows(dy)) return at::matmul(dy, weight);
  return multiply(dy, weight, form_of(weight), true, {}, kernels::Activation::kNone);
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
