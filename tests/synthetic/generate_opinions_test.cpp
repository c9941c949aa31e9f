// Opinions and sentences are taken apart again: what an opinion says in the end, and whether every verb agrees.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "attend/data/labelled.h"
#include "generated_folder.h"

namespace attend {
namespace {

using test::bytes_of;
using test::GeneratedFolder;
using test::lines_of;
using test::words_of;

const std::set<std::string> kGood{"good",  "lovely", "funny",    "fine",   "charming", "clever", "fresh",
                                  "great", "warm",   "splendid", "lively", "graceful", "bright", "pleasant"};
const std::set<std::string> kBad{"bad",   "dull",   "awful", "stale", "clumsy", "boring",    "gloomy",
                                 "silly", "dreary", "harsh", "weak",  "slow",   "tasteless", "dreadful"};
const std::set<std::string> kTurns{"not", "never", "hardly", "far", "anything", "nobody"};

/// What one clause says: the adjective, turned once for each word that turns.
bool clause_is_good(const std::string& clause) {
  std::optional<bool> good;
  int turns = 0;
  for (const auto& word : words_of(clause)) {
    if (kGood.contains(word) || kBad.contains(word)) good = kGood.contains(word);
    turns += kTurns.contains(word);
  }
  EXPECT_TRUE(good.has_value()) << clause;
  return good.value_or(false) != (turns % 2 == 1);
}

bool is_good(const std::string& text) {
  const auto cut = [&](const std::string& at, bool winner_is_last) {
    const auto place = text.find(at);
    return clause_is_good(winner_is_last ? text.substr(place + at.size()) : text.substr(0, place));
  };
  const auto has = [&](const std::string& part) { return text.find(part) != text.npos; };
  if (text.starts_with("although ")) return cut(" , ", true);
  if (has(" even though ")) return cut(" even though ", false);
  if (has(" , never mind that ")) return cut(" , never mind that ", false);
  if (has(" , and yet ")) return cut(" , and yet ", true);
  if (has(" and ")) {
    EXPECT_EQ(cut(" and ", true), cut(" and ", false)) << text;
    return cut(" and ", true);
  }
  if (const auto but = text.find(" but ");
      but != text.npos && has(" but the ") + has(" but nobody ") + has(" but i ") + has(" but it ") > 0) {
    for (const char* joint : {" but the ", " but nobody ", " but i ", " but it "})
      if (has(joint)) return cut(joint, true) != (std::string(joint) == " but nobody ");  // the joint took one turn with it
  }
  return clause_is_good(text);
}

TEST(Polarity, LabelsAreWhatTheSentenceSays) {
  const GeneratedFolder folder(generate_polarity(1));
  const std::map<std::string, std::size_t> sizes{{"train.txt", 6000}, {"dev.txt", 400}, {"test.txt", 600}};
  std::set<std::string> seen, words;
  std::map<std::string, std::size_t> forms;
  for (const auto& [name, size] : sizes) {
    const auto corpus = read_labelled(folder.path(name));
    EXPECT_EQ(corpus.classes, (std::vector<std::string>{"0", "1"}));
    EXPECT_EQ(corpus.examples.size(), size);
    std::size_t good = 0;
    for (const auto& example : corpus.examples) {
      EXPECT_EQ(is_good(example.text), example.label == 1) << example.text;
      EXPECT_TRUE(seen.insert(example.text).second) << example.text;
      good += example.label;
      for (const auto& word : words_of(example.text)) words.insert(word);
      for (const char* form : {"at all", "far from", "anything but", "although", " but the ", "not true", "and yet"})
        forms[form] += example.text.find(form) != std::string::npos;
    }
    EXPECT_EQ(good * 2, size);
  }
  for (const auto& [form, count] : forms) EXPECT_GT(count, 100u) << form;
  EXPECT_LE(words.size(), 150u);
}

TEST(Polarity, TheTestTurnsAdjectivesThatTrainingDoesNot) {
  const auto files = generate_polarity(1);
  // "not dull", "never dull", "hardly dull", "far from dull", and the noun before "was" with a plain adjective.
  const auto pairs_of = [](const std::string& text) {
    std::set<std::string> pairs;
    for (const auto& line : lines_of(text)) {
      const auto words = words_of(line);
      for (std::size_t i = 2; i < words.size(); ++i)
        if ((kGood.contains(words[i]) || kBad.contains(words[i])) && (words[i - 1] == "hardly" || words[i - 1] == "never"))
          pairs.insert(words[i - 1] + " " + words[i]);
    }
    return pairs;
  };
  const auto train = pairs_of(bytes_of(files, "train.txt")), test = pairs_of(bytes_of(files, "test.txt"));
  std::size_t fresh = 0;
  for (const auto& pair : test) fresh += !train.contains(pair);
  EXPECT_LT(train.size(), 56u);  // of 2 * 28: some are held out
  EXPECT_GT(fresh, 0u);
  EXPECT_EQ(train.size() + fresh, 56u);
}

/// Reads a sentence of the grammar; each verb must have its subject's number.
class Parser {
 public:
  explicit Parser(const std::string& line) : words_(words_of(line)) {}
  bool sentence() { return clause() && take(".") && at_ == words_.size(); }
  const std::set<std::string>& bonds() const { return bonds_; }

