#pragma once
// Sentences with a class each, `label SPACE sentence` a line, as the Stanford Sentiment Treebank is passed around.
#include <cstdint>
#include <string>
#include <vector>

namespace attend {

struct LabelledText {
  std::string text;
  std::uint32_t label = 0;  ///< index into the classes
};

struct LabelledCorpus {
  std::vector<std::string> classes;  ///< names as the file writes them, sorted by their bytes, each once
  std::vector<LabelledText> examples;
};

/// Reads the file and takes the classes from it. Blank lines are skipped. Errors (kData, `file:line`): a line without a space or
/// without a sentence, broken UTF-8. kFile as ParallelCorpus.
LabelledCorpus read_labelled(const std::string& path);
/// The same for a model that knows its `classes` already, which need no order: another label is an error (kData) that lists them.
LabelledCorpus read_labelled(const std::string& path, const std::vector<std::string>& classes);

}  // namespace attend
