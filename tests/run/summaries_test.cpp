// Records of maps that are not stored: what they say equals what the map itself says, and no map is ever in memory.
#include <cmath>

#include "attend/attention/operands.h"
#include "attend/models/weights_observer.h"
#include "attend/ops/memory.h"
#include "attend/run/runner.h"
#include "attend/run/tiles.h"
#include "models/map_summaries.h"
#include "models/search_checks.h"
#include "support/temp_folder.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

using at::indexing::Slice;

// A call of the kernel, and the same weights as float64 products, a softmax and a mask of tensors make them.
struct Call {
  const char* name;
  std::int64_t heads, key_heads, rows, columns;
  FusedAttentionOptions options;
  kernels::ScoreKind score = kernels::ScoreKind::kProduct;
};

at::Tensor any(at::IntArrayRef sizes, double step) {
  std::int64_t count = 1;
  for (const auto size : sizes) count *= size;
  return at::arange(count, at::kDouble).mul(step).cos().mul(1.7).view(sizes).to(at::kFloat);
}

constexpr std::int64_t kSize = 16;

at::Tensor plain_weights(const Call& call, const at::Tensor& q, const at::Tensor& k) {
  const auto& o = call.options;
  const auto keys = k.repeat_interleave(call.heads / call.key_heads, 1).to(at::kDouble);         // [1, H, S, D]
  auto scores = at::matmul(q.to(at::kDouble), keys.mT()) * o.scale;                              // [1, H, T, S]
  const auto t = at::arange(call.rows).unsqueeze(1), s = at::arange(call.columns).unsqueeze(0);  // [T, 1], [1, S]
  const auto length = o.key_lengths.defined() ? o.key_lengths.item<std::int64_t>() : call.columns;
  const auto offset = s - t - (length - call.rows);  // [T, S]
  if (o.slopes.defined()) scores = scores - o.slopes.view({1, -1, 1, 1}).to(at::kDouble) * offset.abs();
  auto seen = s.lt(length);  // [1, S]
  if (o.left != kernels::kEverything) seen = seen.logical_and(offset.ge(-o.left));
  if (o.right != kernels::kEverything) seen = seen.logical_and(offset.le(o.right));
  const auto weights = at::softmax(scores.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity()), -1);
  return weights.nan_to_num(0);  // [1, H, T, S]; a row that sees nothing
}

std::vector<Call> calls() {
  const double scale = 1 / std::sqrt(static_cast<double>(kSize));
  const auto options = [&](const auto& edit) {
    FusedAttentionOptions o;
    o.scale = scale;
    edit(o);
    return o;
  };
  using O = FusedAttentionOptions;
  return {{"plain", 1, 1, 4096, 4096, options([](O&) {})},
          {"causal", 2, 2, 1501, 1501, options([](O& o) { o.right = 0; })},
          {"padded", 2, 2, 1100, 1500, options([](O& o) { o.key_lengths = at::full({1}, 1400, index_options()); })},
          {"windowed", 1, 1, 2100, 2100, options([](O& o) { o.left = 70, o.right = 3; })},
          {"grouped", 4, 2, 1200, 1200, options([](O& o) {
             o.right = 0, o.slopes = at::tensor({0.5F, 0.1F, 0.01F, 0.F});
           })},
          {"cross", 2, 2, 300, 4000, options([](O&) {})},
          {"cross, causal", 1, 1, 900, 4000, options([](O& o) { o.right = 0; })}};
}

at::Tensor of(const StoredArray& array) {
  return at::tensor(at::ArrayRef<float>(array.floats(0, array.view().elements()))).view(array.shape()).to(at::kDouble);
}

// Means and maxima of blocks, by sums over the map.
void expect_level(const PooledLevel& level, const at::Tensor& weights) {
  const auto heads = weights.size(0), rows = weights.size(1), columns = weights.size(2);
  const std::int64_t p = level.row_block, q = level.column_block, down = (rows + p - 1) / p, across = (columns + q - 1) / q;
  const auto cells = at::constant_pad_nd(weights, {0, across * q - columns, 0, down * p - rows})
                         .view({heads, down, p, across, q});  // [H, down, p, across, q]
  const auto held = [](std::int64_t size, std::int64_t block, std::int64_t blocks) {
    auto counts = at::full({blocks}, block, at::kDouble);  // [blocks]
    counts[-1] = size - block * (blocks - 1);
    return counts;
  };
  const auto counts = held(rows, p, down).unsqueeze(1) * held(columns, q, across);  // [down, across]
  EXPECT_LT((of(level.mean) - cells.sum({2, 4}) / counts).abs().max().item<double>(), 1e-5);
  EXPECT_LT((of(level.maximum) - cells.amax({2, 4})).abs().max().item<double>(), 1e-5);
}