 private:
  struct Subject {
    std::string noun;
    bool plural = false;
  };
  static const std::map<std::string, Subject>& nouns() {
    static const auto all = [] {
      std::map<std::string, Subject> map;
      for (const char* noun : {"dog", "cat", "farmer", "teacher", "sailor", "bird", "horse", "king", "painter", "judge", "baker"}) {
        map[noun] = {noun, false};
        map[std::string(noun) + "s"] = {noun, true};
      }
      const char* const irregular[][2] = {{"child", "children"}, {"woman", "women"}, {"man", "men"}, {"goose", "geese"}, {"mouse", "mice"}};
      for (const auto& [one, many] : irregular) map[one] = {one, false}, map[many] = {one, true};
      return map;
    }();
    return all;
  }
  bool take(const std::string& word) { return at_ < words_.size() && words_[at_] == word && ++at_; }
  bool take_any(const std::set<std::string>& words) { return at_ < words_.size() && words.contains(words_[at_]) && ++at_; }

  std::optional<Subject> noun_phrase() {
    const auto begin = at_;
    const bool one = take_any({"the", "this", "that", "a", "an", "every"});
    at_ = begin;
    const bool many = take_any({"the", "these", "those", "some", "many"});
    at_ = begin + 1;
    if (!one && !many) return {};
    take_any({"old", "young", "small", "brave", "quiet", "clever", "happy", "grey"});
    const auto noun = at_ < words_.size() ? nouns().find(words_[at_]) : nouns().end();
    if (noun == nouns().end() || !(noun->second.plural ? many : one)) return {};
    ++at_;
    for (const char* preposition : {"near", "behind", "in", "from", "on", "under"}) {
      if (!take(preposition)) continue;
      at_ += 2;
      return noun->second;
    }
    // "that" opens a relative clause, or belongs to the "that" behind "says".
    if (at_ < words_.size() && words_[at_] == "that" && !relative_clause(noun->second)) return {};
    return noun->second;
  }

  bool relative_clause(const Subject& subject) {
    ++at_;
    const auto begin = at_;
    if (verb(subject) != kNone) {
      const auto kind = last_;
      return kind == kRest || noun_phrase();
    }
    at_ = begin;
    const auto inner = noun_phrase();
    return inner && verb(*inner) == kAct;
  }

