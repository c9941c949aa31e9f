// Commands by SCAN's grammar, against actions that the paper prints.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "attend/synthetic/generate_files.h"
#include "generated_folder.h"
#include "support/expect_error.h"

namespace attend {
namespace {

std::map<std::string, std::string> all_commands() {
  std::map<std::string, std::string> all;
  for (const auto& pair : generate_commands(20910, 1)) all[pair.source] = pair.target;
  return all;
}

// Lake & Baroni 2018, figure 1 and table 1.
TEST(Commands, MeanWhatThePaperSays) {
  const auto all = all_commands();
  EXPECT_EQ(all.size(), 20910u);  // none twice
  EXPECT_EQ(all.at("jump"), "I_JUMP");
  EXPECT_EQ(all.at("jump left"), "I_TURN_LEFT I_JUMP");
  EXPECT_EQ(all.at("jump around right"), "I_TURN_RIGHT I_JUMP I_TURN_RIGHT I_JUMP I_TURN_RIGHT I_JUMP I_TURN_RIGHT I_JUMP");
  EXPECT_EQ(all.at("turn left twice"), "I_TURN_LEFT I_TURN_LEFT");
  EXPECT_EQ(all.at("jump thrice"), "I_JUMP I_JUMP I_JUMP");
  EXPECT_EQ(all.at("jump opposite left and walk thrice"), "I_TURN_LEFT I_TURN_LEFT I_JUMP I_WALK I_WALK I_WALK");
  EXPECT_EQ(all.at("jump opposite left after walk around left"),
            "I_TURN_LEFT I_WALK I_TURN_LEFT I_WALK I_TURN_LEFT I_WALK I_TURN_LEFT I_WALK I_TURN_LEFT I_TURN_LEFT I_JUMP");
  EXPECT_EQ(all.at("turn around left"), "I_TURN_LEFT I_TURN_LEFT I_TURN_LEFT I_TURN_LEFT");
  std::size_t longest_source = 0, longest_target = 0;
  for (const auto& [source, target] : all) {
    longest_source = std::max(longest_source, test::words_of(source).size());
    longest_target = std::max(longest_target, test::words_of(target).size());
  }
  EXPECT_EQ(longest_source, 9u);
  EXPECT_EQ(longest_target, 48u);
}

TEST(Commands, LinkEachActionToTheWordThatAsksForIt) {
  static const std::map<std::string, std::string> kAsks{{"I_WALK", "walk"}, {"I_LOOK", "look"},      {"I_RUN", "run"},
                                                        {"I_JUMP", "jump"}, {"I_TURN_LEFT", "left"}, {"I_TURN_RIGHT", "right"}};
  for (const auto& pair : generate_commands(500, 3)) {
    const auto words = test::words_of(pair.source), actions = test::words_of(pair.target);
    ASSERT_EQ(pair.links.size(), actions.size()) << pair.source;
    std::set<std::uint32_t> seen;
    for (const auto& link : pair.links) {
      EXPECT_EQ(words.at(link.source), kAsks.at(actions.at(link.target))) << pair.source;
      EXPECT_TRUE(link.sure && seen.insert(link.target).second);
    }
  }
  // "after" turns the clauses round: its first actions are asked for by the words behind it.
  for (const auto& pair : generate_commands(500, 3)) {
    const auto words = test::words_of(pair.source);
    const auto after = std::find(words.begin(), words.end(), "after");
    if (after == words.end()) continue;
    for (const auto& link : pair.links) {
      if (link.target != 0) continue;
      EXPECT_GT(link.source, static_cast<std::uint32_t>(after - words.begin())) << pair.source;
    }
  }
}

TEST(Commands, AreTheSameForASeedAndEndWithTheGrammar) {
  EXPECT_EQ(generate_commands(50, 7), generate_commands(50, 7));
  EXPECT_NE(generate_commands(50, 7), generate_commands(50, 8));
  EXPECT_ERROR(generate_commands(20911, 1), kValue,
               "commands: 20911 pairs were asked for, training, dev and test together, and the grammar has 20910");
}

}  // namespace
}  // namespace attend
