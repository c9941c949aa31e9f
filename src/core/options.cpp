#include "attend/core/options.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "attend/core/error.h"

namespace attend {
namespace {

std::string shown(double x) { return fmt::format("{}", x); }
std::string shown(bool x) { return x ? "true" : "false"; }

std::string joined_key(const std::string& prefix, const char* name) { return prefix.empty() ? name : prefix + "." + name; }

void pop_group(std::string& prefix) {
  const auto dot = prefix.rfind('.');
  prefix.resize(dot == std::string::npos ? 0 : dot);
}

// A number as the user gave it, for messages.
std::string got(const GivenValue& given) { return fmt::format("{}'{}'", given.is_list ? "the list " : "", fmt::join(given.texts, ", ")); }

// What is asked for where `text` is no such integer: of digits beyond 64 bits, the bound that they break.
std::string expected_integer(const std::string& text, const Range& range) {
  std::int64_t ignored = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, ignored);
  if (error != std::errc::result_out_of_range || stop != end) return "a whole number";
  const bool below = text.starts_with('-');
  if (std::isfinite(below ? range.low : range.high)) return range.describe();
  return below ? "at least -9223372036854775808" : "at most 9223372036854775807";
}

template <class Number>
bool parse_number(const std::string& text, Number& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end && std::isfinite(static_cast<double>(out));
}

void check_range(const std::string& key, const GivenValue& given, double value, const Range& range) {
  ATTEND_CHECK(value >= range.low && value <= range.high, kValue, "{}: {} must be {}, got {}", given.where, key, range.describe(),
               given.texts.at(0));
}

bool plain_yaml(const std::string& text) {
  static const std::vector<std::string> reserved = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (text.empty() || std::find(reserved.begin(), reserved.end(), lower) != reserved.end()) return false;
  double number = 0;
  if (parse_number(text, number)) return false;
  for (const char c : text)
    if (!(std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '/' || c == '.' || c == '-')) return false;
  return text.front() != '-' && text.front() != '.';
}

void check_utf8(const std::string& key, const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::kValue, "{}: expected UTF-8 text, got bytes that are none; give the value in UTF-8", key);
  }
}

/// One value as YAML. JSON's double quotes are YAML's; `$${` keeps a literal `${` from being read as a variable.
std::string yaml_scalar(const OptionInfo& field, const std::string& text) {
  if ((field.type != "text" && field.type != "list") || plain_yaml(text)) return text;
  check_utf8(field.key, text);
  std::string escaped = nlohmann::json(text).dump();
  for (auto at = escaped.find("${"); at != std::string::npos; at = escaped.find("${", at + 3)) escaped.insert(at, "$");
  return escaped;
}

}  // namespace

std::string Range::describe() const {
  if (!choices.empty()) {
    std::string text;
    for (std::size_t i = 0; i < choices.size(); ++i) text += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
    return text;
  }
  if (std::isfinite(low) && std::isfinite(high)) return fmt::format("{} to {}", low, high);
  if (std::isfinite(low)) return fmt::format("at least {}", low);
  if (std::isfinite(high)) return fmt::format("at most {}", high);
  return {};
}
Range at_least(double low) {
  Range range;
  range.low = low;
  return range;
}
Range between(double low, double high) {
  Range range;
  range.low = low;
  range.high = high;
  return range;
}
Range one_of(std::vector<std::string> choices) {
  Range range;
  range.choices = std::move(choices);
  return range;
}

void OptionVisitor::operator()(bool& field, const char* name, bool fallback, const char* help) {
  const Range none;
  on(field, fallback, {name, help, &none});
}
void OptionVisitor::operator()(std::int64_t& field, const char* name, std::int64_t fallback, const char* help, const Range& range) {
  on(field, fallback, {name, help, &range});
}
void OptionVisitor::operator()(double& field, const char* name, double fallback, const char* help, const Range& range) {
  on(field, fallback, {name, help, &range});
}
void OptionVisitor::operator()(std::string& field, const char* name, const char* fallback, const char* help, const Range& range) {
  on(field, std::string(fallback), {name, help, &range});
}
void OptionVisitor::operator()(std::vector<std::string>& field, const char* name, std::vector<std::string> fallback, const char* help) {
  const Range none;
  on(field, fallback, {name, help, &none});
}

namespace {
thread_local OptionSet::Watch* watch = nullptr;
}
OptionSet::Watch::Watch() { watch = this; }
OptionSet::Watch::~Watch() { watch = nullptr; }
void OptionSet::note(std::type_index type) {
  if (watch) watch->read.insert(type);
}

void OptionSet::note_written(std::type_index type) {
  if (watch) watch->written.insert(type);
}

void ListVisitor::add(const Field& about, const char* type, std::string fallback, std::vector<std::string> value) {
  auto choices = about.range->choices;
  if (std::string_view(type) == "flag") choices = {"true", "false"};
  fields.push_back({joined_key(prefix_, about.name), type, std::move(fallback), about.help, about.range->describe(), std::move(value),
                    std::move(choices)});
}
void ListVisitor::on(bool& f, bool d, const Field& about) { add(about, "flag", shown(d), {shown(f)}); }
void ListVisitor::on(std::int64_t& f, std::int64_t d, const Field& about) { add(about, "integer", std::to_string(d), {std::to_string(f)}); }
void ListVisitor::on(double& f, double d, const Field& about) { add(about, "number", shown(d), {shown(f)}); }
void ListVisitor::on(std::string& f, const std::string& d, const Field& about) { add(about, "text", d, {f}); }
void ListVisitor::on(std::vector<std::string>& f, const std::vector<std::string>& d, const Field& about) {
  add(about, "list", fmt::format("[{}]", fmt::join(d, ", ")), f);
}
void ListVisitor::begin_group(const char* name, const char* help) {
  prefix_ = joined_key(prefix_, name);
  groups.emplace_back(prefix_, help);
}
void ListVisitor::end_group() { pop_group(prefix_); }

