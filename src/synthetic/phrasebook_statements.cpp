// Statements about what people do: tense and aspect, negation, habits, states.
#include <string>

#include "phrasebook_grammar.h"

namespace attend::phrasebook {

namespace {

/// "{s} ... {v} {at} {t}": the slots that all sentences with an action share.
struct Scene {
  const Person& person;
  Action action;
  Phrase at, time;
  Phrase operator()(const std::string& english, const std::string& chinese, Phrase verb, Slots more = {}) const {
    more.insert(more.end(), {{"s", subject(person)}, {"v", std::move(verb)}, {"at", at}, {"t", time}});
    return bound(compose(english, chinese, more), person, action);
  }
};

Scene past_scene(Draw& d, Determiners determiners, int time = 65) {
  const Person& person = pick_person(d);
  Action action = pick_any(d, kPast, determiners, person);
  Phrase at = at_place(d, action, 25);
  Phrase when = past_time(d, action, time);
  return {person, std::move(action), std::move(at), std::move(when)};
}

Scene future_scene(Draw& d, Determiners determiners) {
  const Person& person = pick_person(d);
  Action action = pick_any(d, kFuture, determiners, person);
  Phrase at = at_place(d, action, 20);
  Phrase when = future_time(d, action, 70);
  return {person, std::move(action), std::move(at), std::move(when)};
}

Phrase past(Draw& d) {
  const Scene s = past_scene(d, Determiners::kFull);
  return s("{s} {v} {at} {t}", "{s} {t} {at} {v}", s.action(Form::kPast, Aspect::kDone));
}

Phrase past_negative(Draw& d) {
  const Scene s = past_scene(d, Determiners::kLight);
  return s("{s} did not {v} {at} {t}", "{s} {t} 没=not~did {at} {v}", s.action(Form::kBase));
}

Phrase experience(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_action(d, kExperience, d.chance(60) ? Determiners::kDefinite : Determiners::kGeneric), {}, {}};
  if (s.action.object.empty()) return {};
  return s("{s} {have} {v}", "{s} {v}^{have}", s.action(Form::kParticiple, Aspect::kExperienced), {{"have", has(person)}});
}

Phrase never(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_action(d, kExperience, d.chance(50) ? Determiners::kDefinite : Determiners::kGeneric), {}, {}};
  if (s.action.object.empty()) return {};
  return s("{s} {have} never {v}", "{s} 从来=never 没=never {v}^{have}", s.action(Form::kParticiple, Aspect::kExperienced),
           {{"have", has(person)}});
}

Phrase been_to(Draw& d) {
  const Person& person = pick_person(d);
  const Phrase place = aligned(pick_place(d, "city country").noun);
  const Slots slots{{"s", subject(person)}, {"have", has(person)}, {"p", place}};
  Phrase phrase = d.chance(60) ? compose("{s} {have} been to {p}", "{s} 去=been~to 过~{have} {p}", slots)
                               : compose("{s} {have} never been to {p}", "{s} 从来=never 没=never 去=been~to 过~{have} {p}", slots);
  bond(phrase, name(person), place.head);
  return phrase;
}

Phrase already(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_action(d, kPast, Determiners::kDefinite, &person), {}, {}};
  if (s.action.object.empty() && s.action.verb->object[0] != '|') return {};
  return s("{s} {have} already {v}", "{s} 已经=already {v}^{have}", s.action(Form::kParticiple, Aspect::kDone), {{"have", has(person)}});
}

Phrase not_yet(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_action(d, kPast, Determiners::kDefinite, &person), {}, {}};
  if (s.action.object.empty() && s.action.verb->object[0] != '|') return {};
  if (std::string_view(s.action.verb->base) == "lose" || std::string_view(s.action.verb->base) == "break") return {};
  return s("{s} {have} not {v} yet", "{s} 还=yet 没=not~{have} {v}", s.action(Form::kParticiple), {{"have", has(person)}});
}

Phrase progressive(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_any(d, kProgressive, Determiners::kLight, person), {}, {}};
  if (d.chance(25)) s.time = aligned("now|现在=now");
  return s("{s} {be} {v} {t}", "{s} {t} 在~{be} {v}", s.action(Form::kIng), {{"be", be(person)}});
}

Phrase progressive_at(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_action(d, kProgressive, Determiners::kLight), {}, {}};
  s.at = at_place(d, s.action, 100);
  if (s.at.empty()) return {};
  return s("{s} {be} {v} {at}", "{s} 正~{be} {at} {v}", s.action(Form::kIng), {{"be", be(person)}});
}

Phrase progressive_negative(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_any(d, kProgressive, Determiners::kLight, person), {}, {}};
  return s("{s} {be} not {v}", "{s} 没=not 在~{be} {v}", s.action(Form::kIng), {{"be", be(person)}});
}

