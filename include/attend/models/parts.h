#pragma once
// Parts of models that are kin to attention and yet no mechanism that model.attention could name: they attend to something else than
// a source, or decide how often a step is taken.
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

/// A line of parts.def: what `attend info NAME` and docs/mechanisms tell of it.
struct PartEntry {
  std::string_view name, sentence, formula, paper, parameters, cost;
  std::string_view used_by;  ///< the configuration key that sets it
  std::string_view header;   ///< under include/attend: where its shapes and limits are said
};

/// All parts, in the order of parts.def. Threads may share entries.
std::span<const PartEntry* const> parts();
std::vector<std::string> part_names();

}  // namespace attend
