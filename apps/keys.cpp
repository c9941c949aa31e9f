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

std::string section_of(const std::string& key) {
  const auto dot = key.rfind('.');
  return dot == std::string::npos ? std::string() : key.substr(0, dot);
}

std::string default_of(const OptionInfo& option) { return option.fallback.empty() ? "\"\"" : option.fallback; }

// Every key that some choice reads, section by section in the order of the sections.
std::vector<OptionReader> all_keys() {
  auto readers = find_readers(list_options_under<Config>);
  const auto groups = list_options<Config>().groups;
  const auto place = [&](const OptionReader& reader) {
    const auto section = section_of(reader.option.key);
    return std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == section; }) - groups.begin();
  };
  const auto top = [](const OptionReader& reader) { return reader.option.key.find('.') == std::string::npos; };
  std::stable_sort(readers.begin(), readers.end(),
                   [&](const auto& a, const auto& b) { return top(a) != top(b) ? top(a) : place(a) < place(b); });
  return readers;
}

int keys(const Arguments& arguments) {
  const auto groups = list_options<Config>().groups;
  const auto all = all_keys();
  const auto section = arguments.words.empty() ? std::string() : arguments.words[0];
  std::vector<std::string> known;
  for (const auto& [name, help] : groups) known.push_back(name);
  for (const auto& reader : all) known.push_back(reader.option.key);
  if (!section.empty() && std::find(known.begin(), known.end(), section) == known.end()) fail_unknown_name("keys", section, known);
  std::string before;
  for (const auto& reader : all) {
    const auto& option = reader.option;
    if (!lies_in(option.key, section)) continue;
    const auto group = section_of(option.key);
    if (group != before && !group.empty()) {
      for (const auto& [name, help] : groups)
        if (name == group) fmt::print("{}{}: {}\n", before.empty() ? "" : "\n", name, help);
      before = group;
    }
    fmt::print("  {:<30} {:<8} {:<12} {}{}\n", option.key, option.type, default_of(option), option.help,
               option.range.empty() ? "" : " (" + option.range + ")");
    if (!reader.choices.empty()) fmt::print("  {:<52} read with {}\n", "", reader.describe());
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