class Summaries : public ::testing::TestWithParam<Call> {};

TEST_P(Summaries, SayWhatTheMapSays) {
  const auto& call = GetParam();
  const auto q = any({1, call.heads, call.rows, kSize}, 0.37), k = any({1, call.key_heads, call.columns, kSize}, 0.61);
  const auto weights = plain_weights(call, q, k)[0];  // [H, T, S]
  MapKeeping keep;
  keep.rows = {"0", "77", "299"};
  const CallSizes sizes{1, call.heads, call.rows, call.columns};
  const auto request = summary_request(keep, sizes);
  auto o = call.options;
  Result result;
  result.operands = std::make_shared<const Operands>(Operands{q, k, o});
  o.lse = o.entropy = o.maximum = o.column_sums = true;
  o.top = request.top, o.pool_rows = request.pool_rows, o.pool_keys = request.pool_keys, o.rows = request.rows;
  const auto found = fused_attention(q, k, k, o);
  result.lse = found.lse, result.entropy = found.entropy, result.maximum = found.maximum, result.argmax = found.argmax;
  result.column_sums = found.column_sums, result.top_weights = found.top_weights, result.top_keys = found.top_keys;
  result.pooled_mean = found.pooled_mean, result.pooled_max = found.pooled_max, result.rows = found.rows;
  const auto s = summary_of({.name = "any"}, result, keep, sizes);

  const auto distance = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); };
  EXPECT_LT(distance(of(s.entropy), entropy_of(weights)), 1e-5);
  EXPECT_LT(distance(of(s.column_sums), weights.sum(1)) / static_cast<double>(call.rows), 1e-5);
  const auto [largest, column] = weights.topk(request.top, -1);  // [H, T, K]
  EXPECT_LT(distance(of(s.maximum), largest.select(-1, 0)), 1e-5);
  EXPECT_LT(distance(of(s.top_weights), largest), 1e-5);
  // Keys of nearly equal weights may change places: their weights say whether they are the right ones.
  const auto columns = at::tensor(at::ArrayRef<std::int32_t>(s.top_columns.integers(0, s.top_columns.view().elements())))
                           .view(s.top_columns.shape())
                           .to(at::kLong);  // [H, T, K]
  EXPECT_LT(distance(weights.gather(-1, columns.clamp_min(0)).masked_fill(columns.lt(0), 0), largest), 1e-5);
  EXPECT_EQ(s.chosen_rows, (std::vector<std::uint32_t>{0, 77, 299}));
  EXPECT_LT(distance(of(s.chosen_weights), weights.index_select(1, request.rows)), 1e-5);
  ASSERT_GE(s.levels.size(), 4u);
  EXPECT_LE(s.levels.front().mean.shape().back(), 1024);
  EXPECT_LE(s.levels.back().mean.shape().back(), 64);
  for (const auto& level : s.levels) expect_level(level, weights);

  if (call.options.key_lengths.defined()) {  // of padding there is no whole map
    EXPECT_FALSE(s.tiles);
    return;
  }
  const TempFolder folder;  // a tile as whoever reads the file has it
  RecordData data;
  data.source.utf8.assign(static_cast<std::size_t>(call.columns), 'x');
  for (std::uint32_t i = 0; i < call.columns; ++i) data.source.tokens.push_back({0, {i, i + 1}, i, false});
  data.summaries.push_back(s);
  data.summaries[0].site.rows = RowAxis::kSource;
  RecordWriter writer(folder / "r.npz");
  writer.add(Record(std::move(data)));
  writer.close();
  const auto record = RecordFile(folder / "r.npz").read(0);
  const auto* read = record->find_summary("any", 0);
  for (std::int64_t head = 0; head < call.heads; ++head)
    for (const auto& tile : {kernels::WeightTile{0, 40, 0, 33}, {101, 300, 250, 290}, {299, 300, 0, call.columns}}) {
      const auto exact = weights_of_tile(*read, static_cast<std::uint32_t>(head), tile);
      const auto expected = weights.index({head, Slice(tile.first_row, tile.end_row), Slice(tile.first_key, tile.end_key)});
      EXPECT_LT(distance(at::tensor(at::ArrayRef<float>(exact.values)).view_as(expected).to(at::kDouble), expected), 1e-5) << head;
    }
  EXPECT_ERROR(weights_of_tile(*read, 0, {0, call.rows + 1, 0, 1}), kValue, "it must lie within");
}
INSTANTIATE_TEST_SUITE_P(Calls, Summaries, ::testing::ValuesIn(calls()), [](const auto& call) {
  std::string name = call.param.name;
  std::erase_if(name, [](char c) { return c == ' ' || c == ','; });
  return name;
});

