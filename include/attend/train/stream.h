#pragma once
// Options of the task that learns a language model from one long text.
#include <cstdint>

#include "attend/core/options.h"

namespace attend {

/// Of section `data`.
struct StreamOptions {
  double test_share;
  std::int64_t length;
  StreamOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
