#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attend/core/archive.h"

namespace attend {

struct SafetensorsContent {
  std::vector<std::pair<std::string, ArrayView>> tensors;  // views into the parsed bytes
  std::map<std::string, std::string> metadata;
};

/// Parses a whole .safetensors file; `who` (its path) begins every error. Throws kData.
SafetensorsContent parse_safetensors(std::string_view bytes, const std::string& who);

}  // namespace attend
