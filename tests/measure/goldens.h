#pragma once
// The golden values that make_goldens.py and make_task_goldens.py wrote.
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "attend/core/error.h"

namespace attend::testing {

struct GoldenCorpus {
  std::vector<std::string> hypotheses;
  std::vector<std::vector<std::string>> references;  ///< per sentence
};

inline nlohmann::json golden_file(const std::string& name) {
  const std::string path = std::string(ATTEND_SOURCE_DIR) + "/tests/measure/data/" + name + ".json";
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  return nlohmann::json::parse(file);
}

inline std::map<std::string, GoldenCorpus> golden_corpora() {
  std::map<std::string, GoldenCorpus> corpora;
  const auto file = golden_file("corpora");
  for (const auto& entry : file.at("entries"))
    corpora[entry.at("name")] = {entry.at("hypotheses").get<std::vector<std::string>>(),
                                 entry.at("references").get<std::vector<std::vector<std::string>>>()};
  return corpora;
}

/// Adds a corpus to a metric.
template <class Metric>
void add_corpus(Metric& metric, const GoldenCorpus& corpus) {
  for (std::size_t i = 0; i < corpus.hypotheses.size(); ++i)
    metric.add(corpus.hypotheses[i], std::vector<std::string_view>(corpus.references[i].begin(), corpus.references[i].end()));
}

inline std::vector<std::string_view> views(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

/// What an Error that `act` throws says, or "no error".
inline std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace attend::testing
