// Its gradients: against those of the plain computation in float64.
#include "kernels/fused_cases.h"

namespace attend::kernels {
namespace {

// Gradients of Σ g_c · context + Σ g_l lse + Σ g_e entropy + Σ g_m maximum + Σ g_s column sums.
struct Gradients {
  std::vector<double> context, lse, entropy, maximum, columns, choice;  // what flows in
  std::vector<double> q, k, v, bias, far, energy, centres;              // what comes out
};

Gradients flowing(const Case& c, Number number) {
  Gradients g;
  const auto rows = c.batch * c.heads * c.queries;
  for (std::int64_t i = 0; i < rows * c.value_size; ++i) g.context.push_back(rounded(std::cos(0.919 * static_cast<double>(i)), number));
  for (std::int64_t i = 0; i < rows; ++i) {
    g.lse.push_back(rounded(std::sin(1.3 * static_cast<double>(i)), Number::kFloat32));
    g.entropy.push_back(rounded(std::cos(2.1 * static_cast<double>(i)), Number::kFloat32));
    g.maximum.push_back(rounded(std::cos(0.7 * static_cast<double>(i)), Number::kFloat32));
    g.choice.push_back(rounded(std::sin(0.9 * static_cast<double>(i)), Number::kFloat32));
  }
  for (std::int64_t i = 0; i < c.batch * c.heads * c.keys; ++i)
    g.columns.push_back(rounded(std::sin(1.7 * static_cast<double>(i)), Number::kFloat32));
  return g;
}

// Σ_s w[t, s] g_s of a row.
double column_dot(const Case& c, const Outputs& out, const Gradients& g, std::int64_t row) {
  double sum = 0;
  for (std::int64_t s = 0; s < c.keys; ++s)
    sum += out.weights[static_cast<std::size_t>(row * c.keys + s)] * g.columns[static_cast<std::size_t>(row / c.queries * c.keys + s)];
  return sum;
}

void differentiate_plainly(const Case& c, const Inputs& in, const Outputs& out, Gradients& g) {
  const auto at = [](auto& x, std::int64_t i) -> auto& { return x[static_cast<std::size_t>(i)]; };
  g.q.assign(in.q.size(), 0), g.k.assign(in.k.size(), 0), g.v.assign(in.v.size(), 0), g.bias.assign(in.bias.size(), 0),
      g.far.assign(in.far.size(), 0), g.energy.assign(in.energy.size(), 0), g.centres.assign(in.centres.size(), 0);
  const double scale = scale_of(c);
  const bool sparse = c.normaliser != Normaliser::kSoftmax;
  for (std::int64_t row = 0; row < c.batch * c.heads * c.queries; ++row) {
    const auto head = row / c.queries, kh = head / c.heads * c.key_heads + head % c.heads / (c.heads / c.key_heads);
    double delta = 0;
    for (std::int64_t d = 0; d < c.value_size; ++d)
      delta += at(out.context, row * c.value_size + d) * at(g.context, row * c.value_size + d);
    double sloped = 0, slopes = 0;  // Σ r g, Σ r
    for (std::int64_t s = 0; sparse && s < c.keys; ++s) {
      const auto slope = at(out.slopes, row * c.keys + s);
      for (std::int64_t d = 0; slope > 0 && d < c.value_size; ++d)
        sloped += slope * kept(c, in, row, s) * at(g.context, row * c.value_size + d) * at(in.v, (kh * c.keys + s) * c.value_size + d);
      slopes += slope;
    }
    delta += column_dot(c, out, g, row) + at(g.maximum, row) * at(out.maximum, row) + at(g.choice, row);
    for (std::int64_t s = 0; s < c.keys; ++s) {
      const auto e = at(out.scores, row * c.keys + s);
      if (e == -kInfinity) continue;
      const auto ln = e - at(out.lse, row), p = std::exp(ln), w = at(out.weights, row * c.keys + s);
      double product = 0;
      const auto factor = kept(c, in, row, s);
      for (std::int64_t d = 0; d < c.value_size; ++d) {
        product += factor * at(g.context, row * c.value_size + d) * at(in.v, (kh * c.keys + s) * c.value_size + d);
        at(g.v, (kh * c.keys + s) * c.value_size + d) += factor * w * at(g.context, row * c.value_size + d);
      }
      product += at(g.columns, head * c.keys + s);
      product += (s == at(out.argmax, row) ? at(g.maximum, row) : 0) + (s == at(out.choice, row) ? at(g.choice, row) / w : 0);
      const auto slope = sparse ? at(out.slopes, row * c.keys + s) * (product - (slopes > 0 ? sloped / slopes : 0))
                                : w * product + p * (at(g.lse, row) - delta - at(g.entropy, row) * (ln + at(out.entropy, row)));
      if (c.deviation > 0)
        at(g.centres, row) +=
            (c.renormalised ? slope : w * product) * (static_cast<double>(s) - at(in.centres, row)) / (c.deviation * c.deviation);
      const auto b = head / c.heads, h = head % c.heads, t = row % c.queries;
      if (c.farthest >= 0) g.far[far_place(c, h, s, step_of(c, b, t))] += slope;
      if (c.bias) g.bias[bias_place(c, b, h, t, s)] += slope;
      const auto capped = c.cap > 0 ? at(out.products, row * c.keys + s) / c.cap : 0, into = slope * (1 - capped * capped);
      for (std::int64_t d = 0; d < c.size; ++d) {
        const auto q = at(in.q, row * c.size + d), k = at(in.k, (kh * c.keys + s) * c.size + d);
        auto to_q = k, to_k = q;
        if (c.score != ScoreKind::kProduct) {
          const auto u = at(in.energy, h * c.size + d), f = activated(c.score, q + k);
          to_q = to_k = u * (c.score == ScoreKind::kTanh ? 1 - f * f : static_cast<double>(q + k > 0));
          at(g.energy, h * c.size + d) += scale * into * f;
        }
        at(g.q, row * c.size + d) += scale * into * to_q;
        at(g.k, (kh * c.keys + s) * c.size + d) += scale * into * to_k;
      }
    }
  }
}

// The gradients that flow in are those of `g`; context, lse and entropy are those of `out`.
struct RanBack {
  Gradients g;
  Isa isa;
};
RanBack run_back(const Case& c, const Inputs& in, const Outputs& out, const Gradients& g, const How& how) {
  const auto bytes = bytes_of(how.number);
  const auto real = how.number == Number::kFloat64 ? Number::kFloat64 : Number::kFloat32;
  auto call = described(c, in, how.number);
  const auto strides = [&](std::int64_t heads, std::int64_t rows, std::int64_t size, auto& x) {
    x.batch = heads * rows * size;
    x.head = how.swapped ? size : rows * size;
    x.row = how.swapped ? heads * size : size;
  };
  const auto each = [&](std::int64_t heads, std::int64_t rows, std::int64_t size, const auto& x, const auto& take) {
    for (std::int64_t b = 0, n = 0; b < c.batch; ++b)
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t d = 0; d < size; ++d)
            take(static_cast<std::size_t>(b * x.batch + h * x.head + i * x.row + d) * bytes, static_cast<std::size_t>(n++));
  };
  const auto put = [&](const std::vector<double>& from, const Bytes& to, std::int64_t heads, std::int64_t rows, std::int64_t size,
                       Rows& x) {
    strides(heads, rows, size, x);
    x.data = to.data();
    each(heads, rows, size, x, [&](std::size_t at, std::size_t n) { write(to.data() + at, from[n], how.number); });
  };
  const auto numbers = [&](const std::vector<double>& from, const Bytes& to) {
    for (std::size_t i = 0; i < from.size(); ++i) write(to.data() + i * bytes_of(real), from[i], real);
    return static_cast<const void*>(to.data());
  };
  const Bytes q(in.q.size() * bytes, how.at_page), k(in.k.size() * bytes, how.at_page), v(in.v.size() * bytes, how.at_page),
      o(out.context.size() * bytes, how.at_page), flows(g.context.size() * bytes, how.at_page), dq(in.q.size() * bytes, how.at_page),
      dk(in.k.size() * bytes, how.at_page), dv(in.v.size() * bytes, how.at_page);
  const auto row_bytes = out.lse.size() * bytes_of(real);
  const Bytes lse(row_bytes, how.at_page), entropy(row_bytes, how.at_page), lse_gradient(row_bytes, how.at_page),
      entropy_gradient(row_bytes, how.at_page), maximum(row_bytes, how.at_page), maximum_gradient(row_bytes, how.at_page),
      columns(g.columns.size() * bytes_of(real), how.at_page), dots(row_bytes, how.at_page), choice_gradient(row_bytes, how.at_page),
      db(in.bias.size() * bytes_of(real), how.at_page), df(in.far.size() * bytes_of(real), how.at_page),
      du(in.energy.size() * bytes_of(real), how.at_page), dp(in.centres.size() * 8, how.at_page);
  FusedGradients gradients;
  put(in.q, q, c.heads, c.queries, c.size, call.query);
  put(in.k, k, c.key_heads, c.keys, c.size, call.key);
  put(in.v, v, c.key_heads, c.keys, c.value_size, call.value);
  put(out.context, o, c.heads, c.queries, c.value_size, gradients.context);
  put(g.context, flows, c.heads, c.queries, c.value_size, gradients.context_gradient);
  gradients.lse = numbers(out.lse, lse), gradients.entropy = numbers(out.entropy, entropy);
  const Bytes slope_context(out.slope_context.size() * bytes_of(real), how.at_page);
  const Bytes lse_rest(row_bytes, how.at_page);
  if (!out.slope_context.empty()) {
    gradients.slope_context = numbers(out.slope_context, slope_context);
    std::vector<double> rests;
    for (const auto x : out.lse) rests.push_back(x > -kInfinity ? x - rounded(x, real) : 0);
    gradients.lse_rest = numbers(rests, lse_rest);
  }
  if (!g.lse.empty()) gradients.lse_gradient = numbers(g.lse, lse_gradient);
  if (!g.entropy.empty()) gradients.entropy_gradient = numbers(g.entropy, entropy_gradient);
  if (!g.maximum.empty()) {
    gradients.maximum = numbers(out.maximum, maximum), gradients.argmax = out.argmax.data();
    gradients.maximum_gradient = numbers(g.maximum, maximum_gradient);
  }
  if (!g.choice.empty()) {
    gradients.choice = out.choice.data();
    gradients.choice_gradient = numbers(g.choice, choice_gradient);
  }
  if (!g.columns.empty()) {
    std::vector<double> sums;
    for (std::int64_t row = 0; row < c.batch * c.heads * c.queries; ++row) sums.push_back(column_dot(c, out, g, row));
    gradients.column_gradient = numbers(g.columns, columns), gradients.column_dots = numbers(sums, dots);
  }
  if (c.deviation > 0) gradients.centre_gradient = reinterpret_cast<double*>(dp.data());
  if (!in.energy.empty()) gradients.energy_gradient = du.data();
  if (c.farthest >= 0) {
    gradients.distance_gradient = df.data();
    std::memset(df.data(), 0, in.far.size() * bytes_of(real));
  }
  if (c.bias) {
    const auto x = bias_strides(c);
    gradients.bias_gradient = {db.data(), x[0], x[1], x[2], x[3]};
    std::memset(db.data(), 0, in.bias.size() * bytes_of(real));
  }
  strides(c.heads, c.queries, c.size, gradients.query_gradient), gradients.query_gradient.data = dq.data();
  strides(c.key_heads, c.keys, c.size, gradients.key_gradient), gradients.key_gradient.data = dk.data();
  strides(c.key_heads, c.keys, c.value_size, gradients.value_gradient), gradients.value_gradient.data = dv.data();
  Crew crew(how.workers);
  OneWorker one;
  RanBack ran;
  const auto source = pack_beforehand(how, call);
  ran.isa = run_fused_attention_backward(how.isa, call, gradients, how.workers > 1 ? static_cast<Workers&>(crew) : one, "test");
  for (const auto* guarded : {&q,
                              &k,
                              &v,
                              &o,
                              &flows,
                              &dq,
                              &dk,
                              &dv,
                              &lse,
                              &entropy,
                              &lse_gradient,
                              &entropy_gradient,
                              &maximum,
                              &maximum_gradient,
                              &choice_gradient,
                              &slope_context,
                              &lse_rest,
                              &columns,
                              &dots,
                              &db,
                              &df,
                              &du,
                              &dp})
    EXPECT_TRUE(guarded->guarded());
  const auto take = [&](std::vector<double>& to, const Bytes& from, std::int64_t heads, std::int64_t rows, std::int64_t size,
                        const MutableRows& x) {
    each(heads, rows, size, x, [&](std::size_t at, std::size_t) { to.push_back(read(from.data() + at, how.number)); });
  };
  take(ran.g.q, dq, c.heads, c.queries, c.size, gradients.query_gradient);
  take(ran.g.k, dk, c.key_heads, c.keys, c.size, gradients.key_gradient);
  take(ran.g.v, dv, c.key_heads, c.keys, c.value_size, gradients.value_gradient);
  for (std::size_t i = 0; i < in.energy.size(); ++i) ran.g.energy.push_back(read(du.data() + i * bytes_of(real), real));
  for (std::size_t i = 0; c.deviation > 0 && i < in.centres.size(); ++i) ran.g.centres.push_back(read(dp.data() + i * 8, Number::kFloat64));
  for (std::size_t i = 0; i < in.far.size(); ++i) ran.g.far.push_back(read(df.data() + i * bytes_of(real), real));
  for (std::size_t i = 0; i < in.bias.size(); ++i) ran.g.bias.push_back(read(db.data() + i * bytes_of(real), real));
  return ran;
}

void expect_gradients(const Case& c, const How& how, bool statistics = true) {
  SCOPED_TRACE(c.name + " T=" + std::to_string(c.queries) + " S=" + std::to_string(c.keys) + " D=" + std::to_string(c.size) +
               " Dv=" + std::to_string(c.value_size) + " " + std::string(isa_name(how.isa)));
  const auto in = inputs_of(c, how.number);
  auto out = plainly(c, in);
  for (auto& x : out.context) x = rounded(x, how.number);
  auto g = flowing(c, how.number);
  if (!statistics)
    for (auto* x : {&g.lse, &g.entropy, &g.maximum, &g.columns, &g.choice}) x->assign(x->size(), 0);
  differentiate_plainly(c, in, out, g);
  auto given = g;
  if (!statistics)
    for (auto* x : {&given.lse, &given.entropy, &given.maximum, &given.columns, &given.choice}) x->clear();
  const auto ran = run_back(c, in, out, given, how);
  double largest = 1, score = 0;
  for (const auto* x : {&g.q, &g.k, &g.v, &g.bias, &g.far, &g.energy, &g.centres})
    for (const auto y : *x) largest = std::max(largest, std::abs(y));
  for (const auto x : out.lse)
    if (x > -kInfinity) score = std::max(score, std::abs(x));
  const double unit = (how.number == Number::kFloat64 ? 1e-14 : how.number == Number::kFloat32 ? 2e-6 : 4e-3) * largest * (2.5 + score / 2);
  EXPECT_LE(apart(ran.g.q, g.q), unit);
  EXPECT_LE(apart(ran.g.k, g.k), unit);
  EXPECT_LE(apart(ran.g.v, g.v), unit);
  // What adds up cells takes their errors together: of softmax they are weighted by 1 a row, of sparse rows by Σ r.
  double cells = 1;
  for (std::size_t i = 0; c.normaliser != Normaliser::kSoftmax && i < out.slopes.size(); i += static_cast<std::size_t>(c.keys))
    cells = std::max(cells, std::accumulate(out.slopes.begin() + static_cast<std::ptrdiff_t>(i),
                                            out.slopes.begin() + static_cast<std::ptrdiff_t>(i) + c.keys, 0.0));
  EXPECT_LE(apart(ran.g.bias, g.bias), unit * cells);
  EXPECT_LE(apart(ran.g.far, g.far), unit * cells);
  EXPECT_LE(apart(ran.g.energy, g.energy), unit);
  if (c.deviation > 0) {
    EXPECT_LE(apart(ran.g.centres, g.centres), unit);
  }
}

TEST(FusedAttentionBackward, AgreesOnAwkwardSizes) {
  for (const auto& how : sets_and_numbers()) {
    for (const std::int64_t queries : {1, 2, 23, 47, 48, 49, 113})
      for (const std::int64_t keys : {1, 15, 17, 95, 96, 97, 257})
        expect_gradients({.queries = queries, .keys = keys, .size = 20, .value_size = 32}, how);
    for (const std::int64_t size : {1, 8, 59, 64, 128})
      for (const std::int64_t value_size : {1, 7, 40, 64, 129})
        expect_gradients({.queries = 50, .keys = 99, .size = size, .value_size = value_size}, how);
    expect_gradients({.queries = 513, .keys = 1600, .size = 32, .value_size = 24, .name = "several chunks"}, how);
  }
}

TEST(FusedAttentionBackward, AgreesUnderEveryMask) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto statistics : {true, false})
        for (const auto& c : masked_cases()) expect_gradients(c, {.isa = isa, .number = number, .swapped = statistics}, statistics);
}

