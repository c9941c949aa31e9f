#include "draw/schema.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace attend {
namespace {

using nlohmann::json;

bool has_type(const std::string& type, const json& value) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  throw std::logic_error("schema: type " + type);
}

std::string check(const json& root, const json& schema, const json& value, const std::string& path) {
  static const std::set<std::string> known{"$schema",  "$id",        "title", "description", "$defs",    "type",    "const", "enum",
                                           "required", "properties", "items", "minItems",    "maxItems", "minimum", "anyOf", "$ref"};
  for (const auto& [word, unused] : schema.items()) {
    if (!known.contains(word)) throw std::logic_error("schema: word " + word);
  }
  if (schema.contains("$ref")) {
    const auto name = schema["$ref"].get<std::string>();
    return check(root, root.at(json::json_pointer(name.substr(1))), value, path);
  }
  if (schema.contains("type")) {
    const json types = schema["type"].is_array() ? schema["type"] : json::array({schema["type"]});
    bool any = false;
    for (const auto& type : types) any = any || has_type(type.get<std::string>(), value);
    if (!any) return path + ": not of type " + types.dump();
  }
  if (schema.contains("const") && schema["const"] != value) return path + ": not " + schema["const"].dump();
  if (schema.contains("enum") && std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) {
    return path + ": not one of " + schema["enum"].dump();
  }
  if (schema.contains("minimum") && value.is_number() && value < schema["minimum"]) return path + ": too small";
  if (schema.contains("anyOf")) {
    bool any = false;
    for (const auto& choice : schema["anyOf"]) any = any || check(root, choice, value, path).empty();
    if (!any) return path + ": none of the allowed forms";
  }
  if (value.is_object()) {
    const json required = schema.value("required", json::array()), properties = schema.value("properties", json::object());
    for (const auto& name : required) {
      if (!value.contains(name.get<std::string>())) return path + ": lacks " + name.dump();
    }
    for (const auto& [name, part] : properties.items()) {
      if (!value.contains(name)) continue;
      if (auto bad = check(root, part, value[name], path + "/" + name); !bad.empty()) return bad;
    }
  }
  if (value.is_array()) {
    if (schema.contains("minItems") && value.size() < schema["minItems"]) return path + ": too short";
    if (schema.contains("maxItems") && value.size() > schema["maxItems"]) return path + ": too long";
    for (std::size_t i = 0; schema.contains("items") && i < value.size(); ++i) {
      if (auto bad = check(root, schema["items"], value[i], path + "/" + std::to_string(i)); !bad.empty()) return bad;
    }
  }
  return {};
}

}  // namespace

std::string schema_violation(const json& schema, const json& value) { return check(schema, schema, value, ""); }

}  // namespace attend
