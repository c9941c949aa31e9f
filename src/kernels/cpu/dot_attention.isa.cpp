// The loops of dot_attention, compiled once an instruction set. C headers only.
#include "kernels/cpu/dot_attention.h"

#include "kernels/cpu/row_tile.h"

namespace {

using attend::kernels::DotKernels;

template <class N>
constexpr DotKernels kTable = [] {
  using Tile = RowTile<N, Products<N>>;
  return DotKernels{Tile::kPanel,  sizeof(typename N::Real),   Tile::keys_bytes, Tile::values_bytes, Tile::scratch_bytes, Tile::pack,
                    Tile::forward, add_parts<typename N::Real>};
}();

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512_bf16)
const DotKernels dot_bfloat16_avx512_bf16 = kTable<Halves>;
#elif defined(ATTEND_ISA_avx512)
const DotKernels dot_float32_avx512 = kTable<Wide<Floats, float>>, dot_bfloat16_avx512 = kTable<Wide<Floats, Half16>>;
#elif defined(ATTEND_ISA_avx2)
const DotKernels dot_float32_avx2 = kTable<Wide<Floats, float>>, dot_bfloat16_avx2 = kTable<Wide<Floats, Half16>>;
#else
const DotKernels dot_float32_portable = kTable<Wide<Floats, float>>, dot_bfloat16_portable = kTable<Wide<Floats, Half16>>,
                 dot_float64_portable = kTable<Wide<Doubles, double>>;
#endif

}  // namespace attend::kernels
