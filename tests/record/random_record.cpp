#include "record/random_record.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "attend/core/random.h"
#include "support/sites.h"

namespace attend {
namespace {

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(random_key(seed, {})) {}

  RecordData make() {
    data_.sentence = random_();
    data_.model = "transformer \"big\"";
    data_.mechanism = "scaled_dot";
    if (chance(2)) data_.options = {{"beam", "4"}, {"length_penalty", "0.6"}, {"片", "\n"}};
    std::vector<std::int32_t> ids(random_.below(9));
    for (auto& id : ids) id = any_id();
    data_.source = text_of(ids);
    data_.forced = chance(5);
    grow();
    choose_hypotheses();
    add_maps();
    if (chance(3)) add_summary();
    for (auto n = random_.below(3); n > 0; --n) {
      NodeScalars scalars{"scalar" + std::to_string(n), {}};
      for (std::size_t i = 0; i < data_.nodes.size(); ++i) scalars.values.push_back(static_cast<float>(random_.uniform() * 100 - 50));
      data_.scalars.push_back(std::move(scalars));
    }
    if (!data_.source.tokens.empty() && chance(3)) add_picture();
    return std::move(data_);
  }

 private:
  bool chance(std::uint64_t one_in) { return random_.below(one_in) == 0; }
  std::int32_t any_id() { return static_cast<std::int32_t>(random_.below(100'000)); }

  RecordText text_of(const std::vector<std::int32_t>& ids) {
    static const std::array<std::string, 6> kPieces = {"love", "爱", "é", " ", "\xff", std::string(1, '\0')};
    RecordText text;
    std::uint32_t word = 0;
    for (const auto id : ids) {
      if (chance(3)) {
        text.utf8 += ' ';
        ++word;
      }
      RecordToken token{id, {static_cast<std::uint32_t>(text.utf8.size()), 0}, word, chance(8)};
      if (!token.special) text.utf8 += kPieces[random_.below(kPieces.size())];
      token.span.end = static_cast<std::uint32_t>(text.utf8.size());
      if (token.span.end > token.span.begin && chance(10)) --token.span.end;  // a piece of a character
      text.tokens.push_back(token);
    }
    return text;
  }

  /// Steps of a beam: each node of a step extends some node of the step before.
  void grow() {
    const auto steps = random_.below(7), width = data_.forced ? 1 : 1 + random_.below(4);
    std::size_t first = 0, last = 0;  // the nodes of the step before
    for (std::uint32_t step = 0; step < steps; ++step) {
      const auto begin = data_.nodes.size();
      for (std::uint64_t i = 0; i < width; ++i) {
        SearchNode node;
        node.parent = step == 0 ? -1 : static_cast<std::int32_t>(first + random_.below(last - first));
        node.step = step;
        node.token = any_id();
        node.logp = static_cast<float>(-random_.uniform() * 5);
        node.score = node.logp + (step == 0 ? 0 : data_.nodes[static_cast<std::size_t>(node.parent)].score);
        node.end = static_cast<NodeEnd>(random_.below(3));
        data_.nodes.push_back(node);
      }
      first = begin;
      last = data_.nodes.size();
    }
  }

  void choose_hypotheses() {
    const auto count = data_.forced ? 1 : random_.below(5);
    double score = random_.uniform();
    for (std::uint64_t h = 0; h < count; ++h) {
      Hypothesis hypothesis;
      if (!data_.nodes.empty()) hypothesis.last_node = static_cast<std::int32_t>(random_.below(data_.nodes.size()));
      std::vector<std::int32_t> ids;
      for (auto node = hypothesis.last_node; node >= 0; node = data_.nodes[static_cast<std::size_t>(node)].parent)
        ids.insert(ids.begin(), data_.nodes[static_cast<std::size_t>(node)].token);
      hypothesis.text = text_of(ids);
      hypothesis.log_prob = chance(9) ? -INFINITY : -random_.uniform() * 30;
      hypothesis.score = score;
      score -= random_.uniform();
      data_.hypotheses.push_back(std::move(hypothesis));
    }
  }

  void add_maps() {
    std::uint32_t steps = 0;
    for (const auto& node : data_.nodes) steps = std::max(steps, node.step + 1);
    const auto nodes = static_cast<std::uint32_t>(data_.nodes.size()), sources = static_cast<std::uint32_t>(data_.source.tokens.size());
    for (std::uint16_t layer = 0; layer < random_.below(3); ++layer) {
      const auto heads = static_cast<std::uint32_t>(1 + random_.below(3));
      const auto kind = static_cast<RowKind>(random_.below(3));
      add_map({sites::encoder_self(layer), kind, heads, sources, sources, {}});
      add_map({sites::decoder_cross(layer), kind, heads, nodes, sources, {}});
      add_map({sites::decoder_self(layer), kind, heads, nodes, steps, {}});
    }
    if (chance(3)) {  // a memory of the model's own, and a source whose second half is a draft
      const auto half = sources / 2;
      add_map({{.name = "memory", .columns = ColumnAxis::kSlot, .mechanism = "own"}, RowKind::kSoftmax, 1, nodes, 4, {}});
      add_map({{.name = "draft", .columns = ColumnAxis::kDraft, .role = SiteRole::kDraft}, RowKind::kUnnormalised, 2, nodes, sources, {}});
      for (std::size_t i = 0; i < data_.maps.back().weights.size(); ++i)
        if (i % sources < half) data_.maps.back().weights[i] = 0;
      data_.parts = {{ColumnAxis::kDraft, half, sources}};
    }
  }

  void add_map(AttentionMap map) {
    for (std::uint32_t row = 0; row < map.heads * map.rows; ++row) {
      const std::size_t visible = map.site.columns == ColumnAxis::kStep ? data_.nodes[row % map.rows].step + 1 : map.cols;
      std::vector<float> weights(map.cols, 0.0f);
      double sum = 0;
      const bool empty = chance(12);
      for (std::size_t col = 0; col < visible; ++col) {
        if (empty || chance(4)) continue;  // masked
        weights[col] = static_cast<float>(std::exp(-30 * random_.uniform()));
        if (map.kind == RowKind::kUnnormalised && chance(2)) weights[col] *= -3;
        sum += weights[col];
      }
      if (map.kind != RowKind::kUnnormalised && sum > 0)
        for (auto& weight : weights) weight = static_cast<float>(weight / sum);
      map.weights.insert(map.weights.end(), weights.begin(), weights.end());
    }
    data_.maps.push_back(std::move(map));
  }

  StoredArray numbers(std::vector<std::int64_t> shape, Dtype dtype = Dtype::kF32) {
    std::size_t count = 1;
    for (const auto size : shape) count *= static_cast<std::size_t>(size);
    if (dtype == Dtype::kF32) {
      std::vector<float> values(count);
      for (auto& value : values) value = static_cast<float>(random_.uniform());
      return {dtype, std::move(shape), std::move(values)};
    }
    if (dtype == Dtype::kF16) {
      std::vector<std::uint16_t> values(count);
      for (auto& value : values) value = static_cast<std::uint16_t>(random_.below(0x3c00));  // 0 to 1
      return {dtype, std::move(shape), std::move(values)};
    }
    std::vector<std::int32_t> values(count);
    for (auto& value : values) value = static_cast<std::int32_t>(random_.below(9)) - 1;
    return {dtype, std::move(shape), std::move(values)};
  }

  /// Of a map over a part of the source, with any numbers.
  void add_summary() {
    const auto tokens = static_cast<std::uint32_t>(data_.source.tokens.size());
    MapSummary s;
    s.site = sites::encoder_self(7);
    s.heads = static_cast<std::uint32_t>(2 * (1 + random_.below(2)));
    s.first_row = static_cast<std::uint32_t>(random_.below(tokens + 1));
    s.first_column = static_cast<std::uint32_t>(random_.below(tokens + 1));
    s.rows = tokens - s.first_row;
    s.cols = tokens - s.first_column;
    const std::int64_t heads = s.heads, rows = s.rows, cols = s.cols;
    s.entropy = numbers({heads, rows});
    if (chance(2)) s.maximum = numbers({heads, rows}), s.argmax = numbers({heads, rows}, Dtype::kI32);
    if (chance(2)) s.column_sums = numbers({heads, cols});
    if (chance(2)) s.top_weights = numbers({heads, rows, 3}), s.top_columns = numbers({heads, rows, 3}, Dtype::kI32);
    if (chance(2) && rows > 1) s.chosen_rows = {0, s.rows - 1}, s.chosen_weights = numbers({heads, 2, cols});
    if (chance(2)) s.levels = pyramid({1, 1, numbers({heads, rows, cols}), numbers({heads, rows, cols})}, s.heads, s.rows, s.cols, 2);
    if (chance(2)) {
      s.lse = numbers({heads, rows});
      s.tiles = TileSource{.scale = 0.1, .query = numbers({heads, rows, 5}, Dtype::kF16), .key = numbers({heads / 2, cols, 5})};
      if (chance(2)) s.tiles->left = 3, s.tiles->right = 0, s.tiles->first_step = 2, s.tiles->slopes = numbers({heads});
      if (chance(2)) s.tiles->by_distance = numbers({heads, 5});
    }
    data_.summaries.push_back(std::move(s));
  }

  void add_picture() {
    const auto cells = static_cast<std::uint32_t>(data_.source.tokens.size()), rows = cells % 2 == 0 ? 2U : 1U;
    Picture picture{
        rows, cells / rows, static_cast<std::uint32_t>(1 + random_.below(5)), static_cast<std::uint32_t>(1 + random_.below(5)), {}};
    for (std::uint32_t i = 0; i < picture.width * picture.height * 3; ++i) picture.rgb.push_back(static_cast<std::uint8_t>(random_()));
    data_.picture = std::move(picture);
  }

  RandomStream random_;
  RecordData data_;
};

}  // namespace

RecordData random_record(std::uint64_t seed) { return Maker(seed).make(); }

}  // namespace attend
