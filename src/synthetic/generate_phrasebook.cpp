#include <algorithm>
#include <map>
#include <unordered_set>

#include "attend/core/error.h"
#include "choice.h"
#include "phrasebook_grammar.h"

namespace attend {
namespace phrasebook {
namespace {

constexpr std::size_t kTrain = 16000, kDev = 500, kTest = 500;
constexpr double kPlenty = 2.2;  // sentences drawn for each one that a template asks for
constexpr std::uint64_t kHeldOutPerMille = 55;

/// Sentences that are well formed but say what nobody would.
bool is_odd(const std::vector<std::string>& words) {
  struct Pair {
    const char *some, *others;
  };
  static constexpr Pair pairs[] = {{"breakfast", "evening night tonight afternoon week"},
                                   {"lunch", "morning evening night tonight week"},
                                   {"dinner", "morning afternoon week"},
                                   {"love loves", "wife husband"},
                                   {"beer wine", "children boy girl son daughter students breakfast"},
                                   {"sad", "television shopping"},
                                   {"sleep", "morning afternoon"},
                                   {"child", "children"},
                                   {"skirt dress", "father husband boy man son brother Tom Peter he his him"},
                                   {"elephant elephants panda pandas tiger tigers monkey monkeys", "farm"}};
  const auto holds = [&](const char* tags) {
    return std::any_of(words.begin(), words.end(), [&](const auto& w) { return share_tag(w, tags); });
  };
  return std::any_of(std::begin(pairs), std::end(pairs), [&](const Pair& pair) { return holds(pair.some) && holds(pair.others); });
}

void add(std::vector<Draft>& drafts, std::unordered_set<std::string>& seen, const std::string& name, Phrase phrase) {
  GeneratedPair pair = finish(phrase);
  if (!seen.insert(pair.source).second) return;
  drafts.push_back({name, std::move(pair), std::move(phrase.words), std::move(phrase.bonds)});
}

/// Which words and characters a training set holds.
class Known {
 public:
  static std::vector<std::string> tokens(const Draft& draft) {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < draft.words.size(); ++i) {
      result.push_back(draft.words[i]);
      if (i == 0) result.back() = draft.pair.source.substr(0, draft.words[0].size());  // with its capital
    }
    const std::string& text = draft.pair.target;
    for (std::size_t begin = 0, end; begin < text.size(); begin = end) {
      for (end = begin + 1; end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80;) ++end;
      result.push_back(text.substr(begin, end - begin));
    }
    return result;
  }
  void learn(const Draft& draft) {
    for (auto& token : tokens(draft)) known_.insert(std::move(token));
  }
  bool knows(const Draft& draft) const {
    const auto list = tokens(draft);
    return std::all_of(list.begin(), list.end(), [&](const auto& token) { return known_.contains(token); });
  }

 private:
  std::unordered_set<std::string> known_;
};

}  // namespace

bool is_held_out(std::uint64_t seed, std::string_view bond) { return held_out(seed, 1, bond, kHeldOutPerMille); }

std::vector<Draft> draft(std::uint64_t seed) {
  std::vector<Draft> drafts;
  std::unordered_set<std::string> seen;
  for (const char* row : fixed_phrases()) add(drafts, seen, "fixed", aligned(row));
  std::uint64_t number = 0;
  for (const auto* list : {&statement_templates(), &modal_templates(), &noun_templates(), &travel_templates(), &question_templates(),
                           &speech_templates(), &clause_templates()}) {
    for (const Template& kind : *list) {
      Draw draw(random_key(seed, {2, ++number}));
      const auto wanted = static_cast<int>(kPlenty * kind.pairs);
      const auto goal = drafts.size() + static_cast<std::size_t>(wanted);
      for (int tries = 0; drafts.size() < goal && tries < 30 * wanted; ++tries) {
        Phrase phrase = kind.make(draw);
        if (!phrase.empty() && !is_odd(phrase.words)) add(drafts, seen, kind.name, std::move(phrase));
      }
    }
  }
  return drafts;
}

}  // namespace phrasebook

GeneratedSet generate_phrasebook(std::uint64_t seed) {
  using namespace phrasebook;
  std::vector<Draft> drafts = draft(seed), rest, held_out;
  GeneratedSet set;
  Known known;
  std::vector<Draft> train;
  for (auto& d : drafts) {
    const bool held = std::any_of(d.bonds.begin(), d.bonds.end(), [&](const auto& bond) { return is_held_out(seed, bond); });
    if (d.name == "fixed")
      train.push_back(std::move(d));
    else
      (held ? held_out : rest).push_back(std::move(d));
  }
  Choice(random_key(seed, {3})).shuffle(rest);
  Choice(random_key(seed, {4})).shuffle(held_out);
  ATTEND_ASSERT(train.size() + rest.size() >= kTrain + kDev);
  const auto cut = rest.begin() + static_cast<std::ptrdiff_t>(kTrain - train.size());
  std::move(rest.begin(), cut, std::back_inserter(train));
  for (const auto& d : train) known.learn(d);
  Choice(random_key(seed, {5})).shuffle(train);
  for (auto& d : train) set.train.push_back(std::move(d.pair));
  const auto take = [&](auto begin, auto end, std::size_t count, std::vector<GeneratedPair>& to) {
    for (; begin != end && to.size() < count; ++begin) {
      if (known.knows(*begin)) to.push_back(std::move(begin->pair));
    }
    ATTEND_ASSERT(to.size() == count);
  };
  take(cut, rest.end(), kDev, set.dev);
  take(held_out.begin(), held_out.end(), kTest, set.test);
  return set;
}

}  // namespace attend
