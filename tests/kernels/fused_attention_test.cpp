// The fused attention, of products and of additive scores: against a plain computation in float64, for every instruction set that this
// processor has.
#include "kernels/fused_cases.h"

#include <bit>

namespace attend::kernels {
namespace {

// What is drawn is drawn again by the numbers' own definition; only where two are as good as equal another may be the larger.
void expect_choices(const Case& c, const Outputs& ran, const Outputs& right, double unit) {
  if (ran.choice.empty()) return;
  for (std::size_t row = 0; row < right.choice.size(); ++row) {
    const auto key = ran.choice[row];
    if (right.choice[row] < 0) {
      EXPECT_EQ(key, -1) << row;
      EXPECT_EQ(ran.log_choice[row], 0) << row;
      continue;
    }
    ASSERT_TRUE(key >= 0 && key < c.keys) << row << ": " << key;
    const auto at = row * static_cast<std::size_t>(c.keys) + static_cast<std::size_t>(key);
    EXPECT_NEAR(right.drawn[at], right.drawn[at - static_cast<std::size_t>(key - right.choice[row])], 4 * unit) << row;
    EXPECT_NEAR(ran.log_choice[row], std::log(right.weights[at]), 4 * unit) << row;
  }
}

void expect_right(const Case& c, const How& how) {
  SCOPED_TRACE(c.name + " T=" + std::to_string(c.queries) + " S=" + std::to_string(c.keys) + " D=" + std::to_string(c.size) +
               " Dv=" + std::to_string(c.value_size) + " " + std::string(isa_name(how.isa)));
  const auto in = inputs_of(c, how.number);
  const auto right = plainly(c, in);
  const auto ran = run(c, in, how);
  double largest = 0;  // of the scores: what they lack in their last bits is lacking everywhere
  for (const auto x : right.lse)
    if (x > -kInfinity) largest = std::max(largest, std::abs(x));
  const double unit = (how.number == Number::kFloat64 ? 1e-14 : 2e-6) * (2.5 + largest / 4);
  EXPECT_LE(apart(ran.out.context, right.context), how.number == Number::kBfloat16 ? 1e-2 : unit);
  EXPECT_LE(apart(ran.out.slope_context, right.slope_context), how.number == Number::kBfloat16 ? 1e-2 : 8 * unit);
  EXPECT_LE(apart(ran.out.lse, right.lse), 2 * unit);
  EXPECT_LE(apart(ran.out.entropy, right.entropy), 4 * unit);
  EXPECT_LE(apart(ran.out.maximum, right.maximum), unit);
  EXPECT_LE(apart(ran.out.columns, right.columns), unit * static_cast<double>(8 + c.queries / 16));
  EXPECT_LE(apart(ran.out.top_weights, right.top_weights), unit);
  EXPECT_LE(apart(ran.out.pooled_mean, right.pooled_mean), unit);
  EXPECT_LE(apart(ran.out.pooled_max, right.pooled_max), unit);
  EXPECT_LE(apart(ran.out.row_weights, right.row_weights), unit);
  for (std::size_t i = 0; i < right.top_keys.size(); ++i) {
    const auto key = ran.out.top_keys[i];
    if (key == right.top_keys[i]) continue;
    ASSERT_LT(key, c.keys) << i;
    const auto row = i / static_cast<std::size_t>(top_of(c)) * static_cast<std::size_t>(c.keys);
    EXPECT_NEAR(key < 0 ? 0 : right.weights[row + static_cast<std::size_t>(key)], right.top_weights[i], unit) << i;
  }
  expect_choices(c, ran.out, right, unit);
  for (std::size_t row = 0; row < right.argmax.size(); ++row) {
    const auto key = ran.out.argmax[row], best = right.argmax[row];
    if (key == best) continue;
    ASSERT_TRUE(key >= 0 && best >= 0 && key < c.keys) << row << ": " << key << ", not " << best;
    const auto* scores = right.scores.data() + static_cast<std::int64_t>(row) * c.keys;
    EXPECT_NEAR(scores[key], scores[best], unit) << row;  // so near that float32 may not tell them apart
  }
}

TEST(FusedAttention, AgreesOnAwkwardSizes) {
  for (const auto& how : sets_and_numbers()) {
    for (const std::int64_t queries : {1, 2, 16, 23, 25, 48, 113})
      for (const std::int64_t keys : {1, 2, 15, 17, 129, 257})
        expect_right({.queries = queries, .keys = keys, .size = 20, .value_size = 32}, how);
    for (const std::int64_t size : {1, 8, 59, 64, 111, 128})
      for (const std::int64_t value_size : {1, 7, 8, 40, 64, 96, 129})
        expect_right({.queries = 26, .keys = 33, .size = size, .value_size = value_size}, how);
    expect_right({.queries = 1023, .keys = 1025, .size = 64, .value_size = 64}, how);
  }
}

TEST(FusedAttention, AgreesUnderEveryMask) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto swapped : {false, true})
        for (const auto& c : masked_cases()) expect_right(c, {.isa = isa, .number = number, .swapped = swapped});
}

