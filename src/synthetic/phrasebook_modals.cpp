// What people want, can, may and must do; requests.
#include <string>

#include "phrasebook_grammar.h"

namespace attend::phrasebook {
namespace {

struct Deed {
  const Person& person;
  Action action;
  Phrase at, time;
  Phrase operator()(const std::string& english, const std::string& chinese, Slots more = {}, Form form = Form::kBase) const {
    more.insert(more.end(), {{"s", subject(person)}, {"v", action(form)}, {"at", at}, {"t", time}, {"do", does(person)}});
    Phrase phrase = compose(english, chinese, more);
    if (action.object.head.empty()) bond(phrase, name(person), name(action));
    return phrase;
  }
};

Deed pick_deed(Draw& d, const Person& person, unsigned use, Determiners determiners, int place = 20, int time = 30) {
  Action action = pick_any(d, use, determiners, person);
  Phrase at = at_place(d, action, place);
  Phrase when = future_time(d, action, time);
  return {person, std::move(action), std::move(at), std::move(when)};
}

Phrase want(Draw& d) {
  const Person& person = pick_person(d);
  const Deed deed = pick_deed(d, person, kFuture, Determiners::kFull);
  return person.agreement == 2 ? deed("{s} wants to {v} {at} {t}", "{s} {t} 想=wants~to {at} {v}")
                               : deed("{s} want to {v} {at} {t}", "{s} {t} 想=want~to {at} {v}");
}

Phrase want_not(Draw& d) {
  const Deed deed = pick_deed(d, pick_person(d), kFuture, Determiners::kLight);
  return deed("{s} {do} not want to {v} {at} {t}", "{s} {t} 不=not~{do} 想=want~to {at} {v}");
}

Phrase want_question(Draw& d) {
  const Deed deed = pick_deed(d, pick_asked(d), kFuture, Determiners::kLight);
  return deed("{do} {s} want to {v} {at} {t} ?", "{s} {t} 想=want~to {at} {v} 吗~{do},? ？=?");
}

Phrase like_to(Draw& d) {
  const Person& person = pick_person(d);
  Deed deed{person, pick_action(d, kHabit, Determiners::kGeneric), {}, {}};
  deed.at = at_place(d, deed.action, 40);
  switch (d.below(3)) {
    case 0: return deed("{s} {do} not like to {v} {at}", "{s} 不=not~{do} 喜欢=like~to {at} {v}");
    case 1:
      return person.agreement == 2 ? deed("{s} likes {v} {at}", "{s} 喜欢=likes {at} {v}", {}, Form::kIng)
                                   : deed("{s} like {v} {at}", "{s} 喜欢=like {at} {v}", {}, Form::kIng);
    default:
      return person.agreement == 2 ? deed("{s} likes to {v} {at}", "{s} 喜欢=likes~to {at} {v}")
                                   : deed("{s} like to {v} {at}", "{s} 喜欢=like~to {at} {v}");
  }
}

Phrase can_skill(Draw& d) {
  const Person& person = pick_person(d);
  const Deed deed{person, pick_action(d, kSkill, Determiners::kGeneric), {}, {}};
  return d.chance(60) ? deed("{s} can {v}", "{s} 会=can {v}") : deed("{s} cannot {v}", "{s} 不=cannot 会=cannot {v}");
}

Phrase can_skill_question(Draw& d) {
  const Deed deed{pick_asked(d), pick_action(d, kSkill, Determiners::kGeneric), {}, {}};
  return deed("can {s} {v} ?", "{s} 会=can {v} 吗~can,? ？=?");
}

/// 能: circumstances allow it. Skills are 会 and stay out, whatever the day.
bool is_skill(const Action& action) { return action.verb->uses & kSkill; }

Phrase can(Draw& d) {
  const Person& person = pick_person(d);
  const bool able = d.chance(45);
  Deed deed = pick_deed(d, person, kFuture, able ? Determiners::kFull : Determiners::kLight, 0, 0);
  if (is_skill(deed.action)) return {};
  deed.time = d.row(future_times());
  return able ? deed("{s} can {v} {t}", "{s} {t} 能=can {v}") : deed("{s} cannot {v} {t}", "{s} {t} 不=cannot 能=cannot {v}");
}

Phrase can_question(Draw& d) {
  Deed deed = pick_deed(d, pick_asked(d), kFuture, Determiners::kLight, 0, 60);
  if (is_skill(deed.action)) return {};
  if (d.chance(50)) {
    static const std::vector<const char*> favours = {"help me|帮=help 我=me",
                                                     "wait for me|等=wait~for 我=me",
                                                     "call me|给~call 我=me 打=call 电话=call",
                                                     "help us|帮=help 我们=us",
                                                     "wait for us|等=wait~for 我们=us",
                                                     "drive me home|开车~drive 送=drive 我=me 回家=home",
                                                     "tell me|告诉=tell 我=me",
                                                     "come|来=come",
                                                     "come with us|和=with 我们=us 一起~with 来=come"};
    const Phrase favour = d.row(favours);
    deed.time = d.chance(60) ? d.row(future_times()) : Phrase{};
    Phrase phrase =
        compose("can {s} {v} {t} ?", "{s} {t} 能=can {v} 吗~can,? ？=?", {{"s", subject(deed.person)}, {"v", favour}, {"t", deed.time}});
    if (name(deed.person) == "we" || name(deed.person) == "our") return {};
    bond(phrase, name(deed.person), favour.head);
    return phrase;
  }
  return deed("can {s} {v} {t} ?", "{s} {t} 能=can {v} 吗~can,? ？=?");
}

Phrase must(Draw& d) {
  const Person& person = pick_person(d);
  const Deed deed = pick_deed(d, person, kFuture, Determiners::kFull, 10, 45);
  switch (d.below(3)) {
    case 0: return deed("{s} must {v} {at} {t}", "{s} {t} 必须=must {at} {v}");
    case 1: return deed("{s} should {v} {at} {t}", "{s} {t} 应该=should {at} {v}");
    default:
      return person.agreement == 2 ? deed("{s} has to {v} {at} {t}", "{s} {t} 得=has~to {at} {v}")
                                   : deed("{s} have to {v} {at} {t}", "{s} {t} 得=have~to {at} {v}");
  }
}

Phrase need_not(Draw& d) {
  const Person& person = pick_person(d);
  const Deed deed = pick_deed(d, person, kFuture, Determiners::kLight, 10, 45);
  return d.chance(50) ? deed("{s} {do} not have to {v} {at} {t}", "{s} {t} 不=not~{do} 用=have~to {at} {v}")
                      : deed("{s} should not {v} {at} {t}", "{s} {t} 不=not 应该=should {at} {v}");
}

Phrase may(Draw& d) {
  static const std::vector<const char*> deeds = {"sit here|坐=sit 这里=here",
                                                 "come in|进来=come,in",
                                                 "go home|回=go 家=home",
                                                 "use your {n}|用=use 你=your 的~your {n}",
                                                 "borrow your {n}|借=borrow 你=your 的~your {n}",
                                                 "see your {n}|看看=see 你=your 的~your {n}",
                                                 "buy this {n}|买=buy 这=this {m}~this {n}",
                                                 "open the {n}|打开=open {n}~the",
                                                 "ask a question|问=ask 一=a 个~a,question 问题=question",
                                                 "smoke here|在~here 这里=here 抽烟=smoke",
                                                 "eat here|在~here 这里=here 吃=eat 饭~eat",
                                                 "talk with {o}|和=with {o} 谈谈=talk",
                                                 "go with {o}|和=with {o} 一起~with 去=go"};
  const std::string row = d.pick(deeds);
  const char* tags = row.starts_with("use")      ? "use"
                     : row.starts_with("borrow") ? "borrow"
                     : row.starts_with("open")   ? "openable"
                     : row.starts_with("buy")    ? "shop"
                                                 : "photo priced";
  const Noun& noun = pick_noun(d, tags);
  const Person& person = people()[d.chance(60) ? 0 : 4];
  const Person& other = pick_other(d, person);
  const auto bar = row.find('|');
  const Phrase n = aligned(std::string(noun.singular) + '|' + noun.chinese + '=' + noun.singular);
  std::string chinese = row.substr(bar + 1);
  if (const auto m = chinese.find("{m}"); m != std::string::npos) chinese.replace(m, 3, noun.measure);
  const Phrase deed = compose(row.substr(0, bar), chinese, {{"n", n}, {"o", object(other)}});
  Phrase phrase = compose("may {s} {v} ?", "{s} 可以=may {v} 吗~may,? ？=?", {{"s", subject(person)}, {"v", deed}});
  const std::string verb = row.substr(0, row.find(' '));
  if (row.find("{n}") != std::string::npos) bond(phrase, verb, noun.singular);
  if (row.find("{o}") != std::string::npos) bond(phrase, verb + " with", name(other));
  return phrase;
}

Phrase please(Draw& d) {
  const Person& you = people()[1];
  const bool negative = d.chance(40);
  const Action action =
      d.chance(20) ? pick_person_action(d, kCommand, you) : pick_action(d, kCommand, negative ? Determiners::kLight : Determiners::kFull);
  const Phrase v = action(Form::kBase);
  if (!action.specific && negative && d.chance(50)) {
    Phrase phrase = compose("do not {v} now", "现在=now 不要=not~do {v}", {{"v", v}});
    if (action.object.head.empty()) bond(phrase, "you", name(action));
    return phrase;
  }
  Phrase phrase =
      negative ? compose("please do not {v}", "请=please 不要=not~do {v}", {{"v", v}}) : compose("please {v}", "请=please {v}", {{"v", v}});
  if (action.object.head.empty()) bond(phrase, "you", name(action));
  return phrase;
}

/// 把: what is done to a thing that both know, and where it ends.
Phrase put(Draw& d) {
  static const std::vector<const char*> whither = {"on the table|桌子=table~the 上=on",     "on the chair|椅子=chair~the 上=on",
                                                   "in the bag|包=bag~the 里=in",           "in the box|箱子=box~the 里=in",
                                                   "on the bed|床=bed~the 上=on",           "in the drawer|抽屉=drawer~the 里=in",
                                                   "in the kitchen|厨房=kitchen~the 里=in", "under the bed|床=bed~the 下面=under"};
  const Noun& noun = pick_noun(d, "small carry");
  const Person& person = pick_person(d);
  const Phrase where = d.row(whither);
  const std::string singular = noun.singular, plural = noun.plural;
  const bool many = d.chance(30), mine = d.chance(25) && person.pronoun[0];
  if (where.words.back() == singular) return {};
  Phrase thing = mine ? compose("{p} " + singular, "{p} " + std::string(noun.chinese) + '=' + singular, {{"p", possessive(person)}})
                      : aligned("the " + (many ? plural : singular) + '|' + noun.chinese + '=' + (many ? plural : singular) + "~the");
  const Slots slots{{"o", thing}, {"w", where}, {"s", subject(person)}};
  Phrase phrase;
  if (mine || d.chance(50)) {
    phrase = compose("{s} put {o} {w}", "{s} 把~put {o} 放=put 在~put {w} 了~put", slots);
  } else {
    phrase = compose("please put {o} {w}", "请=please 把~put {o} 放=put 在~put {w}", slots);
  }
  bond(phrase, "put " + singular, where.head);
  bond(phrase, "put", singular);
  return phrase;
}

}  // namespace

const std::vector<Template>& modal_templates() {
  static const std::vector<Template> list = {
      {"want to", 270, want},
      {"do not want to", 130, want_not},
      {"want to, question", 150, want_question},
      {"like to", 230, like_to},
      {"can, skill", 190, can_skill},
      {"can, skill, question", 90, can_skill_question},
      {"can", 180, can},
      {"can, question", 150, can_question},
      {"must, should, have to", 270, must},
      {"need not, should not", 130, need_not},
      {"may", 110, may},
      {"please", 190, please},
      {"put somewhere", 150, put},
  };
  return list;
}

}  // namespace attend::phrasebook
