#include "attend/text/labelled.h"

#include <algorithm>
#include <functional>
#include <set>

#include "attend/core/error.h"
#include "lines.h"

namespace attend {
namespace {

/// Calls `take(label, sentence, file)` for each line.
void each_line(const std::string& path, const std::function<void(std::string_view, std::string_view, const TextFile&)>& take) {
  TextFile file(path, "one 'label sentence' a line");
  for (std::string_view line; file.next_line(line);) {
    const auto space = line.find_first_of(" \t");
    const auto sentence = space == line.npos ? std::string_view{} : trimmed(line.substr(space));
    ATTEND_CHECK(space != 0 && !sentence.empty(), kData, "{}: expected a label, a space and a sentence; got '{}'", file.place(),
                 beginning(line));
    take(line.substr(0, space), sentence, file);
  }
}

}  // namespace

LabelledCorpus read_labelled(const std::string& path) {
  std::set<std::string> classes;
  each_line(path, [&](std::string_view label, std::string_view, const TextFile&) { classes.emplace(label); });
  return read_labelled(path, {classes.begin(), classes.end()});
}

LabelledCorpus read_labelled(const std::string& path, const std::vector<std::string>& classes) {
  LabelledCorpus corpus{classes, {}};
  each_line(path, [&](std::string_view label, std::string_view sentence, const TextFile& file) {
    const auto known = std::find(classes.begin(), classes.end(), label);
    ATTEND_CHECK(known != classes.end(), kData, "{}: label '{}' is not one of the model's classes: {}", file.place(), label,
                 fmt::join(classes, ", "));
    corpus.examples.push_back({std::string(sentence), static_cast<std::uint32_t>(known - classes.begin())});
  });
  ATTEND_CHECK(!corpus.examples.empty(), kData, "{}: holds only blank lines; expected one 'label sentence' a line", path);
  return corpus;
}

}  // namespace attend