TEST(FusedAttentionBackward, AgreesInWindowsAroundCentres) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto statistics : {true, false})
        for (const auto& c : windowed_cases()) expect_gradients(c, {.isa = isa, .number = number, .swapped = statistics}, statistics);
}

TEST(FusedAttentionBackward, AgreesOnWhatIsDrawn) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto& c : drawn_cases()) expect_gradients(c, {.isa = isa, .number = number});
}

TEST(FusedAttentionBackward, AgreesOnSparseWeights) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto& c : sparse_cases()) expect_gradients(c, {.isa = isa, .number = number}, /*statistics=*/false);
}

TEST(FusedAttentionBackward, AgreesOnAdditiveScores) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64}) {
      for (const auto& c : additive_cases()) expect_gradients(c, {.isa = isa, .number = number});
      for (const std::int64_t size : {1, 15, 64, 130})
        expect_gradients({.queries = 50, .keys = 97, .size = size, .value_size = 20, .score = ScoreKind::kTanh},
                         {.isa = isa, .number = number});
      expect_gradients({.batch = 2, .queries = 3, .keys = 1100, .size = 20, .value_size = 20, .score = ScoreKind::kTanh, .name = "chunks"},
                       {.isa = isa, .number = number});
    }
}

TEST(FusedAttentionBackward, WhatIsHiddenDoesNotLeak) {
  for (const auto& how : sets_and_numbers())
    for (const auto& c :
         {Case{.batch = 2, .queries = 33, .keys = 120, .query_lengths = {33, 20}, .key_lengths = {120, 100}, .name = "padding"},
          Case{.batch = 2,
          .queries = 33,
          .keys = 120,
          .query_lengths = {33, 20},
          .key_lengths = {120, 100},
          .score = ScoreKind::kTanh,
          .name = "padding, tanh"},
          Case{.queries = 60, .keys = 110, .score = ScoreKind::kTanh, .keep = true, .name = "keep, tanh"},
          Case{.queries = 60, .keys = 110, .score = ScoreKind::kRelu, .keep = true, .name = "keep, relu"},
          Case{.queries = 60, .keys = 110, .keep = true, .name = "keep"}}) {
      const double near = how.number == Number::kBfloat16 ? 4e-2 : 2e-5;
      auto in = inputs_of(c, how.number);
      const std::int64_t hidden = 105;  // the key nobody sees
      for (std::size_t cell = hidden; c.keep && cell < in.keep.size(); cell += 110) in.keep[cell] = 0;
      const auto out = plainly(c, in);
      auto g = flowing(c, how.number);
      differentiate_plainly(c, in, out, g);
      const auto key = static_cast<std::size_t>(((c.batch - 1) * c.keys + hidden) * 8);
      in.k[key] = in.v[key + 1] = std::nan("");
      if (c.keep) in.q[3 * 8] = g.context[3 * 8 + 2] = g.lse[3] = std::nan("");  // of a row that sees nothing
      if (c.batch == 2) {
        in.q[(33 + 25) * 8] = std::nan("");
        g.context[(33 + 25) * 8] = g.lse[33 + 25] = kInfinity;
      }
      const auto ran = run_back(c, in, out, g, how);
      EXPECT_LE(apart(ran.g.q, g.q), near) << c.name;
      EXPECT_LE(apart(ran.g.k, g.k), near) << c.name;
      EXPECT_LE(apart(ran.g.v, g.v), near) << c.name;
    }
}