GivenValue* AssignVisitor::find(const Field& about) {
  const auto found = values_.find(joined_key(prefix_, about.name));
  if (found == values_.end()) return nullptr;
  ATTEND_CHECK(!found->second.empty, kValue, "{}: {} has no value; give one, or remove the line to keep the default", found->second.where,
               found->first);
  found->second.used = true;
  return &found->second;
}
void AssignVisitor::begin_group(const char* name, const char* /*help*/) { prefix_ = joined_key(prefix_, name); }
void AssignVisitor::end_group() { pop_group(prefix_); }

void AssignVisitor::on(bool& f, bool /*d*/, const Field& about) {
  const auto* given = find(about);
  if (!given) return;
  const auto text = fmt::format("{}", fmt::join(given->texts, ", "));
  ATTEND_CHECK(!given->is_list && (text == "true" || text == "false"), kValue, "{}: {} must be true or false, got {}", given->where,
               joined_key(prefix_, about.name), got(*given));
  f = text == "true";
}
void AssignVisitor::on(std::int64_t& f, std::int64_t /*d*/, const Field& about) {
  const auto* given = find(about);
  if (!given) return;
  const auto key = joined_key(prefix_, about.name);
  std::int64_t value = 0;
  ATTEND_CHECK(!given->is_list && parse_number(given->texts.at(0), value), kValue, "{}: {} must be {}, got {}", given->where, key,
               given->is_list ? "a whole number" : expected_integer(given->texts.at(0), *about.range), got(*given));
  check_range(key, *given, static_cast<double>(value), *about.range);
  f = value;
}
void AssignVisitor::on(double& f, double /*d*/, const Field& about) {
  const auto* given = find(about);
  if (!given) return;
  const auto key = joined_key(prefix_, about.name);
  double value = 0;
  ATTEND_CHECK(!given->is_list && parse_number(given->texts.at(0), value), kValue, "{}: {} must be a number, got {}", given->where, key,
               got(*given));
  check_range(key, *given, value, *about.range);
  f = value;
}
void AssignVisitor::on(std::string& f, const std::string& d, const Field& about) {
  const auto* given = find(about);
  if (!given) return;
  const auto key = joined_key(prefix_, about.name);
  ATTEND_CHECK(!given->is_list, kValue, "{}: {} must be one text, got a list of {}", given->where, key, given->texts.size());
  const auto& choices = about.range->choices;
  const bool is_default = given->texts[0] == d;  // which need not be one of the choices: an empty text, say, for what follows elsewhere
  if (!choices.empty() && !is_default && std::find(choices.begin(), choices.end(), given->texts[0]) == choices.end())
    fail_unknown_name(fmt::format("{}: {}", given->where, key), given->texts[0], choices);
  f = given->texts[0];
}
void AssignVisitor::on(std::vector<std::string>& f, const std::vector<std::string>& /*d*/, const Field& about) {
  if (const auto* given = find(about)) f = given->texts;
}

std::string to_yaml(const ListVisitor& list) {
  std::string text, section;
  auto help_of = [&](const std::string& group) {
    for (const auto& [name, help] : list.groups)
      if (name == group) return help;
    return std::string();
  };
  for (const auto& field : list.fields) {
    const auto dot = field.key.rfind('.');
    const auto group = dot == std::string::npos ? std::string() : field.key.substr(0, dot);
    // Open every group level that differs from the one we stand in.
    if (group != section) {
      std::size_t from = 0;
      while (from <= group.size() && !group.empty()) {
        const auto to = std::min(group.find('.', from), group.size());
        const auto level = group.substr(0, to);
        if (!(section == level || section.starts_with(level + "."))) {
          const auto depth = static_cast<std::size_t>(std::count(level.begin(), level.end(), '.'));
          text += fmt::format("{}{}{}:  # {}\n", depth == 0 ? "\n" : "", std::string(2 * depth, ' '), level.substr(from), help_of(level));
        }
        from = to + 1;
      }
      section = group;
    }
    const auto depth = group.empty() ? 0 : static_cast<std::size_t>(std::count(group.begin(), group.end(), '.')) + 1;
    std::string value;
    if (field.type == "list") {
      for (const auto& item : field.value) value += (value.empty() ? "" : ", ") + yaml_scalar(field, item);
      value = "[" + value + "]";
    } else {
      value = yaml_scalar(field, field.value.at(0));
    }
    const auto name = dot == std::string::npos ? field.key : field.key.substr(dot + 1);
    const auto line = fmt::format("{}{}: {}", std::string(2 * depth, ' '), name, value);
    text += fmt::format("{:<36}  # {}{}\n", line, field.help, field.range.empty() ? "" : " (" + field.range + ")");
  }
  return text;
}

std::string to_json(const ListVisitor& list) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  for (const auto& field : list.fields) {
    auto* node = &root;
    std::size_t from = 0;
    for (auto dot = field.key.find('.'); dot != std::string::npos; from = dot + 1, dot = field.key.find('.', from))
      node = &(*node)[field.key.substr(from, dot - from)];
    auto& value = (*node)[field.key.substr(from)];
    if (field.type == "list") {
      for (const auto& item : field.value) check_utf8(field.key, item);
      value = field.value;
    } else if (field.type == "text") {
      check_utf8(field.key, field.value.at(0));
      value = field.value.at(0);
    } else {
      value = nlohmann::ordered_json::parse(field.value.at(0));
    }
  }
  return root.dump(2);
}

}  // namespace attend
