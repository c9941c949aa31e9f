#pragma once
// The one way in which this library reads JSON, be it a model's manifest, a record or the header of a tensor file.
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace attend {

/// What a text may unfold to. A file is data of a stranger: three bytes a value become sixty in memory.
struct JsonLimits {
  std::size_t bytes = std::size_t{128} << 20;
  std::size_t values = 4'000'000;  ///< of objects, lists, members and items together
  int depth = 64;                  ///< of objects and lists inside one another
};

/// The value that `text` holds; members of objects are sorted by name. Throws kData naming `who` and the line for what is not JSON,
/// for a name that an object gives twice and for what goes beyond `limits`. Safe to call from several threads at once.
nlohmann::json parse_json(std::string_view text, const std::string& who, const JsonLimits& limits = {});

/// What the library says of a member that is missing or of another type, without its own name: "key 'format' not found".
std::string json_problem(const nlohmann::json::exception& error);

}  // namespace attend
