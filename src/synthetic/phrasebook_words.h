#pragma once
// The phrasebook's words. Kinds are lists of tags: a noun's tags say what can be done with it and what it can be like, and
// verbs, adjectives and places name the tags they go with, so that nobody eats a book.
#include <string_view>
#include <vector>

namespace attend::phrasebook {

/// True when the space-separated lists share a tag.
bool share_tag(std::string_view a, std::string_view b);

struct Noun {
  const char* singular;  ///< empty: plural only
  const char* plural;    ///< empty: no plural (tea)
  const char* chinese;
  const char* measure;  ///< measure word; of tea, the container's word
  const char* tags;
  const char* container = "";  ///< "cup cups", for what is counted by it
};
const std::vector<Noun>& nouns();

/// Where a verb may be used.
enum Use : unsigned {
  kPast = 1,
  kExperience = 2,
  kProgressive = 4,
  kHabit = 8,
  kFuture = 16,
  kSkill = 32,
  kFarTime = 64,
  kCommand = 128,
  kTogether = 256,
};
struct Verb {
  const char* base;
  const char* third;
  const char* past;
  const char* participle;
  const char* ing;
  const char* particle;  ///< "to" of "listen to", or empty
  const char* chinese;   ///< "给…打电话" surrounds its object
  const char* object;    ///< tags of its nouns, or "|english|chinese" for a fixed object
  unsigned uses;
  const char* place;  ///< tag of the places where one does it, empty for none
};
/// Verbs with a noun for object, or a fixed one ("play the piano"), or none ("swim").
const std::vector<Verb>& actions();
/// Verbs whose object is a person, things one does.
const std::vector<Verb>& person_actions();
/// Like, love, know: states, with tags of objects ("person" for people).
const std::vector<Verb>& states();

struct Adjective {
  const char* english;
  const char* comparative;  ///< empty: not compared
  const char* chinese;
  const char* attribute;  ///< its form before a noun, empty: only as predicate
  const char* tags;
};
const std::vector<Adjective>& adjectives();

struct Person {
  const char* subject;  ///< aligned row
  const char* object;
  int agreement;        ///< 0 I, 1 plural and you, 2 third person singular
  const char* pronoun;  ///< "he" and so on, empty when unknown
  int weight;
};
const std::vector<Person>& people();

struct Place {
  const char* noun;         ///< aligned row
  const char* preposition;  ///< of being there
  const char* after;        ///< 里 after the Chinese noun, or empty
  const char* tags;         ///< what one does there; "go" when one goes there, "live", "far"
};
const std::vector<Place>& places();

/// Aligned rows.
const std::vector<const char*>& numbers();     ///< two to ten with a measure word, and a few more
const std::vector<const char*>& past_times();  ///< of the last days
const std::vector<const char*>& far_past_times();
const std::vector<const char*>& future_times();
const std::vector<const char*>& far_future_times();
const std::vector<const char*>& habits();       ///< at the end in English: every day
const std::vector<const char*>& frequencies();  ///< before the verb in English: often
const std::vector<const char*>& hours();        ///< at seven
const std::vector<const char*>& durations();
const std::vector<const char*>& jobs();           ///< teacher
const std::vector<const char*>& fixed_phrases();  ///< greetings and the like, always in training

struct Spot {
  const char* row;   ///< "on the table|桌子=table~the 上=on"
  const char* tags;  ///< of the nouns that can be there
};
const std::vector<Spot>& spots();

}  // namespace attend::phrasebook
