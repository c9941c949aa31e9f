#include "parse.h"

#include <algorithm>

#include "attend/core/error.h"

namespace attend::cli {
namespace {

class LineParser {
 public:
  LineParser(const Command& command, std::span<const std::string> arguments)
      : command_(command), options_(all_options(command)), left_(arguments) {}

  ParsedLine parse() {
    bool flags = true;
    while (!left_.empty()) {
      const auto argument = take();
      if (flags && argument == "--")
        flags = false;
      else if (flags && (argument == "--help" || argument == "-h"))
        parsed_.help = true;
      else if (flags && argument.size() > 1 && argument[0] == '-')
        flag(argument);
      else
        parsed_.words.push_back(argument);
    }
    return std::move(parsed_);
  }

 private:
  std::string take() {
    auto argument = left_.front();
    left_ = left_.subspan(1);
    return argument;
  }

  const OptionInfo* find(const std::string& flag) const {
    for (const auto& option : options_)
      if (flag_of(option.key) == flag) return &option;
    return nullptr;
  }

  void flag(const std::string& argument) {
    const auto equals = argument.find('=');
    const auto typed = argument.substr(0, equals);
    const bool attached = equals != std::string::npos;
    const auto* option = find(typed);
    if (!option && typed.starts_with("--no-") && !attached) {
      option = find("--" + typed.substr(5));
      if (option && option->type == "flag") return give(*option, "false");
      option = nullptr;
    }
    if (!option) fail_unknown(typed);
    const auto after = attached ? argument.substr(equals + 1) : std::string();
    if (option->type == "flag") {
      ATTEND_CHECK(!attached || after == "true" || after == "false", kUsage, "{} takes no value, got '{}'; --no-{} turns it off", typed,
                   after, typed.substr(2));
      return give(*option, attached ? after : "true");
    }
    if (attached) return give(*option, after);
    ATTEND_CHECK(!left_.empty() && !left_.front().starts_with("--"), kUsage, "{} needs a value{}", typed,
                 left_.empty() ? "" : fmt::format(", got the flag {0}; if {0} is the value, write {1}={0}", left_.front(), typed));
    give(*option, take());
  }

  void give(const OptionInfo& option, const std::string& text) {
    auto& value = parsed_.values[option.key];
    value.where = flag_of(option.key);
    value.is_list = option.type == "list";
    if (!value.is_list) value.texts.clear();
    value.texts.push_back(text);
  }

  [[noreturn]] void fail_unknown(const std::string& typed) const {
    std::vector<std::string> known;
    for (const auto& option : options_) known.push_back(flag_of(option.key));
    const auto near = nearest_name(typed, known);
    fail(ErrorKind::kUsage, "unknown flag {}{}", typed,
         near.empty() ? fmt::format("; see attend {} --help, and write -- before words that begin with -", command_.name)
                      : fmt::format(", did you mean {}?", near));
  }

  const Command& command_;
  std::vector<OptionInfo> options_;
  std::span<const std::string> left_;
  ParsedLine parsed_;
};

}  // namespace

std::string flag_of(const std::string& option) {
  std::string flag = "--" + option;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::vector<OptionInfo> all_options(const Command& command) {
  auto options = command.options;
  const bool reads_model = command.model_first || std::any_of(command.options.begin(), command.options.end(),
                                                              [](const auto& own) { return own.key == "init_from"; });
  for (const auto& info : flags_of<CommonOptions>())
    if ((reads_model || info.key != "verify") &&
        std::none_of(command.options.begin(), command.options.end(), [&](const auto& own) { return own.key == info.key; }))
      options.push_back(info);
  return options;
}

ParsedLine parse_line(const Command& command, std::span<const std::string> arguments) { return LineParser(command, arguments).parse(); }

}  // namespace attend::cli
