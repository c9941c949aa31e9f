#include "attend/synthetic/generate_files.h"

#include <fmt/format.h>

namespace attend {

std::string to_tsv_line(const GeneratedPair& pair) {
  std::string line = pair.source + '\t' + pair.target;
  const char* gap = "\t";
  for (const auto& link : pair.links) {
    line += fmt::format("{}{}{}{}", gap, link.source, link.sure ? '-' : 'p', link.target);
    gap = " ";
  }
  return line;
}

GeneratedFiles to_tsv_files(const GeneratedSet& set) {
  const auto text_of = [](const std::vector<GeneratedPair>& pairs) {
    std::string text;
    for (const auto& pair : pairs) text += to_tsv_line(pair) + '\n';
    return text;
  };
  return {{"train.tsv", text_of(set.train)}, {"dev.tsv", text_of(set.dev)}, {"test.tsv", text_of(set.test)}};
}

}  // namespace attend
