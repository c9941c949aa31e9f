// Safetensors: 8 bytes header size, a JSON header {name: {dtype, shape, data_offsets}}, the tensors one after another.
#include "core/safetensors.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/core/json.h"
#include "core/byte_order.h"

namespace attend {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kLargestHeader = 100'000'000;  // the format's own limit
constexpr std::size_t kTensorDimensions = 64;
constexpr const char* kMetadata = "__metadata__";

constexpr std::pair<Dtype, std::string_view> kCodes[] = {{Dtype::kBool, "BOOL"}, {Dtype::kU8, "U8"},   {Dtype::kI32, "I32"},
                                                         {Dtype::kI64, "I64"},   {Dtype::kF16, "F16"}, {Dtype::kBF16, "BF16"},
                                                         {Dtype::kF32, "F32"},   {Dtype::kF64, "F64"}};

std::string_view code_of(Dtype dtype) {
  for (const auto& [known, code] : kCodes)
    if (known == dtype) return code;
  ATTEND_ASSERT(false);
  return {};
}

nlohmann::json parse_header(std::string_view text, const std::string& who) {
  auto header = parse_json(text, who + ": header", {.bytes = kLargestHeader, .values = 4'000'000, .depth = 3});
  ATTEND_CHECK(header.is_object(), kData, "{}: the header is no JSON object; the file is damaged or no safetensors file", who);
  return header;
}

std::uint64_t unsigned_of(const nlohmann::json& value, const std::string& who, const std::string& what) {
  ATTEND_CHECK(value.is_number_unsigned(), kData, "{}: {} must be whole numbers from 0, got {}", who, what, value.dump());
  return value.get<std::uint64_t>();
}

struct Entry {
  std::string name;
  ArrayView view;
  std::uint64_t begin = 0, end = 0;
};

Entry parse_entry(const std::string& name, const nlohmann::json& value, std::string_view data, const std::string& who) {
  const auto tensor = fmt::format("tensor '{}'", name);
  ATTEND_CHECK(value.is_object() && value.contains("dtype") && value.contains("shape") && value.contains("data_offsets"), kData,
               "{}: {} needs dtype, shape and data_offsets; the file is damaged", who, tensor);
  const auto& dtype = value["dtype"];
  const auto& shape = value["shape"];
  const auto& offsets = value["data_offsets"];
  ATTEND_CHECK(dtype.is_string() && shape.is_array() && offsets.is_array() && offsets.size() == 2, kData,
               "{}: {} needs a text dtype, a list shape and two data_offsets", who, tensor);
  Entry entry{name, {}, 0, 0};
  const auto& code = dtype.get_ref<const std::string&>();
  const auto* known = std::find_if(std::begin(kCodes), std::end(kCodes), [&](const auto& c) { return c.second == code; });
  ATTEND_CHECK(known != std::end(kCodes), kData,
               "{}: {} has dtype {}; supported are BOOL, U8, I32, I64, F16, BF16, F32 and F64, so convert it first", who, tensor, code);
  entry.view.dtype = known->first;
  ATTEND_CHECK(shape.size() <= kTensorDimensions, kData, "{}: {} has {} dimensions, at most {} are possible", who, tensor, shape.size(),
               kTensorDimensions);
  for (const auto& size : shape) {
    const auto n = unsigned_of(size, who, tensor + " sizes");
    ATTEND_CHECK(n <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}, kData, "{}: {} has a size of {}", who, tensor, n);
    entry.view.shape.push_back(static_cast<std::int64_t>(n));
  }
  entry.begin = unsigned_of(offsets[0], who, tensor + " offsets");
  entry.end = unsigned_of(offsets[1], who, tensor + " offsets");
  ATTEND_CHECK(entry.begin <= entry.end && entry.end <= data.size(), kData,
               "{}: {} claims bytes [{}, {}) of {}; the file is cut short or damaged", who, tensor, entry.begin, entry.end, data.size());
  std::optional<std::size_t> bytes;
  try {
    bytes = entry.view.bytes();
  } catch (const Error&) {
    // no memory holds so many elements: the same mistake as a wrong product
  }
  ATTEND_CHECK(bytes == entry.end - entry.begin, kData, "{}: {} of {} [{}] does not fill its {} bytes; the file is damaged", who, tensor,
               code, fmt::join(entry.view.shape, ", "), entry.end - entry.begin);
  entry.view.data = data.data() + entry.begin;
  return entry;
}

}  // namespace

