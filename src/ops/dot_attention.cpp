#include "attend/ops/dot_attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include "attend/kernels/isa.h"
#include "ops/torch_workers.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

kernels::Number number_of(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat: return kernels::Number::kFloat32;
    case at::kBFloat16: return kernels::Number::kBfloat16;
    case at::kDouble: return kernels::Number::kFloat64;
    default:
      fail(ErrorKind::kValue, "dot_attention: numbers must be float32, bfloat16 or float64, got {}; turn them with to()",
           c10::toString(x.scalar_type()));
  }
}

// Rows whose numbers stand side by side.
at::Tensor by_rows(const at::Tensor& x) { return x.stride(-1) == 1 || x.size(-1) == 1 ? x : x.contiguous(); }

template <class Rows>
Rows rows_of(const at::Tensor& x) {
  Rows rows;
  if constexpr (std::is_same_v<Rows, kernels::Rows>)
    rows.data = x.const_data_ptr();
  else
    rows.data = x.mutable_data_ptr();
  rows.batch = x.stride(0), rows.head = x.stride(1), rows.row = x.stride(2);
  return rows;
}

template <class Number, class Stored>
kernels::Cells<Number> cells_of(const at::Tensor& x, at::IntArrayRef sizes, const char* what) {
  if (!x.defined()) return {};
  ATTEND_CHECK(at::is_expandable_to(x.sizes(), sizes), kShape, "dot_attention: {} must broadcast to [{}], got {}", what,
               fmt::join(sizes, ", "), shape_text(x));
  ATTEND_CHECK(x.scalar_type() == c10::CppTypeToScalarType<Stored>::value, kValue, "dot_attention: {} must be {}, got {}", what,
               c10::toString(c10::CppTypeToScalarType<Stored>::value), c10::toString(x.scalar_type()));
  const auto all = x.expand(sizes);  // [B, H, T, S]
  return {reinterpret_cast<const Number*>(all.const_data_ptr<Stored>()), all.stride(0), all.stride(1), all.stride(2), all.stride(3)};
}

const std::int64_t* lengths_of(const at::Tensor& x, std::int64_t batch, const char* what) {
  if (!x.defined()) return nullptr;
  ATTEND_CHECK(x.sizes() == at::IntArrayRef({batch}) && x.scalar_type() == at::kLong && x.is_contiguous(), kShape,
               "dot_attention: {} lengths must be int64 [B={}], got {} {}", what, batch, c10::toString(x.scalar_type()), shape_text(x));
  return x.const_data_ptr<std::int64_t>();
}

void check_tensors(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  ATTEND_CHECK(q.dim() == 4 && k.dim() == 4 && v.dim() == 4, kShape,
               "dot_attention: query, key and value must be [B, H, T, D], [B, Hk, S, D] and [B, Hk, S, Dv], got {}, {} and {}",
               shape_text(q), shape_text(k), shape_text(v));
  ATTEND_CHECK(
      q.size(0) == k.size(0) && k.size(0) == v.size(0) && k.size(1) == v.size(1) && k.size(2) == v.size(2) && q.size(3) == k.size(3),
      kShape, "dot_attention: B, Hk, S or D differ: query {}, key {}, value {}", shape_text(q), shape_text(k), shape_text(v));
  ATTEND_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(), kValue,
               "dot_attention: query, key and value must be of one number format, got {}, {} and {}", c10::toString(q.scalar_type()),
               c10::toString(k.scalar_type()), c10::toString(v.scalar_type()));
  ATTEND_CHECK(q.is_cpu() && k.is_cpu() && v.is_cpu(), kUnsupported,
               "dot_attention: it runs on the CPU, and the tensors are elsewhere; use to(at::kCPU)");
}

kernels::DotAttention call_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DotAttentionOptions& o) {
  kernels::DotAttention call;
  call.number = number_of(q);
  call.batch = q.size(0), call.heads = q.size(1), call.queries = q.size(2), call.size = q.size(3);
  call.key_heads = k.size(1), call.keys = k.size(2), call.value_size = v.size(3);
  call.scale = o.scale, call.left = o.left, call.right = o.right;
  call.query = rows_of<kernels::Rows>(q), call.key = rows_of<kernels::Rows>(k), call.value = rows_of<kernels::Rows>(v);
  call.query_lengths = lengths_of(o.query_lengths, call.batch, "query");
  call.key_lengths = lengths_of(o.key_lengths, call.batch, "key");
  const std::int64_t sizes[] = {call.batch, call.heads, call.queries, call.keys};
  call.keep = cells_of<std::uint8_t, bool>(o.keep, sizes, "keep");
  call.bias = cells_of<float, float>(o.bias, sizes, "bias");
  if (o.slopes.defined()) {
    ATTEND_CHECK(o.slopes.sizes() == at::IntArrayRef({call.heads}) && o.slopes.scalar_type() == at::kFloat && o.slopes.is_contiguous(),
                 kShape, "dot_attention: slopes must be float32 [H={}], got {} {}", call.heads, c10::toString(o.slopes.scalar_type()),
                 shape_text(o.slopes));
    call.slopes = o.slopes.const_data_ptr<float>();
  }
  return call;
}

