#include "attend/models/parts.h"

namespace attend {

#define PART(name) extern const PartEntry name##_part;
#include "models/parts.def"
#undef PART

namespace {

constinit const PartEntry* const kAllParts[] = {
#define PART(name) &name##_part,
#include "models/parts.def"
#undef PART
};

}  // namespace

std::span<const PartEntry* const> parts() { return kAllParts; }

std::vector<std::string> part_names() {
  std::vector<std::string> names;
  for (const auto* entry : kAllParts) names.emplace_back(entry->name);
  return names;
}

}  // namespace attend
