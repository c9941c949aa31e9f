#include "attend/kernels/additive_steps.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "attend/core/error.h"
#include "kernels/cpu/additive_steps.h"
#include "kernels/loops.h"
#include "kernels/memory.h"
#include "kernels/run_additive_steps.h"

namespace attend::kernels {
namespace {

// By instruction set; null where a set has no loops for these numbers, and the next lower one is taken.
constexpr std::array<const StepKernels*, 5> kStepsFloat32 = {&steps_float32_portable,
#if defined(__x86_64__)
                                                             &steps_float32_avx2, &steps_float32_avx512
#endif
};
constexpr std::array<const StepKernels*, 5> kStepsFloat64 = {&steps_float64_portable};
constexpr std::array<const ValueKernels*, 5> kValuesFloat32 = {&values_float32_portable,
#if defined(__x86_64__)
                                                               &values_float32_avx2, &values_float32_avx512
#endif
};
constexpr std::array<const ValueKernels*, 5> kValuesFloat64 = {&values_float64_portable};

template <class Kernels>
const Kernels& strongest(const std::array<const Kernels*, 5>& tables, Isa& isa) {
  auto at = static_cast<std::size_t>(isa);
  while (!tables.at(at)) --at;
  isa = static_cast<Isa>(at);
  return *tables.at(at);
}
const StepKernels& loops_of(const AdditiveSteps& call, Isa& isa) {
  return strongest(call.number == Number::kFloat64 ? kStepsFloat64 : kStepsFloat32, isa);
}
const ValueKernels& loops_of(const StepValues& call, Isa& isa) {
  return strongest(call.number == Number::kFloat64 ? kValuesFloat64 : kValuesFloat32, isa);
}

template <class Call>
void check_sizes(const Call& c, std::int64_t size, const char* who) {
  ATTEND_CHECK(c.number != Number::kBfloat16, kValue, "{}: numbers must be float32 or float64", who);
  ATTEND_CHECK(c.batch >= 0 && c.heads >= 1 && c.queries >= 0 && c.keys >= 0 && size >= 1, kShape,
               "{}: sizes must be at least 0, and heads and channels at least 1, got B={}, H={}, R={}, S={} and {} channels", who, c.batch,
               c.heads, c.queries, c.keys, size);
}

void check(const AdditiveSteps& c, const char* who) {
  check_sizes(c, c.size, who);
  ATTEND_CHECK(c.score != ScoreKind::kProduct, kValue, "{}: scores must be additive, with tanh or relu; products are fused_attention's",
               who);
  ATTEND_CHECK(c.features >= 0 && std::isfinite(c.scale), kValue, "{}: features must be at least 0 and the scale finite, got F={} and {}",
               who, c.features, c.scale);
  ATTEND_CHECK(!c.packed || c.features == 0, kValue, "{}: a packed source knows no features, and F={}; leave it out", who, c.features);
  for (std::int64_t b = 0; c.key_lengths && b < c.batch; ++b)
    ATTEND_CHECK(c.key_lengths[b] >= 0 && c.key_lengths[b] <= c.keys, kValue, "{}: key lengths must be 0 to {}, got {} for item {}", who,
                 c.keys, c.key_lengths[b], b);
  ATTEND_ASSERT(c.batch == 0 || (c.energy && (c.features == 0 || c.feature_weights)));
}

// What all rows of a head share.
Room prepared(StepWork& work, const StepKernels& kernels, Workers& workers) {
  Room room(work.call.heads * kernels.head_bytes(work.call));
  work.heads = room.data();
  workers.run(work.call.heads, [&](std::int64_t h, int /*worker*/) { kernels.prepare(work, h); });
  return room;
}

void place_packed(StepWork& work, Isa isa, const char* who) {
  const auto& c = work.call;
  if (!c.packed) return;
  auto& fused = work.packed.call;
  fused.number = c.number, fused.score = c.score, fused.scale = c.scale;
  fused.batch = c.batch, fused.heads = fused.key_heads = c.heads;
  fused.keys = c.keys, fused.size = c.size, fused.value_size = c.value_size;
  fused.packed = c.packed;
  check_packed(fused, isa, who);
  work.packed.tiles = key_tiles(fused);
  work.packed.sizes = back_loops_of(fused, isa).sizes(work.packed);
  c.packed->place(work.packed, who);
}

}  // namespace

Isa additive_step_scores(const AdditiveSteps& call, void* scores, Workers& workers, const char* who) {
  return run_step_scores(active_isa(), call, scores, workers, who);
}

Isa run_step_scores(Isa isa, const AdditiveSteps& call, void* scores, Workers& workers, const char* who) {
  check(call, who);
  const auto& kernels = loops_of(call, isa);
  StepWork work;
  work.call = call;
  if (call.batch * call.queries * call.keys == 0) return isa;
  const auto heads = prepared(work, kernels, workers);
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(call));
  const auto pieces = (call.keys + kStepKeys - 1) / kStepKeys;
  workers.run(call.batch * call.heads * call.queries * pieces, [&](std::int64_t task, int worker) {
    kernels.score(work, task / pieces, task % pieces * kStepKeys, scores, scratch[static_cast<std::size_t>(worker)].data());
  });
  return isa;
}

