#pragma once
// How an attention that makes its own heads projects what it is given.
#include "attend/core/options.h"

namespace attend {

/// Size of a head, and which projections have a bias.
struct ProjectionOptions {
  std::int64_t head_size;                              ///< D of multi_head and grouped_query; 0 = N/H
  bool query_bias, key_bias, value_bias, output_bias;  ///< where biases are on at all

  ProjectionOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
