#include <cstring>
#include <limits>
#include <set>

#include "attend/core/archive.h"
#include "attend/core/error.h"
#include "attend/core/json.h"
#include "attend/core/memory.h"
#include "attend/record/record.h"
#include "record/format.h"
#include "record/half.h"
#include "record/summary_format.h"

namespace attend {
namespace {

using Parsed = nlohmann::json;

/// The number as a narrower type; `what` is what an error names.
template <class Number, class Wide>
Number narrow(Wide value, const char* what) {
  ATTEND_CHECK(std::in_range<Number>(value), kData, "{} {} is out of range", what, value);
  return static_cast<Number>(value);
}

template <class Number>
std::vector<Number> numbers_of(const ArrayView& array) {
  std::vector<Number> numbers(array.elements());
  if (!numbers.empty()) std::memcpy(numbers.data(), array.data, array.bytes());
  return numbers;
}

/// Reads the parts of one record. Errors say what is wrong; RecordFile::read puts the file and the record before it.
class RecordReader : private SummaryReader {
 public:
  RecordReader(std::shared_ptr<const ArchiveFile> archive, const Parsed& json) : archive_(std::move(archive)), json_(json) {}

  RecordData read() {
    RecordData data;
    data.sentence = whole<std::uint64_t>(json_, "sentence");
    data.task = json_.at("task").get<std::string>();
    data.model = json_.at("model").get<std::string>();
    data.mechanism = json_.at("mechanism").get<std::string>();
    for (const auto& [key, value] : json_.at("options").items()) data.options[key] = value.get<std::string>();
    data.forced = json_.at("forced").get<bool>();
    data.source = read_text(json_.at("source"));
    data.nodes = read_nodes();
    data.hypotheses = read_hypotheses();
    for (const auto& map : json_.at("maps")) data.maps.push_back(read_map(map));
    if (json_.contains("summaries"))
      for (const auto& summary : json_["summaries"]) data.summaries.push_back(read_summary(summary));
    for (const auto& scalar : json_.at("scalars"))
      data.scalars.push_back({scalar.at("name").get<std::string>(), numbers_of<float>(array(scalar, "values", Dtype::kF32, 1))});
    if (json_.contains("parts"))
      for (const auto& part : json_["parts"]) data.parts.push_back(read_part(part));
    if (json_.contains("picture")) data.picture = read_picture(json_["picture"]);
    return data;
  }

 private:
  /// A whole number of a field (nlohmann::json would round and wrap).
  template <class Number>
  static Number whole(const Parsed& object, const char* field) {
    const auto& value = object.at(field);
    ATTEND_CHECK(value.is_number_integer(), kData, "{} must be a whole number, got {}", field, value.dump());
    if (value.is_number_unsigned()) return narrow<Number>(value.get<std::uint64_t>(), field);
    return narrow<Number>(value.get<std::int64_t>(), field);
  }

  /// The array that `field` names. Each array serves once: a small file must not unfold to a large record.
  std::string array_name(const Parsed& object, const char* field) {
    auto name = object.at(field).get<std::string>();
    ATTEND_CHECK(used_.insert(name).second, kData, "array '{}' is named twice", name);
    return name;
  }
  ArrayView array(const Parsed& object, const char* field, std::size_t dimensions) {
    const auto name = array_name(object, field);
    auto view = archive_->array(name);
    ATTEND_CHECK(view.shape.size() == dimensions, kData, "array '{}' must have {} dimensions, got [{}]", name, dimensions,
                 fmt::join(view.shape, ", "));
    return view;
  }
  ArrayView array(const Parsed& object, const char* field, Dtype dtype, std::size_t dimensions) {
    auto view = array(object, field, dimensions);
    ATTEND_CHECK(view.dtype == dtype, kData, "array '{}' must be {}, got {}", object.at(field).get<std::string>(), name_of(dtype),
                 name_of(view.dtype));
    return view;
  }
  /// A matrix of at least `cols` columns; more are of a later version and skipped.
  ArrayView table(const Parsed& object, const char* field, Dtype dtype, std::size_t cols) {
    auto view = array(object, field, dtype, 2);
    ATTEND_CHECK(std::cmp_greater_equal(view.shape[1], cols), kData, "array '{}' must have at least {} columns, got {}",
                 object.at(field).get<std::string>(), cols, view.shape[1]);
    return view;
  }

