// Being, having, comparing, where things are.
#include <fmt/format.h>

#include <cstring>
#include <string>

#include "phrasebook_grammar.h"

namespace attend::phrasebook {
namespace {

/// What an adjective can be said of.
struct Topic {
  Phrase phrase, be;
  std::string tags, name;
};

Topic pick_topic(Draw& d) {
  if (d.chance(45)) {
    const Person& person = pick_person(d);
    std::string tags = "human person";
    if (std::string_view(person.subject).starts_with("the teacher")) tags += " teacher";
    return {subject(person), be(person), tags, name(person)};
  }
  const Noun& noun = pick_noun(d, "sized priced worn interesting pretty heavy fruit question fame pet");
  if (share_tag("person", noun.tags) || d.chance(70)) return {definite(d, noun), english_only("is"), noun.tags, noun.singular};
  const Person& owner = pick_known(d);
  if (share_tag("wild fruit", noun.tags) || d.chance(30)) {
    return {compose(std::string("these ") + noun.plural, fmt::format("这些=these {}={}", noun.chinese, noun.plural)), english_only("are"),
            noun.tags, noun.singular};
  }
  return {compose(std::string("{p} ") + noun.singular, fmt::format("{{p}} {}={}", noun.chinese, noun.singular), {{"p", possessive(owner)}}),
          english_only("is"), noun.tags, noun.singular};
}

Phrase quality(Draw& d) {
  const Topic topic = pick_topic(d);
  const Adjective* adjective = pick_adjective(d, topic.tags, false);
  if (!adjective) return {};
  const std::string a = adjective->english;
  const Slots slots{{"s", topic.phrase}, {"be", topic.be}};
  Phrase phrase;
  if (share_tag("dyed dyed_animal", adjective->tags)) {
    const std::string chinese = fmt::format("{}={} 的~{}", adjective->chinese, a, a);
    // A colour is said with 是 … 的.
    phrase = d.chance(75) ? compose("{s} {be} " + a, "{s} 是={be} " + chinese, slots)
                          : compose("{s} {be} not " + a, "{s} 不=not 是={be} " + chinese, slots);
  } else {
    const std::string plain = fmt::format("{}={}", adjective->chinese, a);
    switch (d.below(6)) {
      case 0: phrase = compose("{s} {be} very " + a, "{s} 非常=very~{be} " + plain, slots); break;
      case 1: phrase = compose("{s} {be} not " + a, "{s} 不=not~{be} " + plain, slots); break;
      case 2: phrase = compose("{s} {be} too " + a, "{s} 太=too~{be} " + plain + " 了~too", slots); break;
      case 3:  // 有点 is for what one minds
        if (!share_tag(a, "tired busy hungry thirsty sad angry nervous lonely expensive heavy dirty small big old boring difficult strict"))
          return {};
        phrase = compose("{s} {be} a little " + a, "{s} 有点~{be}=a,little " + plain, slots);
        break;
      default: phrase = compose("{s} {be} " + a, "{s} 很~{be} " + plain, slots); break;
    }
  }
  bond(phrase, topic.name, a);
  return phrase;
}

Phrase quality_question(Draw& d) {
  const Topic topic = pick_topic(d);
  const Adjective* adjective = pick_adjective(d, topic.tags, false);
  if (!adjective || topic.name == "I") return {};
  const std::string a = adjective->english;
  const bool colour = share_tag("dyed dyed_animal", adjective->tags);
  const std::string chinese =
      colour ? fmt::format("是={{be}} {}={} 的~{}", adjective->chinese, a, a) : fmt::format("{}={}", adjective->chinese, a);
  Phrase phrase = compose("{be} {s} " + a + " ?", "{s} " + chinese + " 吗~{be},? ？=?", {{"s", topic.phrase}, {"be", topic.be}});
  bond(phrase, topic.name, a);
  return phrase;
}

Phrase compare(Draw& d) {
  Phrase left, right, is = english_only("is");
  std::string tags, who;
  if (d.chance(60)) {
    const Person& a = pick_person(d);
    const Person& b = pick_other(d, a);
    left = subject(a), right = object(b), is = be(a), tags = "person human", who = name(a);
    if (d.chance(30) && a.agreement != 1 && b.agreement != 1) {
      const Phrase years = aligned(numbers()[d.below(6)]);
      const Slots slots{{"a", left}, {"b", right}, {"be", is}, {"n", years}};
      Phrase phrase = d.chance(50) ? compose("{a} {be} {n} years older than {b}", "{a} 比=than~{be} {b} 大=older {n} 岁=years", slots)
                                   : compose("{a} {be} {n} years younger than {b}", "{a} 比=than~{be} {b} 小=younger {n} 岁=years", slots);
      bond(phrase, who, name(b));
      return phrase;
    }
  } else {
    const Noun& noun = pick_noun(d, "sized priced interesting pretty heavy");
    const std::string n = noun.singular, chinese = fmt::format("{}={}", noun.chinese, n);
    tags = noun.tags, who = n;
    if (d.chance(50)) {
      left = compose("this " + n, fmt::format("这=this {}~this,{} {}", noun.measure, n, chinese));
      right = compose("that " + n, fmt::format("那=that {}~that,{} {}", noun.measure, n, chinese));
    } else {
      const Person& a = pick_known(d);
      const Person& b = pick_known(d);
      if (!std::strcmp(a.pronoun, b.pronoun)) return {};
      left = compose("{p} " + n, "{p} " + chinese, {{"p", possessive(a)}});
      right = compose("{p} " + n, "{p} " + chinese, {{"p", possessive(b)}});
    }
  }
  const Adjective* adjective = pick_adjective(d, tags, false, true);
  if (!adjective) return {};
  const std::string a = adjective->english, more = adjective->comparative;
  const Slots slots{{"a", left}, {"b", right}, {"be", is}};
  const bool two_words = more.starts_with("more ");
  Phrase phrase;
  switch (d.below(5)) {
    case 0:
      phrase =
          compose("{a} {be} not as " + a + " as {b}", fmt::format("{{a}} 没有=not~{{be}} {{b}} {}={}~as", adjective->chinese, a), slots);
      break;
    case 1:
      phrase = compose("{a} {be} as " + a + " as {b}", fmt::format("{{a}} 和~as,{{be}} {{b}} 一样=as {}={}", adjective->chinese, a), slots);
      break;
    default:
      phrase = compose(
          "{a} {be} " + more + " than {b}",
          fmt::format("{{a}} 比=than~{{be}} {{b}} {}={}{}", adjective->chinese, two_words ? a : more, two_words ? "~more" : ""), slots);
  }
  bond(phrase, who, a);
  return phrase;
}

Phrase have(Draw& d) {
  const Person& person = pick_person(d);
  const Noun& noun = pick_noun(d, "buy small give carry priced pet kin question");
  if (share_tag("food", noun.tags)) return {};
  NounPhrase what = noun_phrase(d, noun, Determiners::kCounted);
  Phrase phrase = compose("{s} {have} {o}", "{s} 有={have} {o}", {{"s", subject(person)}, {"have", has(person)}, {"o", what.phrase}});
  bond(phrase, "have", noun.singular);
  return phrase;
}

Phrase have_not(Draw& d) {
  const Person& person = pick_person(d);
  const Noun& noun = pick_noun(d, "buy small give carry priced pet kin question");
  if (share_tag("food", noun.tags)) return {};
  const std::string a = article(noun.singular);
  Phrase what = aligned(fmt::format("{} {}|{}={}~{}", a, noun.singular, noun.chinese, noun.singular, a));
  const bool question = d.chance(45);
  Phrase phrase =
      question
          ? compose("{do} {s} have {o} ?", "{s} 有=have {o} 吗~{do},? ？=?", {{"s", subject(person)}, {"do", does(person)}, {"o", what}})
          : compose("{s} {do} not have {o}", "{s} 没=not~{do} 有=have {o}", {{"s", subject(person)}, {"do", does(person)}, {"o", what}});
  if (question && name(person) == "I") return {};
  bond(phrase, "have", noun.singular);
  return phrase;
}

Phrase profession(Draw& d) {
  const Person& person = pick_person(d);
  if (person.agreement == 1 && name(person) != "you") return {};
  for (const char* known : {"the teacher", "the doctor", "the boy", "the girl"}) {
    if (std::string_view(person.subject).starts_with(known)) return {};
  }
  const Phrase job = d.row(jobs());
  const Slots slots{{"s", subject(person)}, {"be", be(person)}, {"a", english_only(article(job.head))}, {"j", job}};
  Phrase phrase;
  switch (d.below(4)) {
    case 0: phrase = compose("{s} {be} not {a} {j}", "{s} 不=not 是={be} {j}~{a}", slots); break;
    case 1:
      if (name(person) == "I") return {};
      phrase = compose("{be} {s} {a} {j} ?", "{s} 是={be} {j}~{a} 吗~? ？=?", slots);
      break;
    default: phrase = compose("{s} {be} {a} {j}", "{s} 是={be} {j}~{a}", slots);
  }
  bond(phrase, name(person), job.head);
  return phrase;
}

Phrase this_is(Draw& d) {
  const Person& owner = pick_known(d);
  const Noun& noun = pick_noun(d, "small give carry priced pet");
  const std::string n = noun.singular, chinese = fmt::format("{}={}", noun.chinese, n);
  const bool near = d.chance(55);
  const std::string it = near ? "this" : "that", ta = near ? "这=this" : "那=that";
  const Slots slots{{"p", possessive(owner)}};
  Phrase phrase;
  switch (d.below(4)) {
    case 0: phrase = compose("is " + it + " {p} " + n + " ?", ta + " 是=is {p} " + chinese + " 吗~? ？=?", slots); break;
    case 1: phrase = compose(it + " is not {p} " + n, ta + " 不=not 是=is {p} " + chinese, slots); break;
    case 2: phrase = compose("whose " + n + " is " + it + " ?", ta + " 是=is 谁=whose 的~whose " + chinese + " ？=?"); break;
    default: phrase = compose(it + " is {p} " + n, ta + " 是=is {p} " + chinese, slots);
  }
  bond(phrase, owner.pronoun, noun.singular);
  return phrase;
}

const Spot& pick_spot(Draw& d, const Noun& noun) {
  std::vector<const Spot*> fitting;
  for (const auto& spot : spots()) {
    if (share_tag(spot.tags, noun.tags)) fitting.push_back(&spot);
  }
  return *d.pick(fitting);
}
constexpr const char* kSpotted = "small pet animal furniture person plant drive ride house_of";

Phrase there_is(Draw& d) {
  const Noun& noun = pick_noun(d, kSpotted);
  const Phrase spot = aligned(pick_spot(d, noun).row);
  if (spot.words.back() == noun.singular) return {};
  Phrase phrase;
  switch (d.below(5)) {
    case 0: {
      const Phrase none = aligned(fmt::format("{}|{}={}", noun.plural, noun.chinese, noun.plural));
      phrase = compose("there are no {o} {w}", "{w} 没=no 有=are~there {o}", {{"o", none}, {"w", spot}});
      break;
    }
    case 1: {
      const std::string a = article(noun.singular);
      const Phrase one = aligned(fmt::format("{} {}|{}={}~{}", a, noun.singular, noun.chinese, noun.singular, a));
      phrase = compose("is there {o} {w} ?", "{w} 有=is~there {o} 吗~? ？=?", {{"o", one}, {"w", spot}});
      break;
    }
    default: {
      const NounPhrase what = noun_phrase(d, noun, Determiners::kCounted);
      const bool one = what.phrase.words[0] == "a" || what.phrase.words[0] == "an";
      phrase = one ? compose("there is {o} {w}", "{w} 有=is~there {o}", {{"o", what.phrase}, {"w", spot}})
                   : compose("there are {o} {w}", "{w} 有=are~there {o}", {{"o", what.phrase}, {"w", spot}});
    }
  }
  bond(phrase, noun.singular, spot.head);
  return phrase;
}

Phrase located(Draw& d) {
  if (d.chance(35)) {
    const Person& person = pick_person(d);
    const Place& place = pick_place(d, "go home near city");
    const std::string in = place.preposition;
    const Slots slots{{"s", subject(person)}, {"be", be(person)}, {"p", aligned(place.noun)}};
    Phrase phrase;
    switch (d.below(3)) {
      case 0: phrase = compose("{s} {be} not " + in + " {p}", "{s} 不=not 在=" + in + "~{be} {p}", slots); break;
      case 1: phrase = compose("{be} {s} " + in + " {p} ?", "{s} 在=" + in + "~{be} {p} 吗~? ？=?", slots); break;
      default: phrase = compose("{s} {be} " + in + " {p} now", "{s} 现在=now 在=" + in + "~{be} {p}", slots);
    }
    if (name(person) == "I" && phrase.words.back() == "?") return {};
    bond(phrase, name(person), aligned(place.noun).words.back());
    return phrase;
  }
  const Noun& noun = pick_noun(d, "small pet carry drive ride");
  const Person& owner = pick_known(d);
  const bool mine = d.chance(50);
  const Phrase thing = mine ? compose(std::string("{p} ") + noun.singular, fmt::format("{{p}} {}={}", noun.chinese, noun.singular),
                                      {{"p", possessive(owner)}})
                            : definite(d, noun);
  Phrase phrase;
  if (d.chance(30)) {
    phrase = compose("where is {o} ?", "{o} 在~is 哪里=where ？=?", {{"o", thing}});
    if (mine) bond(phrase, owner.pronoun, noun.singular);
    bond(phrase, "where", noun.singular);
    return phrase;
  }
  const Phrase spot = aligned(pick_spot(d, noun).row);
  if (spot.words.back() == noun.singular) return {};
  phrase = compose("{o} is {w}", "{o} 在=is {w}", {{"o", thing}, {"w", spot}});
  bond(phrase, noun.singular, spot.head);
  return phrase;
}

Phrase age(Draw& d) {
  static const std::vector<const char*> young = {"seven|七=seven", "eight|八=eight",     "nine|九=nine",
                                                 "ten|十=ten",     "twelve|十二=twelve", "fifteen|十五=fifteen"};
  static const std::vector<const char*> grown = {"twenty|二十=twenty", "thirty|三十=thirty", "forty|四十=forty", "fifty|五十=fifty"};
  const Person& person = pick_person(d);
  if (person.agreement == 1 && name(person) != "you" && name(person) != "parents") return {};
  const bool adult = share_tag(name(person), "father mother husband wife parents teacher doctor neighbour");
  const bool child = share_tag(name(person), "boy girl son daughter");
  const Phrase number = d.row(adult || (!child && d.chance(40)) ? grown : young);
  Phrase phrase =
      compose("{s} {be} {n} years old", "{s} {n} 岁=years,old~{be}", {{"s", subject(person)}, {"be", be(person)}, {"n", number}});
  bond(phrase, name(person), number.head);
  return phrase;
}

Phrase price(Draw& d) {
  static const std::vector<const char*> yuan = {"five|五=five",       "ten|十=ten",         "fifteen|十五=fifteen",
                                                "twenty|二十=twenty", "thirty|三十=thirty", "fifty|五十=fifty"};
  static const std::vector<const char*> hundreds = {"two hundred|两=two 百=hundred", "three hundred|三=three 百=hundred",
                                                    "five hundred|五=five 百=hundred", "eight hundred|八=eight 百=hundred",
                                                    "two thousand|两=two 千=thousand"};
  const Noun& noun = pick_noun(d, "shop");
  const Phrase amount = d.row(share_tag("clothes hat fix", noun.tags) ? hundreds : yuan);
  const std::string n = noun.singular;
  const bool near = d.chance(60);
  const Phrase thing = near ? compose("this " + n, fmt::format("这=this {}~this,{} {}={}", noun.measure, n, noun.chinese, n))
                            : compose("that " + n, fmt::format("那=that {}~that,{} {}={}", noun.measure, n, noun.chinese, n));
  Phrase phrase = d.chance(45) ? compose("how much is {o} ?", "{o} 多少~is=how,much 钱~much ？=?", {{"o", thing}})
                               : compose("{o} costs {n} yuan", "{o} {n} 块=yuan 钱~yuan,costs", {{"o", thing}, {"n", amount}});
  bond(phrase, "costs", n);
  return phrase;
}

}  // namespace

const std::vector<Template>& noun_templates() {
  static const std::vector<Template> list = {
      {"quality", 420, quality},
      {"quality, question", 170, quality_question},
      {"comparison", 340, compare},
      {"have", 200, have},
      {"have not, have you", 150, have_not},
      {"profession", 150, profession},
      {"this is", 200, this_is},
      {"there is", 260, there_is},
      {"located", 240, located},
      {"age", 70, age},
      {"price", 80, price},
  };
  return list;
}

}  // namespace attend::phrasebook
