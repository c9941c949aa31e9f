// Sentences whose verbs agree with their subjects over nested clauses.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "attend/synthetic/generate_files.h"
#include "choice.h"

namespace attend {
namespace {

constexpr std::array<std::size_t, 3> kSizes{8000, 400, 400};  // train, dev, test
constexpr std::uint64_t kTask = 19, kHeldOutPerMille = 60;
constexpr std::ptrdiff_t kMostTokens = 24;

struct Word {
  const char *singular, *plural;
};
constexpr std::array<Word, 16> kNouns{{{"dog", "dogs"},
                                       {"cat", "cats"},
                                       {"farmer", "farmers"},
                                       {"teacher", "teachers"},
                                       {"sailor", "sailors"},
                                       {"child", "children"},
                                       {"woman", "women"},
                                       {"man", "men"},
                                       {"bird", "birds"},
                                       {"horse", "horses"},
                                       {"king", "kings"},
                                       {"painter", "painters"},
                                       {"goose", "geese"},
                                       {"judge", "judges"},
                                       {"baker", "bakers"},
                                       {"mouse", "mice"}}};
constexpr std::array<Word, 10> kRests{{{"sleeps", "sleep"},
                                       {"laughs", "laugh"},
                                       {"waits", "wait"},
                                       {"sings", "sing"},
                                       {"runs", "run"},
                                       {"is tired", "are tired"},
                                       {"has gone", "have gone"},
                                       {"falls", "fall"},
                                       {"was hungry", "were hungry"},
                                       {"dances", "dance"}}};
constexpr std::array<Word, 10> kActs{{{"sees", "see"},
                                      {"follows", "follow"},
                                      {"likes", "like"},
                                      {"fears", "fear"},
                                      {"helps", "help"},
                                      {"chases", "chase"},
                                      {"knows", "know"},
                                      {"meets", "meet"},
                                      {"has forgotten", "have forgotten"},
                                      {"does not trust", "do not trust"}}};
constexpr std::array<Word, 4> kSays{{{"says", "say"}, {"believes", "believe"}, {"hopes", "hope"}, {"doubts", "doubt"}}};
constexpr std::array<Word, 6> kDeterminers{
    {{"the", "the"}, {"the", "the"}, {"this", "these"}, {"that", "those"}, {"a", "some"}, {"every", "many"}}};
constexpr std::array kAdjectives{"old", "young", "small", "brave", "quiet", "clever", "happy", "grey"};
constexpr std::array kPlaces{"near the river", "behind the house", "in the market", "from the village", "on the bridge", "under the tree"};
constexpr std::array kAdverbs{"often", "today", "again", "at night", "every day"};

const char* form(const Word& word, bool plural) { return plural ? word.plural : word.singular; }

/// A sentence being made; remembers whether a subject met a verb that is the test's.
class Sentence {
 public:
  Sentence(std::uint64_t seed, Choice& choice) : seed_(seed), choice_(choice) {}

  void clause(int depth) {
    const auto subject = noun_phrase(depth);
    const auto kind = choice_.below(100);
    if (kind < 12 && depth > 0) {
      verb(subject, kSays);
      add("that");
      clause(depth - 1);
    } else if (kind < 55) {
      verb(subject, kRests);
      if (choice_.chance(30)) add(choice_.pick(kAdverbs));
    } else {
      verb(subject, kActs);
      noun_phrase(depth - 1);
    }
  }
  std::string text() const { return fmt::format("{} .", fmt::join(words_, " ")); }
  bool only_in_test() const { return only_in_test_; }

 private:
  struct Subject {
    const Word* noun;
    bool plural;
  };

  void add(std::string word) { words_.push_back(std::move(word)); }

  Subject noun_phrase(int depth) {
    const bool plural = choice_.chance(50);
    const Word& noun = choice_.pick(kNouns);
    const std::string determiner = form(choice_.pick(kDeterminers), plural);
    const std::string adjective = choice_.chance(25) ? choice_.pick(kAdjectives) : "";
    add(determiner == "a" && adjective == "old" ? "an" : determiner);
    if (!adjective.empty()) add(adjective);
    add(form(noun, plural));
    const Subject subject{&noun, plural};
    const auto kind = choice_.below(100);
    if (kind < 12) {
      add(choice_.pick(kPlaces));
    } else if (kind < 45 && depth > 0) {
      relative_clause(subject, depth - 1);
    }
    return subject;
  }

  void relative_clause(const Subject& subject, int depth) {
    add("that");
    if (choice_.chance(50)) {  // the verb of the outer subject waits behind another subject with its own
      const auto inner = noun_phrase(depth);
      verb(inner, kActs);
    } else if (choice_.chance(50)) {
      verb(subject, kActs);
      noun_phrase(depth);
    } else {
      verb(subject, kRests);
    }
  }

  template <class Verbs>
  void verb(const Subject& subject, const Verbs& verbs) {
    const Word& word = choice_.pick(verbs);
    only_in_test_ = only_in_test_ || held_out(seed_, kTask, fmt::format("{} {}", subject.noun->singular, word.singular), kHeldOutPerMille);
    add(form(word, subject.plural));
  }

  std::uint64_t seed_;
  Choice& choice_;
  std::vector<std::string> words_;
  bool only_in_test_ = false;
};

}  // namespace

GeneratedFiles generate_sentences(std::uint64_t seed) {
  constexpr int kDepth = 2;
  Choice choice(random_key(seed, {kTask}));
  std::array<std::string, 3> texts;
  auto left = kSizes;
  std::unordered_set<std::string> seen;
  while (left[0] + left[1] + left[2] > 0) {
    Sentence sentence(seed, choice);
    sentence.clause(kDepth);
    const auto text = sentence.text();
    if (std::count(text.begin(), text.end(), ' ') >= kMostTokens || !seen.insert(text).second) continue;
    const std::size_t part = sentence.only_in_test() ? 2 : left[0] > 0 ? 0 : 1;
    if (left[part] == 0) continue;
    texts[part] += text + '\n';
    --left[part];
  }
  return {{"train.txt", texts[0]}, {"dev.txt", texts[1]}, {"test.txt", texts[2]}};
}

}  // namespace attend
