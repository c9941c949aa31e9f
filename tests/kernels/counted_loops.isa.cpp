// The loops of fused_attention and of its way back with counters in their products, compiled once an instruction set. C headers only.
#include "counted_loops.h"

#include "kernels/cpu/back_tile.h"
#include "kernels/cpu/row_tile.h"

namespace {

using attend::kernels::counted_products;
using attend::kernels::CountedLoops;

template <class N>
struct CountedNumbers : N {
  using Real = typename N::Real;
  static void multiply(int64_t rows, const typename N::Row* a, const typename N::Panel* panel, int64_t size, Real by, Real* to,
                       int64_t to_row) {
    counted_products.flows += rows * N::kPanel;
    N::multiply(rows, a, panel, size, by, to, to_row);
  }
  static void add(int64_t rows, int64_t columns, const typename N::Row* w, int64_t w_row, const typename N::Slice* slice, int64_t depth,
                  Real* sums, int64_t row) {
    counted_products.mixed += rows * depth;
    N::add(rows, columns, w, w_row, slice, depth, sums, row);
  }
  static void add_turned(int64_t rows, int64_t columns, const typename N::Row* w, int64_t w_row, const typename N::Slice* slice,
                         int64_t depth, Real* sums, int64_t row) {
    counted_products.value_gradients += rows * depth;
    N::add_turned(rows, columns, w, w_row, slice, depth, sums, row);
  }
};

// Scores: Products of numbers that do not count, or Additive.
template <class Scores>
struct CountedScores : Scores {
  using typename Scores::Plan;
  static void multiply(const FusedAttention& c, Plan plan, int64_t rows, const typename Scores::Query* q, const typename Scores::Key* panel,
                       int64_t there, typename Scores::Real* to, int64_t to_row) {
    counted_products.scores += rows * Scores::kPanel;
    Scores::multiply(c, plan, rows, q, panel, there, to, to_row);
  }
  template <class Tile, class Row>
  static void add(const Tile& tile, int64_t t, int64_t count, const Row* turned, const Row* by_rows, int64_t by_rows_row,
                  typename Scores::Real* key_sums, typename Scores::Real* query_sums) {
    counted_products.differences += count * (tile.end - tile.begin);
    Scores::add(tile, t, count, turned, by_rows, by_rows_row, key_sums, query_sums);
  }
};

template <class Numbers, class Scores = Products<Numbers>>
constexpr CountedLoops kCounted = [] {
  using Row = RowTile<CountedNumbers<Numbers>, CountedScores<Scores>>;
  using Back = BackTile<CountedNumbers<Numbers>, CountedScores<Scores>>;
  return CountedLoops{.forward = {.panel = Row::kPanel,
                                  .real_bytes = sizeof(typename Numbers::Real),
                                  .plan_bytes = Scores::plan_bytes,
                                  .keys_bytes = Row::keys_bytes,
                                  .values_bytes = Row::values_bytes,
                                  .scratch_bytes = Row::scratch_bytes,
                                  .plan = Row::make_plan,
                                  .pack = Row::pack,
                                  .forward = Row::forward,
                                  .weigh = Row::weigh_tile,
                                  .add_parts = add_parts<typename Numbers::Real>},
                      .back = {.plan_bytes = Scores::plan_bytes,
                               .plan = Back::make_plan,
                               .sizes = Back::sizes,
                               .scratch_bytes = Back::scratch_bytes,
                               .pack_keys = Back::pack_keys,
                               .pack_queries = Back::pack_queries,
                               .backward = Back::backward,
                               .add_queries = Back::add_queries,
                               .add_energy = Back::add_energy},
                      .score_rows = kScoreRows,
                      .sum_rows = kSumRows,
                      .together = Numbers::kTogether};
}();
template <class V, class Stored>
constexpr CountedLoops kCountedAdditive = kCounted<Wide<V, Stored>, Additive<V, Stored>>;

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512_bf16)
const CountedLoops counted_bfloat16_avx512_bf16 = kCounted<Halves>;
#elif defined(ATTEND_ISA_avx512)
const CountedLoops counted_float32_avx512 = kCounted<Wide<Floats, float>>,
                   counted_additive_float32_avx512 = kCountedAdditive<Floats, float>;
#elif defined(ATTEND_ISA_avx2)
const CountedLoops counted_float32_avx2 = kCounted<Wide<Floats, float>>, counted_additive_float32_avx2 = kCountedAdditive<Floats, float>;
#else
const CountedLoops counted_float32_portable = kCounted<Wide<Floats, float>>, counted_float64_portable = kCounted<Wide<Doubles, double>>;
const CountedLoops counted_additive_float32_portable = kCountedAdditive<Floats, float>,
                   counted_additive_float64_portable = kCountedAdditive<Doubles, double>;
#endif

}  // namespace attend::kernels
