// Where people go, with whom and what for; distances and the weather.
#include <fmt/format.h>

#include <cstring>
#include <string>

#include "phrasebook_grammar.h"

namespace attend::phrasebook {
namespace {

Phrase far_from(Draw& d) {
  const Phrase a = aligned(pick_place(d, "near").noun), b = aligned(pick_place(d, "near").noun);
  if (a.head == b.head) return {};
  const Slots slots{{"a", a}, {"b", b}};
  Phrase phrase;
  switch (d.below(4)) {
    case 0: phrase = compose("{a} is not far from {b}", "{a} 离=from {b} 不=not~is 远=far", slots); break;
    case 1: phrase = compose("is {a} far from {b} ?", "{a} 离=from {b} 远=far 吗~is,? ？=?", slots); break;
    case 2: phrase = compose("{a} is very near {b}", "{a} 离~near {b} 非常=very~is 近=near", slots); break;
    default: phrase = compose("{a} is far from {b}", "{a} 离=from {b} 很~is 远=far", slots);
  }
  bond(phrase, a.words.back(), b.words.back());
  return phrase;
}

Phrase go_to(Draw& d) {
  static const std::vector<const char*> means = {"by bus|坐=by 公共汽车=bus", "by train|坐=by 火车=train", "by taxi|坐=by 出租车=taxi",
                                                 "by bike|骑=by 自行车=bike", "by car|开=by 车=car",       "on foot|走路=foot~on"};
  const Person& person = pick_person(d);
  const Place& place = pick_place(d, "go");
  const bool distant = share_tag("country city", place.tags);
  const Phrase how = distant ? aligned(d.chance(50) ? "by plane|坐=by 飞机=plane" : "by train|坐=by 火车=train") : d.row(means);
  if (share_tag("country", place.tags) && how.head == "by train") return {};
  const Person& other = pick_other(d, person);
  const bool third = person.agreement == 2;
  const std::string go = third ? "goes" : "go";
  const Phrase past = d.row(distant ? far_past_times() : past_times()), future = d.row(distant ? far_future_times() : future_times());
  const Slots slots{{"s", subject(person)}, {"be", be(person)}, {"p", aligned(place.noun)}, {"h", how},          {"o", object(other)},
                    {"past", past},         {"future", future}, {"every", d.row(habits())}, {"do", does(person)}};
  const bool with_friend = d.chance(50);
  Phrase phrase;
  switch (d.below(7)) {
    case 0: phrase = compose("{s} went to {p} {past}", "{s} {past} 去=went~to 了~went {p}", slots); break;
    case 1: phrase = compose("{s} will go to {p} {future}", "{s} {future} 会=will 去=go~to {p}", slots); break;
    case 2: phrase = compose("{s} {be} going to {p} {future}", "{s} {future} 要~{be} 去=going~to {p}", slots); break;
    case 3:
      if (distant) return {};
      phrase = with_friend ? compose("{s} " + go + " to {p} {every}", "{s} {every} 去=" + go + "~to {p}", slots)
                           : compose("{s} " + go + " to {p} {h}", "{s} {h} 去=" + go + "~to {p}", slots);
      break;
    case 4: phrase = compose("{s} went to {p} with {o} {past}", "{s} {past} 和=with {o} 一起~with 去=went~to 了~went {p}", slots); break;
    case 5: phrase = compose("{s} did not go to {p} {past}", "{s} {past} 没=not~did 去=go~to {p}", slots); break;
    default: phrase = compose("{s} will go to {p} {h} {future}", "{s} {future} 会=will {h} 去=go~to {p}", slots); break;
  }
  bond(phrase, name(person), aligned(place.noun).words.back());
  return phrase;
}

Phrase go_to_do(Draw& d) {
  const Person& person = pick_person(d);
  const Action action = pick_action(d, d.chance(50) ? kPast : kFuture, Determiners::kFull);
  if (!action.verb->place[0]) return {};
  const Place& place = pick_place(d, action.verb->place);
  if (!share_tag("go", place.tags)) return {};
  const Phrase noun = aligned(place.noun), past = d.row(past_times()), future = d.row(future_times());
  Slots slots{{"s", subject(person)}, {"p", noun}, {"past", past}, {"future", future}, {"v", action(Form::kBase)}, {"be", be(person)}};
  Phrase phrase;
  if ((action.verb->uses & kPast) && d.chance(50)) {
    slots[4].second = action(Form::kBase, Aspect::kDone);
    phrase = compose("{s} went to {p} to {v} {past}", "{s} {past} 去=went~to {p} {v}^went", slots);
  } else {
    phrase = d.chance(50) ? compose("{s} will go to {p} to {v} {future}", "{s} {future} 会=will 去=go~to {p} {v}", slots)
                          : compose("{s} {be} going to {p} to {v}", "{s} 要~{be} 去=going~to {p} {v}", slots);
  }
  bond(phrase, name(action), noun.words.back());
  return phrase;
}

Phrase together(Draw& d) {
  const Person& person = pick_person(d);
  const Person& other = pick_other(d, person);
  const Action action = pick_action(d, kTogether, Determiners::kFull);
  const Phrase past = d.row(past_times()), future = d.row(future_times());
  Slots slots{{"s", subject(person)}, {"o", object(other)},       {"past", past},
              {"future", future},     {"v", action(Form::kBase)}, {"be", be(person)}};
  Phrase phrase;
  if ((action.verb->uses & kPast) && d.chance(50)) {
    slots[4].second = action(Form::kPast, Aspect::kDone);
    phrase = compose("{s} {v} with {o} {past}", "{s} {past} 和=with {o} 一起~with {v}", slots);
  } else if (action.verb->uses & kProgressive && d.chance(40) && !action.specific) {
    slots[4].second = action(Form::kIng);
    phrase = compose("{s} {be} {v} with {o}", "{s} 在~{be} 和=with {o} 一起~with {v}", slots);
  } else {
    phrase = compose("{s} will {v} with {o} {future}", "{s} {future} 会=will 和=with {o} 一起~with {v}", slots);
  }
  if (action.object.head.empty()) bond(phrase, name(person), name(action));
  bond(phrase, name(action) + " with", name(other));
  return phrase;
}

Phrase live_in(Draw& d) {
  const Person& person = pick_person(d);
  const Place& place = pick_place(d, "city country");
  const bool third = person.agreement == 2;
  const Slots slots{{"s", subject(person)}, {"p", aligned(place.noun)}, {"do", does(person)}};
  const std::string live = third ? "lives" : "live", come = third ? "comes" : "come";
  Phrase phrase;
  switch (d.below(4)) {
    case 0: phrase = compose("{s} " + come + " from {p}", "{s} 来=" + come + " 自=from {p}", slots); break;
    case 1: phrase = compose("{s} {do} not live in {p}", "{s} 不=not~{do} 住=live 在=in {p}", slots); break;
    case 2:
      if (name(person) == "I") return {};
      phrase = compose("{do} {s} live in {p} ?", "{s} 住=live 在=in {p} 吗~{do},? ？=?", slots);
      break;
    default: phrase = compose("{s} " + live + " in {p}", "{s} 住=" + live + " 在=in {p}", slots);
  }
  bond(phrase, name(person), aligned(place.noun).head);
  return phrase;
}

Phrase weather(Draw& d) {
  static const std::vector<const char*> like = {"cold|冷=cold", "hot|热=hot", "warm|暖和=warm", "cool|凉快=cool"};
  const Place& place = pick_place(d, "city");
  const Phrase p = aligned(place.noun), a = d.row(like), past = d.row(past_times()), future = d.row(future_times());
  const bool snow = d.chance(40);
  const std::string fall = snow ? "snow" : "rain", chinese = snow ? "下雪=" : "下雨=";
  const bool city = d.chance(60);
  const Slots slots{{"p", city ? compose("in {p}", "{p}~in", {{"p", p}}) : Phrase{}}, {"a", a}, {"past", past}, {"future", future}};
  Phrase phrase;
  switch (d.below(7)) {
    case 0: phrase = compose("it is " + fall + "ing {p} now", "{p} 现在=now 在~it,is " + chinese + fall + "ing", slots); break;
    case 1: phrase = compose("it " + fall + "ed {p} {past}", "{p} {past} " + chinese + fall + "ed~it 了~" + fall + "ed", slots); break;
    case 2: phrase = compose("it will " + fall + " {p} {future}", "{p} {future} 会=will " + chinese + fall + "~it", slots); break;
    case 3: phrase = compose("it is very {a} {p} today", "{p} 今天=today 非常=very~it,is {a}", slots); break;
    case 4:
      phrase = compose("will it " + fall + " {p} {future} ?", "{p} {future} 会=will " + chinese + fall + "~it 吗~? ？=?", slots);
      break;
    case 5: phrase = compose("it often " + fall + "s {p}", "{p} 常常=often " + chinese + fall + "s~it", slots); break;
    default: phrase = compose("it is {a} {p} today", "{p} 今天=today 很~it,is {a}", slots);
  }
  if (city)
    bond(phrase, p.head, phrase.words[1] == "is" ? a.head : fall);
  else
    bond(phrase, "weather", phrase.words[1] + phrase.words.back());
  return phrase;
}

}  // namespace

const std::vector<Template>& travel_templates() {
  static const std::vector<Template> list = {
      {"far from", 110, far_from},          {"go to", 320, go_to},     {"go to do", 220, go_to_do}, {"together", 200, together},
      {"live in, come from", 120, live_in}, {"weather", 120, weather},
  };
  return list;
}

}  // namespace attend::phrasebook
