// Yes-no questions and questions with who, what, where, when, why, how, which.
#include <fmt/format.h>

#include <string>

#include "phrasebook_grammar.h"

namespace attend::phrasebook {
namespace {

Phrase past_question(Draw& d) {
  const Person& person = pick_asked(d);
  const Action action = pick_any(d, kPast, Determiners::kLight, person);
  const Phrase at = at_place(d, action, 20), time = past_time(d, action, 60);
  return bound(compose("did {s} {v} {at} {t} ?", "{s} {t} {at} {v}^did 吗~did,? ？=?",
                       {{"s", subject(person)}, {"v", action(Form::kBase, Aspect::kDone)}, {"at", at}, {"t", time}}),
               person, action);
}

Phrase ever(Draw& d) {
  const Person& person = pick_asked(d);
  if (d.chance(20)) {
    const Phrase place = aligned(pick_place(d, "city country").noun);
    Phrase phrase = compose("{have} {s} ever been to {p} ?", "{s} 去=been~to 过~{have},ever {p} 吗~{have},? ？=?",
                            {{"s", subject(person)}, {"have", has(person)}, {"p", place}});
    bond(phrase, name(person), place.head);
    return phrase;
  }
  const Action action = pick_action(d, kExperience, Determiners::kGeneric);
  return compose("{have} {s} ever {v} ?", "{s} {v}^{have},ever 吗~{have},? ？=?",
                 {{"s", subject(person)}, {"v", action(Form::kParticiple, Aspect::kExperienced)}, {"have", has(person)}});
}

Phrase progressive_question(Draw& d) {
  const Person& person = pick_asked(d);
  const Action action = pick_any(d, kProgressive, Determiners::kLight, person);
  return bound(
      compose("{be} {s} {v} ?", "{s} 在~{be} {v} 吗~{be},? ？=?", {{"s", subject(person)}, {"v", action(Form::kIng)}, {"be", be(person)}}),
      person, action);
}

Phrase habit_question(Draw& d) {
  const Person& person = pick_asked(d);
  const Action action = pick_action(d, kHabit, Determiners::kGeneric);
  const Phrase at = at_place(d, action, 25);
  const bool often = d.chance(50);
  const Phrase time = often ? aligned("often|常常=often") : d.row(habits());
  const Slots slots{{"s", subject(person)}, {"v", action(Form::kBase)}, {"at", at}, {"t", time}, {"do", does(person)}};
  return bound(often ? compose("{do} {s} {t} {v} {at} ?", "{s} {t} {at} {v} 吗~{do},? ？=?", slots)
                     : compose("{do} {s} {v} {at} {t} ?", "{s} {t} {at} {v} 吗~{do},? ？=?", slots),
               person, action);
}

Phrase will_question(Draw& d) {
  const Person& person = pick_asked(d);
  const Action action = pick_any(d, kFuture, Determiners::kLight, person);
  const Phrase at = at_place(d, action, 15), time = future_time(d, action, 75);
  return bound(compose("will {s} {v} {at} {t} ?", "{s} {t} 会=will {at} {v} 吗~? ？=?",
                       {{"s", subject(person)}, {"v", action(Form::kBase)}, {"at", at}, {"t", time}}),
               person, action);
}

Phrase like_question(Draw& d) {
  const Person& person = pick_asked(d);
  static const std::vector<const char*> verbs = {"like|喜欢=like", "like|喜欢=like", "know|认识=know", "miss|想念=miss",
                                                 "trust|信任=trust"};
  const Phrase verb = d.row(verbs);
  Phrase what;
  if (verb.head == "like" && d.chance(75)) {
    const Noun& noun = pick_noun(d, "animal interesting likeable film dyed", false);
    what = noun_phrase(d, noun, d.chance(55) ? Determiners::kGeneric : Determiners::kDefinite).phrase;
    if (what.empty()) return {};
  } else {
    const Person& other = pick_other(d, person);
    what = object(other);
    what.head = name(other);
  }
  Phrase phrase =
      compose("{do} {s} {v} {o} ?", "{s} {v} {o} 吗~{do},? ？=?", {{"s", subject(person)}, {"v", verb}, {"o", what}, {"do", does(person)}});
  bond(phrase, verb.head, what.head);
  return phrase;
}

Phrase who(Draw& d) {
  const auto use = d.below(5);
  const unsigned uses[] = {kPast, kPast, kProgressive, kSkill, kFuture};
  const Action action = pick_action(d, uses[use],
                                    use == 3   ? Determiners::kGeneric
                                    : use == 4 ? Determiners::kLight
                                               : Determiners::kDefinite);
  if (action.verb->object[0] != '|' && action.object.empty()) return {};
  Phrase phrase;
  switch (use) {
    case 0: phrase = compose("who {v} ?", "谁=who {v} ？=?", {{"v", action(Form::kPast, Aspect::kDone)}}); break;
    case 1: {
      const Phrase time = past_time(d, action, 100);
      phrase = compose("who {v} {t} ?", "谁=who {t} {v} ？=?", {{"v", action(Form::kPast, Aspect::kDone)}, {"t", time}});
      break;
    }
    case 2: phrase = compose("who is {v} ?", "谁=who 在~is {v} ？=?", {{"v", action(Form::kIng)}}); break;
    case 3: phrase = compose("who can {v} ?", "谁=who 会=can {v} ？=?", {{"v", action(Form::kBase)}}); break;
    default: phrase = compose("who wants to {v} ?", "谁=who 想=wants~to {v} ？=?", {{"v", action(Form::kBase)}});
  }
  if (action.object.head.empty()) bond(phrase, "who", name(action));
  return phrase;
}

struct Asked {
  const char *base, *past, *ing, *chinese;
  bool lasting;  ///< has a progressive
};
const std::vector<Asked>& asked() {
  static const std::vector<Asked> list = {
      {"buy", "bought", "buying", "买", true},        {"eat", "ate", "eating", "吃", true},
      {"drink", "drank", "drinking", "喝", true},     {"read", "read", "reading", "看", true},
      {"write", "wrote", "writing", "写", true},      {"draw", "drew", "drawing", "画", true},
      {"cook", "cooked", "cooking", "做", true},      {"find", "found", "finding", "找到", false},
      {"see", "saw", "seeing", "看见", false},        {"receive", "received", "receiving", "收到", false},
      {"sell", "sold", "selling", "卖", true},        {"borrow", "borrowed", "borrowing", "借", false},
      {"learn", "learned", "learning", "学", true},   {"wash", "washed", "washing", "洗", true},
      {"repair", "repaired", "repairing", "修", true}};
  return list;
}

Phrase what(Draw& d) {
  const Person& person = pick_asked(d);
  const Asked& verb = d.pick(asked());
  const std::string base = verb.base, ing = verb.ing, chinese = verb.chinese;
  const Phrase past = d.row(past_times()), future = d.row(future_times());
  const Slots slots{{"s", subject(person)}, {"past", past}, {"future", future}, {"be", be(person)}, {"do", does(person)}};
  const auto kind = d.below(5);
  if (!verb.lasting && kind > 1) return {};
  Phrase phrase;
  switch (kind) {
    case 0: phrase = compose("what did {s} " + base + " ?", "{s} " + chinese + '=' + base + " 了~did 什么=what ？=?", slots); break;
    case 1:
      phrase = compose("what did {s} " + base + " {past} ?", "{s} {past} " + chinese + '=' + base + " 了~did 什么=what ？=?", slots);
      break;
    case 2: phrase = compose("what {be} {s} " + ing + " ?", "{s} 在~{be} " + chinese + '=' + ing + " 什么=what ？=?", slots); break;
    case 3:
      phrase = compose("what {do} {s} want to " + base + " ?", "{s} 想=want~to,{do} " + chinese + '=' + base + " 什么=what ？=?", slots);
      break;
    default:
      phrase = compose("what will {s} " + base + " {future} ?", "{s} {future} 会=will " + chinese + '=' + base + " 什么=what ？=?", slots);
  }
  bond(phrase, name(person), base);
  return phrase;
}

Phrase where(Draw& d) {
  const Person& person = pick_asked(d);
  const Phrase past = d.row(past_times()), future = d.row(future_times());
  const auto kind = d.below(7);
  Slots slots{{"s", subject(person)}, {"past", past}, {"future", future}, {"be", be(person)}, {"do", does(person)}};
  Phrase phrase;
  std::string what = "go";
  switch (kind) {
    case 0: phrase = compose("where {do} {s} live ?", "{s} 住=live~{do} 在~where 哪里=where ？=?", slots), what = "live"; break;
    case 1: phrase = compose("where {do} {s} work ?", "{s} 在~where 哪里=where 工作=work~{do} ？=?", slots), what = "work"; break;
    case 2: phrase = compose("where did {s} go {past} ?", "{s} {past} 去=go 了~did 哪里=where ？=?", slots); break;
    case 3: phrase = compose("where will {s} go {future} ?", "{s} {future} 会=will 去=go 哪里=where ？=?", slots); break;
    default: {
      static const std::vector<const char*> bought = {"buy", "find", "borrow", "lose", "see"};
      const std::string verb = d.pick(bought);
      Action action;
      for (const auto& candidate : actions()) {
        if (candidate.base == verb) {
          action.verb = &candidate;
          break;
        }
      }
      const NounPhrase thing = noun_phrase(d, pick_noun(d, action.verb->object), Determiners::kDefinite);
      slots.emplace_back("o", thing.phrase);
      const std::string chinese = std::string(action.verb->chinese) + '=' + verb;
      phrase = compose("where did {s} " + verb + " {o} ?", "{s} 是~did 在~where 哪里=where " + chinese + " 的~did {o} ？=?", slots);
      bond(phrase, verb, thing.phrase.head);
      return phrase;
    }
  }
  bond(phrase, "where " + name(person), what);
  return phrase;
}

Phrase when(Draw& d) {
  const Person& person = pick_asked(d);
  if (d.chance(50)) {
    const Action action = pick_action(d, kPast, Determiners::kDefinite);
    if (action.object.chunks.empty()) return {};
    const std::string base = action.verb->base, particle = action.verb->particle;
    const std::string marks = '=' + base + (particle.empty() ? "" : '~' + particle);
    Phrase phrase = compose("when did {s} " + base + ' ' + particle + " {o} ?",
                            "{s} 是~did 什么=when 时候=when " + std::string(action.verb->chinese) + marks + " 的~did {o} ？=?",
                            {{"s", subject(person)}, {"o", action.object}});
    bond(phrase, name(action), action.object.head);
    return phrase;
  }
  static const std::vector<const char*> goals = {"come home|回=come 家=home",
                                                 "go home|回=go 家=home",
                                                 "leave|走=leave",
                                                 "come back|回来=come,back",
                                                 "arrive|到=arrive",
                                                 "go to bed|睡觉=go,bed~to",
                                                 "call me|给~call 我=me 打=call 电话=call"};
  Phrase goal = d.chance(40) ? compose("go {p}", "{p}~go", {{"p", there(pick_place(d, "go"))}}) : d.row(goals);
  if (d.chance(25)) {
    const Action action = pick_any(d, kFuture, Determiners::kLight, person);
    goal = action(Form::kBase);
    goal.head = name(action);
  }
  Phrase phrase = compose("when will {s} {v} ?", "{s} 什么=when 时候=when~will {v} ？=?", {{"s", subject(person)}, {"v", goal}});
  bond(phrase, name(person), goal.head.empty() ? goal.words.back() : goal.head);
  return phrase;
}

Phrase why(Draw& d) {
  const Person& person = pick_asked(d);
  const auto kind = d.below(6);
  Slots slots{{"s", subject(person)}, {"be", be(person)}, {"do", does(person)}};
  if (kind == 0) {
    static const std::vector<const char*> moods = {"sad|难过=sad",
                                                   "angry|生气=angry",
                                                   "nervous|紧张=nervous",
                                                   "so happy|这么=so 高兴=happy",
                                                   "so busy|这么=so 忙=busy",
                                                   "so tired|这么=so 累=tired"};
    const Phrase mood = d.row(moods);
    slots.emplace_back("a", mood);
    Phrase phrase = compose("why {be} {s} {a} ?", "{s} 为什么=why {a}~{be} ？=?", slots);
    bond(phrase, name(person), mood.words.back());
    return phrase;
  }
  const unsigned uses[] = {0, kPast, kPast, kFuture, kFuture, kProgressive};
  const Action action = pick_action(d, uses[kind], kind == 2 ? Determiners::kDefinite : Determiners::kLight);
  if (action.verb->object[0] != '|' && action.object.empty()) return {};
  Phrase phrase;
  slots.emplace_back("v", action(kind == 5 ? Form::kIng : Form::kBase, kind == 2 ? Aspect::kDone : Aspect::kNone));
  switch (kind) {
    case 1: phrase = compose("why did {s} not {v} ?", "{s} 为什么=why 没=not~did {v} ？=?", slots); break;
    case 2:
      if (!action.specific) return {};
      phrase = compose("why did {s} {v} ?", "{s} 为什么=why {v}^did ？=?", slots);
      break;
    case 3: phrase = compose("why {do} {s} want to {v} ?", "{s} 为什么=why 想=want~to,{do} {v} ？=?", slots); break;
    case 4: phrase = compose("why {do} {s} not want to {v} ?", "{s} 为什么=why 不=not 想=want~to,{do} {v} ？=?", slots); break;
    default: phrase = compose("why {be} {s} {v} ?", "{s} 为什么=why 在~{be} {v} ？=?", slots);
  }
  return bound(phrase, person, action);
}

Phrase how(Draw& d) {
  const Person& person = pick_asked(d);
  const bool did = d.chance(40);
  if (d.chance(65)) {
    const Place& place = pick_place(d, "go");
    const Slots slots{{"s", subject(person)}, {"p", aligned(place.noun)}, {"do", does(person)}};
    Phrase phrase = did ? compose("how did {s} go to {p} ?", "{s} 是~did 怎么=how 去=go~to {p} 的~did ？=?", slots)
                        : compose("how will {s} go to {p} ?", "{s} 怎么=how~will 去=go~to {p} ？=?", slots);
    bond(phrase, "how " + name(person), aligned(place.noun).words.back());
    return phrase;
  }
  const Action action = pick_action(d, kSkill, Determiners::kGeneric);
  if (action.object.chunks.empty() || !share_tag(action.verb->base, "cook make repair draw play")) return {};
  return compose("how do you {v} ?", "你=you 怎么=how~do {v} ？=?", {{"v", action(Form::kBase)}});
}

Phrase how_many(Draw& d) {
  const Person& person = pick_asked(d);
  static const std::vector<const char*> verbs = {"buy", "have", "have", "eat", "sell", "write", "read", "see"};
  const std::string verb = d.pick(verbs);
  const char* const tags = verb == "have"    ? "give carry priced pet kin"
                           : verb == "eat"   ? "fruit bake"
                           : verb == "write" ? "written"
                           : verb == "read"  ? "text"
                           : verb == "see"   ? "animal"
                           : verb == "sell"  ? "buy"
                                             : "shop";
  const Noun& noun = pick_noun(d, tags);
  const bool which = verb != "have" && d.chance(40), now = verb == "have";
  const std::string n = which ? noun.singular : noun.plural;
  const char* const chinese = verb == "have"    ? "有"
                              : verb == "buy"   ? "买"
                              : verb == "eat"   ? "吃"
                              : verb == "sell"  ? "卖"
                              : verb == "write" ? "写"
                              : verb == "read"  ? "看"
                                                : "看见";
  const Phrase past = d.chance(50) && !now ? d.row(past_times()) : Phrase{};
  const Slots slots{{"s", subject(person)}, {"do", now ? does(person) : english_only("did")}, {"t", past}};
  const std::string predicate = fmt::format("{{s}} {{t}} {}={}{} {}", chinese, verb, now ? "~{do}" : "", now ? "" : "了~{do}");
  Phrase phrase = which ? compose("which " + n + " {do} {s} " + verb + " {t} ?",
                                  predicate + fmt::format(" 哪=which {}~which,{} {}={} ？=?", noun.measure, n, noun.chinese, n), slots)
                        : compose("how many " + n + " {do} {s} " + verb + " {t} ?",
                                  predicate + fmt::format(" 几=how,many {}~many,{} {}={} ？=?", noun.measure, n, noun.chinese, n), slots);
  bond(phrase, verb, noun.singular);
  return phrase;
}

Phrase how_old(Draw& d) {
  const Person& person = pick_asked(d);
  const Slots slots{{"s", subject(person)}, {"be", be(person)}, {"do", does(person)}};
  static const std::vector<const char*> daily = {
      "get up|起床=get,up",          "go to bed|睡觉=go,bed~to",      "eat breakfast|吃=eat 早饭=breakfast",
      "eat lunch|吃=eat 午饭=lunch", "eat dinner|吃=eat 晚饭=dinner", "go to school|去=go~to 学校=school",
      "go home|回=go 家=home"};
  if (d.chance(25)) {
    if (person.agreement == 1 && name(person) != "you") return {};
    Phrase phrase = compose("how old {be} {s} ?", "{s} 多=how 大=old~{be} 了~{be} ？=?", slots);
    bond(phrase, name(person), "old");
    return phrase;
  }
  const Phrase deed = d.row(daily);
  Phrase phrase =
      compose("what time {do} {s} {v} ?", "{s} 几=what 点=time~{do} {v} ？=?", {{"s", subject(person)}, {"do", does(person)}, {"v", deed}});
  bond(phrase, "time " + name(person), deed.head);
  return phrase;
}

}  // namespace

const std::vector<Template>& question_templates() {
  static const std::vector<Template> list = {
      {"past, question", 300, past_question},
      {"ever", 150, ever},
      {"progressive, question", 160, progressive_question},
      {"every day, question", 160, habit_question},
      {"will, question", 150, will_question},
      {"state, question", 200, like_question},
      {"who", 230, who},
      {"what", 250, what},
      {"where", 220, where},
      {"when, question", 190, when},
      {"why", 240, why},
      {"how", 120, how},
      {"how many, which", 200, how_many},
      {"how old, what time", 90, how_old},
  };
  return list;
}

}  // namespace attend::phrasebook
