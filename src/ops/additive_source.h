#pragma once
// What the graph holds of an additive source.
#include <array>

#include "attend/kernels/additive_steps.h"
#include "attend/ops/additive_steps.h"

namespace attend {

struct AdditiveSource::Data {
  AdditiveSourceParts parts;  // none of which has gradients
  std::array<std::int64_t, 4> versions;

  /// The part that was changed in place; null where none was.
  const char* changed() const;
  /// Throws kValue where one was.
  void check_unchanged() const;
  /// Steps of so many rows an item and head; queries and features are left open.
  kernels::AdditiveSteps steps(std::int64_t rows) const;
  kernels::StepValues values(std::int64_t rows) const;
  std::int64_t batch() const { return parts.key.size(0); }
  std::int64_t heads() const { return parts.key.size(1); }
  std::int64_t keys() const { return parts.key.size(2); }
  std::int64_t size() const { return parts.key.size(3); }
  std::int64_t value_size() const { return parts.value.size(3); }
  std::int64_t features() const { return parts.feature_weights.defined() ? parts.feature_weights.size(1) : 0; }
};

/// Records [B, H, R, *] to be written, or an undefined tensor where nobody takes them.
inline at::Tensor record_for(bool wanted, const AdditiveSource::Data& data, std::int64_t rows, std::int64_t numbers) {
  return wanted ? at::empty({data.batch(), data.heads(), rows, numbers}, data.parts.key.options()) : at::Tensor();
}

/// The gradient of a step's weights and its record from that of its contexts.
at::Tensor weight_gradient(const AdditiveSource::Data& data, const at::Tensor& weights, const at::Tensor& context_gradient,
                           at::Tensor& record);
/// The gradients of a step's queries and features, undefined unless `featured`, and its record from that of its scores.
std::array<at::Tensor, 2> score_gradients(const AdditiveSource::Data& data, const at::Tensor& query, const at::Tensor& features,
                                          const at::Tensor& score_gradient, bool featured, at::Tensor& record);

/// A step of attend(); tokens undefined where the source has no gradients.
FusedAttentionOutputs attended_step(const std::shared_ptr<const AdditiveSource::Data>& data, const at::Tensor& query,
                                    const std::array<at::Tensor, 2>& tokens, const FusedAttentionOptions& options);

}  // namespace attend