TEST(FusedAttention, AgreesInWindowsAroundCentres) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto& c : windowed_cases()) expect_right(c, {.isa = isa, .number = number});
}

TEST(FusedAttention, AgreesOnWhatIsDrawn) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto& c : drawn_cases()) expect_right(c, {.isa = isa, .number = number});
}

TEST(FusedAttention, AgreesOnSparseWeights) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto& c : sparse_cases()) expect_right(c, {.isa = isa, .number = number});
}

// 20,000 rows of the same three weights: each key is drawn as often as its weight says.
TEST(FusedAttention, DrawsKeysAsOftenAsTheyWeigh) {
  for (const auto isa : sets_here()) {
    Case c{.queries = 20000, .keys = 3, .size = 1, .value_size = 1, .noise = 0};
    auto in = inputs_of(c, Number::kFloat32);
    in.q.assign(in.q.size(), 1), in.k = {0.0, 1.0, -1.0};
    const auto ran = run(c, in, {.isa = isa});
    const double total = 1 + std::exp(1.0) + std::exp(-1.0);
    for (std::int64_t key = 0; key < 3; ++key) {
      const auto share = std::exp(in.k[static_cast<std::size_t>(key)]) / total;
      EXPECT_NEAR(static_cast<double>(std::count(ran.out.choice.begin(), ran.out.choice.end(), key)) / 20000, share,
                  4 * std::sqrt(share * (1 - share) / 20000));
    }
  }
}

TEST(FusedAttention, AgreesOnAdditiveScores) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64}) {
      for (const auto& c : additive_cases()) expect_right(c, {.isa = isa, .number = number});
      for (const std::int64_t size : {1, 15, 64, 130})
        expect_right({.queries = 26, .keys = 33, .size = size, .value_size = 20, .score = ScoreKind::kTanh},
                     {.isa = isa, .number = number});
    }
}

// Keys beyond those that a tile holds at once: totals move from part to part, and column sums come from a second pass.
TEST(FusedAttention, AgreesWhereRowsAreStreamed) {
  for (const auto& how : sets_and_numbers()) {
    expect_right({.queries = 26, .keys = 16400, .size = 4, .value_size = 5, .name = "streamed"}, how);
    expect_right({.queries = 3, .keys = 16450, .size = 4, .value_size = 5, .drop = 0.5, .name = "streamed, dropped"}, how);
    expect_right({.queries = 26, .keys = 16500, .size = 4, .value_size = 5, .right = 0, .stretch = 40, .name = "streamed, causal, sharp"},
                 how);
  }
}

// Items and rows that see fewer keys of a source too long to be held at once.
TEST(FusedAttention, AgreesWhereALongSourceHasShortItems) {
  for (const auto& how : sets_and_numbers()) {
    expect_right({.batch = 2, .queries = 26, .keys = 16500, .size = 4, .value_size = 5, .key_lengths = {5000, 16500}, .name = "short item"},
                 how);
    expect_right({.queries = 26, .keys = 20000, .size = 4, .value_size = 5, .left = 9000, .right = 0, .name = "wide window"}, how);
  }
}

TEST(FusedAttention, InputsAreNotReadBeyondEitherEnd) {
  for (auto how : sets_and_numbers())
    for (const auto at_page : {true, false}) {
      how.at_page = at_page;
      expect_right({.queries = 25, .keys = 33, .size = 13, .value_size = 11}, how);
    }
}

