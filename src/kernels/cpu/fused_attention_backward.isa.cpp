// The loops of fused_attention_backward, compiled once an instruction set. C headers only.
#include "kernels/cpu/fused_attention.h"

#include "kernels/cpu/back_tile.h"

namespace {

using attend::kernels::FusedBackKernels;

template <class N, class Scores = Products<N>>
constexpr FusedBackKernels kTable = [] {
  using Tile = BackTile<N, Scores>;
  return FusedBackKernels{.plan_bytes = Scores::plan_bytes,
                          .plan = Tile::make_plan,
                          .sizes = Tile::sizes,
                          .scratch_bytes = Tile::scratch_bytes,
                          .pack_keys = Tile::pack_keys,
                          .pack_queries = Tile::pack_queries,
                          .backward = Tile::backward,
                          .add_queries = Tile::add_queries,
                          .add_energy = Tile::add_energy};
}();
template <class V, class Stored>
constexpr FusedBackKernels kAdditiveTable = kTable<Wide<V, Stored>, Additive<V, Stored>>;

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512_bf16)
const FusedBackKernels fused_back_bfloat16_avx512_bf16 = kTable<Halves>;
#elif defined(ATTEND_ISA_avx512)
const FusedBackKernels fused_additive_back_float32_avx512 = kAdditiveTable<Floats, float>,
                       fused_additive_back_bfloat16_avx512 = kAdditiveTable<Floats, Half16>;
const FusedBackKernels fused_back_float32_avx512 = kTable<Wide<Floats, float>>, fused_back_bfloat16_avx512 = kTable<Wide<Floats, Half16>>;
#elif defined(ATTEND_ISA_avx2)
const FusedBackKernels fused_additive_back_float32_avx2 = kAdditiveTable<Floats, float>,
                       fused_additive_back_bfloat16_avx2 = kAdditiveTable<Floats, Half16>;
const FusedBackKernels fused_back_float32_avx2 = kTable<Wide<Floats, float>>, fused_back_bfloat16_avx2 = kTable<Wide<Floats, Half16>>;
#else
const FusedBackKernels fused_additive_back_float32_portable = kAdditiveTable<Floats, float>,
                       fused_additive_back_bfloat16_portable = kAdditiveTable<Floats, Half16>,
                       fused_additive_back_float64_portable = kAdditiveTable<Doubles, double>;
const FusedBackKernels fused_back_float32_portable = kTable<Wide<Floats, float>>,
                       fused_back_bfloat16_portable = kTable<Wide<Floats, Half16>>,
                       fused_back_float64_portable = kTable<Wide<Doubles, double>>;
#endif

}  // namespace attend::kernels