  enum Kind { kNone, kRest, kAct, kSay };
  Kind verb(const Subject& subject) {
    struct Entry {
      const char *one, *many;
      Kind kind;
    };
    static const std::vector<Entry> verbs{{"sleeps", "sleep", kRest},
                                          {"laughs", "laugh", kRest},
                                          {"waits", "wait", kRest},
                                          {"sings", "sing", kRest},
                                          {"runs", "run", kRest},
                                          {"is tired", "are tired", kRest},
                                          {"has gone", "have gone", kRest},
                                          {"falls", "fall", kRest},
                                          {"was hungry", "were hungry", kRest},
                                          {"dances", "dance", kRest},
                                          {"sees", "see", kAct},
                                          {"follows", "follow", kAct},
                                          {"likes", "like", kAct},
                                          {"fears", "fear", kAct},
                                          {"helps", "help", kAct},
                                          {"chases", "chase", kAct},
                                          {"knows", "know", kAct},
                                          {"meets", "meet", kAct},
                                          {"has forgotten", "have forgotten", kAct},
                                          {"does not trust", "do not trust", kAct},
                                          {"says", "say", kSay},
                                          {"believes", "believe", kSay},
                                          {"hopes", "hope", kSay},
                                          {"doubts", "doubt", kSay}};
    for (const auto& entry : verbs) {
      const auto form = words_of(subject.plural ? entry.many : entry.one);
      if (words_.size() - at_ < form.size() || !std::equal(form.begin(), form.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_)))
        continue;
      at_ += form.size();
      bonds_.insert(subject.noun + " " + entry.one);
      return last_ = entry.kind;
    }
    return last_ = kNone;
  }

  bool clause() {
    const auto subject = noun_phrase();
    if (!subject) return false;
    switch (verb(*subject)) {
      case kSay: return take("that") && clause();
      case kAct: return noun_phrase().has_value();
      case kRest:
        if (take("at") || take("every"))
          ++at_;
        else
          take_any({"often", "today", "again"});
        return true;
      case kNone: break;
    }
    return false;
  }

  std::vector<std::string> words_;
  std::size_t at_ = 0;
  Kind last_ = kNone;
  std::set<std::string> bonds_;
};

TEST(Sentences, EveryVerbAgreesAndTheTestHasNewPairs) {
  const auto files = generate_sentences(1);
  std::set<std::string> seen, known;
  std::size_t nested = 0;
  const std::map<std::string, std::size_t> sizes{{"train.txt", 8000}, {"dev.txt", 400}, {"test.txt", 400}};
  for (const char* name : {"train.txt", "dev.txt", "test.txt"}) {
    const auto lines = lines_of(bytes_of(files, name));
    EXPECT_EQ(lines.size(), sizes.at(name));
    for (const auto& line : lines) {
      Parser parser(line);
      EXPECT_TRUE(parser.sentence()) << line;
      EXPECT_TRUE(seen.insert(line).second) << line;
      EXPECT_LE(words_of(line).size(), 24u);
      nested += parser.bonds().size() > 2;
      if (name[1] == 'r') known.insert(parser.bonds().begin(), parser.bonds().end());
      const bool fresh = std::any_of(parser.bonds().begin(), parser.bonds().end(), [&](const auto& bond) { return !known.contains(bond); });
      EXPECT_EQ(fresh, name[0] == 't' && name[1] == 'e' ? true : name[0] == 'd' ? false : fresh) << line;
    }
  }
  EXPECT_GT(nested, 500u);
  EXPECT_FALSE(Parser("the dogs that the cat likes sleeps .").sentence());  // the parser can say no
  EXPECT_FALSE(Parser("these dog sleeps .").sentence());
}

TEST(Opinions, SeedsDecide) {
  EXPECT_TRUE(test::same_files(generate_polarity(1), generate_polarity(1)));
  EXPECT_FALSE(test::same_files(generate_polarity(1), generate_polarity(2)));
  EXPECT_TRUE(test::same_files(generate_sentences(1), generate_sentences(1)));
  EXPECT_FALSE(test::same_files(generate_sentences(1), generate_sentences(2)));
}

}  // namespace
}  // namespace attend