TEST(MapKeeping, SaysWhichMapsAreSummarised) {
  MapKeeping keep;
  EXPECT_FALSE(keep.summarises(8, 1024, 1024));
  EXPECT_FALSE(keep.summarises(1, 4096, 4096));  // just 2^24
  EXPECT_TRUE(keep.summarises(1, 4097, 4096));
  EXPECT_TRUE(keep.summarises(1, std::int64_t{1} << 40, std::int64_t{1} << 40));
  EXPECT_TRUE(keep.runs_alone(1025));
  EXPECT_FALSE(MapKeeping::full().summarises(1, 100'000, 100'000));
  EXPECT_FALSE(MapKeeping::full().runs_alone(100'000));
  keep.rows = {"7", "3", "7", "100"};
  EXPECT_EQ(keep.chosen_rows(50), (std::vector<std::int64_t>{3, 7}));
  keep.rows = {"-1"};
  EXPECT_ERROR(keep.chosen_rows(5), kValue, "map_rows: expected numbers of rows from 0, got '-1'");
}

TEST(MapSummaries, NumbersThatFloat16HoldsAreStoredInIt) {
  const CallSizes sizes{1, 1, 70, 70};
  const auto kept_as = [&](const at::Tensor& x, const char* tiles) {
    MapKeeping keep;
    keep.tiles = tiles;
    Result result;
    FusedAttentionOptions o;
    o.lse = o.entropy = true;
    const auto found = fused_attention(x, x, x, o);
    result.lse = found.lse, result.entropy = found.entropy;
    result.operands = std::make_shared<const Operands>(Operands{x, x, FusedAttentionOptions{}});
    return summary_of({.name = "any"}, result, keep, sizes).tiles->query.dtype();
  };
  const auto x = any({1, 1, 70, 8}, 0.3);
  EXPECT_EQ(kept_as(x, "exact"), Dtype::kF32);
  EXPECT_EQ(kept_as(x, "half"), Dtype::kF16);
  EXPECT_EQ(kept_as(x.to(at::kBFloat16).to(at::kFloat), "exact"), Dtype::kF16);
  EXPECT_EQ(kept_as(x.mul(1e30), "half"), Dtype::kF32) << "float16 would make infinities of them";
}

// A model over words w0 to w9.
std::shared_ptr<Tokenizer> digits(TokenizerOptions& options) {
  options.kind = "words";
  std::string lines = "<unk>\n<pad>\n<s>\n</s>\n";
  for (int i = 0; i < 10; ++i) lines += fmt::format("w{}\n", i);
  return load_tokenizer(options, lines);
}

std::string words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format("{}w{}", i == 0 ? "" : " ", (i * i + i / 7) % 10);
  return text;
}

TranslationModel model_of(ModelOptions options) {
  TranslationModel m;
  options.of<TransformerOptions>().positions = "rotary";
  m.model = options;
  m.source = digits(m.text.source);
  m.target = digits(m.text.target);
  m.network = make_model(m.model, m.source->size(), m.target->size());
  m.network->eval();
  return m;
}

// What the summary says is what the full map says, and the same in a batch as alone.
void expect_tells(const MapSummary& s, const AttentionMap& map) {
  ASSERT_EQ(std::tie(s.heads, s.rows, s.cols), std::tie(map.heads, map.rows, map.cols)) << s.site.name;
  EXPECT_EQ(s.site, map.site);
  const auto weights = at::tensor(at::ArrayRef<float>(map.weights)).view({map.heads, map.rows, map.cols}).to(at::kDouble);  // [H, T, S]
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); };
  EXPECT_LT(distance(of(s.entropy), entropy_of(weights)), 1e-5) << s.site.name;
  EXPECT_LT(distance(of(s.maximum), weights.amax(-1)), 1e-5);
  EXPECT_LT(distance(of(s.column_sums), weights.sum(1)), 1e-4);
  ASSERT_TRUE(s.tiles);
  const kernels::WeightTile tile{map.rows / 2, map.rows, 0, map.cols / 2};
  const auto exact = weights_of_tile(s, 1, tile);
  const auto expected = weights.index({1, Slice(tile.first_row, tile.end_row), Slice(0, tile.end_key)});
  EXPECT_LT(distance(at::tensor(at::ArrayRef<float>(exact.values)).view_as(expected).to(at::kDouble), expected), 1e-5) << s.site.name;
}

