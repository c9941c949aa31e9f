// The loops of dot_attention_backward, compiled once an instruction set. C headers only.
#include "kernels/cpu/dot_attention.h"

#include "kernels/cpu/back_tile.h"

namespace {

using attend::kernels::DotBackKernels;

template <class N>
constexpr DotBackKernels kTable = [] {
  using Tile = BackTile<N, Products<N>>;
  return DotBackKernels{Tile::sizes, Tile::scratch_bytes, Tile::pack_keys, Tile::pack_queries, Tile::backward, Tile::add_queries};
}();

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512_bf16)
const DotBackKernels dot_back_bfloat16_avx512_bf16 = kTable<Halves>;
#elif defined(ATTEND_ISA_avx512)
const DotBackKernels dot_back_float32_avx512 = kTable<Wide<Floats, float>>, dot_back_bfloat16_avx512 = kTable<Wide<Floats, Half16>>;
#elif defined(ATTEND_ISA_avx2)
const DotBackKernels dot_back_float32_avx2 = kTable<Wide<Floats, float>>, dot_back_bfloat16_avx2 = kTable<Wide<Floats, Half16>>;
#else
const DotBackKernels dot_back_float32_portable = kTable<Wide<Floats, float>>, dot_back_bfloat16_portable = kTable<Wide<Floats, Half16>>,
                     dot_back_float64_portable = kTable<Wide<Doubles, double>>;
#endif

}  // namespace attend::kernels
