// Config files: YAML to dotted keys, each with the place it stands at.
#include <cstdlib>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/core/options.h"
#include "attend/core/yaml.h"

namespace attend {
namespace {

std::string expand_variables(const std::string& text, const std::string& where) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text.compare(i, 3, "$${") == 0) {
      out += "${";
      i += 3;
      continue;
    }
    if (text.compare(i, 2, "${") != 0) {
      out += text[i++];
      continue;
    }
    const auto close = text.find('}', i);
    ATTEND_CHECK(close != std::string::npos, kValue, "{}: '${{' without '}}' in '{}'", where, text);
    const auto name = text.substr(i + 2, close - i - 2);
    const char* value = std::getenv(name.c_str());
    ATTEND_CHECK(value, kValue, "{}: ${{{}}} is not set; run: export {}=...", where, name, name);
    out += value;
    i = close + 1;
  }
  return out;
}

class Flattener {
 public:
  explicit Flattener(std::string file) : file_(std::move(file)) {}

  void walk(const YamlNode& node, const std::string& prefix) {
    ATTEND_CHECK(node.kind == Kind::kMap, kValue, "{}: expected `key: value` lines{}, got {}", place(node),
                 prefix.empty() ? "" : " under '" + prefix + "'", node.kind == Kind::kList ? "a list" : "a value alone");
    std::map<std::string, std::string> seen;
    for (const auto& [name, content] : node.members) {
      const auto here = place(*name);
      ATTEND_CHECK(name->kind == Kind::kScalar, kValue, "{}: a key must be a plain name; write `key: value`", here);
      const auto& key = name->scalar;
      ATTEND_CHECK(key != "<<", kValue, "{}: merge keys (<<) are not read; write the keys out", here);
      const auto [first, fresh] = seen.emplace(key, here);
      ATTEND_CHECK(fresh, kValue, "{}: duplicate key '{}', first given at {}; keep one of them", here, key, first->second);
      const auto dotted = prefix.empty() ? key : prefix + "." + key;
      if (content->kind == Kind::kMap) {
        walk(*content, dotted);
        continue;
      }
      GivenValue value;
      value.where = here;
      if (content->kind == Kind::kList) {
        value.is_list = true;
        for (const auto& item : content->items) {
          ATTEND_CHECK(item->kind == Kind::kScalar, kValue, "{}: '{}' must be a list of plain values", here, dotted);
          value.texts.push_back(expand_variables(item->scalar, here));
        }
      } else {
        value.empty = content->kind == Kind::kNull;
        value.texts = {value.empty ? "" : expand_variables(content->scalar, here)};
      }
      add(dotted, std::move(value));
    }
  }

  GivenValues values;

 private:
  using Kind = YamlNode::Kind;
  std::string place(const YamlNode& node) const { return fmt::format("{}:{}", file_, node.line); }
  void add(const std::string& key, GivenValue value) {
    const auto [old, fresh] = values.emplace(key, value);
    ATTEND_CHECK(fresh, kValue, "{}: duplicate key '{}', first given at {}; keep one of them", value.where, key, old->second.where);
  }
  std::string file_;
};

}  // namespace

GivenValues parse_config(const std::string& text, const std::string& name) {
  const auto root = parse_yaml(text, name);
  Flattener flat(name);
  if (root->kind != YamlNode::Kind::kNull) flat.walk(*root, "");
  return flat.values;
}

GivenValues read_config(const std::string& path) {
  const auto text = read_file(path, YamlLimits{}.bytes);
  const auto name = path == "-" ? "standard input" : path;
  ATTEND_CHECK(!text.empty(), kFile, "{}: the config file is empty; expected YAML", name);
  ATTEND_CHECK(!text.starts_with("\xff\xfe") && !text.starts_with("\xfe\xff") && text.find('\0') == std::string::npos, kData,
               "{}: expected YAML in UTF-8, got UTF-16 or a file that is no text; convert it with iconv -f UTF-16 -t UTF-8", name);
  return parse_config(text, name);
}

GivenValues read_stored_config(const std::string& path) {
  auto values = read_config(path);
  for (auto& [key, value] : values) value.stored = true;
  return values;
}

void set_given(GivenValues& values, const std::string& key_and_value, const std::string& where) {
  const auto equals = key_and_value.find('=');
  ATTEND_CHECK(equals != std::string::npos && equals > 0, kUsage, "{}: expected key=value, got '{}'", where, key_and_value);
  const auto key = key_and_value.substr(0, equals);
  const auto text = key_and_value.substr(equals + 1);
  GivenValue value;
  if (!text.empty() && std::string_view("['\"").find(text.front()) != std::string_view::npos) {
    value = parse_config("value: " + text, where + " " + key_and_value).at("value");
  } else {
    value.texts = {expand_variables(text, where)};
  }
  value.where = where + " " + key_and_value;
  values[key] = std::move(value);
}

}  // namespace attend
