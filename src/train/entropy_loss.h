#pragma once
// Which maps' entropies a training weighs or tells, and their mean.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attend/attention/mechanism.h"
#include "attend/record/site.h"
#include "attend/train/losses.h"

namespace attend {

/// Whether training asks for entropies at all, of a loss or to be told.
bool asks_entropy(const EntropyLossOptions& options);
/// Whether the map of a site takes part.
bool takes_part(const EntropyLossOptions& options, const Site& site);

/// Throws kValue where the options name a site that the model of these sites lacks, one whose mechanism has no entropy that could be
/// learned, a head that is no number, or where no site takes part.
void check_entropy_sites(const EntropyLossOptions& options, const std::vector<Site>& sites);

/// The mean entropy of a call's rows, []: of the chosen heads, and of the rows within `lengths` (int64 [B], undefined = all).
/// Differentiable. Throws kValue, naming the site, where the call has no entropy, a loss could not change it, or the chosen heads are not
/// there.
at::Tensor mean_entropy(const EntropyLossOptions& options, const Site& site, const Result& result, const at::Tensor& lengths);

/// Means of entropies by site and layer ("decoder.cross.1"): their sum, and how many.
using EntropySums = std::map<std::string, std::pair<double, std::int64_t>>;
std::string entropy_name(const Site& site);
void add_entropies(EntropySums& to, const EntropySums& more);

}  // namespace attend