Isa additive_step_backward(const AdditiveSteps& call, const AdditiveStepGradients& gradients, Workers& workers, const char* who) {
  return run_step_backward(active_isa(), call, gradients, workers, who);
}

Isa run_step_backward(Isa isa, const AdditiveSteps& call, const AdditiveStepGradients& gradients, Workers& workers, const char* who) {
  check(call, who);
  const auto& kernels = loops_of(call, isa);
  StepWork work;
  work.call = call;
  work.step = gradients;
  if (call.batch * call.queries == 0) return isa;
  place_packed(work, isa, who);
  const auto heads = prepared(work, kernels, workers);
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(call));
  workers.run(call.batch * call.heads * call.queries,
              [&](std::int64_t row, int worker) { kernels.backward(work, row, scratch[static_cast<std::size_t>(worker)].data()); });
  return isa;
}

Isa additive_source_backward(const AdditiveSteps& call, const void* const* records, std::int64_t count,
                             const AdditiveSourceGradients& gradients, Workers& workers, const char* who) {
  return run_source_backward(active_isa(), call, records, count, gradients, workers, who);
}

Isa run_source_backward(Isa isa, const AdditiveSteps& call, const void* const* records, std::int64_t count,
                        const AdditiveSourceGradients& gradients, Workers& workers, const char* who) {
  check(call, who);
  const auto& kernels = loops_of(call, isa);
  StepWork work;
  work.call = call;
  work.records = records, work.records_count = count;
  work.source = gradients;
  place_packed(work, isa, who);
  const auto heads = prepared(work, kernels, workers);
  const Room parts(call.batch * call.heads * kernels.part_bytes(call));
  work.parts = parts.data();
  const auto scratch = room_for_each(workers, kernels.source_scratch_bytes(call, count));
  const auto pieces = (call.size + kSourceChannels - 1) / kSourceChannels;
  workers.run(call.batch * call.heads * pieces, [&](std::int64_t task, int worker) {
    kernels.source(work, task / pieces, task % pieces * kSourceChannels, scratch[static_cast<std::size_t>(worker)].data());
  });
  workers.run(call.heads, [&](std::int64_t h, int /*worker*/) { kernels.add_parts(work, h); });
  return isa;
}

Isa step_contexts(const StepValues& call, const void* weights, void* contexts, Workers& workers, const char* who) {
  return run_step_contexts(active_isa(), call, weights, contexts, workers, who);
}

Isa run_step_contexts(Isa isa, const StepValues& call, const void* weights, void* contexts, Workers& workers, const char* who) {
  check_sizes(call, call.value_size, who);
  const auto& kernels = loops_of(call, isa);
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(call, 0));
  workers.run(call.batch * call.heads * call.queries, [&](std::int64_t row, int worker) {
    kernels.mix(call, row, weights, contexts, scratch[static_cast<std::size_t>(worker)].data());
  });
  return isa;
}

Isa step_contexts_backward(const StepValues& call, const void* weights, Rows context_gradient, void* weight_gradient, void* record,
                           Workers& workers, const char* who) {
  return run_step_contexts_backward(active_isa(), call, weights, context_gradient, weight_gradient, record, workers, who);
}

Isa run_step_contexts_backward(Isa isa, const StepValues& call, const void* weights, Rows context_gradient, void* weight_gradient,
                               void* record, Workers& workers, const char* who) {
  check_sizes(call, call.value_size, who);
  const auto& kernels = loops_of(call, isa);
  workers.run(call.batch * call.heads * call.queries,
              [&](std::int64_t row, int /*worker*/) { kernels.backward(call, row, weights, context_gradient, weight_gradient, record); });
  return isa;
}

Isa value_source_backward(const StepValues& call, const void* const* records, std::int64_t count, MutableRows value_gradient,
                          Workers& workers, const char* who) {
  return run_value_source_backward(active_isa(), call, records, count, value_gradient, workers, who);
}

Isa run_value_source_backward(Isa isa, const StepValues& call, const void* const* records, std::int64_t count, MutableRows value_gradient,
                              Workers& workers, const char* who) {
  check_sizes(call, call.value_size, who);
  const auto& kernels = loops_of(call, isa);
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(call, count));
  const auto pieces = (call.value_size + kSourceChannels - 1) / kSourceChannels;
  workers.run(call.batch * call.heads * pieces, [&](std::int64_t task, int worker) {
    kernels.source(call, task / pieces, task % pieces * kSourceChannels, records, count, value_gradient,
                   scratch[static_cast<std::size_t>(worker)].data());
  });
  return isa;
}

}  // namespace attend::kernels
