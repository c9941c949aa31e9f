// What the loops of attention do not do: products beyond the diagonal, the window and the lengths are counted, and keys that nobody sees
// lie where they cannot be read. Results would be right with looser bounds too, so no comparison shows them.
#include "kernels/counted_loops.h"
#include "kernels/fused_cases.h"
#include "kernels/run_additive_steps.h"

namespace attend::kernels {

CountedProducts counted_products;

namespace {

struct CountedSet {
  std::string name;
  Number number;
  const CountedLoops& loops;
  bool additive = false;
};

std::vector<CountedSet> counted_sets() {
  std::vector<CountedSet> sets{{"portable float32", Number::kFloat32, counted_float32_portable},
                               {"portable float64", Number::kFloat64, counted_float64_portable},
                               {"portable float32, additive", Number::kFloat32, counted_additive_float32_portable, true},
                               {"portable float64, additive", Number::kFloat64, counted_additive_float64_portable, true}};
#if defined(__x86_64__)
  if (cpu_has(Isa::kAvx2)) {
    sets.push_back({"avx2 float32", Number::kFloat32, counted_float32_avx2});
    sets.push_back({"avx2 float32, additive", Number::kFloat32, counted_additive_float32_avx2, true});
  }
  if (cpu_has(Isa::kAvx512)) {
    sets.push_back({"avx512 float32", Number::kFloat32, counted_float32_avx512});
    sets.push_back({"avx512 float32, additive", Number::kFloat32, counted_additive_float32_avx512, true});
  }
  if (cpu_has(Isa::kAvx512Bf16)) sets.push_back({"avx512_bf16 bfloat16", Number::kBfloat16, counted_bfloat16_avx512_bf16});
#endif
  return sets;
}

// A call of one slice of values, and all that it is given in memory; on the way back also what flows in. Numbers are 0 and lse is too:
// how many products there are depends on none of them.
struct CountedCall {
  FusedAttention call;
  Inputs in;
  std::size_t real;  // bytes of a number of the sums
  std::vector<std::vector<char>> all;