  RecordText read_text(const Parsed& object) {
    RecordText text;
    const auto bytes = array(object, "text", Dtype::kU8, 1);
    text.utf8.assign(static_cast<const char*>(bytes.data), bytes.bytes());
    const auto view = table(object, "tokens", Dtype::kI64, kTokenColumns.size());
    const auto numbers = numbers_of<std::int64_t>(view);
    const auto cols = static_cast<std::size_t>(view.shape[1]);
    for (std::size_t at = 0; at < numbers.size(); at += cols)
      text.tokens.push_back({narrow<std::int32_t>(numbers[at], "token id"),
                             {narrow<std::uint32_t>(numbers[at + 1], "token begin"), narrow<std::uint32_t>(numbers[at + 2], "token end")},
                             narrow<std::uint32_t>(numbers[at + 3], "token word"),
                             numbers[at + 4] != 0});
    return text;
  }

  std::vector<SearchNode> read_nodes() {
    const auto view = table(json_, "nodes", Dtype::kI64, kNodeColumns.size());
    const auto numbers = numbers_of<std::int64_t>(view);
    const auto score_view = table(json_, "node_scores", Dtype::kF32, 2);
    const auto scores = numbers_of<float>(score_view);
    ATTEND_CHECK(score_view.shape[0] == view.shape[0], kData, "{} nodes have {} rows of scores", view.shape[0], score_view.shape[0]);
    std::vector<SearchNode> nodes;
    const auto cols = static_cast<std::size_t>(view.shape[1]), score_cols = static_cast<std::size_t>(score_view.shape[1]);
    for (std::size_t at = 0, score = 0; at < numbers.size(); at += cols, score += score_cols) {
      ATTEND_CHECK(numbers[at + 3] >= 0 && numbers[at + 3] <= static_cast<std::int64_t>(NodeEnd::kPruned), kData,
                   "node end {} is not known", numbers[at + 3]);
      nodes.push_back({narrow<std::int32_t>(numbers[at], "node parent"), narrow<std::uint32_t>(numbers[at + 1], "node step"),
                       narrow<std::int32_t>(numbers[at + 2], "node token"), scores[score], scores[score + 1],
                       static_cast<NodeEnd>(numbers[at + 3])});
    }
    return nodes;
  }

  std::vector<Hypothesis> read_hypotheses() {
    const auto& list = json_.at("hypotheses");
    const auto view = table(json_, "hypothesis_scores", Dtype::kF64, 2);
    const auto scores = numbers_of<double>(view);
    ATTEND_CHECK(std::cmp_equal(view.shape[0], list.size()), kData, "{} hypotheses have {} rows of scores", list.size(), view.shape[0]);
    std::vector<Hypothesis> hypotheses;
    std::size_t at = 0;
    for (const auto& item : list) {
      hypotheses.push_back({whole<std::int32_t>(item, "last_node"), read_text(item), scores[at], scores[at + 1]});
      at += static_cast<std::size_t>(view.shape[1]);
    }
    return hypotheses;
  }

  template <class Names>
  static auto choice(const Parsed& object, const char* field, const Names& names) {
    const auto text = object.at(field).get<std::string>();
    std::vector<std::string> valid;
    for (const auto& [value, name] : names) {
      if (name == text) return value;
      valid.emplace_back(name);
    }
    fail_unknown_name(field, text, valid);
  }

  Site read_site(const Parsed& object) {
    Site site{.name = object.at("site").get<std::string>(),
              .layer = whole<std::uint16_t>(object, "layer"),
              .rows = choice(object, "rows", kRowAxes),
              .columns = choice(object, "columns", kColumnAxes)};
    if (!object.contains("role"))
      return site_of_old_record(std::move(site), json_.at("mechanism").get<std::string>(), json_.contains("picture"));
    site.role = choice(object, "role", kSiteRoles);
    site.mechanism = object.at("mechanism").get<std::string>();
    site.layers = choice(object, "layers", kSiteLayers);
    return site;
  }

  SourcePart read_part(const Parsed& object) {
    return {choice(object, "of", kColumnAxes), whole<std::uint32_t>(object, "begin"), whole<std::uint32_t>(object, "end")};
  }