TEST(FusedAttention, NothingIsLeftOfNothing) {
  for (const auto isa : sets_here()) {
    for (const auto& c : {Case{.queries = 0, .keys = 5}, Case{.queries = 5, .keys = 0}, Case{.batch = 0, .queries = 5, .keys = 5}}) {
      const auto in = inputs_of(c, Number::kFloat32);
      const auto ran = run(c, in, {.isa = isa});
      EXPECT_LE(apart(ran.out.context, plainly(c, in).context), 0);
      for (const auto key : ran.out.argmax) EXPECT_EQ(key, -1);
      for (const auto sum : ran.out.columns) EXPECT_EQ(sum, 0);  // also of keys that no query is there to see
      for (const auto lse : ran.out.lse) EXPECT_EQ(lse, -kInfinity);
    }
  }
}

// Not a number where nobody may look: behind the lengths, behind the diagonal, where keep hides.
TEST(FusedAttention, WhatIsHiddenDoesNotLeak) {
  for (const auto& how : sets_and_numbers())
    for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::bit_cast<double>(0x7ff8000020000000u), kInfinity}) {
      const double near = how.number == Number::kBfloat16 ? 1e-2 : 5e-6;
      Case padded{.batch = 2, .queries = 33, .keys = 47, .query_lengths = {33, 20}, .key_lengths = {47, 21}, .name = "padding"};
      auto in = inputs_of(padded, how.number);
      const auto right = plainly(padded, in);
      for (std::int64_t s = 21; s < 47; ++s)
        for (std::int64_t d = 0; d < 8; ++d)
          in.k[static_cast<std::size_t>((47 + s) * 8 + d)] = in.v[static_cast<std::size_t>((47 + s) * 8 + d)] = poison;
      for (std::int64_t t = 20; t < 33; ++t) in.q[static_cast<std::size_t>((33 + t) * 8)] = poison;
      EXPECT_LE(apart(run(padded, in, how).out.context, right.context), near);

      Case causal{.queries = 60, .keys = 60, .right = 0, .name = "causal"};
      in = inputs_of(causal, how.number);
      const auto before = plainly(causal, in);
      in.k[41 * 8] = in.v[41 * 8 + 3] = poison;
      const auto ran = run(causal, in, how);
      for (std::size_t i = 0; i < 41 * 8; ++i) ASSERT_NEAR(ran.out.context[i], before.context[i], near) << i;
      if (std::isnan(poison)) {
        EXPECT_TRUE(std::isnan(ran.out.context[50 * 8]) && std::isnan(ran.out.lse[50]));  // who may look at it sees it
      }

      Case kept{.queries = 25, .keys = 47, .keep = true, .name = "keep"};
      in = inputs_of(kept, Number::kFloat32);
      for (std::size_t cell = 30; cell < in.keep.size(); cell += 47) in.keep[cell] = 0;
      const auto hidden = plainly(kept, in);
      in.k[30 * 8 + 1] = in.v[30 * 8 + 1] = poison;
      EXPECT_LE(apart(run(kept, in, how).out.context, hidden.context), near);
    }
}

TEST(FusedAttention, BitsDependOnTheCallAlone) {
  const Case c{.batch = 3,
               .heads = 4,
               .key_heads = 2,
               .queries = 301,
               .keys = 301,
               .size = 32,
               .value_size = 24,
               .right = 0,
               .query_lengths = {301, 40, 200},
               .key_lengths = {301, 40, 250},
               .name = "threads"};
  for (const auto number : {Number::kFloat32, Number::kBfloat16}) {
    const auto in = inputs_of(c, number);
    for (const auto isa : sets_here()) {
      const auto once = run(c, in, {.isa = isa, .number = number});
      for (const int workers : {2, 3, 4}) {
        const auto again = run(c, in, {.isa = isa, .number = number, .workers = workers});
        EXPECT_EQ(again.bits, once.bits) << workers;
        EXPECT_EQ(again.out.columns, once.out.columns) << workers;
        EXPECT_EQ(again.out.pooled_mean, once.out.pooled_mean) << workers;
      }
      // Statistics are paid for in time alone.
      EXPECT_EQ(run(c, in, {.isa = isa, .number = number, .statistics = false}).bits, once.bits);
      // The second item by itself, without its padding.
      Case alone = c;
      alone.batch = 1, alone.queries = alone.keys = 40, alone.query_lengths = alone.key_lengths = {};
      Inputs own;
      const auto cut = [&](const std::vector<double>& from, std::vector<double>& to, std::int64_t heads, std::int64_t size) {
        for (std::int64_t h = 0; h < heads; ++h)
          for (std::int64_t i = 0; i < 40 * size; ++i) to.push_back(from[static_cast<std::size_t>((heads + h) * 301 * size + i)]);
      };
      cut(in.q, own.q, 4, 32);
      cut(in.k, own.k, 2, 32);
      cut(in.v, own.v, 2, 24);
      const auto single = run(alone, own, {.isa = isa, .number = number});
      const auto row = 24 * bytes_of(number);
      for (std::size_t h = 0; h < 4; ++h)
        EXPECT_EQ(single.bits.substr(h * 40 * row, 40 * row), once.bits.substr((4 + h) * 301 * row, 40 * row));
    }
  }
}

