#pragma once
#include <string_view>

namespace attend {

/// Says how matrix products of float32 tensors are computed from now on, in the whole process:
///   float32   libtorch's BLAS
///   bfloat16  oneDNN, which may round the factors to bfloat16 where the processor multiplies these faster; sums stay float32
///   auto      oneDNN where a small trial shows that it keeps all of float32 here, else libtorch's BLAS. On processors that are
///             not Intel's this is up to twice as fast as the BLAS (docs/decisions/0006).
/// Throws kUnknownName for another name.
void choose_products(std::string_view name);
/// What holds now: "BLAS" or "oneDNN".
std::string_view products_in_use();

}  // namespace attend
