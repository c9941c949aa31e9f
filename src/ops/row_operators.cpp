// torch.ops.attend.entmax, expected_alignment, and their backward passes.
#include "attend/ops/entmax.h"
#include "attend/ops/monotonic.h"
#include "ops/operators.h"
#include "ops/row_gradients.h"

namespace attend::dispatched {
namespace {

void check_scores(const at::Tensor& scores) {
  TORCH_CHECK_VALUE(scores.dim() >= 1, "entmax: scores must be [.., S], got a single number");
  TORCH_CHECK_VALUE(at::isFloatingType(scores.scalar_type()), "entmax: scores must be real numbers, got ", scores.scalar_type(),
                    "; turn them with to()");
}

at::Tensor entmax_cpu(const at::Tensor& scores, double alpha) {
  check_scores(scores);
  return entmax(scores, alpha).contiguous();  // [.., S]
}
at::Tensor entmax_backward_cpu(const at::Tensor& gradient, const at::Tensor& weights, double alpha) {
  if (weights.numel() == 0) return at::empty(weights.sizes(), weights.options());  // [.., S]
  return entmax_backward(gradient, weights, alpha).contiguous();                   // [.., S]
}
at::Tensor entmax_meta(const at::Tensor& scores, double) {
  check_scores(scores);
  return at::empty_symint(scores.sym_sizes(), scores.options());  // [.., S]
}
at::Tensor entmax_backward_meta(const at::Tensor&, const at::Tensor& weights, double) {
  return at::empty_symint(weights.sym_sizes(), weights.options());  // [.., S]
}
Stack entmax_flow_back(const Stack& arguments, const std::vector<at::Tensor>& results, const std::vector<at::Tensor>& gradients,
                       const std::vector<bool>&) {
  return {gradients[0], results[0], arguments[1]};
}

using Pair = std::tuple<at::Tensor, at::Tensor>;
Pair alignment_backward_cpu(const at::Tensor& gradient, const at::Tensor& stop, const at::Tensor& before, bool of_before) {
  const auto [dp, dv] = expected_alignment_backward(gradient, stop, before, of_before);
  return {dp, dv.defined() ? dv : nothing_like(stop)};
}
at::Tensor alignment_meta(const at::Tensor& stop, const at::Tensor& before) {
  TORCH_CHECK_VALUE(stop.sym_sizes() == before.sym_sizes() && stop.dim() >= 1, "expected_alignment: both must have one shape [.., S], got ",
                    stop.sym_sizes(), " and ", before.sym_sizes());
  return at::empty_symint(stop.sym_sizes(), stop.options());  // [.., S]
}
Pair alignment_backward_meta(const at::Tensor&, const at::Tensor& stop, const at::Tensor&, bool of_before) {
  const auto like = [&] { return at::empty_symint(stop.sym_sizes(), stop.options()); };  // [.., S]
  return {like(), of_before ? like() : nothing_like(stop)};
}
Stack alignment_flow_back(const Stack& arguments, const std::vector<at::Tensor>&, const std::vector<at::Tensor>& gradients,
                          const std::vector<bool>& wanted) {
  return {gradients[0], arguments[0], arguments[1], static_cast<bool>(wanted[1])};
}

}  // namespace

void define_rows(Libraries& to) {
  define(to.operators, "entmax", "(Tensor scores, float alpha=1.5) -> Tensor");
  to.cpu.impl("entmax", &Guarded<&entmax_cpu>::call);
  to.meta.impl("entmax", &Guarded<&entmax_meta>::call);
  differentiates(to.autograd,
                 {.name = "entmax", .places = {0}, .saved_results = 1, .saves_arguments = false, .flow_back = &entmax_flow_back});
  define(to.operators, "entmax_backward", "(Tensor gradient, Tensor weights, float alpha) -> Tensor");
  to.cpu.impl("entmax_backward", &Guarded<&entmax_backward_cpu>::call);
  to.meta.impl("entmax_backward", &Guarded<&entmax_backward_meta>::call);
  differentiates_once(to.autograd, "entmax_backward");

  define(to.operators, "expected_alignment", "(Tensor stop, Tensor before) -> Tensor");
  to.cpu.impl("expected_alignment", &Guarded<&expected_alignment>::call);
  to.meta.impl("expected_alignment", &Guarded<&alignment_meta>::call);
  differentiates(to.autograd, {.name = "expected_alignment", .places = {0, 1}, .flow_back = &alignment_flow_back});
  define(to.operators, "expected_alignment_backward", "(Tensor gradient, Tensor stop, Tensor before, bool of_before) -> (Tensor, Tensor)");
  to.cpu.impl("expected_alignment_backward", &Guarded<&alignment_backward_cpu>::call);
  to.meta.impl("expected_alignment_backward", &Guarded<&alignment_backward_meta>::call);
  differentiates_once(to.autograd, "expected_alignment_backward");
}

}  // namespace attend::dispatched
