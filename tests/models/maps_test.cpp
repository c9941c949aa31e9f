// The maps that a search leaves behind: the row of a node is the attention of the step that produced it.
#include "attend/attention/local_p.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/score.h"
#include "attend/models/recurrent_options.h"
#include "attend/record/record.h"
#include "models/search_checks.h"
#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

struct MapCase {
  std::string name;
  ModelOptions options;
  std::size_t maps;  // sites and layers
};
void PrintTo(const MapCase& c, std::ostream* out) { *out << c.name; }

std::vector<MapCase> map_cases() {
  std::vector<MapCase> all;
  for (const auto* timing : {"before", "after"}) {
    auto o = rnn_options();
    o.of<RecurrentDecoderOptions>().timing = timing;
    all.push_back({std::string("additive_") + timing, o, 1});
    o.attention = "multi_head";
    o.of<HeadOptions>().heads = 3;
    all.push_back({std::string("multi_head_") + timing, o, 1});
  }
  auto o = rnn_options();
  o.of<RecurrentDecoderOptions>().input_feeding = false;
  o.of<CellOptions>().cell = "gru";
  all.push_back({"unfed_gru", o, 1});
  o.attention = "none";
  all.push_back({"none", o, 0});
  for (const auto* inner : {"scaled_dot", "additive"}) {
    auto t = transformer_options();
    t.of<InnerScoreOptions>().score = inner;
    t.of<TransformerOptions>().norm = inner[0] == 's' ? "pre" : "post";
    all.push_back({std::string("transformer_") + inner, t, 6});
  }
  return all;
}

std::vector<std::size_t> path_of(const SearchResult& found, const FoundHypothesis& h) {
  std::vector<std::size_t> path;
  for (auto node = h.last_node; node >= 0; node = found.nodes[static_cast<std::size_t>(node)].parent)
    path.insert(path.begin(), static_cast<std::size_t>(node));
  return path;
}

float weight_at(const AttentionMap& map, std::size_t head, std::size_t row, std::size_t column) {
  return map.weights.at((head * map.rows + row) * map.cols + column);
}

TEST(MapKinds, AreThoseOfTheMechanisms) {
  const Sources s;
  const auto kinds = [&](const ModelOptions& o) {
    const auto m = search_model(o);
    const std::vector<std::int32_t> tokens{5, 4, SpecialIds().end};
    const auto forced = force_one(*m, s.item(0), tokens, {.record = true}).maps,
               searched = search_all(*m, s, plain_search(2, 2, 4), {.record = true})[0].maps;
    std::map<std::string, RowKind> all;
    for (const auto& map : searched) all[map.site.name] = map.kind;
    EXPECT_EQ(forced.size(), searched.size());
    for (const auto& map : forced) EXPECT_EQ(map.kind, all.at(map.site.name)) << map.site.name;
    return all;
  };
  using Kinds = std::map<std::string, RowKind>;
  auto o = rnn_options();
  EXPECT_EQ(kinds(o), (Kinds{{"decoder.attention", RowKind::kSoftmax}}));
  o.of<WeightOptions>().normaliser = "entmax15";
  EXPECT_EQ(kinds(o), (Kinds{{"decoder.attention", RowKind::kSparse}}));
  o.attention = "monotonic";
  EXPECT_EQ(kinds(o), (Kinds{{"decoder.attention", RowKind::kUnnormalised}}));
  o.attention = "local_p";
  EXPECT_EQ(kinds(o), (Kinds{{"decoder.attention", RowKind::kUnnormalised}}));
  o.of<LocalPOptions>().renormalise = true;
  EXPECT_EQ(kinds(o), (Kinds{{"decoder.attention", RowKind::kSparse}}));
  auto t = transformer_options();
  t.attention = "local_p";
  EXPECT_EQ(kinds(t),
            (Kinds{{"encoder.self", RowKind::kSoftmax}, {"decoder.self", RowKind::kSoftmax}, {"decoder.cross", RowKind::kUnnormalised}}));
}

class Maps : public ::testing::TestWithParam<MapCase> {};