at::TensorOptions sum_options(const at::Tensor& x) { return x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat); }

DotAttentionOutputs forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DotAttentionOptions& o) {
  const auto call = call_of(q, k, v, o);
  DotAttentionOutputs out;
  kernels::DotResults results;
  const std::int64_t rows[] = {call.batch, call.heads, call.queries};
  out.context = at::empty({call.batch, call.heads, call.queries, call.value_size}, q.options());  // [B, H, T, Dv]
  results.context = rows_of<kernels::MutableRows>(out.context);
  const auto ask = [&](bool wanted, at::Tensor& to, void*& data) {
    if (!wanted) return;
    to = at::empty(rows, sum_options(q));  // [B, H, T]
    data = to.mutable_data_ptr();
  };
  ask(o.lse, out.lse, results.lse);
  ask(o.entropy, out.entropy, results.entropy);
  ask(o.maximum, out.maximum, results.maximum);
  if (o.maximum) {
    out.argmax = at::empty(rows, index_options());  // [B, H, T]
    results.argmax = out.argmax.mutable_data_ptr<std::int64_t>();
  }
  if (o.column_sums) {
    out.column_sums = at::empty({call.batch, call.heads, call.keys}, sum_options(q));  // [B, H, S]
    results.column_sums = out.column_sums.mutable_data_ptr();
  }
  TorchWorkers workers;
  out.ran = kernels::dot_attention(call, results, workers);
  return out;
}

struct Holder : torch::CustomClassHolder {
  DotAttentionOptions options;
};

struct DotFunction : Function<DotFunction> {
  // Returns context, lse and entropy; what has no gradient is put into `out`.
  static tensor_list forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const DotAttentionOptions& o, DotAttentionOutputs* out) {
    auto asked = o;
    asked.lse = true;
    *out = attend::forward(q, k, v, asked);
    auto holder = c10::make_intrusive<Holder>();
    holder->options = asked;
    ctx->saved_data["options"] = c10::IValue::make_capsule(holder);
    ctx->set_materialize_grads(false);
    const auto entropy = o.entropy ? out->entropy : at::empty({0}, sum_options(q));
    ctx->save_for_backward({q, k, v, out->context, out->lse, entropy});
    return {out->context, out->lse, entropy};
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "dot_attention: create_graph needs second derivatives, which it does not have; use the plain composition");
    const auto saved = ctx->get_saved_variables();
    const auto &q = saved[0], &k = saved[1], &v = saved[2];
    auto capsule = ctx->saved_data["options"].toCapsule();
    const auto call = call_of(q, k, v, static_cast<Holder*>(capsule.get())->options);
    kernels::DotGradients flow;
    const auto context = gradients[0].defined() ? by_rows(gradients[0]) : at::zeros_like(saved[3]);  // [B, H, T, Dv]
    flow.context = rows_of<kernels::Rows>(saved[3]);
    flow.context_gradient = rows_of<kernels::Rows>(context);
    flow.lse = saved[4].const_data_ptr();
    at::Tensor lse, entropy;  // [B, H, T]
    if (gradients[1].defined()) lse = gradients[1].contiguous(), flow.lse_gradient = lse.const_data_ptr();
    if (gradients[2].defined() && saved[5].dim() == 3) {
      entropy = gradients[2].contiguous();
      flow.entropy = saved[5].const_data_ptr(), flow.entropy_gradient = entropy.const_data_ptr();
    }
    const auto dq = at::empty(q.sizes(), q.options()), dk = at::empty(k.sizes(), k.options()), dv = at::empty(v.sizes(), v.options());
    flow.query_gradient = rows_of<kernels::MutableRows>(dq);
    flow.key_gradient = rows_of<kernels::MutableRows>(dk);
    flow.value_gradient = rows_of<kernels::MutableRows>(dv);
    TorchWorkers workers;
    kernels::dot_attention_backward(call, flow, workers);
    return {dq, dk, dv, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

DotAttentionOutputs dot_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                  const DotAttentionOptions& options) {
  check_tensors(query, key, value);
  ATTEND_CHECK(!options.bias.defined() || !options.bias.requires_grad(), kUnsupported,
               "dot_attention: the bias has no gradient here; use the plain composition, or detach() it");
  const auto q = by_rows(query), k = by_rows(key), v = by_rows(value);
  if (!at::GradMode::is_enabled() || !(q.requires_grad() || k.requires_grad() || v.requires_grad())) return forward(q, k, v, options);
  DotAttentionOutputs out;
  const auto tracked = DotFunction::apply(q, k, v, options, &out);
  out.context = tracked[0];
  out.lse = options.lse ? tracked[1] : at::Tensor();
  out.entropy = options.entropy ? tracked[2] : at::Tensor();
  return out;
}

}  // namespace attend
