#pragma once
// A search without penalties, for tests that count.
#include "attend/search/search.h"

namespace attend::testing {

/// At most `length` tokens whatever the source's length; ranks by log-probability.
inline SearchOptions plain_search(std::int64_t beam, std::int64_t n_best, std::int64_t length) {
  SearchOptions o;
  o.beam = beam;
  o.n_best = n_best;
  o.max_length_ratio = 0;
  o.max_length_extra = length;
  o.length_penalty = 0;
  return o;
}

}  // namespace attend::testing