  CountedCall(const Case& c, Number number) : in(inputs_of(c, number)), real(number == Number::kFloat64 ? 8 : 4) {
    call = described(c, in, number);
    const auto rows = [&](std::int64_t heads, std::int64_t length, std::int64_t size) {
      return Rows{zeros(c.batch * heads * length * size, bytes_of(number)), heads * length * size, length * size, size};
    };
    call.query = rows(c.heads, c.queries, c.size);
    call.key = rows(c.key_heads, c.keys, c.size);
    call.value = rows(c.key_heads, c.keys, c.value_size);
  }
  char* zeros(std::int64_t count, std::size_t bytes) {
    all.emplace_back(static_cast<std::size_t>(count) * bytes + 64, 0);
    return all.back().data() + (64 - reinterpret_cast<std::uintptr_t>(all.back().data()) % 64) % 64;
  }
  void* reals(std::int64_t count) { return zeros(count, real); }
  void* bytes(std::int64_t count) { return zeros(count, 1); }
  MutableRows like(const Rows& x, std::int64_t heads) {
    return {zeros(call.batch * heads * x.head / x.row * x.row, 8), x.batch, x.head, x.row};
  }
};

// keep: in place of that of the case, which then has one.
CountedProducts count_forward(const CountedSet& set, const Case& c, bool statistics, const std::vector<std::uint8_t>& keep = {}) {
  const auto& kernels = set.loops.forward;
  CountedCall x(c, set.number);
  std::copy(keep.begin(), keep.end(), x.in.keep.begin());
  FusedWork work;
  work.call = x.call;
  work.panels = key_tiles(x.call) * (kBackKeys / kernels.panel);
  work.chunk = 5 * kTileRows;
  work.chunks = (c.queries + work.chunk - 1) / work.chunk;
  const auto heads = c.batch * c.heads, key_heads = c.batch * c.key_heads;
  work.plans = x.bytes(key_heads * kernels.plan_bytes(x.call));
  work.packed_keys = x.bytes(key_heads * kernels.keys_bytes(x.call));
  work.packed_values = x.bytes(key_heads * kernels.values_bytes(x.call));
  work.wild = static_cast<std::uint8_t*>(x.bytes(key_heads * (c.keys / kValueBlock + 1)));
  work.results.context = {x.zeros(heads * c.queries * c.value_size, 8), c.heads * c.queries * c.value_size, c.queries * c.value_size,
                          c.value_size};
  if (statistics) {
    work.results.lse = x.reals(heads * c.queries), work.results.entropy = x.reals(heads * c.queries);
    work.results.maximum = x.reals(heads * c.queries);
    work.results.argmax = static_cast<std::int64_t*>(x.bytes(8 * heads * c.queries));
    work.results.column_sums = x.reals(heads * c.keys), work.column_parts = x.reals(heads * work.chunks * c.keys);
  }
  void* scratch = x.bytes(kernels.scratch_bytes(work));
  counted_products = {};
  for (std::int64_t head = 0; head < key_heads; ++head) {
    if (kernels.plan_bytes(x.call) > 0) kernels.plan(work, head);
    kernels.pack(work, head, 0, work.panels);
  }
  for (std::int64_t head = 0; head < heads; ++head)
    for (std::int64_t chunk = 0; chunk < work.chunks; ++chunk) kernels.forward(work, head, chunk, scratch);
  return counted_products;
}

CountedProducts count_backward(const CountedSet& set, const Case& c, const std::vector<std::uint8_t>& keep = {}) {
  const auto& kernels = set.loops.back;
  CountedCall x(c, set.number);
  std::copy(keep.begin(), keep.end(), x.in.keep.begin());
  const auto heads = c.batch * c.heads, key_heads = c.batch * c.key_heads;
  FusedBackWork work;
  work.call = x.call;
  auto& g = work.gradients;
  g.context = g.context_gradient = {x.zeros(heads * c.queries * c.value_size, 8), c.heads * c.queries * c.value_size,
                                    c.queries * c.value_size, c.value_size};
  g.lse = x.reals(heads * c.queries);
  g.query_gradient = x.like(x.call.query, c.heads), g.key_gradient = x.like(x.call.key, c.key_heads);
  g.value_gradient = x.like(x.call.value, c.key_heads);
  if (c.deviation > 0) g.centre_gradient = static_cast<double*>(x.bytes(8 * heads * c.queries));
  work.tiles = key_tiles(x.call);
  work.chunk = 2 * kBackKeys;
  work.chunks = (c.keys + work.chunk - 1) / work.chunk;
  work.sizes = kernels.sizes(work);
  const auto& z = work.sizes;
  work.plans = x.bytes(key_heads * z.plans), work.key_panels = x.bytes(key_heads * z.key_panels);
  work.key_slices = x.bytes(key_heads * z.key_slices), work.value_panels = x.bytes(key_heads * z.value_panels);
  work.query_rows = x.bytes(heads * z.query_rows), work.query_slices = x.bytes(heads * z.query_slices);
  work.gradient_rows = x.bytes(heads * z.gradient_rows), work.gradient_slices = x.bytes(heads * z.gradient_slices);
  work.offsets = x.bytes(heads * z.offsets), work.base2 = x.bytes(heads * z.base2), work.query_parts = x.bytes(heads * z.query_parts);
  if (z.ranges > 0) work.ranges = x.bytes(heads * z.ranges);
  if (z.centre_parts > 0) work.centre_parts = x.bytes(heads * z.centre_parts);
  work.wild = static_cast<std::uint8_t*>(x.bytes(key_heads * work.tiles));
  void* scratch = x.bytes(kernels.scratch_bytes(work));
  counted_products = {};
  for (std::int64_t head = 0; head < key_heads; ++head) {
    if (z.plans > 0) kernels.plan(work, head);
    kernels.pack_keys(work, head, 0, work.tiles);
  }
  for (std::int64_t head = 0; head < heads; ++head) kernels.pack_queries(work, head, 0, c.queries);
  for (std::int64_t head = 0; head < key_heads; ++head)
    for (std::int64_t chunk = 0; chunk < work.chunks; ++chunk) kernels.backward(work, head, chunk, scratch);
  return counted_products;
}

// Sizes of an item, and whether its query t sees key s, by the definition.
struct CountedItem {
  const Case& c;
  std::int64_t queries, keys;
  CountedItem(const Case& of, std::int64_t b) : c(of), queries(of.queries), keys(of.keys) {
    if (!c.query_lengths.empty()) queries = c.query_lengths[static_cast<std::size_t>(b)];
    if (!c.key_lengths.empty()) keys = c.key_lengths[static_cast<std::size_t>(b)];
  }
  bool sees(std::int64_t t, std::int64_t s) const {
    const auto at = t + keys - queries;
    return t < queries && s < keys && s >= at - c.left && s <= at + c.right;
  }
  // Whether one of the queries [t, t_end) sees one of the keys [s, s_end).
  bool meet(std::int64_t t, std::int64_t t_end, std::int64_t s, std::int64_t s_end) const {
    for (auto i = t; i < t_end; ++i)
      for (auto j = s; j < s_end; ++j)
        if (sees(i, j)) return true;
    return false;
  }
};

// What must be computed: of each register tile of queries the panels that hold a key which one of them sees, and the keys between the
// first and the last of those.
CountedProducts needed_forward(const CountedSet& set, const Case& c) {
  CountedProducts all{};
  const auto panel = set.loops.forward.panel, together = set.loops.together;
  for (std::int64_t b = 0; b < c.batch; ++b) {
    const CountedItem item(c, b);
    for (std::int64_t chunk = 0; chunk < item.queries; chunk += kTileRows) {
      const auto end = std::min(chunk + kTileRows, item.queries);
      for (auto t = chunk; t < end; t += set.loops.score_rows) {
        const auto t_end = std::min(t + set.loops.score_rows, end);
        for (std::int64_t s = 0; s < c.keys; s += panel)
          if (item.meet(t, t_end, s, s + panel)) all.scores += c.heads * (t_end - t) * panel;
      }
      for (auto t = chunk; t < end; t += set.loops.sum_rows) {
        const auto t_end = std::min(t + set.loops.sum_rows, end);
        std::int64_t first = c.keys, last = 0;
        for (std::int64_t s = 0; s < c.keys; ++s)
          if (item.meet(t, t_end, s, s + 1)) first = std::min(first, s), last = s + 1;
        if (first < last) all.mixed += c.heads * (t_end - t) * (last - first / together * together);
      }
    }
  }
  return all;
}

// The tiles of kBackRows queries and kBackKeys keys of which one sees another.
CountedProducts needed_backward(const CountedSet& set, const Case& c) {
  CountedProducts all{};
  const auto panel = set.loops.forward.panel;
  for (std::int64_t b = 0; b < c.batch; ++b) {
    const CountedItem item(c, b);
    for (std::int64_t s = 0; s < item.keys; s += kBackKeys)
      for (std::int64_t t = 0; t < item.queries; t += kBackRows) {
        const auto s_end = std::min(s + kBackKeys, item.keys), t_end = std::min(t + kBackRows, item.queries);
        if (!item.meet(t, t_end, s, s_end)) continue;
        const auto rows = c.heads * (t_end - t), keys = s_end - s, whole = (keys + panel - 1) / panel * panel;
        all.scores += rows * whole, all.flows += rows * whole;
        all.value_gradients += rows * keys, all.differences += rows * keys;
      }
  }
  return all;
}

void expect_counts(const CountedProducts& did, const CountedProducts& needed) {
  EXPECT_EQ(did.scores, needed.scores);
  EXPECT_EQ(did.mixed, needed.mixed);
  EXPECT_EQ(did.flows, needed.flows);
  EXPECT_EQ(did.value_gradients, needed.value_gradients);
  EXPECT_EQ(did.differences, needed.differences);
}

std::vector<Case> bounded_cases() {
  std::vector<Case> cases{
      {.queries = 301, .keys = 301, .right = 0, .name = "causal"},
      {.queries = 60, .keys = 301, .right = 0, .name = "causal, fewer queries"},
      {.queries = 301, .keys = 90, .right = 0, .name = "causal, more queries"},
      {.queries = 301, .keys = 301, .left = 17, .right = 9, .name = "window"},
      {.queries = 301, .keys = 301, .left = 0, .right = 0, .name = "the diagonal"},
      {.queries = 200, .keys = 500, .left = 40, .right = 0, .name = "causal window"},
      {.batch = 3, .queries = 130, .keys = 300, .query_lengths = {130, 0, 31}, .key_lengths = {300, 120, 0}, .name = "lengths"},
      {.batch = 2,
       .heads = 2,
       .queries = 200,
       .keys = 300,
       .left = 50,
       .right = 3,
       .query_lengths = {200, 77},
       .key_lengths = {300, 130},
       .name = "window on lengths"},
      {.queries = 50, .keys = 97, .name = "all"}};
  for (auto& c : cases) c.key_heads = c.heads, c.value_size = 4;
  return cases;
}

// Exactly the products that some query needs, none beside: a bound that is looser by one tile counts more, one that is tighter fewer. The
// statistics are made of the same products.
TEST(Visited, ForwardMultipliesWhatIsSeenAlone) {
  for (const auto& set : counted_sets())
    for (auto c : bounded_cases()) {
      SCOPED_TRACE(set.name + ", " + c.name);
      if (set.additive) c.score = ScoreKind::kTanh;
      const auto needed = needed_forward(set, c);
      for (const auto statistics : {false, true}) expect_counts(count_forward(set, c, statistics), needed);
    }
}

TEST(Visited, BackwardMultipliesTilesWithASeenCellAlone) {
  for (const auto& set : counted_sets())
    for (auto c : bounded_cases()) {
      SCOPED_TRACE(set.name + ", " + c.name);
      if (set.additive) c.score = ScoreKind::kTanh;
      expect_counts(count_backward(set, c), needed_backward(set, c));
    }
}

// Keys beyond those that a tile holds: a window in them is held whole and its scores are made once, also for column sums; rows that see all
// need a second pass for these.
TEST(Visited, ALongSourceIsScoredOnceWhereATileSeesLittle) {
  for (const auto& set : counted_sets()) {
    SCOPED_TRACE(set.name);
    const auto score = set.additive ? ScoreKind::kTanh : ScoreKind::kProduct;
    Case c{.queries = 26, .keys = kResident + 400, .size = 2, .value_size = 2, .left = 70, .right = 0, .score = score};
    auto needed = needed_forward(set, c);
    expect_counts(count_forward(set, c, true), needed);
    c.left = kEverything;
    needed = needed_forward(set, c);
    expect_counts(count_forward(set, c, false), needed);
    needed.scores *= 2;
    expect_counts(count_forward(set, c, true), needed);
  }
}

// Windows around centres: how rows are put together is the loops' choice, so what is shown is a bound. Forward a tile's rows together are
// at most twice as wide as alone, each with an effort of 64 keys and up to two panels' edges; on the way back a row costs a tile of keys
// for each that its window reaches, and rows beside it that bfloat16 pairs.
TEST(Visited, WindowsAroundCentresTouchKeysNearThem) {
  for (const auto& set : counted_sets())
    for (auto c : {Case{.queries = 90, .keys = 3000, .radius = 5, .name = "near"},
                   Case{.queries = 90, .keys = 3000, .radius = 5, .scattered = true, .name = "scattered"},
                   Case{.queries = 90, .keys = 3000, .radius = 40, .scattered = true, .deviation = 20, .name = "Gaussian"},
                   Case{.batch = 2,
                   .queries = 90,
                   .keys = 3000,
                   .query_lengths = {90, 30},
                   .key_lengths = {3000, 700},
                   .radius = 9,
                   .scattered = true,
                   .name = "lengths"}}) {
      SCOPED_TRACE(set.name + ", " + c.name);
      if (set.additive) c.score = ScoreKind::kTanh;
      c.value_size = 4;
      const auto in = inputs_of(c, set.number);
      const auto panel = set.loops.forward.panel;
      std::int64_t forward = 0, back = 0, all = 0;
      for (std::int64_t b = 0; b < c.batch; ++b) {
        const CountedItem item(c, b);
        all += item.queries * item.keys;
        for (std::int64_t t = 0; t < item.queries; ++t) {
          const auto centre = in.centres[static_cast<std::size_t>(b * c.queries + t)];
          const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(centre)) - c.radius),
                     end = std::min(item.keys, static_cast<std::int64_t>(std::floor(centre)) + c.radius + 1);
          if (first >= end) continue;
          forward += 2 * (end - first + 64) + 2 * panel;
          back += ((end - 1) / kBackKeys - first / kBackKeys + 1) * kBackKeys * set.loops.together;
        }
      }
      ASSERT_LT(2 * forward, all);
      ASSERT_LT(2 * back, all);
      const auto did = count_forward(set, c, true), did_back = count_backward(set, c);
      EXPECT_GT(did.scores, 0);
      EXPECT_LE(did.scores, forward);
      EXPECT_LE(did.mixed, forward);
      EXPECT_GT(did_back.scores, 0);
      EXPECT_LE(did_back.scores, back);
      EXPECT_LE(did_back.flows, back);
      EXPECT_LE(did_back.value_gradients, back);
      EXPECT_LE(did_back.differences, back);
    }
}

