#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "attend/core/archive.h"
#include "attend/core/error.h"
#include "attend/core/json.h"
#include "attend/record/record.h"
#include "record/format.h"
#include "record/half.h"
#include "record/invariants.h"
#include "record/summary_format.h"

namespace attend {
namespace {

using Json = nlohmann::ordered_json;

constexpr float kLargestChange = 5e-4f;
constexpr std::uint16_t kSmallestHalf = 1;  // 2^-24

/// The weight as float16, 0 only where it was 0.
std::uint16_t packed(float weight) {
  const auto half = half_from_float(weight);
  return weight != 0 && (half & 0x7fffu) == 0 ? half | kSmallestHalf : half;
}

/// All weights as float16, or nothing when they would not survive it.
std::optional<std::vector<std::uint16_t>> pack(const AttentionMap& map) {
  std::vector<std::uint16_t> halves(map.weights.size());
  for (std::size_t i = 0; i < halves.size(); ++i) {
    halves[i] = packed(map.weights[i]);
    if (!(std::abs(float_from_half(halves[i]) - map.weights[i]) <= kLargestChange)) return std::nullopt;
  }
  if (map.kind != RowKind::kSoftmax || map.cols == 0) return halves;
  for (std::size_t row = 0; row < halves.size(); row += map.cols) {
    double sum = 0;
    for (std::size_t col = 0; col < map.cols; ++col) sum += float_from_half(halves[row + col]);
    if (sum != 0 && std::abs(sum - 1) > kRowSumTolerance) return std::nullopt;
  }
  return halves;
}

template <class Number>
ArrayView view_of(Dtype dtype, const std::vector<Number>& numbers, std::vector<std::int64_t> shape) {
  ATTEND_ASSERT(size_of(dtype) == sizeof(Number));
  return {dtype, std::move(shape), numbers.data()};
}

template <class Container>
std::int64_t length_of(const Container& container) {
  return static_cast<std::int64_t>(container.size());
}

}  // namespace

struct RecordWriter::State {
  explicit State(const std::string& p) : path(p), archive(p) {}

  /// Where the arrays of the next record go.
  std::string named(std::string_view what) const { return fmt::format("{}/{}", count, what); }

  static Json place_of(const Site& site, RowKind kind) {
    return {{"site", site.name},
            {"layer", site.layer},
            {"kind", text_of(kind, kRowKinds)},
            {"rows", text_of(site.rows, kRowAxes)},
            {"columns", text_of(site.columns, kColumnAxes)},
            {"role", text_of(site.role, kSiteRoles)},
            {"mechanism", site.mechanism},
            {"layers", text_of(site.layers, kSiteLayers)}};
  }
  std::string name_of_site(const Site& site) const { return named(fmt::format("{}.layer{}", site.name, site.layer)); }

  std::string describe(const RecordData& data) const {
    const auto text = [&](const std::string& side) { return Json{{"text", named(side + ".text")}, {"tokens", named(side + ".tokens")}}; };
    Json json = {{"sentence", data.sentence},
                 {"task", data.task},
                 {"model", data.model},
                 {"mechanism", data.mechanism},
                 {"options", data.options},
                 {"forced", data.forced},
                 {"source", text("source")},
                 {"nodes", named("nodes")},
                 {"node_scores", named("nodes.scores")},
                 {"hypotheses", Json::array()},
                 {"hypothesis_scores", named("hypotheses.scores")},
                 {"maps", Json::array()},
                 {"scalars", Json::array()},
                 {"parts", Json::array()}};
    for (std::size_t h = 0; h < data.hypotheses.size(); ++h) {
      auto hypothesis = text(fmt::format("hypothesis{}", h));
      hypothesis["last_node"] = data.hypotheses[h].last_node;
      json["hypotheses"].push_back(std::move(hypothesis));
    }
    for (const auto& map : data.maps) {
      auto one = place_of(map.site, map.kind);
      one["weights"] = name_of_site(map.site);
      json["maps"].push_back(std::move(one));
    }
    for (const auto& summary : data.summaries) {
      auto one = place_of(summary.site, summary.kind);
      describe_summary(summary, name_of_site(summary.site), one);
      json["summaries"].push_back(std::move(one));
    }
    for (std::size_t s = 0; s < data.scalars.size(); ++s)
      json["scalars"].push_back({{"name", data.scalars[s].name}, {"values", named(fmt::format("scalar{}", s))}});
    for (const auto& part : data.parts)
      json["parts"].push_back({{"of", text_of(part.of, kColumnAxes)}, {"begin", part.begin}, {"end", part.end}});
    if (data.picture) json["picture"] = {{"rows", data.picture->rows}, {"columns", data.picture->cols}, {"pixels", named("picture")}};
    try {
      return json.dump();
    } catch (const nlohmann::json::exception& e) {
      fail(ErrorKind::kValue, "{}: task, model, mechanism, options and names of a record must be UTF-8 ({})", path, json_problem(e));
    }
  }

