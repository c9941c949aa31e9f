#pragma once
// A linear layer whose weights are laid out once and then meet few rows at a time: a step of a decoder or of a recurrent network.
//
//   y[m, n] = f(Σ_k x[m, k] W[n, k] + b[n] + before[m, n]) + after[m, n]
//
// The packed form holds panels of 32 outputs, numbers of one input side by side. It is the same for every instruction set.
#include <stdint.h>

namespace attend::kernels {

enum class Isa : uint8_t;
class Workers;

/// How packed weights are held, and what they are multiplied by.
/// kFloat32, kFloat64: as given; sums of the same kind, in the order of k.
/// kBfloat16: rounded to nearest, as x is; sums in float32, in the order of k.
/// kInt8: W[n, k] ≈ w s_n with whole w of −127 to 127 and s_n = max_k |W[n, k]| / 127; x likewise, with a step for each row; sums are
/// exact. So y is off by no more than Σ_k (s_n |x| + t_m |W|) / 2 + K s_n t_m / 4, t_m being the step of x's row. A row of W or x that
/// holds NaN or an infinity gives NaN throughout.
enum class WeightForm : uint8_t { kFloat32, kBfloat16, kInt8, kFloat64 };

/// f. kGelu: x Φ(x) (Hendrycks & Gimpel 2016); kGeluTanh: its approximation by tanh; kSilu: x σ(x) (Elfwing et al. 2018).
enum class Activation : uint8_t { kNone, kRelu, kGelu, kGeluTanh, kSilu, kTanh, kSigmoid };

/// W as it lies in memory: [N, K] of float64 for kFloat64, of float32 for the others. W[n, k] is data[n · row + k].
/// turned: it is data[k · row + n], so that [K, N] in memory packs as its transpose: with it the gradient of x, dy W, is the product of dy
/// and a packed form of K outputs and N inputs.
struct LinearWeights {
  const void* data = nullptr;
  int64_t outputs = 0, inputs = 0;  ///< N, K
  int64_t row = 0;                  ///< in elements
  bool turned = false;
};

/// Packed weights. They only point: the bytes belong to the caller. Threads may share one.
struct PackedWeights {
  WeightForm form = WeightForm::kFloat32;
  int64_t outputs = 0, inputs = 0;  ///< N, K
  const void* data = nullptr;
};

/// Rows [M, *] with stride 1 along the row; `row` in elements.
struct LinearRows {
  const void* data = nullptr;
  int64_t row = 0;
};

/// One product. Numbers are float64 for kFloat64 and float32 for all other forms.
struct PackedLinear {
  PackedWeights weights;
  int64_t rows = 0;                           ///< M
  LinearRows x;                               ///< [M, K]
  const void* bias = nullptr;                 ///< [N]; null = none
  LinearRows before, after;                   ///< [M, N]: added before f and behind it; null = none. They may be y itself.
  Activation activation = Activation::kNone;  ///< f
  void* y = nullptr;                          ///< [M, N]; may not overlap x
  int64_t y_row = 0;                          ///< in elements, at least N
};

/// Bytes that weights need when packed. Throws kShape for sizes that cannot be, naming `who`.
int64_t packed_linear_bytes(WeightForm form, int64_t outputs, int64_t inputs, const char* who = "packed_linear_bytes");

/// Packs W into `to`: packed_linear_bytes() bytes that begin at a multiple of 64. Bits depend on W alone. Throws kShape and kValue, naming
/// `who`. Threads may call it at once, each with workers of its own.
PackedWeights pack_linear(WeightForm form, const LinearWeights& weights, void* to, Workers& workers, const char* who = "pack_linear");

/// Computes one product and returns the instruction set whose loops ran: the active one (kernels/isa.h), or the next lower that has loops
/// for this form. The bits of a row depend on it and on the weights alone: not on other rows, or on workers. They may differ between
/// instruction sets. Throws kShape and kValue, naming `who`. Memory: none for kFloat32 and kFloat64, x once more for the others.
/// Threads may call it at once, each with workers of its own.
Isa packed_linear(const PackedLinear& call, Workers& workers, const char* who = "packed_linear");

}  // namespace attend::kernels
