// The loops of fused_attention, compiled once an instruction set. C headers only.
#include "kernels/cpu/fused_attention.h"

#include "kernels/cpu/few_queries.h"

namespace {

using attend::kernels::FusedKernels;

template <class N, class Scores = Products<N>>
constexpr FusedKernels kTable = [] {
  using Tile = RowTile<N, Scores>;
  return FusedKernels{.panel = Tile::kPanel,
                      .real_bytes = sizeof(typename N::Real),
                      .plan_bytes = Scores::plan_bytes,
                      .keys_bytes = Tile::keys_bytes,
                      .values_bytes = Tile::values_bytes,
                      .scratch_bytes = Tile::scratch_bytes,
                      .plan = Tile::make_plan,
                      .pack = Tile::pack,
                      .forward = Tile::forward,
                      .weigh = Tile::weigh_tile,
                      .add_parts = add_parts<typename N::Real>,
                      .pieces = {}};
}();
template <class V, class Stored>
constexpr FusedKernels kFewTable = [] {
  auto table = kTable<Wide<V, Stored>>;
  using Few = FewQueries<V, Stored>;
  table.forward = Few::forward;
  table.pieces = {Few::rows_bytes, Few::sums_bytes, Few::score_piece, Few::weigh_rows, Few::mix_piece, Few::add_pieces};
  return table;
}();
template <class V, class Stored>
constexpr FusedKernels kAdditiveTable = kTable<Wide<V, Stored>, Additive<V, Stored>>;

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512_bf16)
const FusedKernels fused_bfloat16_avx512_bf16 = kTable<Halves>, fused_few_bfloat16_avx512_bf16 = kFewTable<Floats, Half16>;
#elif defined(ATTEND_ISA_avx512)
const FusedKernels fused_additive_float32_avx512 = kAdditiveTable<Floats, float>,
                   fused_additive_bfloat16_avx512 = kAdditiveTable<Floats, Half16>;
const FusedKernels fused_float32_avx512 = kTable<Wide<Floats, float>>, fused_bfloat16_avx512 = kTable<Wide<Floats, Half16>>;
const FusedKernels fused_few_float32_avx512 = kFewTable<Floats, float>, fused_few_bfloat16_avx512 = kFewTable<Floats, Half16>;
#elif defined(ATTEND_ISA_avx2)
const FusedKernels fused_additive_float32_avx2 = kAdditiveTable<Floats, float>,
                   fused_additive_bfloat16_avx2 = kAdditiveTable<Floats, Half16>;
const FusedKernels fused_float32_avx2 = kTable<Wide<Floats, float>>, fused_bfloat16_avx2 = kTable<Wide<Floats, Half16>>;
const FusedKernels fused_few_float32_avx2 = kFewTable<Floats, float>, fused_few_bfloat16_avx2 = kFewTable<Floats, Half16>;
#else
const FusedKernels fused_additive_float32_portable = kAdditiveTable<Floats, float>,
                   fused_additive_bfloat16_portable = kAdditiveTable<Floats, Half16>,
                   fused_additive_float64_portable = kAdditiveTable<Doubles, double>;
const FusedKernels fused_float32_portable = kTable<Wide<Floats, float>>, fused_bfloat16_portable = kTable<Wide<Floats, Half16>>,
                   fused_float64_portable = kTable<Wide<Doubles, double>>;
const FusedKernels fused_few_float32_portable = kFewTable<Floats, float>, fused_few_bfloat16_portable = kFewTable<Floats, Half16>,
                   fused_few_float64_portable = kFewTable<Doubles, double>;
#endif

}  // namespace attend::kernels
