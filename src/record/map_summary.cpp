#include "attend/record/map_summary.h"

#include <algorithm>
#include <cstring>

#include "attend/core/error.h"
#include "record/half.h"

namespace attend {
namespace {

std::int64_t blocks_of(std::uint32_t size, std::uint32_t block) { return (std::int64_t{size} + block - 1) / block; }

// How many of `size` things block `at` holds.
double held_by(std::int64_t at, std::uint32_t block, std::uint32_t size) {
  return static_cast<double>(std::min<std::int64_t>(block, size - at * block));
}

// The next level: blocks of twice the rows, twice the columns, or both.
PooledLevel halved(const PooledLevel& fine, bool by_rows, bool by_columns, std::uint32_t heads, std::uint32_t rows, std::uint32_t cols) {
  PooledLevel coarse{fine.row_block * (by_rows ? 2 : 1), fine.column_block * (by_columns ? 2 : 1), {}, {}};
  const auto fine_rows = blocks_of(rows, fine.row_block), fine_cols = blocks_of(cols, fine.column_block);
  const auto coarse_rows = blocks_of(rows, coarse.row_block), coarse_cols = blocks_of(cols, coarse.column_block);
  const auto cells = static_cast<std::size_t>(heads * coarse_rows * coarse_cols);
  std::vector<double> sums(cells);
  std::vector<float> largest(cells), means(cells);
  const auto fine_cells = static_cast<std::size_t>(heads * fine_rows * fine_cols);
  const auto fine_mean = fine.mean.floats(0, fine_cells), fine_maximum = fine.maximum.floats(0, fine_cells);
  std::size_t from = 0;
  for (std::int64_t h = 0; h < heads; ++h)
    for (std::int64_t r = 0; r < fine_rows; ++r)
      for (std::int64_t c = 0; c < fine_cols; ++c, ++from) {
        const auto row = by_rows ? r / 2 : r, col = by_columns ? c / 2 : c;
        const auto to = static_cast<std::size_t>((h * coarse_rows + row) * coarse_cols + col);
        sums[to] += fine_mean[from] * held_by(r, fine.row_block, rows) * held_by(c, fine.column_block, cols);
        largest[to] = std::max(largest[to], fine_maximum[from]);
      }
  std::size_t to = 0;
  for (std::int64_t h = 0; h < heads; ++h)
    for (std::int64_t r = 0; r < coarse_rows; ++r)
      for (std::int64_t c = 0; c < coarse_cols; ++c, ++to)
        means[to] = static_cast<float>(sums[to] / (held_by(r, coarse.row_block, rows) * held_by(c, coarse.column_block, cols)));
  const std::vector<std::int64_t> shape = {heads, coarse_rows, coarse_cols};
  coarse.mean = StoredArray(Dtype::kF32, shape, std::move(means));
  coarse.maximum = StoredArray(Dtype::kF32, shape, std::move(largest));
  return coarse;
}

}  // namespace

StoredArray::StoredArray(std::shared_ptr<const ArchiveFile> file, std::string name) : file_(std::move(file)), name_(std::move(name)) {
  const auto header = file_->described(name_);
  dtype_ = header.dtype;
  shape_ = header.shape;
}

void StoredArray::check_held(std::size_t count, std::size_t size) {
  ATTEND_ASSERT(size_of(dtype_) == size);
  ATTEND_CHECK(ArrayView({dtype_, shape_, data_}).elements() == count, kShape, "array: [{}] needs as many numbers as that, got {}",
               fmt::join(shape_, ", "), count);
}

std::size_t StoredArray::bytes() const { return *this ? ArrayView{dtype_, shape_, data_}.bytes() : 0; }

ArrayView StoredArray::view() const {
  ATTEND_ASSERT(*this);
  return file_ ? file_->array(name_) : ArrayView{dtype_, shape_, data_};
}

void StoredArray::copy(std::size_t first, std::size_t count, Dtype as, void* to) const {
  const auto all = view();
  ATTEND_ASSERT(all.dtype == as && first + count <= all.elements());
  const auto size = size_of(as);
  if (count > 0) std::memcpy(to, static_cast<const char*>(all.data) + first * size, count * size);
}

std::vector<float> StoredArray::floats(std::size_t first, std::size_t count) const {
  std::vector<float> numbers(count);
  if (dtype_ != Dtype::kF16) {
    copy(first, count, Dtype::kF32, numbers.data());
    return numbers;
  }
  std::vector<std::uint16_t> halves(count);
  copy(first, count, Dtype::kF16, halves.data());
  std::transform(halves.begin(), halves.end(), numbers.begin(), float_from_half);
  return numbers;
}

std::vector<std::int32_t> StoredArray::integers(std::size_t first, std::size_t count) const {
  std::vector<std::int32_t> numbers(count);
  copy(first, count, Dtype::kI32, numbers.data());
  return numbers;
}

std::size_t MapSummary::bytes() const {
  std::size_t sum = 0;
  for (const auto* array : {&entropy, &lse, &maximum, &argmax, &column_sums, &top_weights, &top_columns, &chosen_weights})
    sum += array->bytes();
  for (const auto& level : levels) sum += level.mean.bytes() + level.maximum.bytes();
  if (tiles)
    for (const auto* array : {&tiles->query, &tiles->key, &tiles->energy, &tiles->slopes, &tiles->by_distance}) sum += array->bytes();
  return sum;
}

std::vector<PooledLevel> pyramid(PooledLevel finest, std::uint32_t heads, std::uint32_t rows, std::uint32_t cols, std::uint32_t least) {
  const std::vector<std::int64_t> shape = {heads, blocks_of(rows, finest.row_block), blocks_of(cols, finest.column_block)};
  ATTEND_CHECK(finest.mean && finest.maximum && finest.mean.shape() == shape && finest.maximum.shape() == shape, kShape,
               "pyramid: blocks of {} x {} of a map [{}, {}, {}] must be [{}], got [{}]", finest.row_block, finest.column_block, heads,
               rows, cols, fmt::join(shape, ", "), fmt::join(finest.mean.shape(), ", "));
  std::vector<PooledLevel> levels{std::move(finest)};
  for (;;) {
    const auto& last = levels.back();
    const bool by_rows = blocks_of(rows, last.row_block) > least, by_columns = blocks_of(cols, last.column_block) > least;
    if (!by_rows && !by_columns) return levels;
    levels.push_back(halved(last, by_rows, by_columns, heads, rows, cols));
  }
}

}  // namespace attend
