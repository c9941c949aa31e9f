#pragma once
// Options of section `train` for losses beside the likelihood. A configuration holds those of the losses that its model has by its
// attention and its parts. The formulas are those of AuxiliaryLosses.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/core/options.h"

namespace attend {

/// λ Σ_t Σ_s min(w[t, s], C[t−1, s]) of attention that keeps a coverage, from one update on (See, Liu & Manning 2017, eq. 12–13).
struct CoverageLossOptions {
  double coverage_weight;
  std::int64_t coverage_start;
  CoverageLossOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// How hard attention learns from a reward (Xu et al. 2015, eq. 11–12).
struct RewardOptions {
  double reward_weight, entropy_weight;
  std::string reward;  ///< sum or to_go
  RewardOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// −λ (1/T_b) Σ_t Σ_s ã[t, s] ln w[t, s] on one head of the attention to the source, with gold links ã (Chen et al. 2016).
struct GuidedOptions {
  double guided_weight;
  std::int64_t guided_head;
  GuidedOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// λ Σ_s (1 − Σ_t w[t, s])² (Xu et al. 2015, eq. 14).
struct DoublyOptions {
  double doubly_weight;
  DoublyOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// λ times the mean of H_t = −Σ_s w[t, s] ln w[t, s], in nats, over rows, heads and chosen sites, beside a loss that is a mean too: above 0
/// a penalty, which sharpens attention, below 0 a bonus, which spreads it.
struct EntropyLossOptions {
  double weight;
  std::vector<std::string> sites, heads;  ///< empty: all
  bool told;                              ///< the means are written down also without a weight
  EntropyLossOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// τ Σ_t ρ_t of adaptive computation (Graves 2016, eq. 12).
struct PonderLossOptions {
  double ponder_weight;
  PonderLossOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// λ ‖A Aᵀ − I‖²_F of attention pooling with rows A [r, S] (Lin et al. 2017, eq. 8).
struct RowsLossOptions {
  double rows_weight;
  RowsLossOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
