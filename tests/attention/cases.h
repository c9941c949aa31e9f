#pragma once
// What the contract suite runs on: every registry line (multi_head over every inner score), small problems of odd sizes,
// and the allowed set A(t) as plain loops.
#include <functional>

#include "attend/attention/additive.h"
#include "attend/attention/attention_pooling.h"
#include "attend/attention/coverage.h"
#include "attend/attention/local.h"
#include "attend/attention/local_p.h"
#include "attend/attention/local_rnn.h"
#include "attend/attention/location.h"
#include "attend/attention/location_sensitive.h"
#include "attend/attention/mechanism.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/score.h"
#include "support/tensors.h"

namespace attend::testing {

struct Case {
  std::string name;
  const MechanismEntry* entry;
  MechanismOptions options;  ///< settings only; sizes come from `Sizes`
  const Capabilities& capabilities() const { return entry->capabilities; }
  /// Of the score at the core: the inner one where a mechanism wraps.
  const Capabilities& inner() const {
    if (!options.of<MultiHeadOptions>().head_attention.empty())
      return find_mechanism(options.of<MultiHeadOptions>().head_attention).capabilities;
    return entry->capabilities.wraps ? find_mechanism(options.of<InnerScoreOptions>().score).capabilities : entry->capabilities;
  }
  bool makes_heads() const { return capabilities().makes_heads; }
  bool equal_sizes() const { return !makes_heads() && inner().equal_sizes; }
  bool position_aware() const { return options.position != "none" || capabilities().position_aware || inner().position_aware; }
  bool counts_steps() const { return capabilities().counts_steps || inner().counts_steps; }
  bool takes(const Mask& mask) const { return !(mask.causal && capabilities().not_causal); }
  bool is_softmax() const { return options.of<WeightOptions>().normaliser == "softmax" && !capabilities().stops; }
  bool unnormalised() const {
    return capabilities().unnormalised || (!options.of<MultiHeadOptions>().head_attention.empty() && inner().unnormalised);
  }
  bool stateful() const {
    return capabilities().stateful || (!options.of<MultiHeadOptions>().head_attention.empty() &&
                                       find_mechanism(options.of<MultiHeadOptions>().head_attention).capabilities.stateful);
  }
  bool projected() const { return capabilities().projected || options.position == "relative"; }  // or something else is added to Σ w v
  bool picks() const { return capabilities().picks; }
};

/// Every mechanism in its default settings, and with its optional parameters where it has any.
inline std::vector<Case> all_cases() {
  std::vector<Case> cases;
  const auto add = [&](const MechanismEntry& entry, const std::string& inner) {
    Case plain{std::string(entry.name), &entry, {}};
    if (!inner.empty()) {
      plain.options.of<InnerScoreOptions>().score = inner;
      plain.name += "_over_" + inner;
    }
    Case full = plain;
    full.name += "_optional";
    full.options.bias = full.options.of<AdditiveOptions>().normed = true;
    const auto count = [](const Case& c) {
      auto o = c.options;
      o.heads = 1, o.query_size = o.key_size = 1;
      return c.entry->make(o)->parameters().size();
    };
    cases.push_back(plain);
    if (count(full) != count(plain)) cases.push_back(full);
  };
  for (const auto* entry : mechanisms()) {
    if (!entry->make) continue;  // no attention to a source: its own test holds it to its formula
    if (!entry->capabilities.wraps) {
      add(*entry, "");
    } else if (entry->capabilities.makes_heads) {
      for (const auto& inner : score_names()) add(*entry, inner);
    } else {
      for (const auto* inner : {"additive", "scaled_dot"}) add(*entry, inner);
    }
  }
  const auto set = [&](const char* name, const char* what, const std::function<void(MechanismOptions&)>& change) {
    Case c{std::string(name) + "_" + what, &find_mechanism(name), {}};
    change(c.options);
    cases.push_back(c);
  };
  set("coverage", "fertility", [](MechanismOptions& o) { o.of<CoverageOptions>().kind = "fertility"; });
  set("coverage", "gru", [](MechanismOptions& o) { o.of<CoverageOptions>().kind = "gru", o.of<CoverageOptions>().size = 2; });
  set("location_sensitive", "both", [](MechanismOptions& o) { o.of<LocationSensitiveOptions>().input = "both"; });
  set("local_rnn", "windowed",
      [](MechanismOptions& o) { o.of<LocalRnnOptions>().whole = false, o.of<LocalRnnOptions>().cell = "rnn_tanh"; });
  set("local_rnn", "lstm", [](MechanismOptions& o) { o.of<LocalRnnOptions>().cell = "lstm"; });
  set("local_p", "renormalised", [](MechanismOptions& o) { o.of<LocalPOptions>().renormalise = true; });
  set("local_p", "inside", [](MechanismOptions& o) { o.of<CentreOptions>().centre = "inside"; });
  set("multi_head", "of_local_m", [](MechanismOptions& o) { o.of<MultiHeadOptions>().head_attention = "local_m"; });
  set("multi_head", "of_gumbel", [](MechanismOptions& o) { o.of<MultiHeadOptions>().head_attention = "gumbel"; });
  for (const auto* scheme : {"relative", "relative_bias", "rotary", "alibi"}) {
    set("scaled_dot", scheme, [&](MechanismOptions& o) { o.position = scheme, o.of<RelativeOptions>().reach = 2; });
    set("multi_head", (std::string("with_") + scheme).c_str(),
        [&](MechanismOptions& o) { o.position = scheme, o.of<RelativeOptions>().reach = 2; });
  }
  for (const auto* normaliser : {"sparsemax", "entmax15", "entmax"}) {
    Case c{std::string("general_") + normaliser, &find_mechanism("general"), {}};
    c.options.of<WeightOptions>().normaliser = normaliser;
    c.options.of<WeightOptions>().alpha = 1.25;
    cases.push_back(c);
  }
  for (auto& c : cases) {
    c.options.of<LocalOptions>().window = 1;
    c.options.of<LocalRnnOptions>().size = 3;
    c.options.of<LocationSensitiveOptions>().width = 3;
    c.options.of<LocationSensitiveOptions>().filters = 2;
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

/// Rotary positions turn pairs of numbers: an odd size becomes the next even one. (Heads of multi_head here have size 2.)
inline std::int64_t key_size(const Case& c, const Sizes& z) {
  return c.options.position == "rotary" && !c.makes_heads() ? z.key_size + z.key_size % 2 : z.key_size;
}
inline std::int64_t query_size(const Case& c, const Sizes& z) { return c.equal_sizes() ? key_size(c, z) : z.query_size; }

/// The case's mechanism for these sizes: float64, evaluation mode, parameters from cosines.
inline std::shared_ptr<Mechanism> build(const Case& c, const Sizes& z) {
  auto o = c.options;
  o.heads = z.heads;
  o.query_size = query_size(c, z);
  o.key_size = key_size(c, z);
  o.value_size = z.value_size;
  o.of<EnergyOptions>().size = 5;
  o.of<LocationOptions>().size = 16;
  o.of<PoolingOptions>().rows = z.queries;
  if (c.makes_heads()) o.output_size = 2 * z.heads;
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
  const auto heads = c.makes_heads() ? 1 : z.heads, key_heads = c.makes_heads() ? 1 : z.key_heads;
  return {wave({z.batch, heads, z.queries, query_size(c, z)}, phase + 0.1),
          wave({z.batch, key_heads, z.keys, key_size(c, z)}, phase + 0.5),
          wave({z.batch, key_heads, z.keys, z.value_size}, phase + 0.9),
          {}};
}

inline Result run(const Mechanism& mechanism, const Problem& p, const Request& request = Request::everything()) {
  return mechanism.attend(p.query, mechanism.prepare(p.keys, p.values, p.mask), nullptr, request);
}

/// What the context mixes the values with: the weights, or the one-hot of the choice.
inline at::Tensor mixing(const Case& c, const Result& r) {
  if (!c.picks() || r.weights.size(3) == 0) return r.weights;
  const auto& choice = r.extras.at("choice").value;  // [B, H, T], −1 on empty rows
  return at::zeros_like(r.weights).scatter(3, choice.clamp_min(0).unsqueeze(-1), 1.0) * choice.ge(0).unsqueeze(-1);
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

/// The numbers of a tensor for loops over its cells, spread to these sizes; empty where there is none.
template <class T>
std::vector<T> cells_of(const at::Tensor& x, at::IntArrayRef sizes) {
  if (!x.defined()) return {};
  const auto spread = x.expand(sizes).contiguous();
  const auto* data = spread.const_data_ptr<T>();
  return std::vector<T>(data, data + spread.numel());
}

/// A(t) by definition, bool [B, H, T, S]: s < S_b, t < T_b, keep, bias above −inf, and s <= t + S_b − T_b when causal.
inline at::Tensor allowed_by_definition(const Mask& mask, const CallSizes& z) {
  const std::array<std::int64_t, 4> n{z.batch, z.heads, z.queries, z.keys};
  const auto keep = mask.keep.defined() ? cells_of<std::uint8_t>(mask.keep.to(at::kByte), n) : std::vector<std::uint8_t>();
  const auto bias = cells_of<double>(mask.bias, n);
  const auto key_lengths = cells_of<std::int64_t>(mask.key_lengths, {z.batch});
  const auto query_lengths = cells_of<std::int64_t>(mask.query_lengths, {z.batch});
  return bools(n, [&](auto b, auto h, auto t, auto s) {
    const auto item = static_cast<std::size_t>(b), cell = static_cast<std::size_t>(((b * n[1] + h) * n[2] + t) * n[3] + s);
    const auto key_length = mask.key_lengths.defined() ? key_lengths[item] : z.keys;
    const auto query_length = mask.query_lengths.defined()         ? query_lengths[item]
                              : mask.causal && z.queries == z.keys ? key_length
                                                                   : z.queries;
    if (s >= key_length || t >= query_length) return false;
    if (mask.causal && s > t + key_length - query_length) return false;
    if (mask.keep.defined() && keep[cell] == 0) return false;
    return !mask.bias.defined() || !std::isinf(bias[cell]);
  });
}

/// A(t) less what the mechanism's own window leaves out, where it has one: bool [B, H, T, S].
inline at::Tensor seen_by_definition(const Case& c, const Mask& mask, const CallSizes& z, const Result& result) {
  const auto allowed = allowed_by_definition(mask, z);
  const auto found = result.extras.find("centre");
  if (c.capabilities().stops) return allowed.logical_and(result.weights.gt(0));
  if (found == result.extras.end()) return allowed;
  const auto centre = found->second.value.dim() == 2 ? found->second.value.unsqueeze(1) : found->second.value;  // [B, H or 1, T]
  const auto centres = cells_of<double>(centre.to(at::kDouble), {z.batch, z.heads, z.queries});
  const auto inside = bools({z.batch, z.heads, z.queries, z.keys}, [&](auto b, auto h, auto t, auto s) {
    const auto p = centres[static_cast<std::size_t>((b * z.heads + h) * z.queries + t)];
    return std::abs(static_cast<double>(s) - p) <= static_cast<double>(c.options.of<LocalOptions>().window);
  });
  return allowed.logical_and(inside);
}

struct NamedMask {
  std::string name;
  Mask mask;
};

/// Masks of every kind that the case takes, for B = 2 and these T and S (each at least 3), among them empty rows and a whole empty
/// item. Heads are treated alike, since some mechanisms' contexts mix them.
inline std::vector<NamedMask> all_masks(const Case& c, const Sizes& z) {
  const auto t_last = z.queries - 1, s_last = z.keys - 1;
  const auto keep =
      bools({2, 1, z.queries, z.keys}, [&](auto b, auto, auto t, auto s) { return (b + t + 2 * s) % 3 != 0 && !(b == 0 && t == 1); });
  const auto padding = bools({2, 1, 1, z.keys}, [&](auto b, auto, auto, auto s) { return s != 1 + b && s != s_last; });
  auto bias = wave({1, 1, z.queries, z.keys}, 0.4);
  bias.index_put_({at::tensor(0), at::tensor(0), at::tensor(t_last), at::tensor(1)}, -std::numeric_limits<double>::infinity());
  std::vector<NamedMask> masks{
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
  std::erase_if(masks, [&](const NamedMask& m) { return !c.takes(m.mask); });
  return masks;
}

/// Where the contract suite is instantiated once for every case.
struct CaseName {
  std::string operator()(const ::testing::TestParamInfo<Case>& info) const { return info.param.name; }
};
inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

}  // namespace attend::testing
