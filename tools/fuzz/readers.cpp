// Targets: files of this project's own making, and their parts.
#include <numeric>

#include "attend/core/error.h"
#include "attend/core/json.h"
#include "attend/core/options.h"
#include "attend/core/printable.h"
#include "attend/core/yaml.h"
#include "core/npy.h"
#include "core/safetensors.h"
#include "core/zip.h"
#include "fuzz.h"

namespace attend::fuzz {
namespace {

/// A copy of exactly the input's size, so that a byte read past it is noticed.
std::vector<char> exact(std::string_view bytes) { return {bytes.begin(), bytes.end()}; }
std::string_view view(const std::vector<char>& bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const ArrayView& array) {
  return array.bytes() == 0 ? std::string_view() : std::string_view(static_cast<const char*>(array.data), array.bytes());
}

}  // namespace

void run_zip(std::string_view bytes) {
  const auto own = exact(bytes);
  for (const auto& member : parse_zip(view(own), "x")) touch(view(own).substr(member.data, member.size));
}

void run_npy(std::string_view bytes) {
  const auto own = exact(bytes);
  touch(view(parse_npy(view(own), "x")));
}

void run_safetensors(std::string_view bytes) {
  const auto own = exact(bytes);
  for (const auto& [name, array] : parse_safetensors(view(own), "x").tensors) touch(view(array));
}

void run_json(std::string_view bytes) { touch(printable(parse_json(bytes, "x").dump())); }

void run_yaml(std::string_view bytes) {
  for (const auto& [key, value] : parse_config(std::string(bytes), "x"))
    for (const auto& text : value.texts) touch(text);
}

}  // namespace attend::fuzz