TEST(FusedAttentionBackward, BitsDependOnTheCallAlone) {
  const Case c{.batch = 2,
               .heads = 4,
               .key_heads = 2,
               .queries = 140,
               .keys = 1100,
               .size = 24,
               .value_size = 20,
               .right = 0,
               .query_lengths = {140, 90},
               .key_lengths = {1100, 700},
               .bias = true,
               .farthest = 9,
               .shared = {true, false, true, false},
               .name = "threads"};
  for (const auto& how : sets_and_numbers()) {
    const auto in = inputs_of(c, how.number);
    const auto out = plainly(c, in);
    const auto g = flowing(c, how.number);
    const auto once = run_back(c, in, out, g, how);
    EXPECT_EQ(once.isa, how.number == Number::kBfloat16 && how.isa == Isa::kAvx512Bf16 ? how.isa : std::min(how.isa, Isa::kAvx512));
    for (const int workers : {2, 3, 4}) {
      auto many = how;
      many.workers = workers;
      const auto again = run_back(c, in, out, g, many);
      EXPECT_EQ(again.g.q, once.g.q);
      EXPECT_EQ(again.g.k, once.g.k);
      EXPECT_EQ(again.g.v, once.g.v);
      EXPECT_EQ(again.g.bias, once.g.bias);
      EXPECT_EQ(again.g.far, once.g.far);
    }
    auto added = c;
    added.key_heads = c.heads, added.score = ScoreKind::kTanh;
    const auto numbers = inputs_of(added, how.number);
    const auto given = plainly(added, numbers);
    const auto alone = run_back(added, numbers, given, g, how);
    for (const int workers : {2, 3}) {
      auto many = how;
      many.workers = workers;
      const auto again = run_back(added, numbers, given, g, many);
      EXPECT_EQ(again.g.q, alone.g.q);
      EXPECT_EQ(again.g.k, alone.g.k);
      EXPECT_EQ(again.g.energy, alone.g.energy);
    }
  }
}

