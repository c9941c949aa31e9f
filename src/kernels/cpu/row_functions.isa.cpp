// The functions over rows, for one instruction set.
#include "kernels/cpu/rows.h"

namespace {

template <class V>
constexpr attend::kernels::RowFunctions<typename V::Real> kRowFunctions{V::kLanes,
                                                                        top_k_row<V>,
                                                                        sparsemax_threshold<V>,
                                                                        entmax15_threshold<V>,
                                                                        entmax_weights_row<V, 1>,
                                                                        entmax_weights_row<V, 2>,
                                                                        entmax_backward_row<V, 1>,
                                                                        entmax_backward_row<V, 2>};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
extern const RowFunctions<float> row_float32_avx512;
const RowFunctions<float> row_float32_avx512 = kRowFunctions<Floats>;
#elif defined(ATTEND_ISA_avx2)
extern const RowFunctions<float> row_float32_avx2;
const RowFunctions<float> row_float32_avx2 = kRowFunctions<Floats>;
#else
const RowFunctions<float> row_float32_portable = kRowFunctions<Floats>;
const RowFunctions<double> row_float64_portable = kRowFunctions<Doubles>;
#endif

}  // namespace attend::kernels
