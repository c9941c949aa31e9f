#pragma once
// Stories with questions in the format of the bAbI tasks (Weston et al. 2015), version 1.1.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/text/reading_report.h"

namespace attend {

struct BabiStatement {
  std::string text;
  std::uint32_t number = 0;  ///< its line in the story, from 1; questions take numbers too
  bool operator==(const BabiStatement&) const = default;
};

/// One question and all it may look at.
struct BabiExample {
  std::vector<BabiStatement> statements;  ///< those of its story that stand before it
  std::string question, answer;
  std::vector<std::uint32_t> supporting;  ///< indices into `statements`, in the file's order
};
using BabiStory = std::vector<BabiExample>;

struct BabiCorpus {
  std::vector<BabiStory> stories;      ///< each with at least one question
  std::uint64_t without_question = 0;  ///< stories left out; the published task 16 has them
  ReadingReport report;                ///< blank lines
  std::uint64_t questions() const;
};

/// Reads lines `n sentence` and `n question TAB answer TAB supporting ids` (the last column may be missing); n = 1 begins a new
/// story, and each further line counts on. White space around sentences, questions and answers is dropped, blank lines are
/// skipped. Errors (kData, `file:line`): no number or not the next one, a question without an answer, a supporting id that names no
/// statement before the question, no question in the whole file, broken UTF-8. kFile as ParallelCorpus.
/// Unless `answered`, a line that ends in "?" is a question too, whose answer stays empty.
BabiCorpus read_babi(const std::string& path, bool answered = true);

}  // namespace attend
