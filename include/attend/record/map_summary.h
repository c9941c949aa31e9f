#pragma once
// What a record keeps of a map that is too large to be stored: numbers of its rows and columns, a pyramid of pooled blocks, some rows in
// full, and what any tile of it can be computed from exactly.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attend/core/archive.h"
#include "attend/record/site.h"

namespace attend {

/// How the rows of a map are normalised.
enum class RowKind : std::uint8_t { kSoftmax, kSparse, kUnnormalised };

/// An array that is held in memory, or lies in a file of records and is mapped. Copies share it. It is not changed once it is made, so
/// threads may share one.
class StoredArray {
 public:
  StoredArray() = default;  ///< none
  /// `numbers` in the order of `shape`, whose product they are.
  template <class Number>
  StoredArray(Dtype dtype, std::vector<std::int64_t> shape, std::vector<Number> numbers)
      : StoredArray(dtype, std::move(shape), std::make_shared<const std::vector<Number>>(std::move(numbers))) {}
  /// The array `name` of a file. Throws kData where its header does not fit it; the numbers are not read.
  StoredArray(std::shared_ptr<const ArchiveFile> file, std::string name);

  explicit operator bool() const { return held_ != nullptr || file_ != nullptr; }
  Dtype dtype() const { return dtype_; }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  std::size_t bytes() const;
  /// The array itself. The checksum of one in a file is tested when it is first asked for: throws kData where that is wrong. The view lives
  /// as long as this object or a copy of it.
  ArrayView view() const;
  /// Elements [first, first + count) in C order as float32, of a float16 or float32 array that has them.
  std::vector<float> floats(std::size_t first, std::size_t count) const;
  /// The same of an int32 array.
  std::vector<std::int32_t> integers(std::size_t first, std::size_t count) const;

 private:
  template <class Number>
  StoredArray(Dtype dtype, std::vector<std::int64_t> shape, std::shared_ptr<const std::vector<Number>> numbers)
      : dtype_(dtype), shape_(std::move(shape)), data_(numbers->data()), held_(std::move(numbers)) {
    check_held(static_cast<const std::vector<Number>*>(held_.get())->size(), sizeof(Number));
  }
  void check_held(std::size_t count, std::size_t size);
  void copy(std::size_t first, std::size_t count, Dtype as, void* to) const;

  Dtype dtype_ = Dtype::kF32;
  std::vector<std::int64_t> shape_;
  const void* data_ = nullptr;
  std::shared_ptr<const void> held_;
  std::shared_ptr<const ArchiveFile> file_;
  std::string name_;
};

/// Blocks of weights, each row_block × column_block; the last of each side may be smaller.
struct PooledLevel {
  std::uint32_t row_block = 1, column_block = 1;
  StoredArray mean, maximum;  ///< float32 [heads, ⌈rows / row_block⌉, ⌈cols / column_block⌉]
};

/// What a query and a key make of each other (kernels/fused_attention.h): q · k, Σ_d u_d tanh(q_d + k_d), or the same with relu.
enum class TileScore : std::uint8_t { kProduct, kTanh, kRelu };

/// What the weights of a softmax map are computed from:
///   w[t, s] = exp(scale x[t, s] − slope_h |s − step_t| + far_h[clip(s − step_t, −F, F)] − lse[t]),  step_t = first_step + t,
/// for keys t_abs − left <= s <= t_abs + right with t_abs = t + cols − rows, else 0; x is what score says of q_t and k_s, head h of the
/// queries and head h / (heads / key heads) of the keys.
struct TileSource {
  static constexpr std::int64_t kEverything = INT64_MAX / 4;  ///< no limit, of left and right
  TileScore score = TileScore::kProduct;
  double scale = 1;
  std::int64_t left = kEverything, right = kEverything;
  std::int64_t first_step = 0;
  StoredArray query, key;   ///< float16 or float32 [heads, rows, D], [key heads, cols, D]; after projections and position schemes
  StoredArray energy;       ///< float32 [heads, D]: u; none for products
  StoredArray slopes;       ///< float32 [heads]; may be none
  StoredArray by_distance;  ///< float32 [heads, 2F + 1]; may be none
};

/// One site's map of all heads, without its weights. Every array may be missing except entropy; statistics are of weights before dropout.
struct MapSummary {
  Site site;
  RowKind kind = RowKind::kSoftmax;
  std::uint32_t heads = 0, rows = 0, cols = 0;
  std::uint32_t first_row = 0, first_column = 0;  ///< token of the source that row and column 0 stand for, where they stand for such
  StoredArray entropy;                            ///< float32 [heads, rows], in nats
  StoredArray lse;                                ///< float32 [heads, rows]: ln Σ exp of the scores; −inf where a row sees nothing
  StoredArray maximum, argmax;             ///< float32 and int32 [heads, rows]: the largest weight, the first column that has it, or −1
  StoredArray column_sums;                 ///< float32 [heads, cols]: Σ of the weights over rows
  StoredArray top_weights, top_columns;    ///< float32 and int32 [heads, rows, K], the largest first; 0 and −1 beyond the last
  std::vector<PooledLevel> levels;         ///< the finest first; each later one has blocks of twice the size, of a side or of both
  std::vector<std::uint32_t> chosen_rows;  ///< [R], ascending
  StoredArray chosen_weights;              ///< float32 [heads, R, cols]
  std::optional<TileSource> tiles;         ///< with lse

  std::size_t bytes() const;  ///< of all arrays
};

/// The levels above a finest one: means and maxima of blocks of twice the size, until neither side has more than `least` blocks. The first
/// level that is returned is `finest` itself. Blocks at the end count with as many weights as they have. Throws kShape where its arrays are
/// not those of a map of these sizes.
std::vector<PooledLevel> pyramid(PooledLevel finest, std::uint32_t heads, std::uint32_t rows, std::uint32_t cols, std::uint32_t least = 64);

}  // namespace attend
