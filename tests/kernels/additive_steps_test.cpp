// Steps of additive attention over one source: against plain loops in float64, which are themselves tested against differences, for every
// instruction set that this processor has.
#include "kernels/run_additive_steps.h"

#include "attend/kernels/packed_source.h"
#include "kernels/fused_cases.h"

namespace attend::kernels {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

// Sizes of a source and of the steps over it, all of which have R rows.
struct StepCase {
  std::int64_t batch = 1, heads = 1, queries = 1, keys = 1, size = 8, features = 0, value_size = 8, steps = 1;
  ScoreKind score = ScoreKind::kTanh;
  std::vector<std::int64_t> key_lengths;
  double reach = 1;  // of the keys
  bool packed = false;

  std::int64_t heads_of_all() const { return batch * heads; }
  std::int64_t length(std::int64_t head) const { return key_lengths.empty() ? keys : key_lengths[static_cast<std::size_t>(head / heads)]; }
  std::string text() const {
    return fmt::format("B{} H{} R{} S{} E{} F{} Dv{} steps {}{}", batch, heads, queries, keys, size, features, value_size, steps,
                       packed ? " packed" : "");
  }
};

struct StepNumbers {
  std::vector<double> key, value, energy, weights;  // [B, H, S, E], [B, H, S, Dv], [H, E], [H, F, E]
  std::vector<std::vector<double>> query, feature, flow, mixing,
      context_flow;  // [B, H, R, E], [.., S, F], [.., S], [.., S], [.., Dv] a step
};

std::vector<double> waves(std::int64_t count, double phase, double by, Number number) {
  std::vector<double> x;
  for (std::int64_t i = 0; i < count; ++i) x.push_back(rounded(by * std::cos(1.7 * static_cast<double>(i) + phase), number));
  return x;
}

StepNumbers numbers_of(const StepCase& c, Number number) {
  StepNumbers n;
  const auto heads = c.heads_of_all(), rows = heads * c.queries;
  n.key = waves(heads * c.keys * c.size, 0.3, c.reach, number);
  n.value = waves(heads * c.keys * c.value_size, 1.1, 1, number);
  n.energy = waves(c.heads * c.size, 2.2, 0.7, number);
  n.weights = waves(c.heads * c.features * c.size, 0.9, 0.6, number);
  for (std::int64_t t = 0; t < c.steps; ++t) {
    const auto phase = 0.77 * static_cast<double>(t);
    n.query.push_back(waves(rows * c.size, 0.1 + phase, 1.3, number));
    n.feature.push_back(waves(rows * c.keys * c.features, 1.4 + phase, 0.8, number));
    n.flow.push_back(waves(rows * c.keys, 2.5 + phase, 1, number));
    n.mixing.push_back(waves(rows * c.keys, 1.9 + phase, 1, number));
    n.context_flow.push_back(waves(rows * c.value_size, 0.6 + phase, 1, number));
    for (std::int64_t i = 0; i < rows * c.keys; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const bool behind = i % c.keys >= c.length(i / c.keys / c.queries);
      if (behind || i % 5 == 3) n.flow.back()[at] = n.mixing.back()[at] = 0;  // a key that is not seen, or has no weight
    }
  }
  return n;
}

// What all calls give: scores, contexts and the gradients of what the steps brought, step after step, and those of the source.
struct StepResults {
  std::vector<std::vector<double>> scores, contexts, query, feature, mixing;
  std::vector<double> key, value, energy, weights;
};

StepResults plainly(const StepCase& c, const StepNumbers& n, double scale) {
  StepResults out;
  const auto heads = c.heads_of_all();
  out.key.assign(n.key.size(), 0), out.value.assign(n.value.size(), 0);
  out.energy.assign(n.energy.size(), 0), out.weights.assign(n.weights.size(), 0);
  const bool is_tanh = c.score == ScoreKind::kTanh;
  for (std::size_t t = 0; t < n.query.size(); ++t) {
    std::vector<double> e(n.flow[t].size(), 0), dq(n.query[t].size(), 0), dx(n.feature[t].size(), 0), dw(n.mixing[t].size(), 0),
        context(n.context_flow[t].size(), 0);
    for (std::int64_t row = 0; row < heads * c.queries; ++row)
      for (std::int64_t s = 0; s < c.keys; ++s) {
        const auto head = row / c.queries, h = head % c.heads, cell = row * c.keys + s, k = head * c.keys + s;
        const double g = n.flow[t][cell], w = n.mixing[t][cell];
        for (std::int64_t d = 0; s < c.length(head) && d < c.size; ++d) {
          double argument = n.query[t][row * c.size + d] + n.key[k * c.size + d];
          for (std::int64_t j = 0; j < c.features; ++j)
            argument += n.weights[(h * c.features + j) * c.size + d] * n.feature[t][cell * c.features + j];
          const double f = is_tanh ? std::tanh(argument) : std::max(argument, 0.0);
          const double slope = is_tanh ? 1 - f * f : argument > 0 ? 1 : 0, u = n.energy[h * c.size + d] * scale;
          e[cell] += u * f;
          if (g == 0) continue;
          const double flow = g * u * slope;
          dq[row * c.size + d] += flow;
          out.key[k * c.size + d] += flow;
          out.energy[h * c.size + d] += g * scale * f;
          for (std::int64_t j = 0; j < c.features; ++j) {
            dx[cell * c.features + j] += flow * n.weights[(h * c.features + j) * c.size + d];
            out.weights[(h * c.features + j) * c.size + d] += flow * n.feature[t][cell * c.features + j];
          }
        }
        for (std::int64_t d = 0; w != 0 && d < c.value_size; ++d) {
          const double v = n.value[k * c.value_size + d], flow = n.context_flow[t][row * c.value_size + d];
          context[row * c.value_size + d] += w * v;
          dw[cell] += v * flow;
          out.value[k * c.value_size + d] += w * flow;
        }
      }
    out.scores.push_back(e), out.query.push_back(dq), out.feature.push_back(dx);
    out.contexts.push_back(context), out.mixing.push_back(dw);
  }
  return out;
}

// Numbers between guards, rows of which may lie apart.
struct Guarded {
  Number number;
  std::int64_t row, apart;
  Bytes bytes;
  Guarded(Number kind, std::int64_t count, std::int64_t row_size, std::int64_t row_apart, bool at_page)
      : number(kind),
        row(row_size),
        apart(row_apart),
        bytes(static_cast<std::size_t>(count == 0 ? 0 : (count / row_size - 1) * row_apart + row_size) * bytes_of(kind), at_page) {}
  char* place(std::int64_t i) const { return bytes.data() + static_cast<std::size_t>(i / row * apart + i % row) * bytes_of(number); }
  void fill(const std::vector<double>& x) const {
    for (std::size_t i = 0; i < x.size(); ++i) write(place(static_cast<std::int64_t>(i)), x[i], number);
  }
  std::vector<double> numbers(std::size_t count) const {
    std::vector<double> x;
    for (std::size_t i = 0; i < count; ++i) x.push_back(read(place(static_cast<std::int64_t>(i)), number));
    return x;
  }
};

struct StepsRan : StepResults {
  std::string bits;
  std::set<Isa> isas;
};

StepsRan run_steps(const StepCase& c, const StepNumbers& n, Number number, Isa isa, double scale, int workers = 1, bool at_page = true,
                   std::int64_t apart = 0) {
  const auto heads = c.heads_of_all(), rows = heads * c.queries;
  Crew crew(workers);
  std::vector<std::unique_ptr<Guarded>> all;
  StepsRan ran;
  const auto made = [&](std::size_t count, std::int64_t row, std::int64_t between = 0) -> Guarded& {
    return *all.emplace_back(
        std::make_unique<Guarded>(number, static_cast<std::int64_t>(count), std::max<std::int64_t>(row, 1), row + between, at_page));
  };
  const auto given = [&](const std::vector<double>& x, std::int64_t row, std::int64_t between = 0) -> Guarded& {
    auto& to = made(x.size(), row, between);
    to.fill(x);
    return to;
  };
  const auto numbers = [&](const Guarded& from, std::size_t count) {
    auto x = from.numbers(count);
    for (std::size_t i = 0; i < count; ++i) ran.bits.append(from.place(static_cast<std::int64_t>(i)), bytes_of(number));
    return x;
  };

  auto &key = given(n.key, c.size, apart), &value = given(n.value, c.value_size, apart);
  AdditiveSteps call;
  call.number = number, call.score = c.score, call.scale = scale;
  call.batch = c.batch, call.heads = c.heads, call.queries = c.queries, call.keys = c.keys;
  call.size = c.size, call.features = c.features, call.value_size = c.value_size;
  const auto keys_row = c.size + apart, values_row = c.value_size + apart;
  call.key = {key.bytes.data(), c.heads * c.keys * keys_row, c.keys * keys_row, keys_row};
  call.energy = given(n.energy, c.size).bytes.data();
  call.feature_weights = given(n.weights, c.size).bytes.data();
  call.key_lengths = c.key_lengths.empty() ? nullptr : c.key_lengths.data();
  StepValues values;
  values.number = number;
  values.batch = c.batch, values.heads = c.heads, values.queries = c.queries, values.keys = c.keys, values.value_size = c.value_size;
  values.value = {value.bytes.data(), c.heads * c.keys * values_row, c.keys * values_row, values_row};
  std::shared_ptr<const PackedSource> packed;
  if (c.packed) {
    FusedAttention fused;
    fused.number = number, fused.score = c.score, fused.scale = scale;
    fused.batch = c.batch, fused.heads = fused.key_heads = c.heads;
    fused.keys = c.keys, fused.size = c.size, fused.value_size = c.value_size;
    fused.energy = call.energy, fused.key = call.key, fused.value = values.value, fused.key_lengths = call.key_lengths;
    auto own = isa;
    loops_of(fused, own);
    packed = std::make_shared<PackedSource>(fused, /*both_ways=*/true, own, crew);
    call.packed = packed.get();
  }
  std::vector<const void*> records, value_records;
  for (std::size_t t = 0; t < n.query.size(); ++t) {
    const auto query_row = c.size + apart, flow_row = c.value_size + apart;
    auto& query = given(n.query[t], c.size, apart);
    call.query = {query.bytes.data(), c.heads * c.queries * query_row, c.queries * query_row, query_row};
    call.feature = given(n.feature[t], c.features).bytes.data();
    auto &e = made(n.flow[t].size(), c.keys), &dq = made(n.query[t].size(), c.size), &dx = made(n.feature[t].size(), c.features);
    ran.isas.insert(run_step_scores(isa, call, e.bytes.data(), crew, "test"));
    const auto record_size = score_record_size(c.size, c.keys, c.features), value_record = value_record_size(c.keys, c.value_size);
    auto &record = made(static_cast<std::size_t>(rows * record_size), record_size),
         &context_record = made(static_cast<std::size_t>(rows * value_record), value_record);
    const auto* g = given(n.flow[t], c.keys).bytes.data();
    ran.isas.insert(
        run_step_backward(isa, call, {g, dq.bytes.data(), c.features > 0 ? dx.bytes.data() : nullptr, record.bytes.data()}, crew, "test"));
    records.push_back(record.bytes.data());
    const auto* w = given(n.mixing[t], c.keys).bytes.data();
    auto &context = made(n.context_flow[t].size(), c.value_size), &dw = made(n.mixing[t].size(), c.keys);
    ran.isas.insert(run_step_contexts(isa, values, w, context.bytes.data(), crew, "test"));
    auto& flow = given(n.context_flow[t], c.value_size, apart);
    ran.isas.insert(run_step_contexts_backward(isa, values, w,
                                               {flow.bytes.data(), c.heads * c.queries * flow_row, c.queries * flow_row, flow_row},
                                               dw.bytes.data(), context_record.bytes.data(), crew, "test"));
    value_records.push_back(context_record.bytes.data());
    ran.scores.push_back(numbers(e, n.flow[t].size())), ran.query.push_back(numbers(dq, n.query[t].size()));
    ran.feature.push_back(c.features > 0 ? numbers(dx, n.feature[t].size()) : std::vector<double>());
    ran.contexts.push_back(numbers(context, n.context_flow[t].size())), ran.mixing.push_back(numbers(dw, n.mixing[t].size()));
  }
  auto &dk = made(n.key.size(), c.size, apart), &dv = made(n.value.size(), c.value_size, apart), &du = made(n.energy.size(), c.size),
       &da = made(n.weights.size(), c.size);
  const auto count = static_cast<std::int64_t>(records.size());
  ran.isas.insert(run_source_backward(
      isa, call, records.data(), count,
      {{dk.bytes.data(), call.key.batch, call.key.head, call.key.row}, du.bytes.data(), c.features > 0 ? da.bytes.data() : nullptr}, crew,
      "test"));
  ran.isas.insert(run_value_source_backward(isa, values, value_records.data(), count,
                                            {dv.bytes.data(), values.value.batch, values.value.head, values.value.row}, crew, "test"));
  ran.key = numbers(dk, n.key.size()), ran.value = numbers(dv, n.value.size());
  ran.energy = numbers(du, n.energy.size()), ran.weights = numbers(da, c.features > 0 ? n.weights.size() : 0);
  for (const auto& x : all) EXPECT_TRUE(x->bytes.guarded());
  return ran;
}

// The largest difference, in units of the largest number where that is above 1.
double relative(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 1;
  for (const auto x : b) largest = std::max(largest, std::abs(x));
  return apart(a, b) / largest;
}

void expect_close(const StepsRan& ran, const StepResults& right, double unit) {
  for (std::size_t t = 0; t < right.scores.size(); ++t) {
    EXPECT_LE(relative(ran.scores[t], right.scores[t]), 4 * unit) << "step " << t;
    EXPECT_LE(relative(ran.query[t], right.query[t]), 4 * unit) << "step " << t;
    EXPECT_LE(relative(ran.feature[t], right.feature[t]), 4 * unit) << "step " << t;
    EXPECT_LE(relative(ran.contexts[t], right.contexts[t]), unit) << "step " << t;
    EXPECT_LE(relative(ran.mixing[t], right.mixing[t]), unit) << "step " << t;
  }
  EXPECT_LE(relative(ran.key, right.key), 4 * unit);
  EXPECT_LE(relative(ran.value, right.value), unit);
  EXPECT_LE(relative(ran.energy, right.energy), 8 * unit);
  EXPECT_LE(relative(ran.weights, right.weights), 8 * unit);
}

std::vector<StepCase> awkward_cases() {
  std::vector<StepCase> cases;
  for (const std::int64_t size : {1, 7, 16, 17, 33, 259})
    for (const std::int64_t keys : {0, 1, 3, 17, 67})
      for (const std::int64_t features : {0, 1, 3, 10}) {
        if (size > 33 && keys > 17) continue;
        const auto i = static_cast<std::int64_t>(cases.size());
        StepCase c{.batch = 1 + i % 3, .heads = 1 + i % 2, .queries = 1 + i / 2 % 3, .keys = keys, .size = size, .features = features};
        c.value_size = std::array<std::int64_t, 7>{1, 2, 16, 19, 64, 67, 261}[static_cast<std::size_t>(i % 7)];
        c.steps = i % 5;
        if (i % 4 == 1) c.score = ScoreKind::kRelu;
        if (i % 3 == 1)
          for (std::int64_t b = 0; b < c.batch; ++b) c.key_lengths.push_back(b == 0 ? keys / 2 : b == 1 ? 0 : keys);
        cases.push_back(c);
        if (features == 0 && keys > 0) {
          c.packed = true;
          c.score = i % 2 == 1 ? ScoreKind::kRelu : ScoreKind::kTanh;
          c.reach = std::array<double, 3>{1, 9, 60}[static_cast<std::size_t>(i % 3)];  // tables of either kind, and none
          cases.push_back(c);
        }
      }
  return cases;
}

TEST(AdditiveSteps, AgreeOnAwkwardSizes) {
  std::int64_t i = 0;
  for (const auto& c : awkward_cases())
    for (const auto number : {Number::kFloat32, Number::kFloat64}) {
      const auto n = numbers_of(c, number);
      const auto right = plainly(c, n, 0.8);
      for (const auto isa : sets_here()) {
        SCOPED_TRACE(std::string(isa_name(isa)) + " " + c.text());
        const auto ran = run_steps(c, n, number, isa, 0.8, 1, i % 2 == 0, i % 3 == 0 ? 5 : 0);
        ++i;
        const auto expected = number == Number::kFloat64 ? Isa::kPortable : std::min(isa, Isa::kAvx512);
        EXPECT_EQ(ran.isas, std::set<Isa>{expected});
        expect_close(ran, right, number == Number::kFloat64 ? 1e-14 : 1.5e-6);
      }
    }
}

TEST(AdditiveSteps, GradientsMatchCentralDifferences) {
  for (const auto score : {ScoreKind::kTanh, ScoreKind::kRelu}) {
    const StepCase c{
        .batch = 2, .heads = 2, .queries = 2, .keys = 3, .size = 5, .features = 2, .value_size = 3, .steps = 2, .score = score};
    auto n = numbers_of(c, Number::kFloat64);
    for (auto* all : {&n.flow, &n.mixing})
      for (auto& x : *all)
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = x[i] == 0 ? 0.3 : x[i];
    const auto right = plainly(c, n, 0.8);
    const auto loss = [&] {
      const auto ran = run_steps(c, n, Number::kFloat64, Isa::kPortable, 0.8);
      double total = 0;
      for (std::size_t t = 0; t < n.flow.size(); ++t) {
        for (std::size_t i = 0; i < n.flow[t].size(); ++i) total += ran.scores[t][i] * n.flow[t][i];
        for (std::size_t i = 0; i < n.context_flow[t].size(); ++i) total += ran.contexts[t][i] * n.context_flow[t][i];
      }
      return total;
    };
    const auto differs = [&](std::vector<double>& x, const std::vector<double>& gradient, const char* what) {
      for (std::size_t i = 0; i < x.size(); ++i) {
        constexpr double kStep = 1e-6;
        const auto kept = x[i];
        x[i] = kept + kStep;
        const auto more = loss();
        x[i] = kept - kStep;
        const auto less = loss();
        x[i] = kept;
        EXPECT_NEAR(gradient[i], (more - less) / (2 * kStep), 2e-8) << what << " " << i;
      }
    };
    differs(n.key, right.key, "key");
    differs(n.value, right.value, "value");
    differs(n.energy, right.energy, "energy");
    differs(n.weights, right.weights, "feature weights");
    differs(n.query[1], right.query[1], "query");
    differs(n.feature[1], right.feature[1], "features");
    differs(n.mixing[1], right.mixing[1], "weights");
  }
}

TEST(AdditiveSteps, ASaturatedSumIsOneAndLetsNothingFlow) {
  for (const auto isa : sets_here())
    for (const double far : {30.0, 400.0, 1e6, 1e30, kInfinity}) {
      StepCase c{.keys = 2, .size = 37, .features = 1};
      auto n = numbers_of(c, Number::kFloat32);
      for (std::size_t i = 0; i < n.key.size(); ++i) n.key[i] = rounded(i < 37 ? far : -far, Number::kFloat32);
      n.flow[0] = {1, 1};
      const auto ran = run_steps(c, n, Number::kFloat32, isa, 1);
      double total = 0;
      for (const auto u : n.energy) total += u;
      EXPECT_NEAR(ran.scores[0][0], total, 1e-5) << far;
      EXPECT_NEAR(ran.scores[0][1], -total, 1e-5) << far;
      EXPECT_LE(apart(ran.query[0], std::vector<double>(37, 0)), 3e-7) << far;
      EXPECT_LE(apart(ran.key, std::vector<double>(74, 0)), 3e-7) << far;
    }
}

// NaN where a row sees nothing: in keys, values and features whose score's gradient and weight are 0, and in rows that see no key at all.
TEST(AdditiveSteps, NotANumberBehindAMaskStaysThere) {
  for (const auto isa : sets_here())
    for (const bool packed : {false, true})
      for (const auto number : {Number::kFloat32, Number::kFloat64}) {
        StepCase c{.batch = 2, .heads = 2, .queries = 2, .keys = 19, .size = 21, .features = packed ? 0 : 3, .value_size = 21, .steps = 3};
        c.packed = packed;
        auto n = numbers_of(c, number);
        const auto see = [&](std::int64_t k) { return k != 4 && k != 18; };  // keys that nobody sees
        for (std::size_t t = 0; t < 3; ++t)
          for (std::int64_t cell = 0; cell < 4 * 2 * 19; ++cell)
            if (!see(cell % 19) || cell / 19 == 5)
              n.flow[t][static_cast<std::size_t>(cell)] = n.mixing[t][static_cast<std::size_t>(cell)] = 0;
        const auto clean = run_steps(c, n, number, isa, 1);
        for (std::int64_t k = 0; k < 4 * 19; ++k)
          for (std::int64_t d = 0; !see(k % 19) && d < 21; ++d)
            n.key[static_cast<std::size_t>(k * 21 + d)] = n.value[static_cast<std::size_t>(k * 21 + d)] = d % 2 ? kNotANumber : kInfinity;
        for (std::size_t t = 0; t < 3; ++t) {
          for (std::int64_t i = 0; i < 21; ++i) n.query[t][static_cast<std::size_t>(5 * 21 + i)] = kNotANumber;
          for (std::int64_t i = 0; i < 21; ++i) n.context_flow[t][static_cast<std::size_t>(5 * 21 + i)] = kNotANumber;
          for (std::size_t i = 0; i < n.feature[t].size(); ++i)
            if (!see(static_cast<std::int64_t>(i) / 3 % 19)) n.feature[t][i] = kNotANumber;
        }
        const auto ran = run_steps(c, n, number, isa, 1);
        SCOPED_TRACE(std::string(isa_name(isa)) + (packed ? " packed" : ""));
        const double unit = packed ? 1e-5 : 0;  // another range of the keys has other tables
        EXPECT_LE(apart(ran.key, clean.key), unit);
        EXPECT_EQ(apart(ran.value, clean.value), 0);
        EXPECT_LE(apart(ran.energy, clean.energy), unit);
        EXPECT_EQ(apart(ran.weights, clean.weights), 0);
        for (std::size_t t = 0; t < 3; ++t) {
          EXPECT_LE(apart(ran.query[t], clean.query[t]), unit);
          EXPECT_EQ(apart(ran.feature[t], clean.feature[t]), 0);
          EXPECT_EQ(apart(ran.contexts[t], clean.contexts[t]), 0);
          EXPECT_EQ(apart(ran.mixing[t], clean.mixing[t]), 0);
        }
      }
}

TEST(AdditiveSteps, BitsDoNotDependOnWorkersOrOtherItems) {
  for (const auto isa : sets_here())
    for (const bool packed : {false, true})
      for (const auto number : {Number::kFloat32, Number::kFloat64}) {
        StepCase c{
            .batch = 5, .heads = 2, .queries = 2, .keys = 66, .size = 261, .features = packed ? 0 : 3, .value_size = 258, .steps = 3};
        c.packed = packed;
        const auto n = numbers_of(c, number);
        const auto whole = run_steps(c, n, number, isa, 0.7);
        for (const int workers : {2, 4}) EXPECT_EQ(run_steps(c, n, number, isa, 0.7, workers).bits, whole.bits);
        for (const std::int64_t item : {3}) {
          const auto part = [&](const std::vector<double>& x) {
            const auto of_item = static_cast<std::ptrdiff_t>(x.size()) / c.batch;
            return std::vector<double>(x.begin() + item * of_item, x.begin() + (item + 1) * of_item);
          };
          auto one = c;
          one.batch = 1;
          auto m = n;
          m.key = part(n.key), m.value = part(n.value);
          for (auto* all : {&m.query, &m.feature, &m.flow, &m.mixing, &m.context_flow})
            for (auto& x : *all) x = part(x);
          const auto alone = run_steps(one, m, number, isa, 0.7);
          EXPECT_EQ(apart(alone.key, part(whole.key)), 0);
          EXPECT_EQ(apart(alone.value, part(whole.value)), 0);
          for (std::size_t t = 0; t < 3; ++t) {
            EXPECT_EQ(apart(alone.scores[t], part(whole.scores[t])), 0);
            EXPECT_EQ(apart(alone.query[t], part(whole.query[t])), 0);
            EXPECT_EQ(apart(alone.feature[t], part(whole.feature[t])), 0);
            EXPECT_EQ(apart(alone.contexts[t], part(whole.contexts[t])), 0);
            EXPECT_EQ(apart(alone.mixing[t], part(whole.mixing[t])), 0);
          }
        }
      }
}

TEST(AdditiveSteps, CallsThatCannotBeAreRefused) {
  OneWorker worker;
  float x[64] = {};
  const std::int64_t lengths[] = {3};
  AdditiveSteps call{.batch = 1, .heads = 1, .queries = 1, .keys = 2, .size = 2, .energy = x};
  call.query = call.key = {x, 4, 4, 2};
  auto wrong = call;
  wrong.number = Number::kBfloat16;
  EXPECT_ERROR(additive_step_scores(wrong, x, worker), kValue, "additive_step_scores: numbers must be float32 or float64");
  wrong = call, wrong.score = ScoreKind::kProduct;
  EXPECT_ERROR(additive_step_scores(wrong, x, worker), kValue, "products are fused_attention's");
  wrong = call, wrong.size = 0;
  EXPECT_ERROR(additive_step_scores(wrong, x, worker), kShape, "heads and channels at least 1");
  wrong = call, wrong.key_lengths = lengths;
  EXPECT_ERROR(additive_step_backward(wrong, {}, worker), kValue, "key lengths must be 0 to 2, got 3 for item 0");
  FusedAttention fused;
  fused.score = ScoreKind::kTanh, fused.batch = fused.heads = fused.key_heads = 1, fused.keys = fused.size = fused.value_size = 2;
  fused.energy = x, fused.key = fused.value = {x, 4, 4, 2};
  const auto packed = pack_source(fused, /*both_ways=*/true, worker), one_way = pack_source(fused, /*both_ways=*/false, worker);
  wrong = call, wrong.packed = packed.get(), wrong.value_size = 2, wrong.features = 1, wrong.feature_weights = x;
  EXPECT_ERROR(additive_step_backward(wrong, {}, worker), kValue, "a packed source knows no features");
  wrong.features = 0, wrong.keys = 1;
  EXPECT_ERROR(additive_step_backward(wrong, {}, worker), kShape, "the packed source is of other sizes");
  wrong.keys = 2, wrong.packed = one_way.get();
  EXPECT_ERROR(additive_source_backward(wrong, nullptr, 0, {}, worker), kValue, "packed for one way only");
  EXPECT_ERROR(step_contexts({.batch = 1, .heads = 1, .queries = 1, .keys = -1, .value_size = 1}, x, x, worker), kShape, "S=-1");
}

}  // namespace
}  // namespace attend::kernels
