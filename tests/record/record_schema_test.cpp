// docs/schemas/attend.record.schema.json describes what the writer writes.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attend/core/archive.h"
#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/record/record.h"
#include "record/random_record.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

using nlohmann::json;

/// Checks `value` against the keywords our schema uses; returns what is wrong, or an empty text.
std::string violation(const json& value, const json& schema, const json& root, const std::string& place) {
  if (schema.contains("$ref"))  // nothing but descriptions stands beside ours
    return violation(value, root.at(json::json_pointer(schema.at("$ref").get<std::string>().substr(1))), root, place);
  const auto type = schema.value("type", "");
  const bool fits = type.empty() || (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
                    (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
                    (type == "integer" && value.is_number_integer());
  if (!fits) return place + " is no " + type;
  if (schema.contains("const") && value != schema["const"]) return place + " is not " + schema["const"].dump();
  if (schema.contains("enum") && std::count(schema["enum"].begin(), schema["enum"].end(), value) == 0)
    return place + " is not one of " + schema["enum"].dump();
  if (schema.contains("minimum") && value < schema["minimum"]) return place + " is too small";
  for (const auto& field : schema.value("required", json::array()))
    if (!value.contains(field.get<std::string>())) return place + " lacks " + field.dump();
  const auto properties = schema.value("properties", json::object());
  for (auto it = value.begin(); value.is_object() && it != value.end(); ++it) {
    // Readers ignore unknown fields; what we write ourselves must be described.
    if (!properties.contains(it.key()) && !schema.contains("additionalProperties")) return place + "." + it.key() + " is not described";
    const auto& about = properties.contains(it.key()) ? properties[it.key()] : schema["additionalProperties"];
    const auto inner = violation(it.value(), about, root, place + "." + it.key());
    if (!inner.empty()) return inner;
  }
  if (value.is_array() && schema.contains("items"))
    for (const auto& item : value) {
      const auto inner = violation(item, schema["items"], root, place + "[]");
      if (!inner.empty()) return inner;
    }
  return {};
}

TEST(RecordSchema, DescribesWhatIsWritten) {
  const auto schema = json::parse(read_file(std::string(ATTEND_SOURCE_DIR) + "/docs/schemas/attend.record.schema.json"));
  const TempFolder folder;
  constexpr std::uint64_t kRecords = 100;
  RecordWriter writer(folder / "x");
  for (std::uint64_t seed = 0; seed < kRecords; ++seed) writer.add(Record(random_record(seed)));
  writer.close();
  const ArchiveFile archive(folder / "x");
  EXPECT_EQ(violation(json::parse(archive.bytes("record.json")), schema, schema, "record.json"), "");
  const auto& record_schema = schema["$defs"]["record"];
  for (std::uint64_t i = 0; i < kRecords; ++i)
    ASSERT_EQ(violation(json::parse(archive.bytes(fmt::format("{}/record.json", i))), record_schema, schema, "record"), "");

  auto wrong = json::parse(archive.bytes("0/record.json"));
  wrong.erase("source");
  EXPECT_EQ(violation(wrong, record_schema, schema, "record"), "record lacks \"source\"");
  wrong = json::parse(archive.bytes("0/record.json"));
  wrong["source"]["extra"] = 1;
  EXPECT_EQ(violation(wrong, record_schema, schema, "record"), "record.source.extra is not described");
  wrong = json::parse(archive.bytes("record.json"));
  wrong["schema"] = "attend.scene";
  EXPECT_EQ(violation(wrong, schema, schema, "index"), "index.schema is not \"attend.record\"");
}

}  // namespace
}  // namespace attend
