// Clauses of time, reason and condition.
#include <fmt/format.h>

#include <cstring>
#include <string>

#include "phrasebook_grammar.h"

namespace attend::phrasebook {
namespace {

/// What happens first, last or meanwhile: base, third person, past; V stands for the verb form.
struct Event {
  const char *base, *third, *past, *chinese;
};
const std::vector<Event>& events() {
  static const std::vector<Event> list = {{"get home", "gets home", "got home", "到=V 家=home"},
                                          {"get to the station", "gets to the station", "got to the station", "到=V~to 车站=station~the"},
                                          {"get to the office", "gets to the office", "got to the office", "到=V~to 办公室=office~the"},
                                          {"come back", "comes back", "came back", "回来=V,back"},
                                          {"finish work", "finishes work", "finished work", "下班=V,work"},
                                          {"get up", "gets up", "got up", "起床=V,up"},
                                          {"go to work", "goes to work", "went to work", "上班=V,work~to"},
                                          {"go to bed", "goes to bed", "went to bed", "睡觉=V,bed~to"},
                                          {"go home", "goes home", "went home", "回=V 家=home"},
                                          {"eat dinner", "eats dinner", "ate dinner", "吃=V 晚饭=dinner"},
                                          {"eat breakfast", "eats breakfast", "ate breakfast", "吃=V 早饭=breakfast"}};
  return list;
}
std::string name(const Event& event) {
  const std::string_view base = event.base;
  return std::string(base.substr(base.rfind(' ') + 1));
}
Phrase happen(const Event& event, Form form) {
  const std::string english = form == Form::kBase ? event.base : form == Form::kThird ? event.third : event.past;
  std::string chinese = event.chinese;
  chinese.replace(chinese.find('V'), 1, english.substr(0, english.find(' ')));
  return aligned(english + '|' + chinese);
}

/// What one does on arrival: in an office or a station, something with a person.
Action at_event(Draw& d, const Event& event, Determiners determiners, const Person& person) {
  if (std::string_view(event.base).starts_with("get to")) return pick_person_action(d, kFuture, person);
  return pick_any(d, kFuture, determiners, person);
}

Phrase when_clause(Draw& d) {
  const Person& person = pick_known(d);
  const Event& event = events()[d.below(6)];
  if (d.chance(50)) {  // the same person
    const Action action = at_event(d, event, Determiners::kFull, person);
    Phrase phrase = compose(
        "{s} will {v} when {he} {e}", "{s}~{he} {e} 的~when 时候=when 会=will {v}",
        {{"s", subject(person)}, {"v", action(Form::kBase)}, {"he", english_only(person.pronoun)}, {"e", happen(event, present(person))}});
    bond(phrase, name(action) + " when", event.base);
    return phrase;
  }
  const Person& other = pick_other(d, person);
  if (d.chance(65)) {
    const Action action = pick_any(d, kProgressive, Determiners::kLight, other);
    Phrase phrase = compose(
        "{x} {was} {v} when {s} {e}", "{s} {e} 的~when 时候=when {x} 在~{was} {v}",
        {{"s", subject(person)}, {"x", subject(other)}, {"was", was(other)}, {"v", action(Form::kIng)}, {"e", happen(event, Form::kPast)}});
    bond(phrase, name(action) + " when", event.base);
    return phrase;
  }
  const Adjective* adjective = pick_adjective(d, "human", false);
  const std::string a = adjective->english;
  Phrase phrase = compose("{x} {was} very " + a + " when {s} {e}",
                          fmt::format("{{s}} {{e}} 的~when 时候=when {{x}} 非常=very~{{was}} {}={}", adjective->chinese, a),
                          {{"s", subject(person)}, {"x", subject(other)}, {"was", was(other)}, {"e", happen(event, Form::kPast)}});
  bond(phrase, a + " when", event.base);
  return phrase;
}

Phrase before_after(Draw& d) {
  const Person& person = pick_known(d);
  const Event& event = d.pick(events());
  if (std::string_view(event.base).starts_with("get to")) return {};
  const bool before = d.chance(50);
  if (name(event) == (before ? "up" : "bed")) return {};  // nobody swims after going to bed
  const std::string sign = before ? "before" : "after", chinese = before ? "以前=before" : "以后=after";
  const Phrase he = english_only(person.pronoun);
  const auto kind = d.below(3);
  const Action action = pick_any(d,
                                 kind == 0   ? kHabit
                                 : kind == 1 ? kFuture
                                             : kPast,
                                 kind == 0 ? Determiners::kGeneric : Determiners::kFull, person);
  if (action.object.head == "breakfast" || action.object.head == "dinner" || action.object.head == "lunch" || name(action) == "sleep")
    return {};
  Slots slots{{"s", subject(person)}, {"he", he}};
  Phrase phrase;
  if (kind == 2) {
    slots.insert(slots.end(), {{"v", action(Form::kPast, Aspect::kDone)}, {"e", happen(event, Form::kPast)}});
    phrase = compose("{s} {v} " + sign + " {he} {e}", "{s}~{he} {e} " + chinese + " {v}", slots);
  } else if (kind == 1) {
    slots.insert(slots.end(), {{"v", action(Form::kBase)}, {"e", happen(event, present(person))}});
    phrase = compose("{s} will {v} " + sign + " {he} {e}", "{s}~{he} {e} " + chinese + " 会=will {v}", slots);
  } else {
    slots.insert(slots.end(), {{"v", action(present(person))}, {"e", happen(event, present(person))}});
    phrase = compose("{s} often {v} " + sign + " {he} {e}", "{s}~{he} {e} " + chinese + " 常常=often {v}", slots);
  }
  bond(phrase, name(action) + ' ' + sign, event.base);
  return phrase;
}

Phrase as_soon_as(Draw& d) {
  const Person& person = pick_known(d);
  const Event& event = events()[d.below(6)];
  const Action action = at_event(d, event, Determiners::kFull, person);
  Phrase phrase = compose(
      "{s} will {v} as soon as {he} {e}", "{s}~{he} 一=as~soon {e} 就=soon~as,will {v}",
      {{"s", subject(person)}, {"v", action(Form::kBase)}, {"he", english_only(person.pronoun)}, {"e", happen(event, present(person))}});
  bond(phrase, name(action) + " soon", event.base);
  return phrase;
}

constexpr const char* kCostly = "buy go send invite visit learn";  // what one needs money for

Phrase because(Draw& d) {
  const Person& person = pick_known(d);
  const Slots base{{"s", subject(person)}, {"he", pronoun(person)}, {"was", was(person)}, {"be", be(person)}};
  if (d.chance(30)) {
    const Person& liked = people()[d.below(6)];
    const Adjective* adjective = pick_adjective(d, "person", false);
    const std::string a = adjective->english, like = person.agreement == 2 ? "likes" : "like";
    if (!std::strcmp(liked.pronoun, person.pronoun) || (std::strcmp(liked.pronoun, "we") == 0 && std::strcmp(person.pronoun, "I") == 0) ||
        (std::strcmp(liked.pronoun, "I") == 0 && std::strcmp(person.pronoun, "we") == 0)) {
      return {};
    }
    Phrase phrase =
        compose("{s} " + like + " {o} because {x} {be} " + a,
                fmt::format("因为=because {{x}} 很~{{be}} {}={} ，~because 所以~because {{s}} 喜欢={} {{o}}", adjective->chinese, a, like),
                {{"s", subject(person)}, {"o", object(liked)}, {"x", subject(liked)}, {"be", be(liked)}});
    bond(phrase, "like because", a);
    return phrase;
  }
  const Action action = pick_any(d, kPast, Determiners::kLight, person);
  struct Reason {
    const char *english, *chinese;
    bool own;
  };
  static const std::vector<Reason> reasons = {
      {"{he} {was} sick", "{he} 病=sick 了~{was}", true},         {"{he} {was} busy", "{he} 很~{was} 忙=busy", true},
      {"{he} {was} tired", "{he} 很~{was} 累=tired", true},       {"{he} had no time", "{he} 没=no 有=had 时间=time", true},
      {"{he} had no money", "{he} 没=no 有=had 钱=money", true},  {"it rained", "下雨=rained~it 了~rained", false},
      {"it was too late", "太=too 晚=late~it,was 了~too", false}, {"the weather was bad", "天气=weather~the 不~bad 好=bad~was", false}};
  const Reason& reason = d.pick(reasons);
  if (std::strstr(reason.english, "money") && !share_tag(action.verb->base, kCostly)) return {};
  // In Chinese the reason comes first, and with it the name; the pronoun follows.
  const bool named = reason.own && &person >= &people()[6];
  std::string chinese = reason.chinese;
  if (named) chinese.replace(0, 4, "{s}");
  const std::string english = std::string("{s} did not {v} because ") + reason.english;
  Slots slots = base;
  slots.emplace_back("v", action(Form::kBase));
  Phrase phrase =
      compose(english, "因为=because " + chinese + " ，~because 所以~because " + (named ? "{he}" : "{s}") + " 没=not~did {v}", slots);
  bond(phrase, name(action) + " because", phrase.words.back());
  if (action.object.head.empty()) bond(phrase, name(person), name(action));
  return phrase;
}

Phrase if_clause(Draw& d) {
  const Person& person = pick_known(d);
  const Person& other = pick_other(d, person);
  struct Condition {
    const char *english, *chinese;
    bool same;
  };
  static const std::vector<Condition> conditions = {{"it rains tomorrow", "明天=tomorrow 下雨=rains~it", false},
                                                    {"it snows tomorrow", "明天=tomorrow 下雪=snows~it", false},
                                                    {"the weather is good tomorrow", "明天=tomorrow 天气=weather~the 好=good~is", false},
                                                    {"the weather is bad", "天气=weather~the 不~bad 好=bad~is", false},
                                                    {"{x} {come}", "{x} 来={come}", false},
                                                    {"{x} {do} not come", "{x} 不=not~{do} 来=come", false},
                                                    {"{x} {be} not at home", "{x} 不=not 在=at~{be} 家=home", false},
                                                    {"{he} {have} time", "有={have} 时间=time", true},
                                                    {"{he} {have} money", "有={have} 钱=money", true},
                                                    {"{he} {be} not tired", "不=not~{be} 累=tired", true},
                                                    {"{he} {be} not busy", "不=not~{be} 忙=busy", true}};
  const Condition& condition = d.pick(conditions);
  const Person& who = condition.same ? person : other;
  const Action action = pick_any(d, kFuture, Determiners::kFull, person);
  if (std::strstr(condition.english, "money") && !share_tag(action.verb->base, kCostly)) return {};
  const Slots slots{{"s", subject(person)},
                    {"x", subject(other)},
                    {"he", english_only(person.pronoun)},
                    {"have", has(who)},
                    {"do", does(who)},
                    {"be", be(who)},
                    {"v", action(Form::kBase)},
                    {"come", english_only(other.agreement == 2 ? "comes" : "come")}};
  const std::string english = std::string("{s} will {v} if ") + condition.english;
  Phrase phrase = condition.same
                      ? compose(english, std::string("如果=if {s}~{he} ") + condition.chinese + " ，~if 就~if 会=will {v}", slots)
                      : compose(english, std::string("如果=if ") + condition.chinese + " ，~if {s} 就~if 会=will {v}", slots);
  bond(phrase, name(action) + " if", phrase.words.back());
  return phrase;
}

Phrase although(Draw& d) {
  const Person& person = pick_known(d);
  static const std::vector<const char*> states_of = {"tired|累=tired", "busy|忙=busy",     "hungry|饿=hungry",
                                                     "sad|难过=sad",   "angry|生气=angry", "thirsty|渴=thirsty"};
  const Phrase a = d.row(states_of);
  const Action action = pick_any(d, kProgressive, Determiners::kLight, person);
  const Slots slots{{"s", subject(person)}, {"he", pronoun(person)},   {"be", be(person)},
                    {"are", be(person)},    {"v", action(Form::kIng)}, {"a", a}};
  Phrase phrase = compose("{s} {be} still {v} although {he} {are} {a}",
                          "虽然=although {s} 很~{are} {a} ，~although 但是~although {he} 还=still 在~{be} {v}", slots);
  if (share_tag(name(action), "eat drink cook rest sleep")) return {};
  bond(phrase, name(action) + " although", a.head);
  return phrase;
}

Phrase and_then(Draw& d) {
  const Person& person = pick_person(d);
  const Action first = pick_any(d, kFuture, Determiners::kFull, person), second = pick_any(d, kFuture, Determiners::kFull, person);
  if (name(first) == name(second)) return {};
  const Phrase time = d.chance(50) ? d.row(future_times()) : Phrase{};
  Phrase phrase = compose("{s} will {v} and then {w} {t}", "{s} {t} 会=will 先~then {v} ，~and 然后=then~and {w}",
                          {{"s", subject(person)}, {"v", first(Form::kBase)}, {"w", second(Form::kBase)}, {"t", time}});
  bond(phrase, name(first), "then " + name(second));
  return phrase;
}

}  // namespace

const std::vector<Template>& clause_templates() {
  static const std::vector<Template> list = {
      {"when", 260, when_clause}, {"before, after", 240, before_after}, {"as soon as", 90, as_soon_as}, {"because", 210, because},
      {"if", 220, if_clause},     {"although", 110, although},          {"and then", 120, and_then},
  };
  return list;
}

}  // namespace attend::phrasebook
