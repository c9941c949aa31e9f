#pragma once
// What verbs that search do with the flags of a search.
#include <algorithm>

#include "attend/search/search.h"
#include "command.h"
#include "terminal.h"

namespace attend::cli {

/// To be called when the flags were read: without a beam of its own a search keeps as many hypotheses as it is to return. Gives the control
/// of a search that the first signal ends.
inline SearchControl settle_search(SearchOptions& search, const Arguments& arguments) {
  if (!arguments.has("beam")) search.beam = std::max(search.beam, search.n_best);
  return {.stop = &interrupted};
}

/// Says which layer links are read from, where a model has several that attend to the source. Throws kValue for one that it lacks.
inline void tell_layer(const std::vector<Site>& sites, std::optional<std::int64_t> layer, const char* verb, bool quiet) {
  const auto site = source_site(sites, layer);
  if (site && site->layers == SiteLayers::kStack && !quiet) say("{}: links are read from {}\n", verb, describe_layer(*site, layer));
}

}  // namespace attend::cli
