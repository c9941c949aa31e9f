// Config files: YAML to dotted keys, each with the place it stands at.
#include <yaml-cpp/yaml.h>

#include <cstdlib>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/core/options.h"

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

  void walk(const YAML::Node& node, const std::string& prefix) {
    ATTEND_CHECK(node.IsMap(), kValue, "{}: expected `key: value` lines{}, got something else", place(node),
                 prefix.empty() ? "" : " under '" + prefix + "'");
    std::map<std::string, std::string> seen;  // yaml-cpp keeps duplicate keys silently, in order
    for (const auto& entry : node) {
      const auto here = place(entry.first);
      ATTEND_CHECK(entry.first.IsScalar(), kValue, "{}: a key must be a plain name; write `key: value`", here);
      const auto key = entry.first.Scalar();
      const auto [first, fresh] = seen.emplace(key, here);
      ATTEND_CHECK(fresh, kValue, "{}: duplicate key '{}', first given at {}; keep one of them", here, key, first->second);
      const auto dotted = prefix.empty() ? key : prefix + "." + key;
      if (entry.second.IsMap()) {
        walk(entry.second, dotted);
      } else if (entry.second.IsSequence()) {
        GivenValue value;
        value.is_list = true;
        value.where = here;
        for (const auto& item : entry.second) {
          ATTEND_CHECK(item.IsScalar(), kValue, "{}: '{}' must be a list of plain values", here, dotted);
          value.texts.push_back(expand_variables(item.Scalar(), here));
        }
        add(dotted, std::move(value));
      } else {
        GivenValue value;
        value.empty = !entry.second.IsScalar();
        value.texts = {value.empty ? "" : expand_variables(entry.second.Scalar(), here)};
        value.where = here;
        add(dotted, std::move(value));
      }
    }
  }

  GivenValues values;

 private:
  std::string place(const YAML::Node& node) const { return fmt::format("{}:{}", file_, node.Mark().line + 1); }
  void add(const std::string& key, GivenValue value) {
    const auto [old, fresh] = values.emplace(key, value);
    ATTEND_CHECK(fresh, kValue, "{}: duplicate key '{}', first given at {}; keep one of them", value.where, key, old->second.where);
  }
  std::string file_;
};

}  // namespace

GivenValues parse_config(const std::string& text, const std::string& name) {
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(text);
  } catch (const YAML::Exception& e) {
    fail(ErrorKind::kValue, "{}:{}: not YAML: {}", name, e.mark.line + 1, e.msg);
  }
  ATTEND_CHECK(documents.size() <= 1, kValue, "{}: expected one YAML document, got {} separated by '---'; join them", name,
               documents.size());
  Flattener flat(name);
  if (!documents.empty() && !documents[0].IsNull()) flat.walk(documents[0], "");
  return flat.values;
}

GivenValues read_config(const std::string& path) {
  const auto text = read_file(path);
  ATTEND_CHECK(!text.empty(), kFile, "{}: the config file is empty; expected YAML", path == "-" ? "standard input" : path);
  return parse_config(text, path == "-" ? "standard input" : path);
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