TEST(FusedAttention, BitsOfEveryKindOfWeightsDependOnTheCallAlone) {
  for (const auto& how : sets_and_numbers())
    for (const auto& c : kinds_of_weights()) {
      SCOPED_TRACE(c.name);
      const auto in = inputs_of(c, how.number);
      const auto once = run(c, in, how);
      for (const int workers : {2, 3, 4}) {
        auto many = how;
        many.workers = workers;
        const auto again = run(c, in, many);
        EXPECT_EQ(again.bits, once.bits) << workers;
        EXPECT_EQ(again.out.columns, once.out.columns) << workers;
        EXPECT_EQ(again.out.choice, once.out.choice) << workers;
        EXPECT_EQ(again.out.lse, once.out.lse) << workers;
      }
      auto plain = how;
      plain.statistics = false;
      EXPECT_EQ(run(c, in, plain).bits, once.bits);
      plain = how;
      plain.packed = true;
      EXPECT_EQ(run(c, in, plain).bits, once.bits);
    }
}

// Not a number behind lengths, and beside every window.
TEST(FusedAttention, WhatNoKindOfWeightsSeesDoesNotLeak) {
  for (const auto& how : sets_and_numbers())
    for (const auto& c : kinds_of_weights()) {
      SCOPED_TRACE(c.name);
      auto in = inputs_of(c, how.number);
      const auto right = run(c, in, how);
      for (std::size_t s = 210 + 90; s < 420; ++s) in.k[s * 20] = in.v[s * 24 + 1] = std::nan("");
      for (std::size_t t = 50; t < 130; ++t) in.q[(2 * 130 + t) * 20 + 3] = std::nan("");
      EXPECT_EQ(run(c, in, how).bits, right.bits);
    }
  for (const auto& how : sets_and_numbers()) {
    const Case c{.queries = 113, .keys = 257, .radius = 0, .name = "windows of one key"};  // nobody sees the key 1
    auto in = inputs_of(c, how.number);
    const auto right = run(c, in, how);
    in.k[1 * 8] = in.v[1 * 8 + 3] = std::nan("");
    const auto ran = run(c, in, how);
    EXPECT_LE(apart(ran.out.context, right.out.context), how.number == Number::kBfloat16 ? 1e-2 : 1e-6);
    EXPECT_LE(apart(ran.out.lse, right.out.lse), 0);
  }
}

TEST(FusedAttention, APackedSourceChangesNoBit) {
  for (auto how : sets_and_numbers())
    for (const auto score : {ScoreKind::kProduct, ScoreKind::kTanh}) {
      // Products of few queries read what is not packed in another order.
      Case c{.batch = 3,
             .heads = 2,
             .key_heads = 2,
             .queries = score == ScoreKind::kProduct ? 9 : 3,
             .keys = 150,
             .key_lengths = {150, 70, 0},
             .score = score};
      auto in = inputs_of(c, how.number);
      const auto anew = run(c, in, how);
      how.packed = true;
      const auto packed = run(c, in, how);
      EXPECT_EQ(packed.bits, anew.bits);
      EXPECT_EQ(packed.out.lse, anew.out.lse);
      EXPECT_EQ(packed.out.columns, anew.out.columns);
      // Items that read the keys and values of others.
      c.key_lengths.clear();
      how.items = {1, 1, 0};
      const auto chosen = run(c, in, how);
      const auto take = [&](std::vector<double>& x) {
        const auto item = static_cast<std::ptrdiff_t>(x.size() / 3);
        std::vector<double> moved;
        for (const auto i : how.items) moved.insert(moved.end(), x.begin() + i * item, x.begin() + (i + 1) * item);
        x = moved;
      };
      take(in.k), take(in.v);
      how.packed = false, how.items.clear();
      EXPECT_EQ(chosen.bits, run(c, in, how).bits);
    }
}