// Documents of 96 tokens behind each other, which keep alone tells apart; with `first`, all see the first key besides, and there is a hole
// between. A tile of queries may lie in two documents, and a panel of keys, or a tile of them, is the least that is computed.
TEST(Visited, WhatKeepHidesIsPassedOver) {
  constexpr std::int64_t kLength = 1536, kDocument = 96;
  for (const auto& set : counted_sets())
    for (const bool first : {false, true}) {
      SCOPED_TRACE(set.name + (first ? ", with the first key" : ""));
      Case c{.queries = kLength, .keys = kLength, .keep = true, .name = "documents"};
      c.value_size = 4;
      if (set.additive) c.score = ScoreKind::kTanh;
      std::vector<std::uint8_t> keep;
      for (std::int64_t t = 0; t < kLength; ++t)
        for (std::int64_t s = 0; s < kLength; ++s) keep.push_back(t / kDocument == s / kDocument || (first && s == 0) ? 1 : 0);
      const auto all = kLength * kLength, panel = set.loops.forward.panel;
      const auto forward = kLength * (2 * kDocument + 3 * panel), back = kLength * 2 * (first ? 2 : 1) * kBackKeys;
      ASSERT_LT(2 * forward, all);
      ASSERT_LE(2 * back, all);
      const auto did = count_forward(set, c, true, keep), did_back = count_backward(set, c, keep);
      EXPECT_GE(did.scores, kLength * kDocument);
      EXPECT_LE(did.scores, forward);
      if (!first) {
        EXPECT_LE(did.mixed, forward);
      }
      EXPECT_GE(did_back.scores, kLength * kDocument);
      for (const auto part : {did_back.scores, did_back.flows, did_back.value_gradients, did_back.differences}) EXPECT_LE(part, back);
    }
}

