#include "record/invariants.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "attend/core/error.h"
#include "record/summary_format.h"

namespace attend {
namespace {

constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();
constexpr std::uint32_t kMostHeads = 4096;
constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 28;  // as pictures are read

class Checker {
 public:
  explicit Checker(const RecordData& data) : data_(data) {
    for (const auto& node : data.nodes) steps_ = std::max(steps_, std::uint64_t{node.step} + 1);
  }

  void check() const {
    check_text(data_.source, "source");
    check_nodes();
    check_hypotheses();
    check_parts();
    std::set<std::pair<std::string_view, std::int64_t>> maps;
    for (const auto& map : data_.maps) {
      require(maps.emplace(map.site.key()).second, "map twice", "{} layer {} is given twice; one map holds all its heads", map.site.name,
              map.site.layer);
      check_shape(map);
      check_rows(map);
      check_outside(map);
    }
    for (const auto& summary : data_.summaries) {
      require(maps.emplace(summary.site.key()).second, "map twice", "{} layer {} is given twice; one map holds all its heads",
              summary.site.name, summary.site.layer);
      check_summary(summary);
    }
    std::set<std::string> names;
    for (const auto& scalar : data_.scalars) {
      require(!scalar.name.empty() && names.insert(scalar.name).second, "scalar name", "'{}' is empty or given twice", scalar.name);
      require(scalar.values.size() == data_.nodes.size(), "scalar size", "{} has {} values, expected one for each of {} nodes", scalar.name,
              scalar.values.size(), data_.nodes.size());
      for (std::size_t i = 0; i < scalar.values.size(); ++i)
        require(!std::isnan(scalar.values[i]), "scalar numbers", "{} of node {} is NaN", scalar.name, i);
    }
    if (data_.picture) check_picture(*data_.picture);
  }

 private:
  template <class... Args>
  void require(bool holds, const char* invariant, fmt::format_string<Args...> text, Args&&... args) const {
    if (holds) return;
    fail(ErrorKind::kValue, "record of sentence {}: {}: {}", data_.sentence, invariant, fmt::format(text, std::forward<Args>(args)...));
  }

  void check_text(const RecordText& text, const std::string& who) const {
    require(text.utf8.size() <= std::numeric_limits<std::uint32_t>::max() && std::cmp_less_equal(text.tokens.size(), kMostTokens),
            "text size", "{} has {} bytes and {} tokens, expected less than 4 GiB and at most {}", who, text.utf8.size(),
            text.tokens.size(), kMostTokens);
    const std::size_t most_words = text.utf8.size() + text.tokens.size();  // a word has a byte of its own, or a token
    ByteSpan before;
    for (std::size_t i = 0; i < text.tokens.size(); ++i) {
      const auto span = text.tokens[i].span;
      require(span.begin <= span.end, "span order", "{} token {} is [{}, {})", who, i, span.begin, span.end);
      require(span.end <= text.utf8.size(), "span inside text", "{} token {} is [{}, {}) of a text of {} bytes", who, i, span.begin,
              span.end, text.utf8.size());
      require(span.begin >= before.begin && span.end >= before.end, "span order", "{} token {} is [{}, {}), after [{}, {})", who, i,
              span.begin, span.end, before.begin, before.end);
      require(text.tokens[i].word < most_words, "token word", "{} token {} is of word {}, but its text cannot have so many", who, i,
              text.tokens[i].word);
      before = span;
    }
  }

  void check_nodes() const {
    require(data_.nodes.size() <= std::numeric_limits<std::int32_t>::max(), "node parent", "{} nodes are more than indices reach",
            data_.nodes.size());
    for (std::size_t i = 0; i < data_.nodes.size(); ++i) {
      const auto& node = data_.nodes[i];
      require(node.parent >= -1 && node.parent < static_cast<std::int64_t>(i), "node parent",
              "node {} has parent {}, expected an earlier node or -1", i, node.parent);
      const std::uint64_t step = node.parent < 0 ? 0 : std::uint64_t{data_.nodes[static_cast<std::size_t>(node.parent)].step} + 1;
      require(node.step == step, "node step", "node {} has step {}, expected {} (its parent's + 1, or 0)", i, node.step, step);
      require(!std::isnan(node.logp) && !std::isnan(node.score), "node numbers", "logp or score of node {} is NaN", i);
    }
  }

