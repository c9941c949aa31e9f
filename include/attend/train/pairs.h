#pragma once
// Options of tasks that learn from pairs of texts.
#include <cstdint>
#include <string>

#include "attend/core/options.h"

namespace attend {

/// Of section `data`.
struct PairOptions {
  std::string source, target, dev_source, dev_target;
  std::int64_t dev_pairs, max_length;
  bool skip_broken;
  PairOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of section `train`, for a model that revises.
struct DraftOptions {
  double draft_noise;
  DraftOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
