#pragma once
// ln Σ exp(x) of rows: what scores over a vocabulary are divided by.
#include <stdint.h>

namespace attend::kernels {

enum class Isa : uint8_t;
class Workers;

/// Numbers of a block, whose largest may be asked for.
constexpr int64_t kPeakBlock = 64;

/// Rows [R, n] with stride 1 along the row; `row` in elements.
struct LogSumExpRows {
  const float* x = nullptr;
  int64_t rows = 0, size = 0;  ///< R, n
  int64_t row = 0;
  /// [R, ⌈n / kPeakBlock⌉]: the largest number of each block of a row, where it holds no NaN; null where nobody asks.
  float* peaks = nullptr;
};

/// to[i] = ln Σ_j exp(x[i, j]): −∞ of a row without numbers or of −∞ alone, NaN of one that holds NaN, else +∞ of one that holds +∞. Two
/// passes over a row and no memory. Bits of a row depend on the row alone. Returns the instruction set whose loops ran. Throws kShape for
/// sizes below 0, naming `who`. Threads may call it at once, each with workers of its own.
Isa logsumexp_rows(const LogSumExpRows& call, float* to, Workers& workers, const char* who = "logsumexp");

}  // namespace attend::kernels