  void add_text(const RecordText& text, const std::string& side) {
    std::vector<std::int64_t> numbers;
    for (const auto& token : text.tokens)
      numbers.insert(numbers.end(), {token.id, token.span.begin, token.span.end, token.word, token.special});
    // The user's bytes may be no UTF-8, so they are an array and not part of the JSON.
    archive.add_array(named(side + ".text"), {Dtype::kU8, {length_of(text.utf8)}, text.utf8.data()});
    archive.add_array(named(side + ".tokens"), view_of(Dtype::kI64, numbers, {length_of(text.tokens), kTokenColumns.size()}));
  }

  void add_nodes(const std::vector<SearchNode>& nodes) {
    std::vector<std::int64_t> numbers;
    std::vector<float> scores;
    for (const auto& node : nodes) {
      numbers.insert(numbers.end(), {node.parent, node.step, node.token, static_cast<std::int64_t>(node.end)});
      scores.insert(scores.end(), {node.logp, node.score});
    }
    archive.add_array(named("nodes"), view_of(Dtype::kI64, numbers, {length_of(nodes), kNodeColumns.size()}));
    archive.add_array(named("nodes.scores"), view_of(Dtype::kF32, scores, {length_of(nodes), 2}));
  }

  void add_map(const AttentionMap& map) {
    const std::vector<std::int64_t> shape = {map.heads, map.rows, map.cols};
    const auto halves = pack(map);
    archive.add_array(name_of_site(map.site), halves ? view_of(Dtype::kF16, *halves, shape) : view_of(Dtype::kF32, map.weights, shape));
  }

  void add(const RecordData& data) {
    const auto description = describe(data);  // fails before anything of the record is in the file
    add_text(data.source, "source");
    add_nodes(data.nodes);
    std::vector<double> scores;
    for (std::size_t h = 0; h < data.hypotheses.size(); ++h) {
      add_text(data.hypotheses[h].text, fmt::format("hypothesis{}", h));
      scores.insert(scores.end(), {data.hypotheses[h].log_prob, data.hypotheses[h].score});
    }
    archive.add_array(named("hypotheses.scores"), view_of(Dtype::kF64, scores, {length_of(data.hypotheses), 2}));
    for (const auto& map : data.maps) add_map(map);
    for (const auto& summary : data.summaries)
      for (const auto& [array, what] : arrays_of(summary)) archive.add_array(name_of_site(summary.site) + "." + what, array->view());
    for (std::size_t s = 0; s < data.scalars.size(); ++s)
      archive.add_array(named(fmt::format("scalar{}", s)),
                        view_of(Dtype::kF32, data.scalars[s].values, {length_of(data.scalars[s].values)}));
    if (data.picture)
      archive.add_array(named("picture"), {Dtype::kU8, {data.picture->height, data.picture->width, 3}, data.picture->rgb.data()});
    archive.add(named(kRecordIndex), description);
    ++count;
  }

  std::string path;
  ArchiveWriter archive;
  std::uint64_t count = 0;
};

RecordWriter::RecordWriter(const std::string& path) : state_(std::make_unique<State>(path)) {}
RecordWriter::~RecordWriter() = default;

void RecordWriter::add(const Record& record) {
  ATTEND_ASSERT(state_);
  state_->add(record.data());
}

std::optional<std::string> RecordWriter::close(Work work) {
  ATTEND_ASSERT(state_);
  const Json index = {{"schema", kRecordSchema},
                      {"version", {kRecordMajor, kRecordMinor}},
                      {"records", state_->count},
                      {"token_columns", kTokenColumns},
                      {"node_columns", kNodeColumns}};
  state_->archive.add(kRecordIndex, index.dump());
  auto other = state_->archive.close(work);
  state_.reset();
  return other;
}

}  // namespace attend
