#include "attend/core/json.h"

#include <algorithm>
#include <set>
#include <vector>

#include "attend/core/error.h"

namespace attend {
namespace {

using nlohmann::json;

std::size_t line_of(std::string_view text, std::size_t at) {
  return 1 +
         static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(at, text.size())), '\n'));
}

/// The library's message without the library's name for it: "[json.exception.parse_error.101] parse error at line 2, column 3: ...".
std::string_view plain(std::string_view message) {
  for (const std::string_view mark : {"] ", ": "})
    if (const auto at = message.find(mark); at != message.npos) message.remove_prefix(at + mark.size());
  return message;
}

/// Counts before anything is built. Up to the first mistake of the text this sees what the parser sees, and the parser stops there.
void check_limits(std::string_view text, const std::string& who, const JsonLimits& limits) {
  ATTEND_CHECK(text.size() <= limits.bytes, kData, "{}: {} bytes of JSON are more than the {} that are read; the file is damaged", who,
               text.size(), limits.bytes);
  std::size_t values = 1;
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
      continue;
    }
    quoted = c == '"';
    if (c == '}' || c == ']') --depth;
    if (c == '{' || c == '[') {
      ++depth;
      ATTEND_CHECK(depth <= limits.depth, kData, "{}:{}: the JSON nests deeper than {} levels; the file is damaged", who, line_of(text, at),
                   limits.depth);
    }
    if (c == '{' || c == '[' || c == ',' || c == ':') ++values;
    ATTEND_CHECK(values <= limits.values, kData, "{}:{}: the JSON holds more than {} values; the file is damaged", who, line_of(text, at),
                 limits.values);
  }
}

}  // namespace

std::string json_problem(const json::exception& error) {
  std::string_view message = error.what();  // "[json.exception.out_of_range.403] key 'format' not found"
  if (const auto end = message.find("] "); message.starts_with('[') && end != message.npos) message.remove_prefix(end + 2);
  return std::string(message);
}

json parse_json(std::string_view text, const std::string& who, const JsonLimits& limits) {
  check_limits(text, who, limits);
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const json::parser_callback_t watch = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& name = value.get_ref<const std::string&>();
      ATTEND_CHECK(names.back().insert(name).second, kData, "{}: an object of the JSON names '{}' twice; write the file again", who, name);
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::parse_error& e) {
    fail(ErrorKind::kData, "{}:{}: not JSON ({}); the file is damaged", who, line_of(text, e.byte == 0 ? 0 : e.byte - 1), plain(e.what()));
  } catch (const json::exception& e) {
    fail(ErrorKind::kData, "{}: not JSON ({}); the file is damaged", who, plain(e.what()));
  }
}

}  // namespace attend