TEST(FusedAttentionBackward, BitsOfEveryKindOfWeightsDependOnTheCallAlone) {
  for (const auto& how : sets_and_numbers())
    for (const auto& c : kinds_of_weights()) {
      SCOPED_TRACE(c.name);
      auto in = inputs_of(c, how.number);
      const auto out = plainly(c, in);
      auto g = flowing(c, how.number);
      if (c.normaliser != Normaliser::kSoftmax)
        for (auto* x : {&g.lse, &g.entropy, &g.maximum, &g.columns, &g.choice}) x->clear();
      const auto once = run_back(c, in, out, g, how);
      for (const int workers : {2, 3, 4}) {
        auto many = how;
        many.workers = workers;
        const auto again = run_back(c, in, out, g, many);
        EXPECT_EQ(again.g.q, once.g.q) << workers;
        EXPECT_EQ(again.g.k, once.g.k) << workers;
        EXPECT_EQ(again.g.v, once.g.v) << workers;
        EXPECT_EQ(again.g.centres, once.g.centres) << workers;
      }
      // Behind lengths nothing counts, not a number included.
      for (std::size_t s = 210 + 90; s < 420; ++s) in.k[s * 20] = in.v[s * 24 + 1] = std::nan("");
      for (std::size_t t = 50; t < 130; ++t) in.q[(2 * 130 + t) * 20 + 3] = g.context[(2 * 130 + t) * 24] = std::nan("");
      const auto poisoned = run_back(c, in, out, g, how);
      EXPECT_EQ(poisoned.g.q, once.g.q);
      EXPECT_EQ(poisoned.g.k, once.g.k);
      EXPECT_EQ(poisoned.g.v, once.g.v);
    }
}

