// The loops of dot_attention, compiled once an instruction set. C headers only.
#include "kernels/cpu/dot_attention.h"

#include "kernels/cpu/row_tile.h"

namespace {

using attend::kernels::DotKernels;

template <class V, class Stored, class Scores = WideScores<V, Stored>, class Values = WideValues<V, Stored>>
constexpr DotKernels kTable = [] {
  using Tile = RowTile<V, Stored, Scores, Values>;
  return DotKernels{Tile::kPanel,  sizeof(typename V::Real),   Tile::keys_bytes, Tile::values_bytes, Tile::scratch_bytes, Tile::pack,
                    Tile::forward, add_parts<typename V::Real>};
}();

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512_bf16)
const DotKernels dot_bfloat16_avx512_bf16 = kTable<Floats, Half16, PairScores, PairValues>;
#elif defined(ATTEND_ISA_avx512)
const DotKernels dot_float32_avx512 = kTable<Floats, float>, dot_bfloat16_avx512 = kTable<Floats, Half16>;
#elif defined(ATTEND_ISA_avx2)
const DotKernels dot_float32_avx2 = kTable<Floats, float>, dot_bfloat16_avx2 = kTable<Floats, Half16>;
#else
const DotKernels dot_float32_portable = kTable<Floats, float>, dot_bfloat16_portable = kTable<Floats, Half16>,
                 dot_float64_portable = kTable<Doubles, double>;
#endif

}  // namespace attend::kernels
