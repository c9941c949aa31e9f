#pragma once
// What the contract suite runs on: every registry line (multi_head over every inner score), small problems of odd sizes,
// and the allowed set A(t) as plain loops.
#include <functional>

#include "attend/attention/mechanism.h"
#include "support/tensors.h"

namespace attend::testing {

struct Case {
  std::string name;
  const MechanismEntry* entry;
  MechanismOptions options;  ///< settings only; sizes come from `Sizes`
  const Capabilities& capabilities() const { return entry->capabilities; }
  /// Of the score at the core: the inner one where a mechanism wraps.
  const Capabilities& inner() const { return entry->capabilities.wraps ? find_mechanism(options.inner).capabilities : entry->capabilities; }
};

/// Every mechanism in its default settings, and with its optional parameters where it has any.
inline std::vector<Case> all_cases() {
  std::vector<Case> cases;
  const auto add = [&](const MechanismEntry& entry, const std::string& inner) {
    Case plain{std::string(entry.name), &entry, {}};
    if (!inner.empty()) {
      plain.options.inner = inner;
      plain.name += "_over_" + inner;
    }
    Case full = plain;
    full.name += "_optional";
    full.options.bias = full.options.normed = true;
    const auto count = [](const Case& c) {
      auto o = c.options;
      o.heads = 1, o.query_size = o.key_size = 1;
      return c.entry->make(o)->parameters().size();
    };
    cases.push_back(plain);
    if (count(full) != count(plain)) cases.push_back(full);
  };
  for (const auto* entry : mechanisms()) {
    if (!entry->capabilities.wraps) {
      add(*entry, "");
      continue;
    }
    for (const auto* inner : mechanisms())
      if (!inner->capabilities.wraps) add(*entry, std::string(inner->name));
  }
  return cases;
}

struct Sizes {
  std::int64_t batch = 2, heads = 3, key_heads = 3, queries = 3, keys = 5, query_size = 4, key_size = 3, value_size = 2;
};

/// One call: what goes in.
struct Problem {
  at::Tensor query, keys, values;
  Mask mask;
};

inline std::int64_t query_size(const Case& c, const Sizes& z) { return c.capabilities().equal_sizes ? z.key_size : z.query_size; }

/// The case's mechanism for these sizes: float64, evaluation mode, parameters from cosines.
inline std::shared_ptr<Mechanism> build(const Case& c, const Sizes& z) {
  auto o = c.options;
  o.heads = z.heads;
  o.query_size = query_size(c, z);
  o.key_size = z.key_size;
  o.value_size = z.value_size;
  o.energy_size = 5;
  if (c.capabilities().wraps) o.output_size = 2 * z.heads;
  auto mechanism = c.entry->make(o);
  fill_parameters(*mechanism);
  mechanism->eval();
  return mechanism;
}

/// The parameter of that name, undefined when there is none.
inline at::Tensor parameter(const Mechanism& mechanism, const std::string& name) {
  const auto parameters = mechanism.named_parameters();
  return parameters.contains(name) ? parameters[name] : at::Tensor();
}

inline Problem problem(const Case& c, const Sizes& z, double phase = 0) {
  const bool wraps = c.capabilities().wraps;  // a wrapping mechanism makes its own heads
  const auto heads = wraps ? 1 : z.heads, key_heads = wraps ? 1 : z.key_heads;
  return {wave({z.batch, heads, z.queries, query_size(c, z)}, phase + 0.1),
          wave({z.batch, key_heads, z.keys, z.key_size}, phase + 0.5),
          wave({z.batch, key_heads, z.keys, z.value_size}, phase + 0.9),
          {}};
}

inline Result run(const Mechanism& mechanism, const Problem& p, const Request& request = Request::everything()) {
  const Memory memory = mechanism.prepare(p.keys, p.values, p.mask);
  const auto state = mechanism.start(memory, 1);
  return mechanism.attend(p.query, memory, state.get(), request);
}

/// A scalar that depends on every number of the result; the −inf of empty rows is left out.
inline at::Tensor mixed_loss(const Result& r) {
  auto loss = (r.context * wave(r.context.sizes(), 0.2)).sum();
  if (r.weights.defined()) loss = loss + (r.weights * wave(r.weights.sizes(), 1.2)).sum();
  if (r.entropy.defined()) loss = loss + (r.entropy * wave(r.entropy.sizes(), 2.2)).sum();
  if (r.lse.defined()) loss = loss + (r.lse.masked_fill(at::isneginf(r.lse), 0.0) * wave(r.lse.sizes(), 3.2)).sum();
  return loss;
}

inline void expect_same(const Result& got, const Result& expected, double tolerance = 0) {
  EXPECT_TRUE(close(got.context, expected.context, tolerance)) << "context";
  EXPECT_TRUE(close(got.weights, expected.weights, tolerance)) << "weights";
  EXPECT_TRUE(close(got.entropy, expected.entropy, tolerance)) << "entropy";
  EXPECT_TRUE(close(got.lse, expected.lse, tolerance)) << "lse";
}

/// int64 [n]
inline at::Tensor lengths(std::initializer_list<std::int64_t> values) { return at::tensor(at::ArrayRef<std::int64_t>(values), at::kLong); }

/// bool of the given shape from a function of four indices.
inline at::Tensor bools(std::array<std::int64_t, 4> n,
                        const std::function<bool(std::int64_t, std::int64_t, std::int64_t, std::int64_t)>& f) {
  auto x = at::empty({n[0], n[1], n[2], n[3]}, at::kBool);
  auto* out = x.data_ptr<bool>();
  for (std::int64_t b = 0; b < n[0]; ++b)
    for (std::int64_t h = 0; h < n[1]; ++h)
      for (std::int64_t t = 0; t < n[2]; ++t)
        for (std::int64_t s = 0; s < n[3]; ++s) *out++ = f(b, h, t, s);
  return x;
}

/// A(t) by definition, bool [B, H, T, S]: s < S_b, t < T_b, keep, bias above −inf, and s <= t + S_b − T_b when causal.
inline at::Tensor allowed_by_definition(const Mask& mask, const CallSizes& z) {
  const std::array<std::int64_t, 4> n{z.batch, z.heads, z.queries, z.keys};
  const auto spread = [&](const at::Tensor& x) { return x.expand({n[0], n[1], n[2], n[3]}); };
  const auto keep = mask.keep.defined() ? spread(mask.keep) : at::Tensor();
  const auto bias = mask.bias.defined() ? spread(mask.bias) : at::Tensor();
  return bools(n, [&](auto b, auto h, auto t, auto s) {
    const auto key_length = mask.key_lengths.defined() ? mask.key_lengths[b].template item<std::int64_t>() : z.keys;
    const auto query_length = mask.query_lengths.defined()         ? mask.query_lengths[b].template item<std::int64_t>()
                              : mask.causal && z.queries == z.keys ? key_length
                                                                   : z.queries;
    if (s >= key_length || t >= query_length) return false;
    if (mask.causal && s > t + key_length - query_length) return false;
    if (keep.defined() && !keep[b][h][t][s].template item<bool>()) return false;
    return !bias.defined() || !std::isinf(bias[b][h][t][s].template item<double>());
  });
}

struct NamedMask {
  std::string name;
  Mask mask;
};

/// Masks of every kind for B = 2 and these T and S (each at least 3), among them empty rows and a whole empty item. Heads are
/// treated alike, since a wrapping mechanism's context mixes them.
inline std::vector<NamedMask> all_masks(const Sizes& z) {
  const auto t_last = z.queries - 1, s_last = z.keys - 1;
  const auto keep =
      bools({2, 1, z.queries, z.keys}, [&](auto b, auto, auto t, auto s) { return (b + t + 2 * s) % 3 != 0 && !(b == 0 && t == 1); });
  const auto padding = bools({2, 1, 1, z.keys}, [&](auto b, auto, auto, auto s) { return s != 1 + b && s != s_last; });
  auto bias = wave({1, 1, z.queries, z.keys}, 0.4);
  bias.index_put_({at::tensor(0), at::tensor(0), at::tensor(t_last), at::tensor(1)}, -std::numeric_limits<double>::infinity());
  return {
      {"none", {}},
      {"keep", {.keep = keep}},
      {"padding", {.keep = padding}},
      {"bias", {.bias = bias}},
      {"key_lengths", {.key_lengths = lengths({s_last, 2})}},
      {"empty_item", {.key_lengths = lengths({0, z.keys})}},
      {"both_lengths", {.key_lengths = lengths({z.keys, 2}), .query_lengths = lengths({0, t_last})}},
      {"causal", {.causal = true}},
      {"causal_lengths", {.key_lengths = lengths({s_last, 2}), .causal = true}},
      {"everything",
       {.keep = keep, .bias = bias, .key_lengths = lengths({s_last, 2}), .query_lengths = lengths({t_last, z.queries}), .causal = true}}};
}

/// Where the contract suite is instantiated once for every case.
struct CaseName {
  std::string operator()(const ::testing::TestParamInfo<Case>& info) const { return info.param.name; }
};
inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

}  // namespace attend::testing
