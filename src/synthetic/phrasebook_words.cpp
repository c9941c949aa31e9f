#include "phrasebook_words.h"

namespace attend::phrasebook {

bool share_tag(std::string_view a, std::string_view b) {
  while (!a.empty()) {
    const auto end = a.find(' ');
    const auto tag = a.substr(0, end);
    for (auto at = b.find(tag); at != std::string_view::npos && !tag.empty(); at = b.find(tag, at + 1)) {
      const auto after = at + tag.size();
      if ((at == 0 || b[at - 1] == ' ') && (after == b.size() || b[after] == ' ')) return true;
    }
    if (end == std::string_view::npos) break;
    a.remove_prefix(end + 1);
  }
  return false;
}

namespace {
constexpr unsigned kUsual = kPast | kProgressive | kHabit | kFuture | kTogether;
}

const std::vector<Verb>& actions() {
  static const std::vector<Verb> list = {
      {"eat", "eats", "ate", "eaten", "eating", "", "吃", "food", kUsual | kExperience | kCommand, "eat"},
      {"drink", "drinks", "drank", "drunk", "drinking", "", "喝", "drink", kUsual | kExperience | kCommand, "drink"},
      {"read", "reads", "read", "read", "reading", "", "看", "text", (kUsual | kExperience | kFarTime | kCommand) & ~kTogether, "read"},
      {"write", "writes", "wrote", "written", "writing", "", "写", "written", (kUsual | kExperience | kFarTime | kCommand) & ~kTogether,
       "write"},
      {"watch", "watches", "watched", "watched", "watching", "", "看", "film", kUsual | kExperience | kFarTime, "watch"},
      {"sing", "sings", "sang", "sung", "singing", "", "唱", "song", kUsual | kExperience | kCommand, "sing"},
      {"listen", "listens", "listened", "listened", "listening", "to", "听", "song",
       kPast | kProgressive | kFuture | kExperience | kTogether, "music"},
      {"buy", "buys", "bought", "bought", "buying", "", "买", "shop", kPast | kExperience | kFuture | kFarTime | kCommand | kTogether,
       "buy"},
      {"buy", "buys", "bought", "bought", "buying", "", "买", "buy", kPast | kFuture | kFarTime, ""},
      {"sell", "sells", "sold", "sold", "selling", "", "卖", "buy", kPast | kFuture | kFarTime | kCommand, ""},
      {"wear", "wears", "wore", "worn", "wearing", "", "穿", "clothes", kPast | kExperience | kFuture, ""},
      {"wear", "wears", "wore", "worn", "wearing", "", "戴", "hat", kPast | kFuture, ""},
      {"drive", "drives", "drove", "driven", "driving", "", "开", "drive", kExperience | kSkill, ""},
      {"ride", "rides", "rode", "ridden", "riding", "", "骑", "ride", kExperience | kProgressive | kFuture | kSkill | kTogether, "ride"},
      {"wash", "washes", "washed", "washed", "washing", "", "洗", "wash", kPast | kProgressive | kFuture | kCommand, ""},
      {"repair", "repairs", "repaired", "repaired", "repairing", "", "修", "fix",
       kPast | kExperience | kProgressive | kFuture | kSkill | kCommand, ""},
      {"draw", "draws", "drew", "drawn", "drawing", "", "画", "draw", kPast | kExperience | kProgressive | kFuture | kSkill | kCommand,
       "draw"},
      {"open", "opens", "opened", "opened", "opening", "", "打开", "openable", kPast | kFuture | kCommand, ""},
      {"find", "finds", "found", "found", "finding", "", "找到", "find", kPast | kFarTime, ""},
      {"lose", "loses", "lost", "lost", "losing", "", "丢", "find", kPast | kFarTime, ""},
      {"see", "sees", "saw", "seen", "seeing", "", "看见", "animal", kPast, "see"},
      {"see", "sees", "saw", "seen", "seeing", "", "见", "wild fame", kExperience, ""},
      {"borrow", "borrows", "borrowed", "borrowed", "borrowing", "", "借", "borrow", kPast | kExperience | kFuture | kFarTime, ""},
      {"use", "uses", "used", "used", "using", "", "用", "use", kExperience | kProgressive | kHabit | kFuture | kCommand, ""},
      {"cook", "cooks", "cooked", "cooked", "cooking", "", "做", "cook", kPast | kExperience | kProgressive | kFuture | kSkill | kTogether,
       "cook"},
      {"make", "makes", "made", "made", "making", "", "做", "bake", kPast | kExperience | kProgressive | kFuture | kSkill | kTogether,
       "cook"},
      {"look", "looks", "looked", "looked", "looking", "for", "找", "find", kProgressive | kFuture, ""},
      {"bring", "brings", "brought", "brought", "bringing", "", "带", "carry", kPast | kFuture | kCommand, ""},
      {"plant", "plants", "planted", "planted", "planting", "", "种", "plant", kPast | kExperience | kFuture | kFarTime, "plant"},
      {"take", "takes", "took", "taken", "taking", "", "拍", "photo", kPast | kFuture | kExperience, "photo"},
      {"send", "sends", "sent", "sent", "sending", "", "寄", "mail", kPast | kFuture | kFarTime | kCommand, ""},
      {"receive", "receives", "received", "received", "receiving", "", "收到", "mail post", kPast | kFarTime, ""},
      {"break", "breaks", "broke", "broken", "breaking", "", "打破", "broken", kPast, ""},
      // fixed objects and none
      {"eat", "eats", "ate", "eaten", "eating", "", "吃", "|breakfast|早饭=breakfast", kUsual | kCommand, "eat"},
      {"eat", "eats", "ate", "eaten", "eating", "", "吃", "|lunch|午饭=lunch", kUsual | kCommand, "eat"},
      {"eat", "eats", "ate", "eaten", "eating", "", "吃", "|dinner|晚饭=dinner", kUsual | kCommand, "eat"},
      {"sleep", "sleeps", "slept", "slept", "sleeping", "", "睡觉", "||", kProgressive | kFuture, "sleep"},
      {"work", "works", "worked", "worked", "working", "", "工作", "||", kProgressive | kHabit | kFuture, "work"},
      {"study", "studies", "studied", "studied", "studying", "", "学习", "||", kProgressive | kHabit | kFuture | kTogether, "study"},
      {"swim", "swims", "swam", "swum", "swimming", "", "游泳", "||", kUsual | kSkill, "swim"},
      {"run", "runs", "ran", "run", "running", "", "跑步", "||", kUsual, "run"},
      {"dance", "dances", "danced", "danced", "dancing", "", "跳舞", "||", kUsual | kSkill, "dance"},
      {"sing", "sings", "sang", "sung", "singing", "", "唱歌", "||", kUsual | kSkill, "sing"},
      {"rest", "rests", "rested", "rested", "resting", "", "休息", "||", kProgressive | kFuture, "rest"},
      {"cook", "cooks", "cooked", "cooked", "cooking", "", "做饭", "||", kUsual | kSkill, "cook"},
      {"exercise", "exercises", "exercised", "exercised", "exercising", "", "锻炼身体", "||", kProgressive | kHabit | kFuture | kTogether,
       "run"},
      {"go", "goes", "went", "gone", "going", "", "去买东西", "|shopping|", kPast | kHabit | kFuture, ""},
      {"take", "takes", "took", "taken", "taking", "", "散步", "|a walk|", kUsual, "walk"},
      {"take", "takes", "took", "taken", "taking", "", "洗澡", "|a shower|", kPast | kProgressive | kHabit | kFuture | kCommand, "home"},
      {"take", "takes", "took", "taken", "taking", "", "拍", "|photos|照片=photos", kProgressive | kFuture | kSkill, "photo"},
      {"draw", "draws", "drew", "drawn", "drawing", "", "画", "|pictures|画=pictures", kProgressive | kHabit | kFuture | kSkill | kTogether,
       "draw"},
      {"do", "does", "did", "done", "doing", "", "做", "|homework|作业=homework", kUsual, "read"},
      {"watch", "watches", "watched", "watched", "watching", "", "看", "|television|电视=television", kUsual, "rest"},
      {"listen", "listens", "listened", "listened", "listening", "to", "听", "|music|音乐=music", kUsual, "music"},
      {"play", "plays", "played", "played", "playing", "", "踢", "|football|足球=football", kUsual | kSkill | kExperience, "ball"},
      {"play", "plays", "played", "played", "playing", "", "打", "|basketball|篮球=basketball", kUsual | kSkill | kExperience, "ball"},
      {"play", "plays", "played", "played", "playing", "", "打", "|tennis|网球=tennis", kUsual | kSkill | kExperience, "ball"},
      {"play", "plays", "played", "played", "playing", "", "弹", "|the piano|钢琴=piano~the",
       kPast | kProgressive | kHabit | kFuture | kSkill | kExperience, "music"},
      {"play", "plays", "played", "played", "playing", "", "弹", "|the guitar|吉他=guitar~the",
       kPast | kProgressive | kHabit | kFuture | kSkill | kExperience, "music"},
      {"play", "plays", "played", "played", "playing", "", "下", "|chess|国际象棋=chess",
       kPast | kProgressive | kFuture | kSkill | kExperience | kTogether, "rest"},
      {"learn", "learns", "learned", "learned", "learning", "", "学", "|Chinese|中文=Chinese",
       kProgressive | kFuture | kExperience | kHabit | kFarTime, "study"},
      {"learn", "learns", "learned", "learned", "learning", "", "学", "|English|英语=English",
       kProgressive | kFuture | kExperience | kHabit | kFarTime, "study"},
      {"learn", "learns", "learned", "learned", "learning", "", "学", "|French|法语=French",
       kProgressive | kFuture | kExperience | kHabit | kFarTime, "study"},
      {"speak", "speaks", "spoke", "spoken", "speaking", "", "说", "|Chinese|中文=Chinese", kSkill, ""},
      {"speak", "speaks", "spoke", "spoken", "speaking", "", "说", "|English|英语=English", kSkill, ""},
      {"speak", "speaks", "spoke", "spoken", "speaking", "", "说", "|French|法语=French", kSkill, ""},
      {"wash", "washes", "washed", "washed", "washing", "", "洗", "|clothes|衣服=clothes",
       kPast | kProgressive | kHabit | kFuture | kCommand, "home"},
      {"clean", "cleans", "cleaned", "cleaned", "cleaning", "", "打扫", "|the room|房间=room~the",
       kPast | kProgressive | kHabit | kFuture | kCommand, ""},
      {"clean", "cleans", "cleaned", "cleaned", "cleaning", "", "打扫", "|the kitchen|厨房=kitchen~the",
       kPast | kProgressive | kHabit | kFuture | kCommand, ""},
  };
  return list;
}

const std::vector<Verb>& person_actions() {
  static const std::vector<Verb> list = {
      {"help", "helps", "helped", "helped", "helping", "", "帮助", "",
       kPast | kProgressive | kHabit | kFuture | kFarTime | kExperience | kCommand, ""},
      {"call", "calls", "called", "called", "calling", "", "给…打电话", "", kPast | kProgressive | kHabit | kFuture | kCommand, ""},
      {"visit", "visits", "visited", "visited", "visiting", "", "看望", "", kPast | kHabit | kFuture | kFarTime, ""},
      {"invite", "invites", "invited", "invited", "inviting", "", "邀请", "", kPast | kFuture | kExperience | kFarTime, ""},
      {"thank", "thanks", "thanked", "thanked", "thanking", "", "感谢", "", kFuture, ""},
      {"meet", "meets", "met", "met", "meeting", "", "遇到", "", kPast | kFarTime, ""},
      {"wait", "waits", "waited", "waited", "waiting", "for", "等", "", kProgressive | kFuture | kCommand, "wait"},
      {"look", "looks", "looked", "looked", "looking", "for", "找", "", kProgressive, ""},
      {"ask", "asks", "asked", "asked", "asking", "", "问", "", kFuture | kExperience, ""},
      {"believe", "believes", "believed", "believed", "believing", "", "相信", "", kCommand, ""},
  };
  return list;
}

const std::vector<Verb>& states() {
  static const std::vector<Verb> list = {
      {"love", "loves", "loved", "loved", "loving", "", "爱", "person", 0, ""},
      {"like", "likes", "liked", "liked", "liking", "", "喜欢", "person animal interesting likeable film dyed tell", 0, ""},
      {"know", "knows", "knew", "known", "knowing", "", "认识", "person", 0, ""},
      {"miss", "misses", "missed", "missed", "missing", "", "想念", "person", 0, ""},
      {"understand", "understands", "understood", "understood", "understanding", "", "理解", "person", 0, ""},
      {"trust", "trusts", "trusted", "trusted", "trusting", "", "信任", "person", 0, ""},
      {"remember", "remembers", "remembered", "remembered", "remembering", "", "记得", "person tell song", 0, ""},
      {"need", "needs", "needed", "needed", "needing", "", "需要", "person use carry furniture", 0, ""},
      {"hate", "hates", "hated", "hated", "hating", "", "讨厌", "animal", 0, ""},
  };
  return list;
}

const std::vector<Place>& places() {
  static const std::vector<Place> list = {
      {"home|家=home", "at", "", "eat drink sleep rest cook study read write music work home wait draw sing"},
      {"school|学校=school", "at", "", "study ball eat sing read go dance near"},
      {"the library|图书馆=library~the", "in", "", "study read write work go near"},
      {"the park|公园=park~the", "in", "", "run ball walk dance sing music draw rest_out read photo ride see wait go near plant"},
      {"the restaurant|饭馆=restaurant~the", "at", "", "eat drink work wait go near"},
      {"the office|办公室=office~the", "in", "", "work drink read write rest_out"},
      {"the hospital|医院=hospital~the", "at", "", "work wait go near"},
      {"the hotel|酒店=hotel~the", "at", "", "sleep work eat wait go near"},
      {"the garden|花园=garden~the", "in", "里", "read drink draw walk see plant"},
      {"the kitchen|厨房=kitchen~the", "in", "", "cook drink eat"},
      {"the cafe|咖啡馆=cafe~the", "in", "", "drink read write wait work go near"},
      {"the shop|商店=shop~the", "in", "", "buy work go near"},
      {"the supermarket|超市=supermarket~the", "in", "", "buy work go near"},
      {"the station|车站=station~the", "at", "", "wait go near"},
      {"the airport|机场=airport~the", "at", "", "wait work go near"},
      {"the bank|银行=bank~the", "at", "", "work go near"},
      {"the factory|工厂=factory~the", "in", "", "work go near"},
      {"the museum|博物馆=museum~the", "in", "", "photo work draw go near"},
      {"the cinema|电影院=cinema~the", "at", "", "watch go near"},
      {"the forest|森林=forest~the", "in", "里", "walk see photo"},
      {"the river|河=river~the", "in", "里", "swim"},
      {"the sea|海=sea~the", "in", "里", "swim"},
      {"Beijing|北京=Beijing", "in", "", "work study live go buy city"},
      {"Shanghai|上海=Shanghai", "in", "", "work study live go buy city"},
      {"London|伦敦=London", "in", "", "work study live go buy city"},
      {"Paris|巴黎=Paris", "in", "", "work study live go buy photo city"},
      {"China|中国=China", "in", "", "work study live go country"},
      {"France|法国=France", "in", "", "work study live go country"},
      {"Japan|日本=Japan", "in", "", "work study live go country"},
      {"America|美国=America", "in", "", "work study live go country"},
  };
  return list;
}

const std::vector<Spot>& spots() {
  static const std::vector<Spot> list = {
      {"on the table|桌子=table~the 上=on", "small"},
      {"on the chair|椅子=chair~the 上=on", "small pet"},
      {"on the bed|床=bed~the 上=on", "small pet"},
      {"under the bed|床=bed~the 下面=under", "small pet"},
      {"in the bag|包=bag~the 里=in", "small"},
      {"in the box|箱子=box~the 里=in", "small"},
      {"in the drawer|抽屉=drawer~the 里=in", "small"},
      {"under the tree|树=tree~the 下=under", "animal person ride"},
      {"under the table|桌子=table~the 下面=under", "pet carry"},
      {"in the garden|花园=garden~the 里=in", "animal plant person"},
      {"in the room|房间=room~the 里=in", "furniture person"},
      {"in the kitchen|厨房=kitchen~the 里=in", "furniture"},
      {"on the farm|农场=farm~the 里=on", "animal"},
      {"in the park|公园=park~the 里=in", "person plant"},
      {"behind the house|房子=house~the 后面=behind", "plant animal drive"},
      {"in front of the school|学校=school~the 前面=in,front~of", "drive plant person ride house_of"},
      {"next to the station|车站=station~the 旁边=next~to", "house_of"},
      {"next to the park|公园=park~the 旁边=next~to", "house_of"},
  };
  return list;
}

const std::vector<const char*>& numbers() {
  static const std::vector<const char*> list = {"two|两=two", "three|三=three",     "four|四=four",      "five|五=five",
                                                "six|六=six", "seven|七=seven",     "eight|八=eight",    "nine|九=nine",
                                                "ten|十=ten", "twelve|十二=twelve", "twenty|二十=twenty"};
  return list;
}

const std::vector<const char*>& past_times() {
  static const std::vector<const char*> list = {"yesterday|昨天=yesterday",
                                                "last night|昨天晚上=last,night",
                                                "this morning|今天早上=this,morning",
                                                "yesterday morning|昨天=yesterday 早上=morning",
                                                "yesterday afternoon|昨天=yesterday 下午=afternoon",
                                                "two days ago|两=two 天=days 前=ago",
                                                "three days ago|三=three 天=days 前=ago"};
  return list;
}
const std::vector<const char*>& far_past_times() {
  static const std::vector<const char*> list = {"last week|上=last 个~week 星期=week", "last month|上=last 个~month 月=month",
                                                "last year|去年=last,year", "last Sunday|上=last 个~Sunday 星期天=Sunday"};
  return list;
}
const std::vector<const char*>& future_times() {
  static const std::vector<const char*> list = {"tomorrow|明天=tomorrow",
                                                "tonight|今天晚上=tonight",
                                                "tomorrow morning|明天=tomorrow 早上=morning",
                                                "tomorrow afternoon|明天=tomorrow 下午=afternoon",
                                                "this weekend|这=this 个~weekend 周末=weekend",
                                                "on Friday|星期五=Friday~on",
                                                "on Monday|星期一=Monday~on"};
  return list;
}
const std::vector<const char*>& far_future_times() {
  static const std::vector<const char*> list = {"next week|下=next 个~week 星期=week", "next month|下=next 个~month 月=month",
                                                "next year|明年=next,year"};
  return list;
}
const std::vector<const char*>& habits() {
  static const std::vector<const char*> list = {
      "every day|每=every 天=day 都~every", "every morning|每=every 天~every 早上=morning 都~every",
      "every evening|每=every 天~every 晚上=evening 都~every", "every Sunday|每=every 个~every,Sunday 星期天=Sunday 都~every",
      "every week|每=every 个~every,week 星期=week 都~every"};
  return list;
}
const std::vector<const char*>& frequencies() {
  static const std::vector<const char*> list = {"often|常常=often", "usually|通常=usually", "always|总是=always",
                                                "sometimes|有时候=sometimes"};
  return list;
}
const std::vector<const char*>& hours() {
  static const std::vector<const char*> list = {"at six|六=six 点~at,six",
                                                "at seven|七=seven 点~at,seven",
                                                "at eight|八=eight 点~at,eight",
                                                "at nine|九=nine 点~at,nine",
                                                "at ten|十=ten 点~at,ten",
                                                "at two|两=two 点~at,two",
                                                "at three|三=three 点~at,three",
                                                "at half past seven|七=seven 点~at,past 半=half",
                                                "at half past eight|八=eight 点~at,past 半=half",
                                                "at twelve|十二=twelve 点~at,twelve"};
  return list;
}
const std::vector<const char*>& durations() {
  static const std::vector<const char*> list = {
      "for two hours|两=two 个~hours,for 小时=hours",  "for three hours|三=three 个~hours,for 小时=hours",
      "for an hour|一=an 个~hour,for 小时=hour",       "for half an hour|半=half 个~hour,for,an 小时=hour",
      "for ten minutes|十=ten 分钟=minutes~for",       "for twenty minutes|二十=twenty 分钟=minutes~for",
      "for five hours|五=five 个~hours,for 小时=hours"};
  return list;
}
const std::vector<const char*>& jobs() {
  static const std::vector<const char*> list = {
      "teacher|老师=teacher", "doctor|医生=doctor", "student|学生=student", "nurse|护士=nurse",   "driver|司机=driver",
      "farmer|农民=farmer",   "writer|作家=writer", "singer|歌手=singer",   "lawyer|律师=lawyer", "engineer|工程师=engineer"};
  return list;
}
const std::vector<const char*>& fixed_phrases() {
  static const std::vector<const char*> list = {"I love you|我=I 爱=love 你=you",
                                                "thank you|谢谢=thank 你=you",
                                                "good morning|早上=morning 好=good",
                                                "good evening|晚上=evening 好=good",
                                                "good night|晚=night 安=good",
                                                "see you tomorrow|明天=tomorrow 见=see~you",
                                                "happy birthday|生日=birthday 快乐=happy",
                                                "nice to meet you|很~nice 高兴=nice 认识=meet~to 你=you",
                                                "how are you ?|你=you 好=how 吗~how,are ？=?",
                                                "what time is it ?|现在~is 几=what 点=time~it ？=?",
                                                "what day is it today ?|今天=today 星期=day 几=what~is,it ？=?",
                                                "excuse me|对不起=excuse,me",
                                                "please come in|请=please 进=in,come",
                                                "please sit down|请=please 坐=sit,down",
                                                "have a good weekend|周末=weekend 愉快=good~have,a",
                                                "what is your name ?|你=your 叫~is,name 什么=what 名字=name ？=?",
                                                "my name is Tom|我=my 叫=name~is 汤姆=Tom",
                                                "my name is Mary|我=my 叫=name~is 玛丽=Mary",
                                                "my name is Anna|我=my 叫=name~is 安娜=Anna",
                                                "my name is Peter|我=my 叫=name~is 彼得=Peter",
                                                "you are welcome|不客气=welcome~you,are",
                                                "happy new year|新=new 年=year 快乐=happy",
                                                "I do not know|我=I 不=not~do 知道=know",
                                                "I see|我=I 明白~see 了~see"};
  return list;
}

}  // namespace attend::phrasebook