// Under beam search = under forced decoding of the same tokens: every site, layer, head, row and column.
TEST_P(Maps, OfAHypothesisAreThoseOfForcedDecoding) {
  const auto m = search_model(GetParam().options);
  favour(*m, SpecialIds().end, 1);
  const Sources s;
  const auto found = search_all(*m, s, plain_search(4, 4, 7), {.record = true});
  bool crossed = false;  // some hypothesis must have changed its row on the way, or following parents is not tested
  for (std::int64_t i = 0; i < s.size(); ++i) {
    const auto& item = found[static_cast<std::size_t>(i)];
    ASSERT_EQ(item.maps.size(), GetParam().maps);
    for (const auto& h : item.best) {
      const auto path = path_of(item, h);
      ASSERT_EQ(path.size(), h.tokens.size());
      const auto forced = force_one(*m, s.item(i), h.tokens, {.record = true});
      ASSERT_EQ(forced.maps.size(), item.maps.size());
      for (std::size_t k = 0; k < item.maps.size(); ++k) {
        const auto &got = item.maps[k], &expected = forced.maps[k];
        const auto where = fmt::format("item {} {} layer {}", i, got.site.name, got.site.layer);
        ASSERT_EQ(got.site.name, expected.site.name);
        ASSERT_EQ(got.site.layer, expected.site.layer);
        ASSERT_EQ(got.heads, expected.heads);
        const bool by_node = !over_source(got.site.rows);
        EXPECT_EQ(got.rows, by_node ? item.nodes.size() : expected.rows);
        for (std::size_t head = 0; head < got.heads; ++head)
          for (std::size_t r = 0; r < expected.rows; ++r)
            for (std::size_t c = 0; c < expected.cols; ++c)
              ASSERT_NEAR(weight_at(got, head, by_node ? path[r] : r, c), weight_at(expected, head, r, c), kOtherOrder)
                  << where << " head " << head << " row " << r << " column " << c;
      }
      for (std::size_t t = 1; t < path.size(); ++t) {
        std::size_t rank = 0;  // among the nodes of its step
        for (std::size_t n = 0; n < path[t]; ++n) rank += item.nodes[n].step == item.nodes[path[t]].step ? 1 : 0;
        std::size_t parent_rank = 0;
        for (std::size_t n = 0; n < path[t - 1]; ++n) parent_rank += item.nodes[n].step == item.nodes[path[t - 1]].step ? 1 : 0;
        crossed = crossed || rank != parent_rank;
      }
    }
  }
  EXPECT_TRUE(crossed);
}

// Forced decoding's maps are what the model shows while decoding [<s>, tokens...]: column j of decoder.self is input j.
TEST_P(Maps, OfForcedDecodingAreTheModelsOwn) {
  const auto m = search_model(GetParam().options);
  const Sources s;
  const std::vector<std::int32_t> tokens{5, 4, 6, SpecialIds().end};
  for (std::int64_t i = 0; i < s.size(); ++i) {
    const auto one = s.item(i);
    const auto forced = force_one(*m, one, tokens, {.record = true});
    ResultKeeper keeper;
    at::NoGradGuard no_grad;
    const auto encoded = m->encode(one.ids, one.lengths, &keeper);
    m->decode(*encoded, at::tensor({2, 5, 4, 6}, at::kLong).unsqueeze(0), at::full({1}, 4, at::kLong), &keeper);
    ASSERT_EQ(keeper.seen.size(), forced.maps.size());
    for (const auto& map : forced.maps) {
      const auto own =
          keeper.seen.at(fmt::format("{}.{}", map.site.name, map.site.layer)).at(0).weights[0].contiguous();  // [H, rows, columns]
      ASSERT_EQ(own.numel(), static_cast<std::int64_t>(map.weights.size())) << map.site.name;
      // A layer norm of nearly equal numbers magnifies roundings a hundred times in one of these random networks.
      EXPECT_TRUE(close(at::tensor(map.weights, at::kFloat), own.flatten(), 1e-4)) << map.site.name;
      EXPECT_EQ(map.site.columns == ColumnAxis::kStep, map.site.name == "decoder.self");
      EXPECT_EQ(over_source(map.site.rows), map.site.name == "encoder.self");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Maps, ::testing::ValuesIn(map_cases()), [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace attend::testing
