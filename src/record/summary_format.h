#pragma once
// Summaries of maps, as files say them and as records must have them.
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "attend/record/record.h"

namespace attend {

/// The arrays that a summary has, each with its name in the file behind that of the site: "entropy", "level0.mean", ...
std::vector<std::pair<const StoredArray*, std::string>> arrays_of(const MapSummary& summary);

/// Adds to `json` what a summary's description says beside its place; `name` begins the names of its arrays.
void describe_summary(const MapSummary& summary, const std::string& name, nlohmann::ordered_json& json);

/// Takes the rest of a summary, whose place is known, from its description. `array` gives what a name stands for. Throws kData.
class SummaryReader {
 public:
  virtual ~SummaryReader() = default;
  void read(const nlohmann::json& object, MapSummary& summary);

 protected:
  virtual StoredArray array(const nlohmann::json& object, const char* field) = 0;

 private:
  StoredArray optional_array(const nlohmann::json& object, const char* field);
};

/// What is wrong with a summary in a record of these nodes, steps and source tokens; empty where nothing is. The numbers of its arrays are
/// not read.
struct SummaryPlace {
  std::size_t nodes = 0, tokens = 0;
  std::uint64_t steps = 0;
  bool one_path = false;  ///< each node follows the one before it
};
std::string problem_of(const MapSummary& summary, const SummaryPlace& place);

}  // namespace attend
