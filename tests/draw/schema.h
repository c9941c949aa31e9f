#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace attend {

/// Checks `value` against the part of JSON Schema our documents use: type, const, enum, required, properties, items,
/// minItems, maxItems, minimum, anyOf and $ref into $defs. Returns the first violation with its path, empty when valid;
/// throws for a schema word it does not know.
std::string schema_violation(const nlohmann::json& schema, const nlohmann::json& value);

}  // namespace attend