Phrase wearing(Draw& d) {
  const Person& person = pick_person(d);
  const bool hat = d.chance(25);
  const Noun& noun = pick_noun(d, hat ? "hat" : "clothes");
  const NounPhrase what = noun_phrase(d, noun, Determiners::kFull);
  if (person.agreement == 1 && name(person) != "you") return {};  // "they are wearing a hat"
  if (what.phrase.words[0] != "a" && what.phrase.words[0] != "an" && what.phrase.words[0] != "the") return {};
  Phrase phrase = compose("{s} {be} wearing {o}", hat ? "{s} 戴=wearing 着~{be} {o}" : "{s} 穿=wearing 着~{be} {o}",
                          {{"s", subject(person)}, {"be", be(person)}, {"o", what.phrase}});
  bond(phrase, "wear", noun.singular);
  return phrase;
}

Phrase every_day(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_any(d, kHabit, Determiners::kGeneric, person), {}, d.row(habits())};
  s.at = at_place(d, s.action, 30);
  return s("{s} {v} {at} {t}", "{s} {t} {at} {v}", s.action(present(person)));
}

Phrase often(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_any(d, kHabit, Determiners::kGeneric, person), {}, d.row(frequencies())};
  s.at = at_place(d, s.action, 45);
  return s("{s} {t} {v} {at}", "{s} {t} {at} {v}", s.action(present(person)));
}

Phrase at_hour(Draw& d) {
  struct Daily {
    const char *base, *third, *chinese, *hours;
  };
  static const std::vector<Daily> daily = {{"get up", "gets up", "起床=V,up", "six seven eight"},
                                           {"go to bed", "goes to bed", "睡觉=V,bed~to", "eight nine ten twelve"},
                                           {"eat breakfast", "eats breakfast", "吃=V 早饭=breakfast", "six seven eight"},
                                           {"eat lunch", "eats lunch", "吃=V 午饭=lunch", "twelve two"},
                                           {"eat dinner", "eats dinner", "吃=V 晚饭=dinner", "six seven eight"},
                                           {"go home", "goes home", "回=V 家=home", "three six seven nine ten"},
                                           {"go to school", "goes to school", "去=V~to 学校=school", "seven eight"},
                                           {"go to work", "goes to work", "去=V~to 上班=work", "six seven eight nine"}};
  const Person& person = pick_person(d);
  const Daily& what = d.pick(daily);
  const Phrase hour = d.row(hours());
  if (!share_tag(hour.words.back(), what.hours)) return {};
  const std::string english = present(person) == Form::kThird ? what.third : what.base;
  std::string chinese = what.chinese;
  chinese.replace(chinese.find('V'), 1, english.substr(0, english.find(' ')));
  const bool must = d.chance(30), daily_too = !must && d.chance(25);
  Phrase action = aligned(english + '|' + chinese);
  if (must) {
    std::string base = what.chinese, verb = what.base;
    base.replace(base.find('V'), 1, verb.substr(0, verb.find(' ')));
    action = aligned(verb + '|' + base);
  }
  const Slots slots{{"s", subject(person)}, {"v", action}, {"t", hour}};
  Phrase phrase = must        ? compose("{s} must {v} {t}", "{s} 必须=must {t} {v}", slots)
                  : daily_too ? compose("{s} {v} {t} every day", "{s} 每=every 天=day {t} {v}", slots)
                              : compose("{s} {v} {t}", "{s} {t} {v}", slots);
  bond(phrase, what.base, hour.head);
  return phrase;
}

Phrase present_negative(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_action(d, kHabit, Determiners::kGeneric), {}, {}};
  s.at = at_place(d, s.action, 40);
  return s("{s} {do} not {v} {at}", "{s} 不=not~{do} {at} {v}", s.action(Form::kBase), {{"do", does(person)}});
}

Action pick_state(Draw& d, const Person& person) {
  Action action;
  action.verb = &d.pick(states());
  const std::string_view tags = action.verb->object;
  action.specific = true;
  if (share_tag("person", tags) && d.chance(55)) {
    const Person& other = pick_other(d, person);
    action.object = object(other);
    action.object.head = name(other);
  } else {
    const Noun& noun = pick_noun(d, tags, false);
    if (share_tag("person", noun.tags)) {
      action.object = definite(d, noun);
    } else {
      const bool need = std::string_view(action.verb->base) == "need", all = std::string_view(action.verb->base) != "remember";
      action.object = noun_phrase(d, noun,
                                  need                  ? Determiners::kCounted
                                  : all && d.chance(55) ? Determiners::kGeneric
                                                        : Determiners::kDefinite)
                          .phrase;
    }
  }
  return action;
}