TEST(FusedAttention, SaysWhichPackedSourceDoesNotFit) {
  OneWorker one;
  float x[64] = {};
  FusedAttention call;
  call.batch = call.heads = call.key_heads = call.queries = call.keys = call.size = call.value_size = 1;
  call.query.data = call.key.data = call.value.data = x;
  const auto source = pack_source(call, false, one);
  call.packed = source.get();
  FusedResults results;
  results.context.data = x;
  fused_attention(call, results, one);
  auto wrong = call;
  wrong.scale = 2;
  EXPECT_NE(error_of(ErrorKind::kShape, [&] { fused_attention(wrong, results, one, "step"); }).find("step: the packed source is of other"),
            std::string::npos);
  FusedGradients gradients;
  gradients.lse = x;
  gradients.context.data = gradients.context_gradient.data = x;
  gradients.query_gradient.data = gradients.key_gradient.data = gradients.value_gradient.data = x;
  EXPECT_NE(error_of(ErrorKind::kValue, [&] { fused_attention_backward(call, gradients, one, "step"); }).find("both_ways"),
            std::string::npos);
  EXPECT_NE(error_of(ErrorKind::kValue, [&] { selected(*source, {1}, "beam"); }).find("beam: items must be 0 to 0, got 1"),
            std::string::npos);
}

TEST(FusedAttention, TilesOfTheWeightsAreThoseOfTheMap) {
  auto cases = masked_cases();
  for (const auto& c : windowed_cases()) cases.push_back(c);
  for (const auto& c : sparse_cases()) cases.push_back(c);
  for (const auto& c : additive_cases()) cases.push_back(c);
  for (const auto& how : sets_and_numbers())
    for (const auto& c : cases) {
      SCOPED_TRACE(c.name);
      const auto in = inputs_of(c, how.number);
      const auto right = plainly(c, in);
      auto call = described(c, in, how.number);
      const auto stored = [&](const std::vector<double>& x) {
        std::vector<char> bytes(x.size() * bytes_of(how.number));
        for (std::size_t i = 0; i < x.size(); ++i) write(bytes.data() + i * bytes_of(how.number), x[i], how.number);
        return bytes;
      };
      const auto q = stored(in.q), k = stored(in.k);
      call.query = {q.data(), c.heads * c.queries * c.size, c.queries * c.size, c.size};
      call.key = {k.data(), c.key_heads * c.keys * c.size, c.keys * c.size, c.size};
      const std::vector<float> lse(right.lse.begin(), right.lse.end());
      for (const auto& tile : {WeightTile{0, c.queries, 0, c.keys}, WeightTile{c.queries / 3, c.queries - 1, c.keys / 4, c.keys / 4 + 5},
                               WeightTile{2, 2, 0, c.keys}}) {
        const auto rows = tile.end_row - tile.first_row, width = tile.end_key - tile.first_key;
        const Bytes weights(static_cast<std::size_t>(c.batch * c.heads * rows * width) * 4, true);
        OneWorker one;
        run_fused_weights(how.isa, call, lse.data(), tile, weights.data(), one, "test");
        EXPECT_TRUE(weights.guarded());
        for (std::int64_t i = 0; i < c.batch * c.heads * rows * width; ++i) {
          const auto head = i / (rows * width), t = tile.first_row + i / width % rows, s = tile.first_key + i % width;
          ASSERT_NEAR(read(weights.data() + i * 4, Number::kFloat32),
                      right.weights[static_cast<std::size_t>((head * c.queries + t) * c.keys + s)], c.stretch > 1 ? 3e-4 : 1e-5)
              << head << " " << t << " " << s;
        }
      }
    }
  OneWorker one;
  float x[8] = {};
  FusedAttention call;
  call.batch = call.heads = call.key_heads = call.queries = call.keys = call.size = call.value_size = 1;
  call.query.data = call.key.data = x;
  const auto said = error_of(ErrorKind::kValue, [&] { fused_weights(call, x, {0, 1, 0, 2}, x, one, "zoom"); });
  EXPECT_NE(said.find("zoom: a tile must lie within T=1 and S=1, got rows 0 to 1 and keys 0 to 2"), std::string::npos) << said;
}