  void check_hypotheses() const {
    require(!data_.forced || data_.hypotheses.size() == 1, "forced", "a forced record has one hypothesis, got {}", data_.hypotheses.size());
    for (std::size_t h = 0; h < data_.hypotheses.size(); ++h) {
      const auto& hypothesis = data_.hypotheses[h];
      check_text(hypothesis.text, fmt::format("hypothesis {}", h));
      require(hypothesis.last_node >= -1 && hypothesis.last_node < static_cast<std::int64_t>(data_.nodes.size()), "hypothesis path",
              "hypothesis {} ends at node {} of {}", h, hypothesis.last_node, data_.nodes.size());
      const auto& tokens = hypothesis.text.tokens;
      auto node = hypothesis.last_node;
      const std::size_t length = node < 0 ? 0 : std::size_t{data_.nodes[static_cast<std::size_t>(node)].step} + 1;
      require(tokens.size() == length, "hypothesis path", "hypothesis {} has {} tokens, its path {} nodes", h, tokens.size(), length);
      for (auto at = length; at-- > 0; node = data_.nodes[static_cast<std::size_t>(node)].parent) {
        const auto produced = data_.nodes[static_cast<std::size_t>(node)].token;
        require(tokens[at].id == produced, "hypothesis path", "token {} of hypothesis {} has id {}, its node {} produced {}", at, h,
                tokens[at].id, node, produced);
      }
      require(!std::isnan(hypothesis.score) && !std::isnan(hypothesis.log_prob), "hypothesis order", "a score of hypothesis {} is NaN", h);
      require(h == 0 || data_.hypotheses[h - 1].score >= hypothesis.score, "hypothesis order",
              "hypothesis {} scores {}, better than {} before it", h, hypothesis.score, h == 0 ? 0 : data_.hypotheses[h - 1].score);
    }
  }

  void check_site(const Site& site, std::uint32_t heads) const {
    const auto plain = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; };
    require(!site.name.empty() && std::all_of(site.name.begin(), site.name.end(), plain), "map name",
            "'{}' must be letters, digits, '_', '-' and '.'", site.name);
    require(std::in_range<std::uint16_t>(site.layer), "map name", "{} has layer {}, expected 0 to 65535", site.name, site.layer);
    require(!over_source(site.rows) || over_source(site.columns), "map size",
            "{} layer {} has source rows and target columns; one of them is wrong", site.name, site.layer);
    require(heads > 0, "map size", "{} layer {} has no heads", site.name, site.layer);
    // Without columns the number of heads is bound to no bytes of a file, yet each would be walked through and drawn.
    require(heads <= kMostHeads, "map size", "{} layer {} has {} heads, expected at most {}", site.name, site.layer, heads, kMostHeads);
  }

  void check_summary(const MapSummary& summary) const {
    check_site(summary.site, summary.heads);
    bool one_path = true;
    for (std::size_t i = 0; i < data_.nodes.size(); ++i) one_path = one_path && std::cmp_equal(data_.nodes[i].parent + 1, i);
    const auto problem = problem_of(summary, {data_.nodes.size(), data_.source.tokens.size(), steps_, one_path});
    require(problem.empty(), "summary", "{} layer {}: {}", summary.site.name, summary.site.layer, problem);
  }

  void check_shape(const AttentionMap& map) const {
    check_site(map.site, map.heads);
    const auto& [name, layer, row_axis, column_axis, role, mechanism, layers] = map.site;
    const bool by_node = !over_source(row_axis), by_step = column_axis == ColumnAxis::kStep;
    const auto rows = by_node ? data_.nodes.size() : data_.source.tokens.size();
    const auto cols = by_step ? steps_ : over_source(column_axis) ? data_.source.tokens.size() : map.cols;
    require(map.rows == rows, "map size", "{} layer {} has {} rows, expected one for each of {} {}", name, layer, map.rows, rows,
            by_node ? "nodes" : "source tokens");
    require(map.cols == cols, "map size", "{} layer {} has {} columns, expected one for each of {} {}", name, layer, map.cols, cols,
            by_step ? "steps" : "source tokens");
    const auto cells = static_cast<unsigned __int128>(map.heads) * map.rows * map.cols;  // three 32-bit factors overflow 64 bits
    require(map.weights.size() == cells, "map size", "{} layer {} has {} weights, expected {} heads x {} rows x {} columns", name, layer,
            map.weights.size(), map.heads, map.rows, map.cols);
  }