// A call whose queries [0, rows) and keys [first_key, end_key) are all there is: what lies beside them is a page that may not be read.
struct Cut {
  std::int64_t rows, first_key, end_key;
};

// Forward, and with `all_ways` also back and the weights of the whole map, over what is there. The context has the bits that it has where
// all of it can be read; a read of anything else ends the program.
void expect_enough(const Case& c, const How& how, const Cut& cut, bool all_ways) {
  SCOPED_TRACE(c.name + " " + std::string(isa_name(how.isa)));
  const auto number = how.number, real = number == Number::kFloat64 ? Number::kFloat64 : Number::kFloat32;
  const auto in = inputs_of(c, number);
  const auto there = cut.end_key - cut.first_key;
  const auto part = [&](const std::vector<double>& from, std::int64_t first, std::int64_t count, const Bytes& to) {
    for (std::int64_t i = 0; i < count; ++i)
      write(to.data() + static_cast<std::size_t>(i) * bytes_of(number), from[static_cast<std::size_t>(first + i)], number);
  };
  const auto bytes = [&](std::int64_t count, Number of) { return static_cast<std::size_t>(count) * bytes_of(of); };
  const Bytes q(bytes(cut.rows * c.size, number), how.at_page), k(bytes(there * c.size, number), how.at_page),
      v(bytes(there * c.value_size, number), how.at_page);
  part(in.q, 0, cut.rows * c.size, q);
  part(in.k, cut.first_key * c.size, there * c.size, k);
  part(in.v, cut.first_key * c.value_size, there * c.value_size, v);
  const auto before = [&](const Bytes& x, std::int64_t size) {  // where row 0 would be
    return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(x.data()) - bytes(cut.first_key * size, number));
  };
  auto call = described(c, in, number);
  call.query = {q.data(), 0, 0, c.size};
  call.key = {before(k, c.size), 0, 0, c.size}, call.value = {before(v, c.value_size), 0, 0, c.value_size};
  const Bytes context(bytes(c.queries * c.value_size, number), false), lse(bytes(c.queries, real), false), sums(bytes(c.keys, real), false);
  FusedResults results;
  results.context = {context.data(), 0, 0, c.value_size};
  results.lse = lse.data(), results.column_sums = sums.data();
  OneWorker one;
  run_fused_attention(how.isa, call, results, one, "test");
  EXPECT_TRUE(std::string(context.data(), bytes(c.queries * c.value_size, number)) == run(c, in, how).bits);
  if (!all_ways) return;

  const Bytes weights(bytes(c.queries * c.keys, real), false);
  run_fused_weights(how.isa, call, lse.data(), {0, c.queries, 0, c.keys}, weights.data(), one, "test");
  const Bytes flow(bytes(cut.rows * c.value_size, number), how.at_page), seen(bytes(cut.rows * c.value_size, number), how.at_page),
      seen_lse(bytes(cut.rows, real), how.at_page);
  std::memcpy(flow.data(), context.data(), bytes(cut.rows * c.value_size, number));
  std::memcpy(seen.data(), context.data(), bytes(cut.rows * c.value_size, number));
  std::memcpy(seen_lse.data(), lse.data(), bytes(cut.rows, real));
  const Bytes dq(bytes(c.queries * c.size, number), false), dk(bytes(c.keys * c.size, number), false),
      dv(bytes(c.keys * c.value_size, number), false), du(bytes(c.size, real), false);
  FusedGradients gradients;
  gradients.context = {seen.data(), 0, 0, c.value_size}, gradients.context_gradient = {flow.data(), 0, 0, c.value_size};
  gradients.lse = seen_lse.data();
  gradients.query_gradient = {dq.data(), 0, 0, c.size};
  gradients.key_gradient = {dk.data(), 0, 0, c.size}, gradients.value_gradient = {dv.data(), 0, 0, c.value_size};
  if (c.score != ScoreKind::kProduct) gradients.energy_gradient = du.data();
  run_fused_attention_backward(how.isa, call, gradients, one, "test");
  for (const auto* x : {&q, &k, &v, &context, &lse, &sums, &weights, &flow, &seen, &seen_lse, &dq, &dk, &dv, &du})
    EXPECT_TRUE(x->guarded());
}

