#pragma once
// Cloze questions about documents, in the format of CMRC 2017 (Cui et al. 2018): fill the blank with a word of the document.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attend/text/reading_report.h"

namespace attend {

/// How the format writes the missing word, in the question and at the place in the document that the question was taken from.
inline constexpr std::string_view kClozeBlank = "XXXXX";

struct ClozeExample {
  std::string id;                               ///< "<qid_7>"
  std::vector<std::string> document, question;  ///< tokens, the blank included
  std::uint32_t blank = 0;                      ///< index into `question`
  std::string answer;
};

struct ClozeCorpus {
  std::vector<ClozeExample> examples;
  std::uint64_t absent_answers = 0;  ///< examples whose answer the document does not hold; they stay
  ReadingReport report;              ///< blank lines of the questions
};

/// Reads documents of lines `n ||| tokens` (n from 1), each followed by one or more questions `<qid_k> ||| tokens`, and the answers
/// `<qid_k> ||| word`. Tokens stand between white space; blank lines are skipped. Errors (kData, `file:line`): a line without
/// ` ||| `, a number that is not the next one, a question before its document or without exactly one blank, an id given twice, a
/// question without an answer or an answer without a question, an answer that is not one word. kFile as ParallelCorpus.
/// Without a file of answers (""), answers stay empty.
ClozeCorpus read_cloze(const std::string& questions, const std::string& answers);

}  // namespace attend
