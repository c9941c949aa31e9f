// Weights that are dropped. Included by sources that are compiled once an instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/vectors.h"

namespace {

// Which numbers of a row are dropped, by counter: two rounds of a multiply-and-shift mixer (C. Wellons' lowbias32) over the place of a
// number, the row's key entering each; dropped where the bits, as a signed number, are below the threshold (ops/dropout.h).
struct Drop {
  uint32_t first, second;
  int32_t threshold;
};
#if defined(ATTEND_ISA_avx2)
// x, the first lane at `place`: 0 where dropped, else times `scale`.
ATTEND_INLINE Floats dropped(const Drop& d, uint32_t place, Floats x, Floats scale) {
  const __m256i a = _mm256_set1_epi32(0x7feb352d), b = _mm256_set1_epi32(static_cast<int>(0x846ca68bU));
  __m256i y = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(place)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  y = _mm256_xor_si256(y, _mm256_set1_epi32(static_cast<int>(d.first)));
  y = _mm256_mullo_epi32(_mm256_xor_si256(y, _mm256_srli_epi32(y, 16)), a);
  y = _mm256_mullo_epi32(_mm256_xor_si256(y, _mm256_srli_epi32(y, 15)), b);
  y = _mm256_add_epi32(_mm256_xor_si256(y, _mm256_srli_epi32(y, 16)), _mm256_set1_epi32(static_cast<int>(d.second)));
  y = _mm256_mullo_epi32(_mm256_xor_si256(y, _mm256_srli_epi32(y, 16)), a);
  y = _mm256_mullo_epi32(_mm256_xor_si256(y, _mm256_srli_epi32(y, 15)), b);
  y = _mm256_xor_si256(y, _mm256_srli_epi32(y, 16));
  const __m256i gone = _mm256_cmpgt_epi32(_mm256_set1_epi32(d.threshold), y);
  return {_mm256_andnot_ps(_mm256_castsi256_ps(gone), (x * scale).v)};
}
#elif defined(ATTEND_AVX512)
ATTEND_INLINE Floats dropped(const Drop& d, uint32_t place, Floats x, Floats scale) {
  const __m512i a = _mm512_set1_epi32(0x7feb352d), b = _mm512_set1_epi32(static_cast<int>(0x846ca68bU));
  __m512i y =
      _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(place)), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  y = _mm512_xor_si512(y, _mm512_set1_epi32(static_cast<int>(d.first)));
  y = _mm512_mullo_epi32(_mm512_xor_si512(y, _mm512_srli_epi32(y, 16)), a);
  y = _mm512_mullo_epi32(_mm512_xor_si512(y, _mm512_srli_epi32(y, 15)), b);
  y = _mm512_add_epi32(_mm512_xor_si512(y, _mm512_srli_epi32(y, 16)), _mm512_set1_epi32(static_cast<int>(d.second)));
  y = _mm512_mullo_epi32(_mm512_xor_si512(y, _mm512_srli_epi32(y, 16)), a);
  y = _mm512_mullo_epi32(_mm512_xor_si512(y, _mm512_srli_epi32(y, 15)), b);
  y = _mm512_xor_si512(y, _mm512_srli_epi32(y, 16));
  return {_mm512_maskz_mul_ps(_mm512_cmpge_epi32_mask(y, _mm512_set1_epi32(d.threshold)), x.v, scale.v)};
}
#else
template <class T>
ATTEND_INLINE Portable<T> dropped(const Drop& d, uint32_t place, Portable<T> x, Portable<T> scale) {
  for (uint32_t i = 0; i < Portable<T>::kLanes; ++i) {
    uint32_t y = (place + i) ^ d.first;
    y = (y ^ (y >> 16)) * 0x7feb352dU;
    y = (y ^ (y >> 15)) * 0x846ca68bU;
    y = (y ^ (y >> 16)) + d.second;
    y = (y ^ (y >> 16)) * 0x7feb352dU;
    y = (y ^ (y >> 15)) * 0x846ca68bU;
    y ^= y >> 16;
    x.v[i] = static_cast<int32_t>(y) < d.threshold ? T{0} : x.v[i] * scale.v[i];
  }
  return x;
}
#endif

}  // namespace