SafetensorsContent parse_safetensors(std::string_view bytes, const std::string& who) {
  ATTEND_CHECK(bytes.size() >= 8, kData, "{}: {} bytes are too few for a safetensors file; the file is cut short", who, bytes.size());
  const auto header_size = get<std::uint64_t>(bytes, 0);
  ATTEND_CHECK(header_size <= kLargestHeader && header_size <= bytes.size() - 8, kData,
               "{}: claims a header of {} bytes in a file of {}; it is cut short or no safetensors file", who, header_size, bytes.size());
  const auto header = parse_header(bytes.substr(8, header_size), who);
  const auto data = bytes.substr(8 + header_size);
  SafetensorsContent content;
  struct Placed {
    std::uint64_t begin, end;
    std::string name;
    ArrayView view;
  };
  std::vector<Placed> placed;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) {
      ATTEND_CHECK(value.is_object(), kData, "{}: {} must be an object of texts", who, kMetadata);
      for (const auto& [key, text] : value.items()) {
        ATTEND_CHECK(text.is_string(), kData, "{}: {} must hold texts only, '{}' is none", who, kMetadata, key);
        content.metadata[key] = text.get<std::string>();
      }
      continue;
    }
    auto entry = parse_entry(name, value, data, who);
    placed.push_back({entry.begin, entry.end, std::move(entry.name), std::move(entry.view)});
  }
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.name < b.name;
  });
  std::uint64_t covered = 0;
  for (auto& [begin, end, name, view] : placed) {
    ATTEND_CHECK(begin == covered, kData, "{}: tensors {} at byte {} of the data; the file is damaged", who,
                 begin < covered ? "overlap" : "leave a gap", std::min(begin, covered));
    covered = end;
    content.tensors.emplace_back(std::move(name), std::move(view));
  }
  ATTEND_CHECK(covered == data.size(), kData, "{}: {} bytes after the last tensor belong to none; the file is damaged", who,
               data.size() - covered);
  return content;
}

void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, ArrayView>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::set<std::string> names = {kMetadata};
  std::uint64_t offset = 0;
  for (const auto& [name, view] : tensors) {
    ATTEND_CHECK(names.insert(name).second, kValue, "{}: tensor name '{}' is {}; give each tensor its own", path, name,
                 name == kMetadata ? "reserved" : "given twice");
    const std::uint64_t end = offset + view.bytes();
    // push_back, since operator[] of an ordered object searches it from the front
    header.push_back({name, {{"dtype", code_of(view.dtype)}, {"shape", view.shape}, {"data_offsets", {offset, end}}}});
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::kValue, "{}: names and metadata must be UTF-8 ({})", path, json_problem(e));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  ATTEND_CHECK(text.size() <= kLargestHeader, kValue, "{}: a header of {} bytes is more than the format's {}; write fewer tensors", path,
               text.size(), kLargestHeader);
  AtomicFile file(path);
  std::string size;
  put(size, std::uint64_t{text.size()});
  file.writer().write(size);
  file.writer().write(text);
  for (const auto& [name, view] : tensors) file.writer().write(view.data, view.bytes());
  file.commit();
}

struct SafetensorsFile::State {
  explicit State(const std::string& path) : file((require_regular(path), path)), content(parse_safetensors(file.bytes(), path)) {
    for (std::size_t i = 0; i < content.tensors.size(); ++i) index.emplace(content.tensors[i].first, i);
  }
  MappedFile file;
  SafetensorsContent content;
  std::unordered_map<std::string, std::size_t> index;
};

SafetensorsFile::SafetensorsFile(const std::string& path) : state_(std::make_unique<State>(path)) {}
SafetensorsFile::~SafetensorsFile() = default;
const std::vector<std::pair<std::string, ArrayView>>& SafetensorsFile::tensors() const { return state_->content.tensors; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return state_->content.metadata; }
bool SafetensorsFile::contains(const std::string& name) const { return state_->index.contains(name); }

const ArrayView& SafetensorsFile::at(const std::string& name) const {
  const auto found = state_->index.find(name);
  if (found == state_->index.end()) {
    std::vector<std::string> names;
    for (const auto& [known, view] : tensors()) names.push_back(known);
    fail_unknown_name(state_->file.path() + ": tensor", name, names);
  }
  return state_->content.tensors[found->second].second;
}

}  // namespace attend
