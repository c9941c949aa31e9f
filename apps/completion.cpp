// Completion scripts for bash and zsh.
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "help.h"
#include "parse.h"
#include "places.h"

namespace attend::cli {
namespace {

// In single quotes, for a shell.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// "a, b or c", as a range describes itself.
std::vector<std::string> choices_of(const OptionInfo& option) {
  if (option.type != "text" || option.range.empty()) return {};
  std::vector<std::string> names;
  std::istringstream words(option.range);
  for (std::string word; words >> word;) {
    if (word.ends_with(',')) word.pop_back();
    if (word != "or") names.push_back(word);
  }
  return names;
}

bool names_a_path(const Command& command, const OptionInfo& option) { return place_of(command, option) != Place::kNone; }

std::vector<std::string> flags_to_type(const Command& command) {
  std::vector<std::string> flags{"--help"};
  for (const auto& option : all_options(command)) {
    const auto flag = flag_of(option.key);
    flags.push_back(option.type == "flag" && option.fallback == "true" ? "--no-" + flag.substr(2) : flag);
  }
  return flags;
}

}  // namespace

std::string bash_completion(const std::vector<Command>& commands) {
  std::vector<std::string> verbs;
  for (const auto& command : commands) verbs.push_back(command.name);
  std::string text = fmt::format(
      "# bash completion of attend, made by: attend completion bash\n"
      "_attend() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} verb=${{COMP_WORDS[1]}}\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    mapfile -t COMPREPLY < <(compgen -W '{} --help --version' -- \"$current\")\n"
      "    return\n"
      "  fi\n"
      "  case $verb in\n",
      fmt::join(verbs, " "));
  const auto offer = [](const std::vector<std::string>& names) {
    return fmt::format("mapfile -t COMPREPLY < <(compgen -W {} -- \"$current\")", in_quotes(fmt::format("{}", fmt::join(names, " "))));
  };
  for (const auto& command : commands) {
    text += fmt::format("    {})\n      case $before in\n", command.name);
    std::vector<std::string> other;
    for (const auto& option : all_options(command)) {
      if (option.type == "flag") continue;
      const auto choices = choices_of(option);
      if (!choices.empty())
        text += fmt::format("        {}) {}; return ;;\n", flag_of(option.key), offer(choices));
      else if (names_a_path(command, option))
        text += fmt::format("        {}) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n", flag_of(option.key));
      else
        other.push_back(flag_of(option.key));
    }
    if (!other.empty()) text += fmt::format("        {}) return ;;\n", fmt::join(other, "|"));
    text += fmt::format("      esac\n      if [[ $current == -* ]]; then\n        {}\n        return\n      fi\n",
                        offer(flags_to_type(command)));
    if (!command.choices.empty()) text += fmt::format("      if ((COMP_CWORD == 2)); then {}; fi\n", offer(command.choices));
    if (command.choices.empty() && command.most_words > 0) text += "      mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n";
    text += "      ;;\n";
  }
  return text + "  esac\n}\ncomplete -o filenames -o bashdefault -F _attend attend\n";
}

std::string zsh_completion(const std::vector<Command>& commands) {
  // In a description of _arguments brackets and colons have a meaning.
  const auto described = [](std::string_view help) {
    std::string out;
    for (const char c : help) {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  };
  std::string text =
      "#compdef attend\n"
      "# zsh completion of attend, made by: attend completion zsh\n"
      "_attend() {\n"
      "  local -a verbs\n"
      "  verbs=(\n";
  for (const auto& command : commands) text += fmt::format("    {}\n", in_quotes(command.name + ":" + command.sentence));
  text +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $verb in\n";
  for (const auto& command : commands) {
    text += fmt::format("    {})\n      _arguments -s \\\n        '--help[this help]' \\\n", command.name);
    for (const auto& option : all_options(command)) {
      const auto flag = flag_of(option.key);
      const auto help = described(option.help);
      if (option.type == "flag") {
        const auto typed = option.fallback == "true" ? "--no-" + flag.substr(2) : flag;
        text += fmt::format("        {} \\\n", in_quotes(fmt::format("{}[{}]", typed, help)));
        continue;
      }
      const auto choices = choices_of(option);
      const auto action = !choices.empty() ? fmt::format("({})", fmt::join(choices, " ")) : names_a_path(command, option) ? "_files" : "";
      text += fmt::format("        {} \\\n",
                          in_quotes(fmt::format("{}{}=[{}]:{}:{}", option.type == "list" ? "*" : "", flag, help, option.key, action)));
    }
    if (!command.choices.empty())
      text += fmt::format("        {}\n", in_quotes(fmt::format("1:name:({})", fmt::join(command.choices, " "))));
    else
      text += command.most_words > 0 ? "        '*:file:_files'\n" : "        && return\n";
    text += "      ;;\n";
  }
  return text + "  esac\n}\nif [[ $funcstack[1] == _attend ]]; then _attend \"$@\"; else compdef _attend attend; fi\n";
}

}  // namespace attend::cli