// Padding need not be there at all: queries end with T_b, keys and values with S_b. Few queries read keys where they lie, many pack them.
TEST(Visited, WhatLiesBehindLengthsIsNotRead) {
  for (const auto& how : sets_and_numbers())
    for (const auto score : {ScoreKind::kProduct, ScoreKind::kTanh})
      for (const std::int64_t queries : {7, 61})
        for (const std::int64_t right : {kEverything, std::int64_t{0}})
          expect_enough({.queries = queries,
                         .keys = 150,
                         .size = 20,
                         .value_size = 12,
                         .right = right,
                         .query_lengths = {queries - 2},
                         .key_lengths = {101},
                         .score = score,
                         .name = std::to_string(queries) + " queries"},
                        how, {queries - 2, 0, 101}, true);
}

// Few queries of a long cache, as a decoder's step has them: only the keys in their windows are there. Both ends lie at a page, once each.
TEST(Visited, FewQueriesReadTheirWindowsAlone) {
  for (auto how : sets_and_numbers())
    for (const auto at_page : {true, false}) {
      how.at_page = at_page;
      expect_enough({.queries = 4, .keys = 4000, .size = 64, .value_size = 64, .left = 124, .right = 0, .name = "window"}, how,
                    {4, 3872, 4000}, false);
      expect_enough({.queries = 5,
                     .keys = 4000,
                     .size = 64,
                     .value_size = 64,
                     .left = 61,
                     .right = 0,
                     .query_lengths = {3},
                     .key_lengths = {1064},
                     .name = "window on lengths"},
                    how, {3, 1000, 1064}, false);
      // A row's centre is t S / T and a quarter for each t: 0.
      expect_enough({.queries = 1, .keys = 4000, .size = 64, .value_size = 64, .radius = 63, .name = "around a centre"}, how, {1, 0, 64},
                    false);
    }
}

