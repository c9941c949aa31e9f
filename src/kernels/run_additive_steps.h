#pragma once
#include "attend/kernels/additive_steps.h"
#include "attend/kernels/isa.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

/// The functions of attend/kernels/additive_steps.h with `isa` in place of the active set, for tests and benches. The processor must have
/// it.
Isa run_step_scores(Isa isa, const AdditiveSteps& call, void* scores, Workers& workers, const char* who);
Isa run_step_backward(Isa isa, const AdditiveSteps& call, const AdditiveStepGradients& gradients, Workers& workers, const char* who);
Isa run_source_backward(Isa isa, const AdditiveSteps& call, const void* const* records, int64_t count,
                        const AdditiveSourceGradients& gradients, Workers& workers, const char* who);
Isa run_step_contexts(Isa isa, const StepValues& call, const void* weights, void* contexts, Workers& workers, const char* who);
Isa run_step_contexts_backward(Isa isa, const StepValues& call, const void* weights, Rows context_gradient, void* weight_gradient,
                               void* record, Workers& workers, const char* who);
Isa run_value_source_backward(Isa isa, const StepValues& call, const void* const* records, int64_t count, MutableRows value_gradient,
                              Workers& workers, const char* who);

}  // namespace attend::kernels
