#pragma once
// How sharply a row of attention looks: entropy and its relatives.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "attend/record/record.h"

namespace attend {

/// Measures of one row on its n visible keys, or means of them. Before anything else a row is divided by its sum in double
/// precision: rows of float weights then sum to one exactly, and unnormalised rows are read as shares.
struct Focus {
  double entropy = 0;                        ///< H = −Σ a ln a, nats, 0 to ln n (Ghader & Monz, 2017)
  double effective_tokens = 0;               ///< exp H, 1 to n tokens (Hill number of order 1)
  double inverse_simpson = 0;                ///< 1 / Σ a², 1 to n tokens (Hill number of order 2)
  double max_weight = 0;                     ///< 1/n to 1 (confidence: Voita et al., 2019)
  std::optional<double> normalised_entropy;  ///< H / ln n, 0 to 1; null for n < 2
};

/// The keys a row may see.
enum class VisibleKeys : std::uint8_t {
  kAll,    ///< every column
  kCausal  ///< columns 0..t of row t (decoder.self), at most all
};

/// Focus of one row of weights on its visible keys; null when no weight is above 0 (a row with nothing to attend to).
/// Throws kValue for a weight that is negative or not finite.
std::optional<Focus> focus_of_row(std::span<const float> visible);

struct FocusOfMap {
  std::vector<std::optional<Focus>> rows;  ///< per row
  std::optional<Focus> mean;               ///< arithmetic means over the rows that have one; null when none has
};
/// Focus of every row of [T, S] weights. Throws kValue as focus_of_row, naming the row and the column.
FocusOfMap focus_of_map(const WeightMatrix& weights, VisibleKeys visible = VisibleKeys::kAll);

/// Mean entropy of rows of attention over a corpus, in nats, in the two ways that papers average.
/// One thread at a time may add. Once all is added, threads may share it: const members only read.
class RowEntropy {
 public:
  /// Adds one sentence by its maps, one a head. Rows without a weight above 0 do not count, nor sentences without another row.
  void add(std::span<const WeightMatrix> heads);
  RowEntropy& operator+=(const RowEntropy& other);

  std::optional<double> over_rows() const;       ///< every row of every head weighs the same; null without rows
  std::optional<double> over_sentences() const;  ///< mean over rows, then heads, then sentences; null without rows
  std::uint64_t rows() const { return rows_; }
  std::uint64_t sentences() const { return sentences_; }

 private:
  double row_sum_ = 0, sentence_sum_ = 0;
  std::uint64_t rows_ = 0, sentences_ = 0;
};

}  // namespace attend