TEST(Visited, StepsReadNoKeyBehindLengths) {
  OneWorker one;
  constexpr std::int64_t kThere = 53, kRows = 2, kSize = 20;
  const std::int64_t length = kThere;
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kFloat64}) {
      const auto bytes = bytes_of(number);
      const Bytes k(kThere * kSize * bytes, true), q(kRows * kSize * bytes, true), u(kSize * bytes, true), flow(kRows * 90 * bytes, true);
      for (std::size_t i = 0; i < kThere * kSize; ++i) write(k.data() + i * bytes, 0.1, number);
      for (std::size_t i = 0; i < kRows * kSize; ++i) write(q.data() + i * bytes, 0.2, number);
      for (std::size_t i = 0; i < kSize; ++i) write(u.data() + i * bytes, 1, number);
      for (std::size_t i = 0; i < kRows * 90; ++i) write(flow.data() + i * bytes, 1, number);
      AdditiveSteps call;
      call.number = number, call.batch = call.heads = 1, call.queries = kRows, call.keys = 90, call.size = kSize;
      call.query = {q.data(), 0, 0, kSize}, call.key = {k.data(), 0, 0, kSize};
      call.energy = u.data(), call.key_lengths = &length;
      const Bytes scores(kRows * 90 * bytes, true), dq(kRows * kSize * bytes, true);
      run_step_scores(isa, call, scores.data(), one, "test");
      AdditiveStepGradients gradients;
      gradients.scores = flow.data(), gradients.query = dq.data();
      run_step_backward(isa, call, gradients, one, "test");
      for (const auto* x : {&k, &q, &u, &flow, &scores, &dq}) EXPECT_TRUE(x->guarded());
      EXPECT_NEAR(read(scores.data() + (kThere - 1) * bytes, number), kSize * std::tanh(0.3), 1e-4);
      EXPECT_EQ(read(scores.data() + kThere * bytes, number), 0);
    }
}

}  // namespace
}  // namespace attend::kernels
