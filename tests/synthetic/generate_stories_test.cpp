// Stories and clozes are read back and worked out again from their words alone.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "attend/data/babi.h"
#include "attend/data/cloze.h"
#include "generated_folder.h"

namespace attend {
namespace {

using test::GeneratedFolder;
using test::words_of;
using Bond = std::pair<std::string, std::string>;  // a person with a place or thing

const std::set<std::string> kPlaces{"kitchen", "garden", "cellar", "attic", "library", "workshop", "hall", "shed"};

/// The first and the last word: who, and where or what.
Bond bond_of(const std::string& sentence) {
  auto words = words_of(sentence);
  words.back().erase(words.back().find_last_not_of(".?") + 1);
  return {words.front(), words.back()};
}

/// What a reader knows after a story's statements, and the statements that say so.
struct Reader {
  struct Known {
    std::string what;
    std::vector<std::uint32_t> lines;
  };
  std::map<std::string, Known> place, hand, left;  // of people; in their hands; where dropped things lie

  void read(const std::vector<BabiStatement>& statements) {
    for (std::uint32_t i = 0; i < statements.size(); ++i) {
      const auto& text = statements[i].text;
      const auto [who, what] = bond_of(text);
      if (kPlaces.contains(what)) {
        place[who] = {what, {i}};
      } else if (text.find(" dropped ") != text.npos || text.find(" left ") != text.npos || text.find(" put down ") != text.npos) {
        hand[who] = {"nothing", {i}};
        left.erase(what);
        if (place.contains(who)) left[what] = {place[who].what, {place[who].lines[0], i}};
      } else {
        hand[who] = {what, {i}};
        left.erase(what);
      }
    }
  }
  Known answer(const std::string& question) {
    const auto words = words_of(question);
    const auto last = words.back().substr(0, words.back().size() - 1);
    if (words[0] == "What") return hand[words[2]];
    if (words[0] == "Is") return {place[words[1]].what == last ? "yes" : "no", place[words[1]].lines};
    if (words.size() == 3) return place[last];
    for (const auto& [who, held] : hand) {
      if (held.what != last) continue;
      Known known{place[who].what, {place[who].lines.at(0), held.lines[0]}};
      std::sort(known.lines.begin(), known.lines.end());
      return known;
    }
    return left[last];
  }
};

TEST(Stories, AnswersAndSupportingFactsAreRight) {
  const GeneratedFolder folder(generate_stories(1));
  const std::map<std::string, std::size_t> sizes{{"train.txt", 2000}, {"dev.txt", 150}, {"test.txt", 300}};
  for (const auto& [name, size] : sizes) {
    const auto corpus = read_babi(folder.path(name));
    EXPECT_EQ(corpus.stories.size(), size);
    EXPECT_EQ(corpus.questions(), 3 * size);
    EXPECT_EQ(corpus.without_question, 0u);
    std::map<std::string, std::size_t> kinds, answers;
    for (const auto& story : corpus.stories) {
      for (const auto& example : story) {
        Reader reader;
        reader.read(example.statements);
        const auto known = reader.answer(example.question);
        EXPECT_EQ(example.answer, known.what) << example.question;
        EXPECT_EQ(example.supporting, known.lines) << example.question;
        const auto words = words_of(example.question);
        ++kinds[words[0] == "Where" ? (words.size() == 3 ? "person" : "thing") : words[0]];
        ++answers[example.answer];
      }
    }
    for (const char* kind : {"person", "thing", "What", "Is"}) EXPECT_GT(kinds[kind] * 8, corpus.questions()) << name << ' ' << kind;
    EXPECT_NEAR(static_cast<double>(answers["yes"]) / static_cast<double>(kinds["Is"]), 0.5, 0.15);
    EXPECT_GT(answers["nothing"], 0u);
  }
}

TEST(Stories, TheTestBringsTogetherWhatTrainingDoesNot) {
  const GeneratedFolder folder(generate_stories(1));
  std::set<Bond> known;
  for (const auto& story : read_babi(folder.path("train.txt")).stories) {
    for (const auto& example : story) {
      for (const auto& statement : example.statements) known.insert(bond_of(statement.text));
      const auto words = words_of(example.question);
      if (words[0] == "Is") known.insert({words[1], words.back().substr(0, words.back().size() - 1)});
    }
  }
  const auto is_new = [&](const BabiStory& story) {
    const auto& statements = story.back().statements;
    return std::any_of(statements.begin(), statements.end(), [&](const auto& s) { return !known.contains(bond_of(s.text)); });
  };
  for (const auto& story : read_babi(folder.path("test.txt")).stories) EXPECT_TRUE(is_new(story));
  for (const auto& story : read_babi(folder.path("dev.txt")).stories) EXPECT_FALSE(is_new(story));
}

/// The document's sentences, cut behind each full stop.
std::vector<std::vector<std::string>> sentences_of(const std::vector<std::string>& document) {
  std::vector<std::vector<std::string>> sentences{{}};
  for (const auto& token : document) {
    sentences.back().push_back(token);
    if (token == "." || token == "。") sentences.emplace_back();
  }
  sentences.pop_back();
  return sentences;
}

TEST(Clozes, HaveOneAnswerThatTheDocumentSays) {
  const GeneratedFolder folder(generate_clozes(1));
  const std::map<std::string, std::size_t> sizes{{"train", 20000}, {"dev", 300}, {"test", 500}};
  for (const std::string language : {"en/", "zh/"}) {
    std::set<std::vector<std::string>> documents;
    std::size_t count = 0;
    for (const auto& [part, size] : sizes) {
      const auto corpus = read_cloze(folder.path(language + part + ".doc_query"), folder.path(language + part + ".answer"));
      EXPECT_EQ(corpus.examples.size(), size);
      EXPECT_EQ(corpus.absent_answers, 0u);
      std::map<std::string, int> answers;
      count += size;
      for (const auto& example : corpus.examples) {
        documents.insert(example.document);
        EXPECT_EQ(std::count(example.document.begin(), example.document.end(), kClozeBlank), 1);
        EXPECT_EQ(std::count(example.document.begin(), example.document.end(), example.answer), 1);
        ++answers[example.answer];
        std::size_t stands_at = 99, said_at = 99;
        const auto sentences = sentences_of(example.document);
        for (std::size_t i = 0; i < sentences.size(); ++i) {
          const auto has = [&](std::string_view word) {
            return std::find(sentences[i].begin(), sentences[i].end(), word) != sentences[i].end();
          };
          if (sentences[i] == example.question) stands_at = i;
          if (has(example.answer)) said_at = i;
        }
        EXPECT_LT(said_at, stands_at);  // the fact first, then the sentence with the blank
        EXPECT_LT(stands_at, sentences.size());
      }
      EXPECT_EQ(answers.size(), 24u);  // 8 people, 8 places, 8 things
    }
    EXPECT_EQ(documents.size(), count) << language;  // nothing of the test stands in training
  }
}

TEST(Stories, SeedsDecide) {
  EXPECT_TRUE(test::same_files(generate_stories(1), generate_stories(1)));
  EXPECT_FALSE(test::same_files(generate_stories(1), generate_stories(2)));
  EXPECT_TRUE(test::same_files(generate_clozes(1), generate_clozes(1)));
  EXPECT_FALSE(test::same_files(generate_clozes(1), generate_clozes(2)));
}

}  // namespace
}  // namespace attend
