#pragma once
// How the phrasebook's words become noun phrases, predicates and sentences.
#include <string>
#include <vector>

#include "attend/core/random.h"
#include "phrasebook_phrase.h"
#include "phrasebook_words.h"

namespace attend::phrasebook {

/// Random choices of one sentence.
class Draw {
 public:
  explicit Draw(std::uint64_t key) : stream_(key) {}
  template <class T>
  const T& pick(const std::vector<T>& list) {
    return list[stream_.below(list.size())];
  }
  bool chance(int per_cent) { return stream_.below(100) < static_cast<std::uint64_t>(per_cent); }
  Phrase row(const std::vector<const char*>& rows) { return aligned(pick(rows)); }
  std::size_t below(std::size_t bound) { return stream_.below(bound); }

 private:
  RandomStream stream_;
};

/// What a noun phrase may look like.
enum class Determiners {
  kFull,      ///< a book, two books, the book, some water, a cup of tea
  kLight,     ///< as after 不, 没 and in questions: "a book" is 书; no numbers
  kDefinite,  ///< the, this, that, my; nothing when the noun has no measure word
  kGeneric,   ///< books, tea
  kCounted,   ///< a, two, many
  kSingle,    ///< kFull without numbers: nobody wears three hats
};

struct NounPhrase {
  Phrase phrase;
  bool specific = false;  ///< not a bare noun: decides where 了 stands
};
/// `owner`: whose "my" it may be; none without. Adjectives are added now and then. May be empty for kDefinite.
NounPhrase noun_phrase(Draw& draw, const Noun& noun, Determiners determiners, const Person* owner = nullptr);
/// A noun with one of the tags that can be counted (or any), at random.
const Noun& pick_noun(Draw& draw, std::string_view tags, bool countable = true);
/// A definite noun phrase of a thing that can be such and such; "that book".
Phrase definite(Draw& draw, const Noun& noun);
const Adjective* pick_adjective(Draw& draw, std::string_view tags, bool attributive, bool compared = false);
std::string article(std::string_view next_word);

enum class Form { kBase, kThird, kPast, kParticiple, kIng };
enum class Aspect { kNone, kDone, kExperienced };  ///< nothing, 了, 过

/// A verb and its object, ready to be put into any form.
struct Action {
  const Verb* verb = nullptr;
  Phrase object;
  bool specific = false;
  Phrase operator()(Form form, Aspect aspect = Aspect::kNone) const;
};
Action pick_action(Draw& draw, unsigned use, Determiners determiners, const Person* subject = nullptr);
/// An action on a person other than the subject.
Action pick_person_action(Draw& draw, unsigned use, const Person& subject);
/// Any of both.
Action pick_any(Draw& draw, unsigned use, Determiners determiners, const Person& subject);

const Person& pick_person(Draw& draw);
const Person& pick_asked(Draw& draw);  ///< subject of a question: mostly you
const Person& pick_known(Draw& draw);  ///< with a pronoun of its own
const Person& pick_other(Draw& draw, const Person& than);
Phrase subject(const Person& person);
Phrase object(const Person& person);
Form present(const Person& person);  ///< base or third person
Phrase be(const Person& person);
Phrase was(const Person& person);
Phrase does(const Person& person);
Phrase has(const Person& person);
Phrase pronoun(const Person& person);     ///< "he" with 他
Phrase possessive(const Person& person);  ///< "his" with 他的, of those with a pronoun

/// Adds the subject–verb bond where the verb has no object to be bound to.
Phrase bound(Phrase phrase, const Person& person, const Action& action);
Phrase at_place(Draw& draw, const Action& action, int per_cent);  ///< "in the park", or empty
Phrase there(const Place& place);                                 ///< "to the park" with 去公园
const Place& pick_place(Draw& draw, std::string_view tags);
Phrase past_time(Draw& draw, const Action& action, int per_cent);
Phrase future_time(Draw& draw, const Action& action, int per_cent);
/// Notes that words occur together.
void bond(Phrase& phrase, std::string_view a, std::string_view b);
std::string name(const Person& person);  ///< for bonds
std::string name(const Action& action);

/// One kind of sentence. `make` returns an empty phrase when the draw makes no sense.
struct Template {
  const char* name;
  int pairs;  ///< how many to make, if there are as many
  Phrase (*make)(Draw& draw);
};
const std::vector<Template>& statement_templates();
const std::vector<Template>& modal_templates();
const std::vector<Template>& noun_templates();
const std::vector<Template>& travel_templates();
const std::vector<Template>& question_templates();
const std::vector<Template>& speech_templates();
const std::vector<Template>& clause_templates();

/// A finished sentence and what it is made of.
struct Draft {
  std::string name;
  GeneratedPair pair;
  std::vector<std::string> words;  ///< English words as in the sentence
  std::vector<std::string> bonds;
};
/// All sentences of a seed, English sentences distinct, in the order of the templates.
std::vector<Draft> draft(std::uint64_t seed);
/// True for the bonds that only the test set may hold.
bool is_held_out(std::uint64_t seed, std::string_view bond);

}  // namespace attend::phrasebook
