#pragma once
// The golden values that make_goldens.py wrote.
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

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

/// Adds a corpus to a Bleu or a Chrf.
template <class Metric>
void add_corpus(Metric& metric, const GoldenCorpus& corpus) {
  for (std::size_t i = 0; i < corpus.hypotheses.size(); ++i)
    metric.add(corpus.hypotheses[i], std::vector<std::string_view>(corpus.references[i].begin(), corpus.references[i].end()));
}

}  // namespace attend::testing