TEST(FusedAttentionBackward, APackedSourceChangesNoBit) {
  for (auto how : sets_and_numbers())
    for (const auto score : {ScoreKind::kProduct, ScoreKind::kTanh}) {
      const Case c{.batch = 2, .heads = 2, .key_heads = 2, .queries = 3, .keys = 130, .key_lengths = {130, 70}, .score = score};
      const auto in = inputs_of(c, how.number);
      const auto out = plainly(c, in);
      const auto g = flowing(c, how.number);
      const auto anew = run_back(c, in, out, g, how);
      how.packed = true;
      const auto packed = run_back(c, in, out, g, how);
      how.packed = false;
      EXPECT_EQ(packed.g.q, anew.g.q);
      EXPECT_EQ(packed.g.k, anew.g.k);
      EXPECT_EQ(packed.g.v, anew.g.v);
      EXPECT_EQ(packed.g.energy, anew.g.energy);
    }
}

// One worker packs short sources beside its scratch, many share what is packed.
TEST(FusedAttentionBackward, WhereItIsPackedChangesNoBit) {
  const Case c{.batch = 2,
               .heads = 4,
               .key_heads = 2,
               .queries = 130,
               .keys = 150,
               .size = 24,
               .value_size = 20,
               .right = 0,
               .query_lengths = {130, 90},
               .key_lengths = {150, 70},
               .name = "short"};
  const auto in = inputs_of(c, Number::kFloat32);
  const auto out = plainly(c, in);
  const auto g = flowing(c, Number::kFloat32);
  for (const auto isa : sets_here()) {
    const auto apart = run(c, in, {.isa = isa}), together = run(c, in, {.isa = isa, .workers = 4});
    EXPECT_EQ(apart.bits, together.bits);
    EXPECT_EQ(apart.out.columns, together.out.columns);
    const auto apart_back = run_back(c, in, out, g, {.isa = isa}), together_back = run_back(c, in, out, g, {.isa = isa, .workers = 4});
    EXPECT_EQ(apart_back.g.q, together_back.g.q);
    EXPECT_EQ(apart_back.g.k, together_back.g.k);
    EXPECT_EQ(apart_back.g.v, together_back.g.v);
  }
  expect_gradients(c, {});
}

}  // namespace
}  // namespace attend::kernels
