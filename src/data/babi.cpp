#include "attend/data/babi.h"

#include <algorithm>
#include <charconv>

#include "attend/core/error.h"
#include "attend/text/lines.h"
#include "attend/text/unicode.h"

namespace attend {
namespace {

/// Takes the number that `line` begins with; false when there is none, or no blank behind it.
bool take_number(std::string_view& line, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc() || end == line.data() + line.size() || *end != ' ') return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
  return true;
}

std::vector<std::uint32_t> supporting_of(std::string_view column, const std::vector<BabiStatement>& statements, const TextFile& file) {
  std::vector<std::uint32_t> supporting;
  for (const auto word : words_of_line(column)) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const auto named = std::find_if(statements.begin(), statements.end(), [&](const auto& s) { return s.number == number; });
    ATTEND_CHECK(error == std::errc() && end == word.data() + word.size() && named != statements.end(), kData,
                 "{}: supporting id '{}' names no statement before the question; expected line numbers of this story, separated by spaces",
                 file.place(), word);
    supporting.push_back(static_cast<std::uint32_t>(named - statements.begin()));
  }
  return supporting;
}

bool is_question(std::string_view line, bool answered) {
  return line.find('\t') != line.npos || (!answered && trimmed(line).ends_with('?'));
}

BabiExample question_of(std::string_view line, const std::vector<BabiStatement>& statements, const TextFile& file) {
  const auto columns = split_at(line, '\t');
  const auto question = trimmed(columns[0]);
  if (columns.size() == 1) return {statements, std::string(question), {}, {}};
  const auto answer = trimmed(columns[1]);
  ATTEND_CHECK(columns.size() <= 3 && !question.empty() && !answer.empty(), kData,
               "{}: expected question, tab, answer, tab, supporting ids; got '{}'", file.place(), beginning(line));
  BabiExample example{statements, std::string(question), std::string(answer), {}};
  if (columns.size() == 3) example.supporting = supporting_of(columns[2], statements, file);
  return example;
}

}  // namespace

std::uint64_t BabiCorpus::questions() const {
  std::uint64_t count = 0;
  for (const auto& story : stories) count += story.size();
  return count;
}

BabiCorpus read_babi(const std::string& path, bool answered) {
  TextFile file(path, "lines 'n sentence' and 'n question TAB answer TAB ids'");
  BabiCorpus corpus;
  std::vector<BabiStatement> statements;
  BabiStory story;
  std::uint32_t last = 0;
  const auto finish_story = [&] {
    if (last == 0) return;
    if (story.empty())
      ++corpus.without_question;
    else
      corpus.stories.push_back(std::move(story));
    story.clear();
    statements.clear();
  };
  for (std::string_view line; file.next_line(line);) {
    std::uint32_t number = 0;
    const auto whole = line;
    ATTEND_CHECK(whole.find(" ||| ") == whole.npos, kData,
                 "{}: holds |||, as documents with questions do, and no story does; a model for them is trained with their answers: --set "
                 "data.answers=FILE",
                 file.place());
    ATTEND_CHECK(take_number(line, number), kData, "{}: expected a line number, a space and a sentence; got '{}'", file.place(),
                 beginning(whole));
    ATTEND_CHECK(number == 1 || (last > 0 && number == last + 1), kData,
                 "{}: expected line number {}1 (a new story), got {}; a story's lines count from 1 without gaps", file.place(),
                 last > 0 ? fmt::format("{} or ", last + 1) : "", number);
    if (number == 1) finish_story();
    last = number;
    if (is_question(line, answered)) {
      story.push_back(question_of(line, statements, file));
      continue;
    }
    ATTEND_CHECK(!trimmed(line).empty(), kData, "{}: expected a sentence after the line number, got none", file.place());
    statements.push_back({std::string(trimmed(line)), number});
  }
  finish_story();
  corpus.report = file.report;
  ATTEND_CHECK(!corpus.stories.empty(), kData, "{}: no question in {} lines; a question line is 'n question TAB answer TAB supporting ids'",
               path, file.lines);
  return corpus;
}

}  // namespace attend
