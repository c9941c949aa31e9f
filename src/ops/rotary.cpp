#include "attend/ops/rotary.h"

#include <torch/csrc/autograd/custom_function.h>

#include "ops/rotary_kernel.h"
#include "ops/strided_rows.h"
#include "ops/torch_workers.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Cosines and sines [B or 1, L, R/2], contiguous, in the numbers that the rows are turned in.
template <class Number, class Real>
at::Tensor turned_rows(const at::Tensor& given, const at::Tensor& c, const at::Tensor& s, bool adjacent) {
  const auto x = by_rows(given);
  const auto y = at::empty(x.sizes(), x.options().requires_grad(false));  // [B, H, L, D]
  const auto heads = x.size(1), length = x.size(2), size = x.size(3), pairs = c.size(2);
  const auto from = rows_of<kernels::Rows>(x);
  const auto* cosines = c.const_data_ptr<Real>();
  const auto* sines = s.const_data_ptr<Real>();
  auto* to = y.mutable_data_ptr<Number>();
  TorchWorkers workers;
  constexpr std::int64_t kPositionsTogether = 64;  // positions of a task
  const auto pieces = (length + kPositionsTogether - 1) / kPositionsTogether;
  workers.run(x.size(0) * heads * pieces, [&](std::int64_t task, int /*worker*/) {
    const auto head = task / pieces, b = head / heads, h = head % heads;
    for (auto t = task % pieces * kPositionsTogether; t < std::min(length, (task % pieces + 1) * kPositionsTogether); ++t) {
      const auto* row = static_cast<const Number*>(from.data) + b * from.batch + h * from.head + t * from.row;
      const auto angle = ((c.size(0) == 1 ? 0 : b) * length + t) * pairs;
      auto* out = to + (head * length + t) * size;
      turn_row(row, cosines + angle, sines + angle, pairs, adjacent, out);
      std::copy(row + 2 * pairs, row + size, out + 2 * pairs);
    }
  });
  return y;
}

at::Tensor turned_rows(const at::Tensor& x, const at::Tensor& c, const at::Tensor& s, bool adjacent) {
  if (x.scalar_type() == at::kDouble) return turned_rows<double, double>(x, c, s, adjacent);
  if (x.scalar_type() == at::kBFloat16) return turned_rows<c10::BFloat16, float>(x, c, s, adjacent);
  return turned_rows<float, float>(x, c, s, adjacent);
}

// The way back turns by the other way round.
struct Turn : torch::autograd::Function<Turn> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& c, const at::Tensor& s, bool adjacent) {
    ctx->save_for_backward({c, s});
    ctx->saved_data["adjacent"] = adjacent;
    return turned_rows(x, c, s, adjacent);
  }
  static tensor_list backward(AutogradContext* ctx, const tensor_list& gradients) {
    const auto saved = ctx->get_saved_variables();
    return {Turn::apply(gradients[0], saved[0], saved[1].neg(), ctx->saved_data["adjacent"].toBool()), at::Tensor(), at::Tensor(),
            at::Tensor()};
  }
};

}  // namespace

at::Tensor turn_pairs(const at::Tensor& x, const at::Tensor& angle, bool adjacent) {
  ATTEND_CHECK(x.dim() == 4 && angle.dim() == 3 && (angle.size(0) == 1 || angle.size(0) == x.size(0)) && angle.size(1) == x.size(2) &&
                   2 * angle.size(2) <= x.size(3),
               kShape, "turn_pairs: x must be [B, H, L, D] and the angles [B or 1, L, R/2] with R of at most D, got {} and {}",
               shape_text(x), shape_text(angle));
  const auto type = x.scalar_type();
  ATTEND_CHECK(x.is_cpu() && (type == at::kFloat || type == at::kDouble || type == at::kBFloat16) && angle.scalar_type() == at::kDouble,
               kValue,
               "turn_pairs: x must be float32, bfloat16 or float64 and the angles float64, on the CPU, got {} and {}; turn them with to()",
               c10::toString(type), c10::toString(angle.scalar_type()));
  const auto real = type == at::kDouble ? at::kDouble : at::kFloat;
  const auto c = angle.cos().to(real).contiguous(), s = angle.sin().to(real).contiguous();  // [B or 1, L, R/2]
  return at::GradMode::is_enabled() && x.requires_grad() ? Turn::apply(x, c, s, adjacent) : turned_rows(x, c, s, adjacent);
}

}  // namespace attend