// Another set may run only where the asked one has no loops for these numbers.
TEST(FusedAttention, TheAskedInstructionSetRuns) {
  const Case c{.queries = 3, .keys = 5};
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      EXPECT_EQ(run(c, inputs_of(c, number), {.isa = isa, .number = number}).isa, number == Number::kFloat64 ? Isa::kPortable
                                                                                  : number == Number::kBfloat16 && isa == Isa::kAvx512Bf16
                                                                                      ? isa
                                                                                      : std::min(isa, Isa::kAvx512));
  for (const auto isa : instruction_sets())
    if (!cpu_has(isa)) GTEST_LOG_(INFO) << "this processor does not have " << isa_name(isa);
}

TEST(FusedAttention, SaysWhatDoesNotFit) {
  OneWorker one;
  float x[8] = {};
  FusedAttention call;
  call.batch = call.heads = call.key_heads = call.queries = call.keys = call.size = call.value_size = 1;
  call.query.data = call.key.data = call.value.data = x;
  FusedResults results;
  results.context.data = x;
  const auto refuses = [&](const FusedAttention& wrong, ErrorKind kind, const std::vector<std::string>& words) {
    const auto said = error_of(kind, [&] { fused_attention(wrong, results, one, "sdpa"); });
    for (const auto& word : words) EXPECT_NE(said.find(word), std::string::npos) << said;
  };
  auto wrong = call;
  wrong.heads = 3, wrong.key_heads = 2;
  refuses(wrong, ErrorKind::kShape, {"sdpa", "3 query heads", "2 key heads"});
  wrong = call;
  wrong.scale = std::nan("");
  refuses(wrong, ErrorKind::kValue, {"sdpa", "scale", "nan"});
  wrong = call;
  wrong.soft_cap = -2;
  refuses(wrong, ErrorKind::kValue, {"soft cap", "-2"});
  wrong = call;
  wrong.normaliser = Normaliser::kSparsemax, wrong.keys = kMostWhole + 1;
  refuses(wrong, ErrorKind::kValue, {"sparse normalisers take at most 16384 keys", "S=16385"});
  const double centre = 0;
  wrong = call;
  wrong.window = {.centres = &centre, .radius = 1, .deviation = 1}, wrong.normaliser = Normaliser::kEntmax15;
  refuses(wrong, ErrorKind::kValue, {"a softmax alone; renormalise it"});
  wrong = call;
  wrong.window = {.centres = &centre, .radius = -1};
  refuses(wrong, ErrorKind::kValue, {"window around a centre", "-1"});
  wrong = call;
  const std::int64_t longer = 2;
  wrong.key_lengths = &longer;
  refuses(wrong, ErrorKind::kValue, {"key lengths", "0 to 1", "got 2 for item 0"});
  wrong = call;
  wrong.heads = 2, wrong.score = ScoreKind::kTanh, wrong.energy = x;
  refuses(wrong, ErrorKind::kShape, {"keys for each query head", "H=2 and Hk=1"});
  wrong = call;
  wrong.drop_rate = 1;
  refuses(wrong, ErrorKind::kValue, {"dropped weights", "got 1"});
  wrong = call;
  wrong.left = -1;
  refuses(wrong, ErrorKind::kValue, {"window", "-1"});
  wrong = call;
  wrong.size = 0;
  refuses(wrong, ErrorKind::kShape, {"D and Dv", "0"});
  const auto refuses_to_give = [&](const FusedResults& asked, const char* words) {
    const auto said = error_of(ErrorKind::kValue, [&] { fused_attention(call, asked, one, "sdpa"); });
    EXPECT_NE(said.find(words), std::string::npos) << said;
  };
  std::int64_t keys[8] = {};
  auto asked = results;
  asked.top = 2, asked.top_weights = x, asked.top_keys = keys;
  refuses_to_give(asked, "2 largest of 1 weights");
  asked.top = kMostTop + 1;
  refuses_to_give(asked, "0 to 16, got 17");
  asked = results;
  asked.pooled_mean = asked.pooled_max = x, asked.pool_rows = 1;
  refuses_to_give(asked, "at least 1 row and 1 key, got 1 and 0");
  asked = results;
  const std::int64_t beyond = 1;
  asked.rows = &beyond, asked.row_count = 1, asked.row_weights = x;
  refuses_to_give(asked, "from 0 to 0, got 1 in place 0");
}

}  // namespace
}  // namespace attend::kernels
