#pragma once
// The loops of additive scores, for each instruction set, as their test calls them. C headers only: sources compiled for one set include
// it.
#include "kernels/cpu/additive_loops.h"

namespace attend::kernels {

/// The loops for one kind of number. additive.h tells what they do.
struct AdditiveKernels {
  int64_t lanes, panel, real_bytes;
  void (*take_range)(const void* from, int64_t row, int64_t rows, int64_t size, AdditiveRange& range);
  AdditivePlan (*plan)(bool relu, const AdditiveRange& keys, const void* v, int64_t size, void* weights);
  void (*prepare_query)(const AdditivePlan& plan, const void* from, const void* weights, int64_t size, void* to);
  void (*prepare_panel)(const AdditivePlan& plan, const void* from, int64_t row, int64_t there, int64_t size, void* to);
  void (*score)(const AdditivePlan& plan, const void* queries, int64_t rows, const void* panel, int64_t there, const void* weights,
                int64_t size, void* scores, int64_t scores_row);
  void (*prepare_query_row)(const AdditivePlan& plan, const void* from, int64_t size, int64_t i, const AdditiveTable& to);
  void (*prepare_key_row)(const AdditivePlan& plan, const void* from, int64_t size, int64_t i, const AdditiveTable& to);
  void (*backward)(const AdditiveBack& tile);
};

extern const AdditiveKernels additive_float32_portable, additive_bfloat16_portable, additive_float64_portable;
#if defined(__x86_64__)
extern const AdditiveKernels additive_float32_avx2, additive_bfloat16_avx2;
extern const AdditiveKernels additive_float32_avx512, additive_bfloat16_avx512;
#endif

}  // namespace attend::kernels