  AttentionMap read_map(const Parsed& object) {
    AttentionMap map;
    map.site = read_site(object);
    map.kind = choice(object, "kind", kRowKinds);
    const auto view = array(object, "weights", 3);
    map.heads = narrow<std::uint32_t>(view.shape[0], "number of heads");
    map.rows = narrow<std::uint32_t>(view.shape[1], "number of rows");
    map.cols = narrow<std::uint32_t>(view.shape[2], "number of columns");
    if (view.dtype == Dtype::kF16) {
      for (const auto half : numbers_of<std::uint16_t>(view)) map.weights.push_back(float_from_half(half));
    } else {
      ATTEND_CHECK(view.dtype == Dtype::kF32, kData, "weights of {} must be float16 or float32, got {}", map.site.name,
                   name_of(view.dtype));
      map.weights = numbers_of<float>(view);
    }
    return map;
  }

  StoredArray array(const Parsed& object, const char* field) override { return {archive_, array_name(object, field)}; }

  MapSummary read_summary(const Parsed& object) {
    MapSummary summary;
    summary.site = read_site(object);
    summary.kind = choice(object, "kind", kRowKinds);
    SummaryReader::read(object, summary);
    return summary;
  }

  Picture read_picture(const Parsed& object) {
    const auto view = array(object, "pixels", Dtype::kU8, 3);
    ATTEND_CHECK(view.shape[2] == 3, kData, "a picture has three bytes a pixel, got {}", view.shape[2]);
    return {whole<std::uint32_t>(object, "rows"), whole<std::uint32_t>(object, "columns"),
            narrow<std::uint32_t>(view.shape[1], "picture width"), narrow<std::uint32_t>(view.shape[0], "picture height"),
            numbers_of<std::uint8_t>(view)};
  }

  std::shared_ptr<const ArchiveFile> archive_;
  const Parsed& json_;
  std::set<std::string> used_;
};

}  // namespace

struct RecordFile::State {
  explicit State(const std::string& p) : path(p), archive(std::make_shared<const ArchiveFile>(p)) {
    ATTEND_CHECK(archive->contains(kRecordIndex), kData, "{}: has no {}; it is no file of records", path, kRecordIndex);
    try {
      read_index(parse_json(archive->bytes(kRecordIndex), fmt::format("{}: {}", path, kRecordIndex)));
    } catch (const nlohmann::json::exception& e) {
      fail(ErrorKind::kData, "{}: {} is damaged ({})", path, kRecordIndex, json_problem(e));
    }
  }

  void read_index(const Parsed& index) {
    const auto schema = index.at("schema").get<std::string>();
    ATTEND_CHECK(schema == kRecordSchema, kData, "{}: expected schema {}, got {}; it is no file of records", path, kRecordSchema, schema);
    const auto& version = index.at("version");
    ATTEND_CHECK(version.is_array() && version.size() == 2 && version[0].is_number_unsigned() && version[1].is_number_unsigned(), kData,
                 "{}: expected a version like [{}, {}], got {}", path, kRecordMajor, kRecordMinor, version.dump());
    ATTEND_CHECK(version[0].get<std::uint64_t>() == kRecordMajor, kData,
                 "{}: has {} version {}.{}, this program reads version {}; read it with a program of that version", path, kRecordSchema,
                 version[0].dump(), version[1].dump(), kRecordMajor);
    const auto& records = index.at("records");
    ATTEND_CHECK(records.is_number_unsigned(), kData, "{}: the number of records is {}; the file is damaged", path, records.dump());
    const auto wanted = records.get<std::uint64_t>();
    while (count < wanted && archive->contains(member(count))) ++count;
    ATTEND_CHECK(count == wanted, kData, "{}: should hold {} records, but {} is missing; the file is damaged", path, wanted, member(count));
  }

  static std::string member(std::uint64_t index) { return fmt::format("{}/{}", index, kRecordIndex); }

  std::string path;
  std::shared_ptr<const ArchiveFile> archive;
  std::size_t count = 0;
};

RecordFile::RecordFile(const std::string& path) : state_(std::make_unique<State>(path)) {}
RecordFile::~RecordFile() = default;
std::size_t RecordFile::size() const { return state_->count; }

std::shared_ptr<const Record> RecordFile::read(std::size_t index) const {
  ATTEND_CHECK(index < size(), kValue, "{}: holds {} records, got number {} (counted from 0)", state_->path, size(), index);
  try {
    const auto json = parse_json(state_->archive->bytes(State::member(index)), State::member(index));
    return std::make_shared<const Record>(RecordReader(state_->archive, json).read());
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::kData, "{}: record {} is damaged ({})", state_->path, index, json_problem(e));
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& e) {
    fail(ErrorKind::kData, "{}: record {} is damaged: {}", state_->path, index, e.what());
  }
}

}  // namespace attend