void expect_same_run(const Record& summarised, const Record& full, std::size_t maps) {
  EXPECT_TRUE(summarised.data().maps.empty());
  ASSERT_EQ(summarised.data().summaries.size(), maps);
  ASSERT_EQ(full.data().maps.size(), maps);
  for (const auto& s : summarised.data().summaries) expect_tells(s, full.find_map(s.site.name, s.site.layer));
}

TEST(SummarisedRuns, OfAForcedTranslation) {
  at::manual_seed(3);
  const Runner runner(model_of(transformer_options()));
  MapKeeping summary;
  summary.maps = "summary";
  const std::vector<std::string> sources{words(90), words(70)}, targets{words(80), words(75)};
  const auto kept = runner.score(sources, targets, {.record = true, .keep = summary});
  const auto full = runner.score(sources, targets, {.record = true});
  for (std::size_t i = 0; i < 2; ++i) {
    expect_same_run(*kept[i].record, *full[i].record, 6);
    EXPECT_NEAR(kept[i].best[0].log_prob, full[i].best[0].log_prob, 1e-4);
  }
}

TEST(SummarisedRuns, OfATranslationKeepTheRowsOfSteps) {
  at::manual_seed(3);
  const Runner runner(model_of(transformer_options()));
  MapKeeping summary;
  summary.maps = "summary";
  SearchOptions search;
  search.beam = 2;
  search.max_length_ratio = 0.1;
  const std::vector<std::string> sources{words(90), words(70)};
  const auto kept = runner.translate(sources, search, {.record = true, .keep = summary});
  const auto full = runner.translate(sources, search, {.record = true});
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& data = kept[i].record->data();
    EXPECT_EQ(kept[i].text(), full[i].text());
    ASSERT_EQ(data.summaries.size(), 2u);
    EXPECT_EQ(data.maps.size(), 4u);
    for (const auto& s : data.summaries) expect_tells(s, full[i].record->find_map(s.site.name, s.site.layer));
  }
}

TEST(SummarisedRuns, OfALanguageModel) {
  at::manual_seed(3);
  auto o = transformer_options();
  o.type = "transformer_lm";
  const Runner runner(model_of(o));
  MapKeeping summary;
  summary.maps = "summary";
  const std::vector<std::string> texts{words(100), words(66)};
  const auto kept = runner.force_texts(texts, {.record = true, .keep = summary}), full = runner.force_texts(texts, {.record = true});
  for (std::size_t i = 0; i < 2; ++i) expect_same_run(*kept[i].record, *full[i].record, 2);
}

// Twice as long as `auto` keeps in full, with less memory than one head's map.
TEST(SummarisedRuns, MakeNoMap) {
  at::manual_seed(3);
  auto o = transformer_options();
  o.type = "transformer_lm";
  const Runner runner(model_of(o));
  constexpr int kWords = 6000;
  const std::vector<std::string> texts{words(kWords)};
  guard_tensor_memory();
  const MemoryBudget budget(std::uint64_t{kWords} * kWords * 4, "a map would be in memory");
  const auto record = runner.force_texts(texts, {.record = true})[0].record;
  ASSERT_EQ(record->data().summaries.size(), 2u);
  EXPECT_EQ(record->data().summaries[0].rows, kWords + 1u);
  EXPECT_ERROR(runner.force_texts(texts, {.record = true, .keep = MapKeeping::full()}), kValue, "a map would be in memory");
}

}  // namespace
}  // namespace attend::testing
