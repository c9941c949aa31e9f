#include "attend/attention/mechanism.h"

namespace attend {

#define MECHANISM(name) extern const MechanismEntry name##_entry;
#include "attention/mechanisms.def"
#undef MECHANISM

namespace {

constinit const MechanismEntry* const kAll[] = {
#define MECHANISM(name) &name##_entry,
#include "attention/mechanisms.def"
#undef MECHANISM
};

}  // namespace

std::span<const MechanismEntry* const> mechanisms() { return kAll; }

std::vector<std::string> mechanism_names() {
  std::vector<std::string> names;
  for (const auto* entry : kAll) names.emplace_back(entry->name);
  return names;
}

std::vector<std::string> score_names() {
  std::vector<std::string> names;
  for (const auto* entry : kAll)
    if (entry->make_score) names.emplace_back(entry->name);
  return names;
}

const MechanismEntry& find_mechanism(std::string_view name) {
  for (const auto* entry : kAll)
    if (entry->name == name) return *entry;
  fail_unknown_name("attention", name, mechanism_names());
}

std::shared_ptr<Mechanism> make_mechanism(std::string_view name, const MechanismOptions& options) {
  const auto& entry = find_mechanism(name);
  ATTEND_CHECK(entry.make, kValue, "{} is no attention to a source by itself; it is set by {}", name, entry.used_by);
  return entry.make(options);
}

}  // namespace attend
