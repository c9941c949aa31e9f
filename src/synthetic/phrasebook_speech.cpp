// Giving and telling, sentences inside sentences, relative clauses.
#include <fmt/format.h>

#include <cstring>
#include <string>

#include "phrasebook_grammar.h"

namespace attend::phrasebook {
namespace {

Phrase give(Draw& d) {
  const Person& person = pick_person(d);
  const Person& other = pick_other(d, person);
  const Noun& noun = pick_noun(d, "give small mail");
  if (share_tag("post text", noun.tags) && std::strcmp(noun.singular, "book") != 0 && std::strcmp(noun.singular, "letter") != 0) return {};
  const NounPhrase what = noun_phrase(d, noun, Determiners::kFull);
  const Phrase past = d.chance(35) ? d.row(past_times()) : Phrase{}, future = d.row(future_times());
  const Slots slots{{"s", subject(person)}, {"o", object(other)}, {"x", what.phrase}, {"past", past}, {"future", future}};
  Phrase phrase = d.chance(70) ? compose("{s} gave {o} {x} {past}", "{s} {past} 给=gave 了~gave {o} {x}", slots)
                               : compose("{s} will give {o} {x} {future}", "{s} {future} 会=will 给=give {o} {x}", slots);
  bond(phrase, "give", noun.singular);
  return phrase;
}

/// What one does for somebody is said with 给 before the verb.
Phrase do_for(Draw& d) {
  struct Favour {
    const char *base, *past, *chinese, *tags;
  };
  static const std::vector<Favour> favours = {{"buy", "bought", "买", "shop"},    {"buy", "bought", "买", "clothes give"},
                                              {"write", "wrote", "写", "penned"}, {"make", "made", "做", "bake"},
                                              {"tell", "told", "讲", "tell"},     {"sing", "sang", "唱", "song"},
                                              {"send", "sent", "寄", "mail"},     {"read", "read", "读", "tell"},
                                              {"draw", "drew", "画", "animal"},   {"show", "showed", "看", "photo"}};
  const Favour& favour = d.pick(favours);
  const Person& person = pick_person(d);
  const Person& other = pick_other(d, person);
  const Noun& noun = pick_noun(d, favour.tags);
  const bool awkward = share_tag(favour.base, "sing read draw");  // English has "to" or "for" here
  const NounPhrase what = noun_phrase(d, noun, Determiners::kCounted);
  const Phrase past = d.chance(40) ? d.row(past_times()) : Phrase{}, future = d.row(future_times());
  const Slots slots{{"s", subject(person)}, {"o", object(other)}, {"x", what.phrase}, {"past", past}, {"future", future}};
  const std::string base = favour.base, did = favour.past, chinese = favour.chinese;
  const std::string to = awkward ? (base == "read" ? " to" : " for") : "";
  const std::string shape = awkward ? " {x}" + to + " {o}" : " {o} {x}";
  const std::string to_mark = awkward ? (base == "read" ? "=to" : "=for") : "";
  Phrase phrase;
  if (d.chance(65)) {
    phrase = compose("{s} " + did + shape + " {past}",
                     "{s} {past} 给" + (awkward ? to_mark : '~' + did) + " {o} " + chinese + '=' + did + " 了~" + did + " {x}", slots);
  } else {
    phrase = compose("{s} will " + base + shape + " {future}",
                     "{s} {future} 会=will 给" + (awkward ? to_mark : '~' + base) + " {o} " + chinese + '=' + base + " {x}", slots);
  }
  bond(phrase, base + " for", noun.singular);
  return phrase;
}

/// 把: a known thing changes hands.
Phrase hand_over(Draw& d) {
  struct Hand {
    const char *base, *past, *chinese, *tags;
  };
  static const std::vector<Hand> hands = {{"lend", "lent", "借", "borrow"},
                                          {"sell", "sold", "卖", "buy"},
                                          {"give", "gave", "送", "give"},
                                          {"return", "returned", "还", "borrow"}};
  const Hand& hand = d.pick(hands);
  const Person& person = pick_known(d);
  const Person& other = pick_other(d, person);
  const Noun& noun = pick_noun(d, hand.tags);
  const bool mine = std::strcmp(hand.base, "return") != 0 && d.chance(60);
  const Phrase thing = mine ? compose(std::string("{p} ") + noun.singular, fmt::format("{{p}} {}={}", noun.chinese, noun.singular),
                                      {{"p", possessive(person)}})
                            : compose(std::string("the ") + noun.singular,
                                      fmt::format("那~the {}~the,{} {}={}", noun.measure, noun.singular, noun.chinese, noun.singular));
  const std::string base = hand.base, did = hand.past, chinese = hand.chinese;
  const Phrase past = d.chance(35) ? d.row(past_times()) : Phrase{}, future = d.row(future_times());
  const Slots slots{{"s", subject(person)}, {"o", object(other)}, {"x", thing}, {"past", past}, {"future", future}};
  Phrase phrase;
  switch (d.below(3)) {
    case 0:
      phrase = compose("{s} " + did + " {x} to {o} {past}",
                       "{s} {past} 把~" + did + " {x} " + chinese + '=' + did + " 给=to 了~" + did + " {o}", slots);
      break;
    case 1:
      phrase = compose("{s} will " + base + " {x} to {o} {future}",
                       "{s} {future} 会=will 把~" + base + " {x} " + chinese + '=' + base + " 给=to {o}", slots);
      break;
    default:
      phrase = compose("{s} did not " + base + " {x} to {o}", "{s} 没=not~did 把~" + base + " {x} " + chinese + '=' + base + " 给=to {o}",
                       slots);
  }
  bond(phrase, base, noun.singular);
  return phrase;
}

Phrase teach(Draw& d) {
  static const std::vector<const char*> subjects = {"Chinese|中文=Chinese", "English|英语=English",         "French|法语=French",
                                                    "history|历史=history", "mathematics|数学=mathematics", "music|音乐=music"};
  const Person& person = pick_person(d);
  const Person& other = pick_other(d, person);
  const Phrase what = d.row(subjects);
  const Slots slots{{"s", subject(person)}, {"o", object(other)}, {"x", what}};
  Phrase phrase;
  switch (d.below(3)) {
    case 0:
      phrase = compose("{s} asked {o} a question", "{s} 问=asked 了~asked {o} 一=a 个~a,question 问题=question",
                       {{"s", slots[0].second}, {"o", slots[1].second}});
      break;
    case 1: phrase = compose("{s} will teach {o} {x}", "{s} 会=will 教=teach {o} {x}", slots); break;
    default:
      phrase = person.agreement == 2 ? compose("{s} teaches {o} {x}", "{s} 教=teaches {o} {x}", slots)
                                     : compose("{s} teach {o} {x}", "{s} 教=teach {o} {x}", slots);
  }
  bond(phrase, name(person) + " teach", phrase.words.back() == "question" ? name(other) : what.head);
  return phrase;
}

/// A short sentence that can stand inside another.
Phrase inner(Draw& d, const Person& person, bool opinion) {
  const auto kind = opinion ? d.below(2) : d.below(6);
  const bool third = person.agreement == 2;
  Slots slots{{"s", subject(person)}, {"be", be(person)}};
  Phrase phrase;
  if (kind == 0) {
    const Noun& noun = pick_noun(d, "priced interesting pretty fruit film fame");
    const Adjective* adjective = pick_adjective(d, noun.tags, false);
    if (!adjective || share_tag("dyed dyed_animal", adjective->tags)) return {};
    const std::string a = adjective->english;
    phrase = compose("{x} is " + a, fmt::format("{{x}} 很~is {}={}", adjective->chinese, a), {{"x", definite(d, noun)}});
    bond(phrase, noun.singular, a);
  } else if (kind == 1) {
    const Adjective* adjective = pick_adjective(d, opinion ? "person" : "person human", false);
    const std::string a = adjective->english;
    phrase = compose("{s} {be} " + a, fmt::format("{{s}} 很~{{be}} {}={}", adjective->chinese, a), slots);
    bond(phrase, name(person), a);
  } else if (kind == 2) {
    const Place& place = pick_place(d, "city country");
    slots.emplace_back("p", aligned(place.noun));
    const std::string live = third ? "lives" : "live";
    phrase = compose("{s} " + live + " in {p}", "{s} 住=" + live + " 在=in {p}", slots);
    bond(phrase, name(person), aligned(place.noun).head);
  } else if (kind == 3) {
    const Action action = pick_action(d, kFuture, Determiners::kFull);
    const Phrase time = future_time(d, action, 70);
    slots.insert(slots.end(), {{"v", action(Form::kBase)}, {"t", time}});
    phrase = compose("{s} will {v} {t}", "{s} {t} 会=will {v}", slots);
    if (action.object.head.empty()) bond(phrase, name(person), name(action));
  } else if (kind == 4) {
    const Action action = pick_action(d, kHabit, Determiners::kGeneric);
    slots.emplace_back("v", action(Form::kBase));
    phrase =
        third ? compose("{s} likes to {v}", "{s} 喜欢=likes~to {v}", slots) : compose("{s} like to {v}", "{s} 喜欢=like~to {v}", slots);
    if (action.object.head.empty()) bond(phrase, name(person), name(action));
  } else {
    const Action action = pick_action(d, kProgressive, Determiners::kLight);
    slots.emplace_back("v", action(Form::kIng));
    phrase = compose("{s} {be} {v}", "{s} 在~{be} {v}", slots);
    if (action.object.head.empty()) bond(phrase, name(person), name(action));
  }
  return phrase;
}

Phrase that_clause(Draw& d) {
  const Person& person = pick_person(d);
  const Person& other = pick_other(d, person);
  const bool third = person.agreement == 2;
  const auto kind = d.below(4);
  const Phrase clause = inner(d, other, kind == 0);
  if (clause.empty()) return {};
  struct Opening {
    const char *base, *third, *chinese;
  };
  static const Opening openings[] = {
      {"think", "thinks", "觉得"}, {"know", "knows", "知道"}, {"say", "says", "说"}, {"hope", "hopes", "希望"}};
  const Opening& opening = openings[kind];
  const std::string verb = third ? opening.third : opening.base;
  if (kind == 3) {  // one hopes for what may come
    bool future = false;
    for (const auto& word : clause.words) future = future || word == "will";
    if (!future) return {};
  }
  const Slots slots{{"s", subject(person)}, {"c", clause}};
  return d.chance(75) && clause.words[0] != "that"
             ? compose("{s} " + verb + " that {c}", fmt::format("{{s}} {}={}~that {{c}}", opening.chinese, verb), slots)
             : compose("{s} " + verb + " {c}", fmt::format("{{s}} {}={} {{c}}", opening.chinese, verb), slots);
}

Phrase indirect_question(Draw& d) {
  const Person& person = pick_person(d);
  const Person& other = pick_other(d, person);
  const bool third = other.agreement == 2;
  const Noun& liked = pick_noun(d, "animal likeable film", false);
  const Phrase thing = noun_phrase(d, liked, Determiners::kGeneric).phrase;
  Slots slots{{"x", subject(other)}, {"be", be(other)}, {"o", thing}};
  const std::string live = third ? "lives" : "live", like = third ? "likes" : "like", wants = third ? "wants" : "want",
                    work = third ? "works" : "work";
  Phrase clause;
  switch (d.below(7)) {
    case 0: clause = compose("where {x} " + live, "{x} 住=" + live + " 在~where 哪里=where", slots); break;
    case 1: clause = compose("where {x} " + work, "{x} 在~where 哪里=where 工作=" + work, slots); break;
    case 2: clause = compose("why {x} {be} sad", "{x} 为什么=why 难过=sad~{be}", slots); break;
    case 3: clause = compose("when {x} will come", "{x} 什么=when 时候=when 会=will 来=come", slots); break;
    case 4: clause = compose("what {x} bought", "{x} 买=bought 了~bought 什么=what", slots); break;
    case 5: clause = compose("what {x} " + wants + " to eat", "{x} 想=" + wants + "~to 吃=eat 什么=what", slots); break;
    default:
      clause = compose("whether {x} " + like + " {o}", "{x} 喜=" + like + " 不~whether 喜欢=" + like + " {o}", slots);
      bond(clause, "like", thing.head);
  }
  const Slots outer{{"s", subject(person)}, {"do", does(person)}, {"c", clause}};
  const std::string know = person.agreement == 2 ? "knows" : "know";
  Phrase phrase;
  const auto kind = d.below(3);
  if (kind == 0 && clause.words[0] == "whether") return {};
  switch (kind) {
    case 0: phrase = compose("{s} " + know + " {c}", "{s} 知道=" + know + " {c}", outer); break;
    case 1:
      if (name(person) == "I") return {};
      phrase = compose("{do} {s} know {c} ?", "{s} 知道=know {c} 吗~{do},? ？=?", outer);
      break;
    default: phrase = compose("{s} {do} not know {c}", "{s} 不=not~{do} 知道=know {c}", outer);
  }
  bond(phrase, clause.words[0] + ' ' + clause.words.back(), name(other));
  return phrase;
}

Phrase relative_object(Draw& d) {
  struct Past {
    const char *past, *chinese, *tags;
  };
  static const std::vector<Past> pasts = {{"bought", "买", "priced"},   {"bought", "买", "clothes give"}, {"wrote", "写", "written"},
                                          {"borrowed", "借", "borrow"}, {"found", "找到", "find"},        {"read", "看", "text"},
                                          {"made", "做", "bake"},       {"drew", "画", "animal"},         {"received", "收到", "mail"},
                                          {"sold", "卖", "buy"}};
  const Past& past = d.pick(pasts);
  const Person& person = pick_person(d);
  const Person& other = pick_other(d, person);
  const Noun& noun = pick_noun(d, past.tags);
  const std::string n = noun.singular, v = past.past;
  const Phrase thing = compose("the " + n + " that {s} " + v,
                               fmt::format("{{s}} {}={} 的~that {}={}~the", past.chinese, v, noun.chinese, n), {{"s", subject(person)}});
  const Slots slots{{"x", thing}, {"o", subject(other)}};
  Phrase phrase;
  const bool third = other.agreement == 2;
  switch (d.below(4)) {
    case 0: phrase = compose("this is {x}", "这=this 是=is {x}", slots); break;
    case 1: {
      const std::string like = third ? "likes" : "like";
      phrase = compose("{o} " + like + " {x}", "{o} 喜欢=" + like + " {x}", slots);
      break;
    }
    case 2: {
      if (v == "sold" || v == "drew") return {};
      phrase = d.chance(60) ? compose("where is {x} ?", "{x} 在~is 哪里=where ？=?", slots)
                            : compose("{o} saw {x}", "{o} 看见=saw 了~saw {x}", slots);
      break;
    }
    default: {
      const Adjective* adjective = pick_adjective(d, noun.tags, false);
      if (!adjective || share_tag("dyed dyed_animal", adjective->tags)) return {};
      const std::string a = adjective->english;
      phrase = compose("{x} is " + a, fmt::format("{{x}} 很~is {}={}", adjective->chinese, a), slots);
      bond(phrase, n, a);
    }
  }
  bond(phrase, v, n);
  return phrase;
}

Phrase relative_subject(Draw& d) {
  const Noun& noun = pick_noun(d, "adult young role");
  const std::string n = noun.singular;
  const Person& person = pick_person(d);
  if (name(person) == n) return {};
  Phrase deed;
  std::string marker;
  switch (d.below(4)) {
    case 0: {
      const Action action = pick_action(d, kProgressive, Determiners::kLight);
      deed = compose("is {v}", "在~is {v}", {{"v", action(Form::kIng)}});
      if (action.object.head.empty()) bond(deed, n, name(action));
      break;
    }
    case 1: {
      const Action action = pick_action(d, kSkill, Determiners::kGeneric);
      deed = compose("can {v}", "会=can {v}", {{"v", action(Form::kBase)}});
      if (action.object.head.empty()) bond(deed, n, name(action));
      break;
    }
    case 2: {
      const Phrase p = aligned(pick_place(d, "city country").noun);
      deed = compose("lives in {p}", "住=lives 在=in {p}", {{"p", p}});
      bond(deed, n, p.head);
      break;
    }
    default: {
      const Action action = pick_person_action(d, kPast, person);
      if (std::strcmp(action.verb->base, "helped") == 0 || std::strstr(action.verb->chinese, "…")) return {};
      deed = action(Form::kPast, Aspect::kDone);
    }
  }
  const Phrase who =
      compose("the " + n + " who {v}", fmt::format("那~the {}~the,{} {{v}} 的~who {}={}", noun.measure, n, noun.chinese, n), {{"v", deed}});
  const Slots slots{{"x", who}, {"s", subject(person)}};
  const bool third = person.agreement == 2;
  Phrase phrase;
  switch (d.below(3)) {
    case 0: {
      const std::string know = third ? "knows" : "know";
      phrase = compose("{s} " + know + " {x}", "{s} 认识=" + know + " {x}", slots);
      break;
    }
    case 1: {
      const Adjective* adjective = pick_adjective(d, "person", false);
      const std::string a = adjective->english;
      phrase = compose("{x} is " + a, fmt::format("{{x}} 很~is {}={}", adjective->chinese, a), slots);
      bond(phrase, n, a);
      break;
    }
    default: {
      static const std::vector<const char*> kin = {"friend|朋友=friend", "neighbour|邻居=neighbour", "teacher|老师=teacher",
                                                   "student|学生=student", "doctor|医生=doctor"};
      const Phrase role = d.row(kin);
      if (role.head == n) return {};
      phrase = compose("{x} is {p} {r}", "{x} 是=is {p} {r}", {{"x", who}, {"p", possessive(pick_known(d))}, {"r", role}});
      bond(phrase, n, role.head);
    }
  }
  return phrase;
}

}  // namespace

const std::vector<Template>& speech_templates() {
  static const std::vector<Template> list = {
      {"give", 240, give},
      {"do for somebody", 240, do_for},
      {"hand over", 180, hand_over},
      {"teach, ask", 110, teach},
      {"that", 280, that_clause},
      {"indirect question", 200, indirect_question},
      {"relative clause, object", 260, relative_object},
      {"relative clause, subject", 200, relative_subject},
  };
  return list;
}

}  // namespace attend::phrasebook
