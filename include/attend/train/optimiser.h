#pragma once
// Optimisers and learning-rate schedules, with a state that checkpoints can hold.
#include "attend/ops/torch.h"
#include "attend/store/model_folder.h"
#include "attend/train/config.h"

namespace attend {

/// The learning rate of update `step` (1-based), before plateau's own factor.
/// constant: rate; with warm-up all schedules but noam first rise linearly from 0.
/// noam: rate · N^(−1/2) min(step^(−1/2), step · warmup^(−3/2)) (Vaswani et al. 2017, eq. 3).
/// inverse_sqrt: rate · √(warmup / step) after the warm-up. cosine: rate falls to minimum_rate at
/// train.steps; without steps, by `clock`, the share of train.minutes that has gone, and then no two runs are quite the same.
double scheduled_rate(const TrainOptions& options, std::int64_t step, std::int64_t model_size, double clock = 0);

/// Schedule plateau: after more than plateau_patience validations in a row without a better figure the rate is multiplied by
/// plateau_factor, and counting begins anew (as torch.optim.lr_scheduler.ReduceLROnPlateau with threshold 0). One thread at a time.
struct PlateauState {
  std::int64_t count = 0;
  double factor = 1;  ///< what the scheduled rate is multiplied by
  void validated(bool better, const TrainOptions& options);
};

/// Scales gradients so that their joint norm is at most `largest` (0: off); returns the norm before.
double clip_gradients(const std::vector<at::Tensor>& parameters, double largest);

/// Adam (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019) and SGD with momentum through libtorch's fused kernels.
/// One thread at a time, and none may run the model during step().
class Optimiser {
 public:
  Optimiser(const TrainOptions& options, const NamedTensors& parameters);
  void step(double rate);
  void zero_gradients();
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  NamedTensors state() const;  ///< tensors to save; load_tensors writes into them
 private:
  TrainOptions options_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_, first_, second_, steps_;
};

}  // namespace attend