  void check_rows(const AttentionMap& map) const {
    const float lowest = map.kind == RowKind::kUnnormalised ? -std::numeric_limits<float>::max() : 0.0f;
    for (std::size_t r = 0; r < std::size_t{map.heads} * map.rows; ++r) {
      const float* row = map.weights.data() + r * map.cols;
      const auto where = [&] {
        return fmt::format("{} layer {} head {} row {}", map.site.name, map.site.layer, r / map.rows, r % map.rows);
      };
      const std::size_t visible = map.site.columns == ColumnAxis::kStep ? std::size_t{data_.nodes[r % map.rows].step} + 1 : map.cols;
      double sum = 0;
      bool sound = true, zero = true;
      for (std::size_t c = 0; c < visible; ++c) {
        sound = sound && row[c] >= lowest && row[c] <= std::numeric_limits<float>::max();
        zero = zero && row[c] == 0;
        sum += row[c];
      }
      if (!sound) require(false, "row weights", "{} has a weight that is negative, infinite or NaN", where());
      if (std::any_of(row + visible, row + map.cols, [](float weight) { return weight != 0; }))
        require(false, "ragged row", "{} has weight past its node's step {}", where(), visible - 1);
      if (map.kind == RowKind::kSoftmax && !zero && std::abs(sum - 1) > kRowSumTolerance)
        require(false, "row sum", "{} sums to {}, expected 1 within {}", where(), sum, kRowSumTolerance);
    }
  }

  void check_parts() const {
    std::set<ColumnAxis> kinds;
    for (const auto& part : data_.parts) {
      require(over_source(part.of) && kinds.insert(part.of).second, "source part", "tokens [{}, {}) are of steps or slots, or given twice",
              part.begin, part.end);
      require(part.begin <= part.end && part.end <= data_.source.tokens.size(), "source part", "tokens [{}, {}) of {}", part.begin,
              part.end, data_.source.tokens.size());
    }
  }

  // The source's tokens that rows or columns of a kind stand for.
  std::pair<std::size_t, std::size_t> part(ColumnAxis of, std::size_t all) const {
    for (const auto& part : data_.parts)
      if (part.of == of) return {part.begin, part.end};
    return {0, all};
  }

  void check_outside(const AttentionMap& map) const {
    const auto [first_col, last_col] = part(map.site.columns, map.cols);
    const auto rows_of = map.site.rows == RowAxis::kDocument   ? ColumnAxis::kDocument
                         : map.site.rows == RowAxis::kQuestion ? ColumnAxis::kQuestion
                                                               : ColumnAxis::kSource;
    const auto [first_row, last_row] =
        over_source(map.site.rows) ? part(rows_of, map.rows) : std::pair<std::size_t, std::size_t>{0, map.rows};
    if (first_col == 0 && last_col == map.cols && first_row == 0 && last_row == map.rows) return;
    for (std::size_t i = 0; i < map.weights.size(); ++i) {
      const auto row = i / map.cols % map.rows, col = i % map.cols;
      const bool inside = row >= first_row && row < last_row && col >= first_col && col < last_col;
      require(inside || map.weights[i] == 0, "part weights",
              "{} layer {} has weight at row {}, column {}, outside what its rows and columns "
              "stand for",
              map.site.name, map.site.layer, row, col);
    }
  }

  void check_picture(const Picture& picture) const {
    const auto cells = std::uint64_t{picture.rows} * picture.cols;
    require(cells > 0, "picture", "its grid of {} x {} has no cell", picture.rows, picture.cols);
    require(cells == data_.source.tokens.size(), "picture", "its grid of {} x {} has {} cells, expected one for each of {} source tokens",
            picture.rows, picture.cols, cells, data_.source.tokens.size());
    const auto bytes = static_cast<unsigned __int128>(picture.width) * picture.height * 3;
    require(std::uint64_t{picture.width} * picture.height <= kMostPixels, "picture", "it has {} x {} pixels, expected at most 2^28 in all",
            picture.width, picture.height);
    require(bytes != 0 && picture.rgb.size() == bytes, "picture", "{} x {} pixels have {} bytes, expected three a pixel, of one at least",
            picture.width, picture.height, picture.rgb.size());
  }

  const RecordData& data_;
  std::uint64_t steps_ = 0;
};

}  // namespace

void check_invariants(const RecordData& data) { Checker(data).check(); }

}  // namespace attend
