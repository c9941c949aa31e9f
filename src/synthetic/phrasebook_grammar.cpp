#include "phrasebook_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "attend/core/error.h"

namespace attend::phrasebook {
namespace {

const char* const kPronouns[] = {"I", "you", "he", "she", "we", "they"};
const char* const kPossessives[] = {"my|我=my 的~my",    "your|你=your 的~your", "his|他=his 的~his",
                                    "her|她=her 的~her", "our|我们=our 的~our",  "their|他们=their 的~their"};

std::size_t pronoun_index(const Person& person) {
  for (std::size_t i = 0; i < std::size(kPronouns); ++i) {
    if (std::string_view(kPronouns[i]) == person.pronoun) return i;
  }
  ATTEND_ASSERT(!"a person with a pronoun");
  return 0;
}

/// Adjective, noun and, in Chinese, their pattern after the determiner.
struct Core {
  std::string english, chinese, head;
  std::vector<std::string> bonds;
};

Core core_of(const Noun& noun, bool plural, const Adjective* adjective) {
  Core core;
  core.head = noun.singular[0] ? noun.singular : noun.plural;
  const std::string word = plural || !noun.singular[0] ? noun.plural : noun.singular;
  if (adjective) {
    std::string_view text = adjective->attribute;
    if (text.starts_with("很")) core.chinese += fmt::format("很~{} ", adjective->english), text.remove_prefix(std::strlen("很"));
    const bool particle = text.ends_with("的");
    if (particle) text.remove_suffix(std::strlen("的"));
    core.chinese += fmt::format("{}={} ", text, adjective->english);
    if (particle) core.chinese += fmt::format("的~{},{} ", adjective->english, word);
    core.english = std::string(adjective->english) + ' ';
    core.bonds.push_back(fmt::format("{}+{}", adjective->english, core.head));
  }
  core.english += word;
  core.chinese += fmt::format("{}={}", noun.chinese, word);
  return core;
}

NounPhrase build(const Core& core, const std::string& english, const std::string& chinese, bool specific, const Slots& slots = {}) {
  NounPhrase result{compose(english + ' ' + core.english, chinese + ' ' + core.chinese, slots), specific};
  result.phrase.bonds.insert(result.phrase.bonds.end(), core.bonds.begin(), core.bonds.end());
  result.phrase.head = core.head;
  return result;
}

/// Nouns that are counted by containers or not at all.
NounPhrase mass_phrase(Draw& draw, const Noun& noun, Determiners determiners) {
  const Adjective* adjective = draw.chance(10) ? pick_adjective(draw, noun.tags, true) : nullptr;
  const bool wants_count = determiners == Determiners::kFull || determiners == Determiners::kCounted || determiners == Determiners::kSingle;
  if (wants_count && noun.measure[0] && noun.container[0] && draw.chance(60)) {
    const Core core = core_of(noun, false, nullptr);
    const std::string_view container = noun.container;
    const auto space = container.find(' ');
    if (draw.chance(55)) {
      const auto one = container.substr(0, space);
      return build(core, fmt::format("a {} of", one), fmt::format("一=a {}={}~of", noun.measure, one), true);
    }
    const auto many = container.substr(space + 1);
    return build(core, fmt::format("{{n}} {} of", many), fmt::format("{{n}} {}={}~of", noun.measure, many), true,
                 {{"n", aligned(numbers()[draw.below(4)])}});
  }
  const Core core = core_of(noun, false, adjective);
  if (wants_count && draw.chance(50)) return build(core, "some", "一些=some", true);
  return build(core, "", "", false);
}

}  // namespace

std::string article(std::string_view next_word) {
  return !next_word.empty() && std::string_view("aeiou").find(next_word.front()) != std::string_view::npos ? "an" : "a";
}

const Adjective* pick_adjective(Draw& draw, std::string_view tags, bool attributive, bool compared) {
  std::vector<const Adjective*> fitting;
  for (const auto& adjective : adjectives()) {
    if (share_tag(adjective.tags, tags) && (!attributive || adjective.attribute[0]) && (!compared || adjective.comparative[0])) {
      fitting.push_back(&adjective);
    }
  }
  return fitting.empty() ? nullptr : draw.pick(fitting);
}

const Noun& pick_noun(Draw& draw, std::string_view tags, bool countable) {
  std::vector<const Noun*> fitting;
  for (const auto& noun : nouns()) {
    if (share_tag(noun.tags, tags) && (!countable || (noun.singular[0] && noun.plural[0]))) fitting.push_back(&noun);
  }
  return *draw.pick(fitting);
}

NounPhrase noun_phrase(Draw& draw, const Noun& noun, Determiners determiners, const Person* owner) {
  if (!noun.singular[0] || !noun.plural[0]) {
    if (determiners == Determiners::kDefinite) return {};
    return mass_phrase(draw, noun, determiners);
  }
  const Adjective* adjective = draw.chance(22) ? pick_adjective(draw, noun.tags, true) : nullptr;
  const Core one = core_of(noun, false, adjective), many = core_of(noun, true, adjective);
  const auto word = [](const Core& core) { return core.english.substr(core.english.rfind(' ') + 1); };
  if (determiners == Determiners::kGeneric) return build(core_of(noun, true, nullptr), "", "", false);
  const bool counted = determiners == Determiners::kFull || determiners == Determiners::kCounted;
  const auto roll = draw.below(100);
  if (determiners != Determiners::kDefinite && roll < 45) {
    const std::string a = article(one.english);
    if (!counted && determiners != Determiners::kSingle) {
      NounPhrase bare{compose(article(noun.singular) + ' ' + noun.singular,
                              fmt::format("{}={}~{}", noun.chinese, noun.singular, article(noun.singular))),
                      false};
      bare.phrase.head = one.head;
      return bare;
    }
    return build(one, a, fmt::format("一={} {}~{},{}", a, noun.measure, a, word(one)), true);
  }
  if (counted && (roll < 72 || determiners == Determiners::kCounted)) {
    if (draw.chance(12)) return build(many, "many", "很多=many", true);
    if (draw.chance(10)) return build(many, "several", fmt::format("几=several {}~several,{}", noun.measure, word(many)), true);
    if (draw.chance(10)) return build(many, "some", "一些=some", true);
    const Phrase number = aligned(numbers()[draw.below(draw.chance(75) ? 4 : numbers().size())]);
    NounPhrase result = build(many, "{n}", fmt::format("{{n}} {}~{{n}},{}", noun.measure, word(many)), true, {{"n", number}});
    bond(result.phrase, number.head, many.head);
    return result;
  }
  if (owner && owner->pronoun[0] && draw.chance(60)) {
    return build(core_of(noun, draw.chance(15), nullptr), "{p}", "{p}", true, {{"p", possessive(*owner)}});
  }
  const auto kind = draw.below(10);
  if (kind < 5) return build(one, "the", fmt::format("那~the {}~the,{}", noun.measure, word(one)), true);
  if (kind < 7) return build(one, "this", fmt::format("这=this {}~this,{}", noun.measure, word(one)), true);
  if (kind < 8) return build(one, "that", fmt::format("那=that {}~that,{}", noun.measure, word(one)), true);
  if (kind < 9) return build(many, "these", "这些=these", true);
  return build(many, "those", "那些=those", true);
}

Phrase definite(Draw& draw, const Noun& noun) {
  const Core one = core_of(noun, false, nullptr);
  if (share_tag(noun.tags, "role") && share_tag(noun.singular, "teacher doctor")) {  // as among people()
    Phrase phrase = compose(std::string("the ") + noun.singular, fmt::format("{}={}~the", noun.chinese, noun.singular));
    phrase.head = one.head;
    return phrase;
  }
  const char* const determiner = draw.chance(60) ? "the" : draw.chance(60) ? "this" : "that";
  const bool the = !std::strcmp(determiner, "the");
  return build(one, determiner,
               fmt::format("{}{}{} {}~{},{}", !std::strcmp(determiner, "this") ? "这" : "那", the ? '~' : '=', determiner, noun.measure,
                           determiner, noun.singular),
               true)
      .phrase;
}

Phrase Action::operator()(Form form, Aspect aspect) const {
  const char* const forms[] = {verb->base, verb->third, verb->past, verb->participle, verb->ing};
  const std::string word = forms[static_cast<int>(form)], particle = verb->particle;
  const std::string english = word + (particle.empty() ? "" : ' ' + particle) + " {o}";
  const std::string verb_marks = '=' + word + (particle.empty() ? "" : '~' + particle);
  const std::string_view chinese = verb->chinese;
  const std::string particle_of = aspect == Aspect::kDone ? "了~" + word : aspect == Aspect::kExperienced ? "过~" + word : "";
  std::string pattern;
  if (const auto gap = chinese.find("…"); gap != std::string_view::npos) {
    pattern =
        fmt::format("{}~{} {{o}} {}{} {}", chinese.substr(0, gap), word, chinese.substr(gap + std::strlen("…")), verb_marks, particle_of);
  } else if (aspect == Aspect::kDone && !specific) {
    pattern = fmt::format("{}{} {{o}} {}", chinese, verb_marks, particle_of);
  } else {
    pattern = fmt::format("{}{} {} {{o}}", chinese, verb_marks, particle_of);
  }
  Phrase result = compose(english, pattern, {{"o", object}});
  if (object.chunks.empty() && !object.words.empty()) {  // one Chinese word for "take a walk"
    auto& chunk = result.chunks.front();
    const auto last = static_cast<std::uint32_t>(result.words.size() - 1);
    chunk.sure.push_back(last);
    for (auto i = last - object.words.size() + 1; i < last; ++i) chunk.possible.push_back(static_cast<std::uint32_t>(i));
  }
  if (!object.head.empty()) bond(result, name(*this), object.head);
  return result;
}

Action pick_action(Draw& draw, unsigned use, Determiners determiners, const Person* who) {
  std::vector<const Verb*> fitting, fixed;
  for (const auto& verb : actions()) {
    if (verb.uses & use) (verb.object[0] == '|' ? fixed : fitting).push_back(&verb);
  }
  Action action;
  action.verb = !fixed.empty() && (fitting.empty() || draw.chance(35)) ? draw.pick(fixed) : draw.pick(fitting);
  std::string_view tags = action.verb->object;
  if (tags.front() == '|') {
    tags.remove_prefix(1);
    if (tags != "|") {
      action.object = aligned(tags);
      action.object.head = action.object.words.empty() ? "" : action.object.words.back();
    }
    return action;
  }
  const Noun& noun = pick_noun(draw, tags, false);
  const std::string_view base = action.verb->base;
  // One's own things are found, washed and lost, but not bought; nobody wears three hats.
  if (!share_tag(base, "wash repair open find lose use look bring wear sell break")) who = nullptr;
  if (determiners == Determiners::kFull && share_tag(base, "drive ride")) determiners = Determiners::kLight;
  if (determiners == Determiners::kFull && share_tag(base, "wear use look")) determiners = Determiners::kSingle;
  NounPhrase phrase = noun_phrase(draw, noun, determiners, who);
  action.object = std::move(phrase.phrase);
  action.specific = phrase.specific;
  return action;
}

Action pick_person_action(Draw& draw, unsigned use, const Person& who) {
  std::vector<const Verb*> fitting;
  for (const auto& verb : person_actions()) {
    if (verb.uses & use) fitting.push_back(&verb);
  }
  Action action;
  action.verb = draw.pick(fitting);
  const Person& other = pick_other(draw, who);
  action.object = object(other);
  action.object.head = name(other);
  action.specific = true;
  return action;
}

Action pick_any(Draw& draw, unsigned use, Determiners determiners, const Person& who) {
  return draw.chance(25) ? pick_person_action(draw, use, who) : pick_action(draw, use, determiners, &who);
}

const Person& pick_person(Draw& draw) {
  static const std::vector<std::size_t> weighted = [] {
    std::vector<std::size_t> list;
    for (std::size_t i = 0; i < people().size(); ++i) list.insert(list.end(), static_cast<std::size_t>(people()[i].weight), i);
    return list;
  }();
  return people()[draw.pick(weighted)];
}

const Person& pick_asked(Draw& draw) {
  if (draw.chance(45)) return people()[1];
  for (;;) {
    const Person& person = pick_person(draw);
    if (std::string_view(person.pronoun) != "I" && std::string_view(person.pronoun) != "we") return person;
  }
}

const Person& pick_known(Draw& draw) {
  for (;;) {
    const Person& person = pick_person(draw);
    if (person.pronoun[0]) return person;
  }
}

const Person& pick_other(Draw& draw, const Person& than) {
  const auto first = [](const Person& p) { return std::string_view(p.pronoun) == "I" || std::string_view(p.pronoun) == "we"; };
  for (;;) {
    const Person& other = pick_person(draw);
    const bool named = &other >= &people()[6], than_named = &than >= &people()[6];
    const bool same = !std::strcmp(other.pronoun, than.pronoun) && !(named && than_named);  // he, him; Tom, him
    if (&other == &than || same || (first(other) && first(than))) continue;
    return other;
  }
}

Phrase subject(const Person& person) {
  Phrase phrase = aligned(person.subject);
  phrase.head = name(person);
  return phrase;
}
Phrase object(const Person& person) { return aligned(person.object); }
Form present(const Person& person) { return person.agreement == 2 ? Form::kThird : Form::kBase; }

namespace {
Phrase choose(const Person& person, const char* first, const char* plural, const char* third) {
  return english_only(person.agreement == 0 ? first : person.agreement == 1 ? plural : third);
}
}  // namespace

Phrase be(const Person& person) { return choose(person, "am", "are", "is"); }
Phrase was(const Person& person) { return choose(person, "was", "were", "was"); }
Phrase does(const Person& person) { return choose(person, "do", "do", "does"); }
Phrase has(const Person& person) { return choose(person, "have", "have", "has"); }
Phrase pronoun(const Person& person) { return aligned(people()[pronoun_index(person)].subject); }
Phrase possessive(const Person& person) { return aligned(kPossessives[pronoun_index(person)]); }

const Place& pick_place(Draw& draw, std::string_view tags) {
  std::vector<const Place*> fitting;
  for (const auto& place : places()) {
    if (share_tag(place.tags, tags)) fitting.push_back(&place);
  }
  return *draw.pick(fitting);
}

Phrase at_place(Draw& draw, const Action& action, int per_cent) {
  if (!action.verb->place[0] || !draw.chance(per_cent)) return {};
  const Place& place = pick_place(draw, action.verb->place);
  const std::string preposition = place.preposition;
  const Phrase noun = aligned(place.noun);
  const std::string after = place.after[0] ? fmt::format("{}~{}", place.after, preposition) : "";
  Phrase phrase = compose(preposition + " {p}", "在=" + preposition + " {p} " + after, {{"p", noun}});
  bond(phrase, name(action), noun.words.back());
  return phrase;
}

Phrase there(const Place& place) {
  Phrase phrase = compose("to {p}", "去~to {p}", {{"p", aligned(place.noun)}});
  phrase.head = aligned(place.noun).words.back();
  return phrase;
}

Phrase past_time(Draw& draw, const Action& action, int per_cent) {
  if (!draw.chance(per_cent)) return {};
  return draw.row((action.verb->uses & kFarTime) && draw.chance(50) ? far_past_times() : past_times());
}

Phrase future_time(Draw& draw, const Action& action, int per_cent) {
  if (!draw.chance(per_cent)) return {};
  return draw.row((action.verb->uses & kFarTime) && draw.chance(50) ? far_future_times() : future_times());
}

void bond(Phrase& phrase, std::string_view a, std::string_view b) { phrase.bonds.push_back(fmt::format("{}+{}", a, b)); }

std::string name(const Person& person) {
  const std::string_view row = person.subject;
  const auto english = row.substr(0, row.find('|'));
  return std::string(english.substr(english.rfind(' ') + 1));
}

std::string name(const Action& action) {
  return action.verb->particle[0] ? fmt::format("{} {}", action.verb->base, action.verb->particle) : action.verb->base;
}

}  // namespace attend::phrasebook
