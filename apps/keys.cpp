// attend keys
#include <algorithm>

#include "attend/core/error.h"
#include "attend/train/config.h"
#include "verbs.h"

namespace attend::cli {
namespace {

bool lies_in(const std::string& key, const std::string& section) {
  return section.empty() || key == section || key.starts_with(section + ".");
}

std::string default_of(const OptionInfo& option) { return option.fallback.empty() ? "\"\"" : option.fallback; }

int keys(const Arguments& arguments) {
  const auto all = list_options<Config>();
  const auto section = arguments.words.empty() ? std::string() : arguments.words[0];
  std::vector<std::string> known;
  for (const auto& [name, help] : all.groups) known.push_back(name);
  for (const auto& option : all.fields) known.push_back(option.key);
  if (!section.empty() && std::find(known.begin(), known.end(), section) == known.end()) fail_unknown_name("keys", section, known);
  std::string before;
  for (const auto& option : all.fields) {
    if (!lies_in(option.key, section)) continue;
    const auto group = option.key.substr(0, std::min(option.key.rfind('.'), option.key.size()));
    if (group != before && option.key.find('.') != std::string::npos) {
      for (const auto& [name, help] : all.groups)
        if (name == group) fmt::print("{}{}: {}\n", before.empty() ? "" : "\n", name, help);
      before = group;
    }
    fmt::print("  {:<30} {:<8} {:<12} {}{}\n", option.key, option.type, default_of(option), option.help,
               option.range.empty() ? "" : " (" + option.range + ")");
  }
  return 0;
}

std::vector<std::string> sections() {
  std::vector<std::string> names;
  for (const auto& [name, help] : list_options<Config>().groups) names.push_back(name);
  return names;
}

}  // namespace

Command keys_command() {
  return {.name = "keys",
          .sentence = "The configuration keys of training: type, default, meaning and range.",
          .words = "[SECTION | KEY]",
          .details = "Set one with --set KEY=VALUE, or in a configuration file.\nExamples:\n  attend keys model\n  attend keys train.rate",
          .choices = sections(),
          .most_words = 1,
          .run = keys};
}

}  // namespace attend::cli
