#pragma once
// Losses beside the likelihood, read from what the mechanisms say of their calls while the model decodes.
#include <optional>
#include <vector>

#include "attend/attention/observer.h"
#include "attend/train/config.h"
#include "attend/train/losses.h"
#include "train/entropy_loss.h"

namespace attend {

/// The first mechanism of a model's attention to its source that can do this; null where none can.
const MechanismEntry* source_attention_that(const ModelOptions& model, bool Capabilities::*can);

/// Visits the options of losses that a model with these options has by its attention and its parts.
void visit_losses(OptionSet& own, const ModelOptions& model, OptionVisitor& v);

/// What the auxiliary losses of one batch need to know of it.
struct AuxiliaryBatch {
  at::Tensor target_lengths;         ///< int64 [B]
  at::Tensor source_lengths;         ///< int64 [B]: positions of its source, what lies beyond is padding
  at::Tensor log_probs;              ///< ln p of every target token, [B, T], zero past an item's end; without gradient
  at::Tensor gold;                   ///< gold links as rows that sum to 1, [B, T, S], rows without links zero; undefined = none
  at::Tensor question_lengths = {};  ///< int64 [B], of models that read a question beside the source
  std::int64_t units = 0;            ///< what the batch's likelihood is a sum over: target tokens or examples
};

/// Watches one pass of the decoder.
///   CoverageLossOptions  λ Σ_t Σ_s min(w[t, s], C[t−1, s]) from update coverage_start on
///   RewardOptions        −λ_r Σ_t sg(ℓ − b) ln p_t(z_t) of hard attention, ℓ = ln p(y | z, x) of the example, or with reward to_go
///                        Σ_{t' ≥ t} ln p(y_t'); b ← 0.9 b + 0.1 mean ℓ afterwards, one number or one a step;
///                        −λ_e Σ_t H(p_t)
///   GuidedOptions        −λ_g (1/T_b) Σ_t Σ_s ã[t, s] ln w[t, s], of the last layer
///   DoublyOptions        λ Σ_s (1 − Σ_t w[t, s])²
///   PonderLossOptions    τ Σ_t ρ_t of adaptive computation
///   RowsLossOptions      λ ‖A Aᵀ − I‖²_F of attention pooling
///   EntropyLossOptions   λ times the mean entropy of rows, heads and sites, for each unit of the batch
/// Papers: train/losses.h.
class AuxiliaryLosses final : public Observer {
 public:
  /// `options` must live as long.
  AuxiliaryLosses(const TrainOptions& options, std::int64_t update) : o_(options), update_(update) {}
  AuxiliaryLosses(TrainOptions&&, std::int64_t) = delete;
  /// Whether a model with this attention has any of them; else nothing need watch it.
  static bool wanted(const TrainOptions& options, const ModelOptions& model);

  Request request(const Site& site) override;
  void observe(const Site& site, const Result& result) override;
  /// Their sum over the batch's examples; undefined when there is none.
  at::Tensor loss(const AuxiliaryBatch& batch) const;
  /// The mean entropy of each site and layer that takes part, of the calls seen.
  EntropySums entropies(const AuxiliaryBatch& batch) const;
  /// Moves the baselines of hard attention, once the loss has been used.
  void move_baselines(const AuxiliaryBatch& batch) const;

 private:
  at::Tensor rewards(const AuxiliaryBatch& batch) const;       // ℓ [B, T]
  at::Tensor entropy_loss(const AuxiliaryBatch& batch) const;  // []; undefined where it has no weight
  const TrainOptions& o_;
  std::int64_t update_;
  std::vector<std::pair<Site, Result>> calls_;
};

/// How spread the attention to the source is in one call of a decoder: the mean entropy of its rows within target_lengths, of the layer
/// that attention_to_source names.
class SourceEntropy final : public Observer {
 public:
  explicit SourceEntropy(at::Tensor target_lengths) : target_lengths_(std::move(target_lengths)) {}
  Request request(const Site& site) override;
  void observe(const Site& site, const Result& result) override;
  /// In nats; null when no call was seen.
  std::optional<double> mean() const;

 private:
  at::Tensor target_lengths_;
  std::vector<std::pair<Site, double>> seen_;  // the mean of a call's rows
};

}  // namespace attend