Phrase state(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_state(d, person), {}, {}};
  if (s.action.object.empty()) return {};
  if (d.chance(15)) {
    return s("{s} also {v}", "{s} 也=also {v}", s.action(present(person)));
  }
  if (person.agreement == 1 && d.chance(20) && std::string_view(person.pronoun) != "you" && person.subject[0] != 'm') {
    return s("{s} all {v}", "{s} 都=all {v}", s.action(present(person)));
  }
  return s("{s} {v}", "{s} {v}", s.action(present(person)));
}

Phrase state_negative(Draw& d) {
  const Person& person = pick_person(d);
  Scene s{person, pick_state(d, person), {}, {}};
  if (s.action.object.empty() || std::string_view(s.action.verb->base) == "need") return {};
  return s("{s} {do} not {v}", "{s} 不=not~{do} {v}", s.action(Form::kBase), {{"do", does(person)}});
}

Phrase will(Draw& d) {
  const Scene s = future_scene(d, Determiners::kFull);
  return s("{s} will {v} {at} {t}", "{s} {t} 会=will {at} {v}", s.action(Form::kBase));
}

Phrase going_to(Draw& d) {
  const Scene s = future_scene(d, Determiners::kFull);
  return s("{s} {be} going to {v} {at} {t}", "{s} {t} 要=going~{be},to {at} {v}", s.action(Form::kBase), {{"be", be(s.person)}});
}

Phrase will_not(Draw& d) {
  const Scene s = future_scene(d, Determiners::kLight);
  return s("{s} will not {v} {at} {t}", "{s} {t} 不=not 会=will {at} {v}", s.action(Form::kBase));
}

Phrase for_hours(Draw& d) {
  static const std::vector<const char*> past_rows = {
      "slept|睡=slept 了~slept",    "waited|等=waited 了~waited", "worked|工作=worked 了~worked", "studied|学习=studied 了~studied",
      "swam|游=swam 了~swam",       "danced|跳=danced 了~danced", "rested|休息=rested 了~rested", "ran|跑=ran 了~ran",
      "walked|走=walked 了~walked", "cried|哭=cried 了~cried"};
  static const std::vector<const char*> object_rows = {
      "watched television|看=watched 了~watched {t} 电视=television", "read books|看=read 了~read {t} 书=books",
      "listened to music|听=listened~to 了~listened {t} 音乐=music",  "played football|踢=played 了~played {t} 足球=football",
      "played basketball|打=played 了~played {t} 篮球=basketball",    "played the piano|弹=played 了~played {t} 钢琴=piano~the",
      "learned Chinese|学=learned 了~learned {t} 中文=Chinese",       "played games|玩=played 了~played {t} 游戏=games"};
  const Person& person = pick_person(d);
  const Phrase time = d.row(durations());
  const Phrase day = d.chance(50) ? d.row(past_times()) : Phrase{};
  const std::string row = d.chance(55) ? d.pick(past_rows) : d.pick(object_rows);
  const auto bar = row.find('|');
  const bool object = row.find("{t}") != std::string::npos;
  if (day.words.size() == 3) return {};  // "two days ago" beside "for two hours" reads badly
  Phrase phrase = compose("{s} " + row.substr(0, bar) + " {t} {day}", "{s} {day} " + row.substr(bar + 1) + (object ? "" : " {t}"),
                          {{"s", subject(person)}, {"t", time}, {"day", day}});
  const std::string what = row.substr(0, bar);
  bond(phrase, what, time.words[1] + time.words.back());
  bond(phrase, name(person), what);
  return phrase;
}

}  // namespace

Phrase bound(Phrase phrase, const Person& person, const Action& action) {
  if (action.object.head.empty()) bond(phrase, name(person), name(action));
  return phrase;
}

const std::vector<Template>& statement_templates() {
  static const std::vector<Template> list = {
      {"past", 620, past},
      {"past, negative", 340, past_negative},
      {"experience", 200, experience},
      {"never", 150, never},
      {"been to", 110, been_to},
      {"already", 160, already},
      {"not yet", 130, not_yet},
      {"progressive", 340, progressive},
      {"progressive at a place", 180, progressive_at},
      {"progressive, negative", 110, progressive_negative},
      {"wearing", 110, wearing},
      {"every day", 260, every_day},
      {"often", 220, often},
      {"at an hour", 160, at_hour},
      {"present, negative", 160, present_negative},
      {"state", 360, state},
      {"state, negative", 180, state_negative},
      {"will", 320, will},
      {"going to", 240, going_to},
      {"will not", 130, will_not},
      {"for hours", 150, for_hours},
  };
  return list;
}

}  // namespace attend::phrasebook
