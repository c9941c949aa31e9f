// A step of plain additive attention: the fused kernel forward, records of the source on the way back.
#include <torch/csrc/autograd/custom_function.h>

#include "ops/additive_source.h"
#include "ops/dropout_kernel.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

struct StepHolder : torch::CustomClassHolder {
  std::shared_ptr<const AdditiveSource::Data> data;
  double drop_rate = 0;
};

// x [B, H, R, S] as the kernel drops it by the keys of its rows.
at::Tensor dropped_by_rows(const at::Tensor& x, double rate, const at::Tensor& keys) {
  if (rate == 0) return x;
  const auto from = x.contiguous();      // [B, H, R, S]
  const auto to = at::empty_like(from);  // [B, H, R, S]
  const auto threshold = static_cast<std::int32_t>(static_cast<std::int64_t>(rate * 4294967296.0) - 2147483648);
  const auto width = x.size(3);
  for (std::int64_t row = 0; row < keys.numel(); ++row) {
    const auto key = static_cast<std::uint64_t>(keys.const_data_ptr<std::int64_t>()[row]);
    const DropKernel kernel{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32), threshold, 1 / (1 - rate)};
    if (x.scalar_type() == at::kDouble)
      drop(kernel, 0, from.const_data_ptr<double>() + row * width, to.mutable_data_ptr<double>() + row * width,
           static_cast<std::size_t>(width));
    else
      drop(kernel, 0, from.const_data_ptr<float>() + row * width, to.mutable_data_ptr<float>() + row * width,
           static_cast<std::size_t>(width));
  }
  return to;
}

struct AttendedStep : Function<AttendedStep> {
  static tensor_list forward(AutogradContext* ctx, const at::Tensor& query, const at::Tensor& bias, const at::Tensor& /*score_token*/,
                             const at::Tensor& /*value_token*/, const std::shared_ptr<const AdditiveSource::Data>& data,
                             FusedAttentionOptions options, FusedAttentionOutputs* out) {
    const auto rows = options.rows;
    options.rows = at::arange(query.size(2), index_options());
    *out = fused_attention(query, data->parts.key, data->parts.value, options);
    const auto weights = out->rows;  // [B, H, R, S]
    out->rows = rows.defined() ? weights.index_select(2, rows) : at::Tensor();
    auto holder = c10::make_intrusive<StepHolder>();
    holder->data = data;
    holder->drop_rate = options.drop_rate;
    ctx->saved_data["step"] = c10::IValue::make_capsule(holder);
    ctx->set_materialize_grads(false);
    const auto or_none = [&](const at::Tensor& x) { return x.defined() ? x : at::empty({0}, query.options()); };
    ctx->save_for_backward({query, bias, weights, or_none(out->argmax), or_none(options.drop_keys)});
    return {out->context, or_none(out->lse), or_none(out->entropy), or_none(out->maximum), or_none(out->column_sums)};
  }
  static tensor_list backward(AutogradContext* ctx, const tensor_list& gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "additive_steps: create_graph needs second derivatives, which they do not have; use the plain composition");
    const auto holder = c10::static_intrusive_pointer_cast<StepHolder>(ctx->saved_data["step"].toCapsule());
    const auto& data = *holder->data;
    data.check_unchanged();
    const auto saved = ctx->get_saved_variables();
    const auto &query = saved[0], &bias = saved[1], &weights = saved[2], &argmax = saved[3], &drop_keys = saved[4];
    const auto rows = query.size(2);
    const auto of = [&](std::size_t i) { return gradients[i].defined() && gradients[i].dim() > 2 ? gradients[i] : at::Tensor(); };
    at::Tensor value_record, flow;  // flow: gradient of the weights [B, H, R, S]
    if (const auto context = of(0); context.defined()) {
      value_record = record_for(ctx->needs_input_grad(3), data, rows, kernels::value_record_size(data.keys(), data.value_size()));
      const auto mixed = dropped_by_rows(weights, holder->drop_rate, drop_keys);  // [B, H, R, S]
      flow = dropped_by_rows(weight_gradient(data, mixed, context, value_record), holder->drop_rate, drop_keys);
    }
    const auto add = [&](const at::Tensor& x) { flow = flow.defined() ? flow + x : x.expand_as(weights); };
    if (const auto entropy = of(2); entropy.defined())  // dH/dw = −ln w, and a constant that the softmax takes away
      add(-entropy.unsqueeze(3) * weights.log().masked_fill(weights.eq(0), 0.0));
    if (const auto maximum = of(3); maximum.defined()) {
      const auto seen = argmax.ge(0);  // [B, H, R]
      add(at::zeros_like(weights).scatter_(3, argmax.clamp_min(0).unsqueeze(3), maximum.masked_fill(seen.logical_not(), 0.0).unsqueeze(3)));
    }
    if (const auto columns = of(4); columns.defined()) add(columns.unsqueeze(2));
    at::Tensor ds;  // [B, H, R, S]
    if (flow.defined()) ds = at::_softmax_backward_data(flow, weights, 3, weights.scalar_type());
    if (const auto lse = of(1); lse.defined()) ds = ds.defined() ? ds + lse.unsqueeze(3) * weights : lse.unsqueeze(3) * weights;
    if (!ds.defined()) return tensor_list(7);
    // By selection: an infinite gradient times a weight of 0 is NaN.
    ds = ds.masked_fill(weights.eq(0), 0.0);  // [B, H, R, S]
    at::Tensor db;
    if ((bias.dim() != 1 || bias.size(0) > 0) && ctx->needs_input_grad(1)) db = at::sum_to(ds, bias.sizes());
    auto record = record_for(ctx->needs_input_grad(2), data, rows, kernels::score_record_size(data.size(), data.keys(), 0));
    const auto dq = score_gradients(data, query, {}, ds, /*featured=*/false, record)[0];  // [B, H, R, E]
    return {dq, db, record, value_record, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

FusedAttentionOutputs attended_step(const std::shared_ptr<const AdditiveSource::Data>& data, const at::Tensor& query,
                                    const std::array<at::Tensor, 2>& tokens, const FusedAttentionOptions& options) {
  FusedAttentionOutputs out;
  const auto or_empty = [&](const at::Tensor& x) { return x.defined() ? x : at::empty({0}, query.options().requires_grad(false)); };
  const auto tracked = AttendedStep::apply(query, or_empty(options.bias), or_empty(tokens[0]), or_empty(tokens[1]), data, options, &out);
  out.context = tracked[0];
  const auto asked = [&](bool wanted, std::size_t at) { return wanted ? tracked[at] : at::Tensor(); };
  out.lse = asked(options.lse, 1);
  out.entropy = asked(options.entropy, 2);
  out.maximum = asked(options.maximum, 3);
  out.column_sums = asked(options.column_sums, 4);
  return out;
}

}  // namespace attend
