#include "attend/data/cloze.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "attend/core/error.h"
#include "attend/text/lines.h"
#include "attend/text/unicode.h"

namespace attend {
namespace {

constexpr std::string_view kBar = "|||";

struct Entry {
  std::string_view key;
  std::vector<std::string> tokens;
  bool is_question() const { return key.starts_with("<qid_") && key.ends_with('>'); }
};

Entry entry_of(std::string_view line, const TextFile& file) {
  const auto bar = line.find(kBar);
  const auto key = trimmed(line.substr(0, std::min(bar, line.size())));
  ATTEND_CHECK(bar != line.npos && !key.empty(), kData, "{}: expected 'n ||| tokens' or '<qid_k> ||| tokens', got '{}'", file.place(),
               beginning(line));
  Entry entry{key, {}};
  for (const auto word : words_of_line(line.substr(bar + kBar.size()))) entry.tokens.emplace_back(word);
  ATTEND_CHECK(!entry.tokens.empty(), kData, "{}: nothing stands after '{} |||'; expected tokens between spaces", file.place(), key);
  return entry;
}

struct Answer {
  std::string word, place;
  bool used = false;
};
using Answers = std::unordered_map<std::string, Answer>;

Answers read_answers(const std::string& path) {
  TextFile file(path, "lines '<qid_k> ||| word'");
  Answers answers;
  for (std::string_view line; file.next_line(line);) {
    const auto entry = entry_of(line, file);
    ATTEND_CHECK(entry.is_question() && entry.tokens.size() == 1, kData, "{}: expected '<qid_k> ||| word', one word, got '{}'",
                 file.place(), beginning(line));
    const bool fresh = answers.emplace(entry.key, Answer{entry.tokens[0], file.place()}).second;
    ATTEND_CHECK(fresh, kData, "{}: {} has an answer already; drop one of the two", file.place(), entry.key);
  }
  return answers;
}

// The answer to a question, which is then used up.
std::string take_answer(Answers& answers, std::string_view key, const TextFile& file) {
  const auto answer = answers.find(std::string(key));
  ATTEND_CHECK(answer != answers.end(), kData, "{}: the file of answers has none for {}; are the two files of one set?", file.place(), key);
  ATTEND_CHECK(!answer->second.used, kData, "{}: {} is a question already; give each its own id", file.place(), key);
  answer->second.used = true;
  return answer->second.word;
}

// `answers` is null where none are known.
ClozeExample example_of(Entry entry, const std::vector<std::string>& document, Answers* answers, const TextFile& file) {
  const auto blanks = std::count(entry.tokens.begin(), entry.tokens.end(), kClozeBlank);
  ATTEND_CHECK(blanks == 1, kData, "{}: expected exactly one {} in the question, got {}; it must be a token of its own", file.place(),
               kClozeBlank, blanks);
  ATTEND_CHECK(!document.empty(), kData, "{}: {} has no document before it; expected lines 'n ||| tokens' first", file.place(), entry.key);
  const auto answer = answers ? take_answer(*answers, entry.key, file) : std::string();
  ClozeExample example{std::string(entry.key), document, std::move(entry.tokens), 0, answer};
  const auto blank = std::find(example.question.begin(), example.question.end(), kClozeBlank);
  example.blank = static_cast<std::uint32_t>(blank - example.question.begin());
  return example;
}

}  // namespace

ClozeCorpus read_cloze(const std::string& questions, const std::string& answers_path) {
  const bool answered = !answers_path.empty();
  auto answers = answered ? read_answers(answers_path) : Answers{};
  TextFile file(questions, "lines 'n ||| tokens' and '<qid_k> ||| tokens'");
  ClozeCorpus corpus;
  std::vector<std::string> document;
  std::uint32_t last = 0;  // number of the document's line before; 0 behind a question
  for (std::string_view line; file.next_line(line);) {
    auto entry = entry_of(line, file);
    if (entry.is_question()) {
      corpus.examples.push_back(example_of(std::move(entry), document, answered ? &answers : nullptr, file));
      const auto& words = corpus.examples.back().document;
      if (answered && std::find(words.begin(), words.end(), corpus.examples.back().answer) == words.end()) ++corpus.absent_answers;
      last = 0;
      continue;
    }
    std::uint32_t number = 0;
    const auto* end = entry.key.data() + entry.key.size();
    const auto parsed = std::from_chars(entry.key.data(), end, number);
    ATTEND_CHECK(parsed.ec == std::errc() && parsed.ptr == end && number == last + 1, kData,
                 "{}: expected sentence {} of a document{}, got '{}'", file.place(), last + 1, last > 0 ? " or a question '<qid_k>'" : "",
                 entry.key);
    if (number == 1) document.clear();
    last = number;
    std::move(entry.tokens.begin(), entry.tokens.end(), std::back_inserter(document));
  }
  corpus.report = file.report;
  ATTEND_CHECK(last == 0, kData, "{}: the last document has no question; expected '<qid_k> ||| tokens'", file.place());
  for (const auto& [id, answer] : answers)
    ATTEND_CHECK(answer.used, kData, "{}: {} is no question of {}; are the two files of one set?", answer.place, id, questions);
  return corpus;
}

}  // namespace attend
