// torch.ops.attend.pack_linear and packed_linear.
#include "attend/kernels/packed_linear.h"
#include "ops/operators.h"
#include "ops/torch_workers.h"

namespace attend::dispatched {
namespace {

using kernels::WeightForm;

template <class Kind>
Kind kind_of(const char* what, std::string_view name, const std::vector<std::string>& names) {
  const auto at = std::find(names.begin(), names.end(), name) - names.begin();
  if (at == std::ssize(names)) fail_unknown_name(what, name, names);
  return static_cast<Kind>(at);
}
WeightForm form_of(const char* who, std::string_view name) {
  return kind_of<WeightForm>(who, name, {"float32", "bfloat16", "int8", "float64"});
}
at::ScalarType numbers_of(WeightForm form) { return form == WeightForm::kFloat64 ? at::kDouble : at::kFloat; }

void check_weight(const at::Tensor& weight, WeightForm form) {
  TORCH_CHECK_VALUE(weight.dim() == 2 && weight.scalar_type() == numbers_of(form), "pack_linear: weight must be ", numbers_of(form),
                    " [N, K] for this form, got ", weight.scalar_type(), " ", weight.sym_sizes());
}

at::Tensor pack_linear_cpu(const at::Tensor& weight, std::string_view form_name) {
  const auto form = form_of("pack_linear: form", form_name);
  check_weight(weight, form);
  const auto rows = weight.contiguous();  // [N, K]
  kernels::LinearWeights w;
  w.data = rows.const_data_ptr(), w.outputs = rows.size(0), w.inputs = rows.size(1), w.row = rows.size(1);
  const auto bytes = kernels::packed_linear_bytes(form, w.outputs, w.inputs, "pack_linear");
  const auto packed = at::zeros({bytes}, weight.options().dtype(at::kByte));  // [bytes]; also those between rows are the same each time
  TorchWorkers workers;
  kernels::pack_linear(form, w, packed.mutable_data_ptr(), workers);
  return packed;
}

at::Tensor pack_linear_meta(const at::Tensor& weight, std::string_view form_name) {
  const auto form = form_of("pack_linear: form", form_name);
  check_weight(weight, form);
  return at::empty({kernels::packed_linear_bytes(form, weight.size(0), weight.size(1), "pack_linear")},
                   weight.options().dtype(at::kByte));  // [bytes]
}

using Bias = std::optional<at::Tensor>;

void check_product(const at::Tensor& x, const at::Tensor& packed, std::int64_t outputs, const Bias& bias, WeightForm form) {
  const auto numbers = numbers_of(form);
  TORCH_CHECK_VALUE(x.dim() >= 1 && x.scalar_type() == numbers, "packed_linear: x must be ", numbers, " [.., K] for this form, got ",
                    x.scalar_type(), " ", x.sym_sizes());
  TORCH_CHECK_VALUE(!bias || !bias->defined() || (bias->dim() == 1 && bias->sym_size(0) == outputs && bias->scalar_type() == numbers),
                    "packed_linear: bias must be ", numbers, " [N=", outputs, "]");
  const auto bytes = kernels::packed_linear_bytes(form, outputs, x.size(-1), "packed_linear");
  TORCH_CHECK_VALUE(packed.dim() == 1 && packed.scalar_type() == at::kByte && packed.size(0) == bytes,
                    "packed_linear: weights [N=", outputs, ", K=", x.size(-1), "] of this form are ", bytes, " bytes when packed, got ",
                    packed.scalar_type(), " ", packed.sym_sizes(), "; take them from pack_linear with the same form");
}

at::Tensor packed_linear_cpu(const at::Tensor& x, const at::Tensor& packed, std::int64_t outputs, const Bias& bias,
                             std::string_view form_name, std::string_view activation) {
  const auto form = form_of("packed_linear: form", form_name);
  check_product(x, packed, outputs, bias, form);
  const auto rows = x.reshape({-1, x.size(-1)}).contiguous();  // [M, K]
  auto sizes = x.sizes().vec();
  sizes.back() = outputs;
  const auto y = at::empty(sizes, x.options());                                    // [.., N]
  const auto added = bias && bias->defined() ? bias->contiguous() : at::Tensor();  // [N]
  const auto weights = reinterpret_cast<std::uintptr_t>(packed.const_data_ptr()) % 64 == 0 && packed.is_contiguous()
                           ? packed
                           : packed.clone(at::MemoryFormat::Contiguous);  // [bytes]
  kernels::PackedLinear call;
  call.weights = {.form = form, .outputs = outputs, .inputs = x.size(-1), .data = weights.const_data_ptr()};
  call.rows = rows.size(0), call.x = {rows.const_data_ptr(), rows.size(1)};
  call.bias = added.defined() ? added.const_data_ptr() : nullptr;
  call.activation = kind_of<kernels::Activation>("packed_linear: activation", activation,
                                                 {"none", "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"});
  call.y = y.mutable_data_ptr(), call.y_row = outputs;
  TorchWorkers workers;
  kernels::packed_linear(call, workers);
  return y;
}

at::Tensor packed_linear_meta(const at::Tensor& x, const at::Tensor& packed, std::int64_t outputs, const Bias& bias,
                              std::string_view form_name, std::string_view) {
  check_product(x, packed, outputs, bias, form_of("packed_linear: form", form_name));
  auto sizes = x.sym_sizes().vec();
  sizes.back() = outputs;
  return at::empty_symint(sizes, x.options());  // [.., N]
}

}  // namespace

void define_packed_linear(Libraries& to) {
  define(to.operators, "pack_linear", "(Tensor weight, str form='float32') -> Tensor");
  to.cpu.impl("pack_linear", &Guarded<&pack_linear_cpu>::call);
  to.meta.impl("pack_linear", &Guarded<&pack_linear_meta>::call);
  has_no_gradient(to.autograd, "pack_linear");
  define(to.operators, "packed_linear",
         "(Tensor x, Tensor packed, int outputs, Tensor? bias=None, str form='float32', str activation='none') -> Tensor");
  to.cpu.impl("packed_linear", &Guarded<&packed_linear_cpu>::call);
  to.meta.impl("packed_linear", &Guarded<&packed_linear_meta>::call);
  is_for_inference(to.autograd, "packed_linear");
}

}  // namespace attend::dispatched
