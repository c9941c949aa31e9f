#include "attend/ops/products.h"

#include "attend/ops/torch.h"

namespace attend {
namespace {

// The factors need all 24 bits of a float32; rounded to bfloat16 the product would be wrong in the third digit.
bool keeps_float32(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool transposed) {
  auto factor = [](std::int64_t r, std::int64_t c) {
    return at::sin(at::arange(r * c, double_options()) * 0.7 + 0.1).view({r, c}).to(at::kFloat);
  };
  const auto a = factor(rows, inner), b = transposed ? factor(columns, inner).t() : factor(inner, columns);
  const auto error = (at::mm(a, b).to(at::kDouble) - at::mm(a.to(at::kDouble), b.to(at::kDouble))).abs().max().item<double>();
  return error < 1e-6 * static_cast<double>(inner);
}

void use_onednn(bool yes) { at::globalContext().setFloat32MatmulPrecision(yes ? "medium" : "highest"); }

}  // namespace

void choose_products(std::string_view name) {
  ATTEND_CHECK(name == "auto" || name == "float32" || name == "bfloat16", kUnknownName,
               "products '{}' are not known; valid: auto, float32, bfloat16", name);
  use_onednn(name != "float32");
  if (name != "auto") return;
  const at::NoGradGuard no_grad;
  for (const bool transposed : {true, false}) {
    for (const auto rows : {1, 16, 128}) {
      if (keeps_float32(rows, 256, 192, transposed)) continue;
      use_onednn(false);
      return;
    }
  }
}

std::string_view products_in_use() {
  return at::globalContext().float32MatmulPrecision() == at::Float32MatmulPrecision::HIGHEST ? "BLAS" : "oneDNN";
}

}  // namespace attend
