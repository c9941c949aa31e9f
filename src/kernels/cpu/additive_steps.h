#pragma once
// What dispatch and the loops of additive steps share. C headers only, as fused_attention.h here.
#include <stdint.h>

#include "attend/kernels/additive_steps.h"
#include "kernels/cpu/fused_attention.h"

namespace attend::kernels {

constexpr int64_t kStepKeys = 64;         // keys of a task of scores
constexpr int64_t kSourceChannels = 256;  // channels of a task of the source's gradients

/// A call with its place to work in.
struct StepWork {
  AdditiveSteps call;
  void* heads = nullptr;  // [H, head_numbers]: what all rows of a head share
  FusedBackWork packed;   // the places of the packed source; packed.plans null without one
  const void* const* records = nullptr;
  int64_t records_count = 0;
  AdditiveStepGradients step;
  AdditiveSourceGradients source;
  void* parts = nullptr;  // [B, H, 1 + F, E up to whole vectors]: an item's gradients of the energy and the feature weights
};

/// The loops for one kind of number. They allocate nothing and start no thread. Scratch begins at a multiple of 64 bytes.
struct StepKernels {
  int64_t real_bytes;
  /// Bytes of StepWork::heads and StepWork::parts a head of H and of B·H, and of scratch.
  int64_t (*head_bytes)(const AdditiveSteps& call);
  int64_t (*part_bytes)(const AdditiveSteps& call);
  int64_t (*scratch_bytes)(const AdditiveSteps& call);
  int64_t (*source_scratch_bytes)(const AdditiveSteps& call, int64_t records);
  /// What all rows of one of H heads share.
  void (*prepare)(const StepWork& work, int64_t h);
  /// The scores of a row of B·H·R, keys from `first` to less than first + kStepKeys.
  void (*score)(const StepWork& work, int64_t row, int64_t first, void* scores, void* scratch);
  void (*backward)(const StepWork& work, int64_t row, void* scratch);
  /// Gradients of the keys of a head of B·H, channels from `first` to less than first + kSourceChannels, and the parts of these channels.
  void (*source)(const StepWork& work, int64_t head, int64_t first, void* scratch);
  /// The gradients of energy and feature weights of one of H heads.
  void (*add_parts)(const StepWork& work, int64_t h);
};

/// As StepKernels, of contexts.
struct ValueKernels {
  int64_t real_bytes;
  int64_t (*scratch_bytes)(const StepValues& call, int64_t records);
  void (*mix)(const StepValues& call, int64_t row, const void* weights, void* contexts, void* scratch);
  void (*backward)(const StepValues& call, int64_t row, const void* weights, Rows context_gradient, void* weight_gradient, void* record);
  void (*source)(const StepValues& call, int64_t head, int64_t first, const void* const* records, int64_t count, MutableRows gradient,
                 void* scratch);
};

extern const StepKernels steps_float32_portable, steps_float64_portable;
extern const ValueKernels values_float32_portable, values_float64_portable;
#if defined(__x86_64__)
extern const StepKernels steps_float32_avx2, steps_float32_avx512;
extern const ValueKernels values_float32_avx2, values_float32_avx512;
#endif

}  // namespace attend::kernels
