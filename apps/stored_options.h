#pragma once
// What a run was configured with, section by section.
#include "attend/core/options.h"
#include "attend/store/model_folder.h"

namespace attend::cli {

/// A section of the configuration of the run that made the model at `path`.
template <class Options>
Options read_stored_options(const std::string& path, const std::string& section) {
  GivenValues values;
  for (auto& [key, value] : read_config(find_model_folder(path) + "/config.yaml"))
    if (key.starts_with(section + ".")) values.emplace(key.substr(section.size() + 1), value);
  Options options;
  assign(options, values);
  return options;
}

}  // namespace attend::cli
