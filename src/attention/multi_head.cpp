#include "attend/attention/multi_head.h"

#include "attend/attention/additive.h"
#include "mixed_score.h"

namespace attend {
namespace {

bool runs_in_a_head(const MechanismEntry& entry) {
  const auto& can = entry.capabilities;
  return entry.make && !can.makes_heads && !can.reads_previous && !can.ignores_query && !can.projected;
}

std::vector<std::string> head_mechanisms() {
  std::vector<std::string> names;
  for (const auto* entry : mechanisms())
    if (runs_in_a_head(*entry)) names.emplace_back(entry->name);
  return names;
}

// The size of a head, D.
std::int64_t head_size_of(const std::string& name, const MechanismOptions& o, std::int64_t output_size) {
  if (const auto given = o.of<ProjectionOptions>().head_size; given > 0) return given;
  ATTEND_CHECK(output_size % o.heads == 0, kValue, "{}: the size {} must be a multiple of the {} heads, or model.head_size given", name,
               output_size, o.heads);
  return output_size / o.heads;
}

// [B, 1, L, H·D] -> [B, H, L, D]: cut into heads, bring the heads before the positions.
at::Tensor in_heads(const at::Tensor& projected, std::int64_t heads) {
  return projected.view({projected.size(0), projected.size(2), heads, projected.size(3) / heads}).transpose(1, 2);
}

}  // namespace

void HeadOptions::visit(OptionVisitor& v) { v(heads, "heads", 4, "heads of multi_head and of a transformer's layers", between(1, 256)); }

void MultiHeadOptions::visit(OptionVisitor& v) {
  v(head_scores, "head_scores", {}, "multi_head: a score for each head in place of one for all: [scaled_dot, additive, cosine, dot]");
  v(head_attention, "head_attention", "", "multi_head: what runs inside each head (local_m, hard, ...); empty is the score alone",
    one_of(head_mechanisms()));
}

void visit_heads(OptionSet& set, OptionVisitor& v) {
  visit_scored<HeadOptions, ProjectionOptions, MultiHeadOptions>(set, v);
  const auto& within = set.of<MultiHeadOptions>();
  for (const auto& name : within.head_scores) find_mechanism(name).options(set, v);
  if (!within.head_attention.empty())
    find_mechanism(within.head_attention).options(set, v);
  else if (within.head_scores.empty())
    visit_inner_score(set, v);
}

void ProjectionOptions::visit(OptionVisitor& v) {
  v(head_size, "head_size", 0, "multi_head, grouped_query: numbers in a head; 0 is the model's size divided by the heads",
    between(0, 65536));
  v(query_bias, "query_bias", true, "where attention_bias is on: a bias in the projection of the queries");
  v(key_bias, "key_bias", true, "where attention_bias is on: in that of the keys");
  v(value_bias, "value_bias", true, "where attention_bias is on: in that of the values");
  v(output_bias, "output_bias", true, "where attention_bias is on: in that of what the heads found");
}

MultiHead::MultiHead(std::string name, const MechanismOptions& o, std::int64_t key_heads)
    : name_(std::move(name)), heads_(o.heads), key_heads_(key_heads), output_size_(o.output_size > 0 ? o.output_size : o.query_size) {
  const auto value_size = o.value_size > 0 ? o.value_size : o.key_size;
  check_sizes(name_, o);
  ATTEND_CHECK(key_heads_ >= 1 && heads_ % key_heads_ == 0, kValue, "{}: the {} heads must be a multiple of the key heads, got {}", name_,
               heads_, key_heads_);
  const auto head_size = head_size_of(name_, o, output_size_);
  const auto joined = heads_ * head_size, shared = key_heads_ * head_size;  // H·D, Hk·D
  auto weight = [&](const char* of, std::int64_t out, std::int64_t in) { return register_parameter(of, initial_weight({out, in}, in)); };
  query_.weight = weight("query_weight", joined, o.query_size);
  key_.weight = weight("key_weight", shared, o.key_size);
  value_.weight = weight("value_weight", shared, value_size);
  output_.weight = weight("output_weight", output_size_, joined);
  auto bias = [&](bool wanted, const char* of, std::int64_t size) {
    return o.bias && wanted ? register_parameter(of, at::zeros({size}, float_options())) : at::Tensor();  // [size]
  };
  const auto& with = o.of<ProjectionOptions>();
  query_.bias = bias(with.query_bias, "query_bias", joined);
  key_.bias = bias(with.key_bias, "key_bias", shared);
  value_.bias = bias(with.value_bias, "value_bias", shared);
  output_.bias = bias(with.output_bias, "output_bias", output_size_);
  MechanismOptions inside = o;
  inside.query_size = inside.key_size = inside.value_size = head_size;
  inside.of<EnergyOptions>().size = energy_size_of(o, head_size);
  inside.output_size = 0;
  inside.bias = false;
  const auto& within = o.of<MultiHeadOptions>();
  if (!within.head_scores.empty()) {
    ATTEND_CHECK(within.head_attention.empty() && key_heads_ == heads_, kValue,
                 "{}: model.head_scores gives each head a score of its own; it goes with multi_head, without head_attention", name_);
    inner_ = register_module("inner",
                             std::make_shared<ScoredAttention>(name_, std::make_shared<MixedScore>(within.head_scores, inside), inside));
    return;
  }
  const auto& entry = find_mechanism(within.head_attention.empty() ? o.of<InnerScoreOptions>().score : within.head_attention);
  ATTEND_CHECK(runs_in_a_head(entry), kValue,
               "{}: {} cannot run inside a head; use a score, local_m, local_p, hard, coverage or their like", name_, entry.name);
  inner_ = register_module("inner", entry.make(inside));
}

at::Tensor MultiHead::project(const Projection& by, const at::Tensor& x) const {
  return by.packed.linear(x.to(by.weight.scalar_type()), by.weight, by.bias, kernels::Activation::kNone, uses_int8());
}

Memory MultiHead::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  const auto key_size = key_.weight.size(1), value_size = value_.weight.size(1);
  ATTEND_CHECK(keys.dim() == 4 && values.dim() == 4 && keys.size(1) == 1 && values.size(1) == 1, kShape,
               "{}: keys and values must be [B, 1, S, N], since it makes its own heads, got {} and {}", name_, shape_text(keys),
               shape_text(values));
  ATTEND_CHECK(keys.size(0) == values.size(0) && keys.size(2) == values.size(2), kShape,
               "{}: keys and values must share B and S, got {} and {}", name_, shape_text(keys), shape_text(values));
  ATTEND_CHECK(keys.size(3) == key_size && values.size(3) == value_size, kShape,
               "{}: keys and values must have sizes {} and {}, got {} and {}", name_, key_size, value_size, shape_text(keys),
               shape_text(values));
  check_format(name_, "keys", keys, *this);
  // What no query may see is zeroed before the projections too, where NaN would already spread.
  const auto visible = visible_keys_of_source(mask, keys, heads_, name_);  // [B, S]
  const auto live_keys = zero_hidden(keys, visible), live_values = values.is_same(keys) ? live_keys : zero_hidden(values, visible);
  return inner_->prepare(in_heads(project(key_, live_keys), key_heads_), in_heads(project(value_, live_values), key_heads_), mask);
}

Result MultiHead::attend(const at::Tensor& query, const Memory& memory, State* state, const Request& request) const {
  ATTEND_CHECK(query.dim() == 4 && query.size(0) == memory.batch() && query.size(1) == 1 && query.size(3) == query_.weight.size(1), kShape,
               "{}: query must be [B={}, 1, T, {}], got {}", name_, memory.batch(), query_.weight.size(1), shape_text(query));
  check_format(name_, "queries", query, *this);
  const auto batch = query.size(0), queries = query.size(2);
  at::Tensor live = query;
  const auto empty = memory.empty_rows({batch, heads_, queries, memory.size()}, name_);  // [B, H, T]
  if (empty.defined()) live = query.masked_fill(empty.all(1, /*keepdim=*/true).unsqueeze(-1), 0.0);
  Result result = inner_->attend(in_heads(project(query_, live), heads_), memory, state, request);
  const auto joined = result.context.transpose(1, 2).reshape({batch, queries, output_.weight.size(1)});  // [B, T, H·Dv]
  result.context = project(output_, joined).to(query.scalar_type()).unsqueeze(1);                        // [B, 1, T, N]
  return result;
}

std::vector<ScorePart> MultiHead::parts(const at::Tensor& query, const Memory& memory) const {
  const auto queries = in_heads(project(query_, query), heads_);  // [B, H, T, D]
  std::vector<ScorePart> parts{{"q = W_q query", ScorePart::Of::kQuery, queries}};
  for (auto& part : inner_->parts(queries, memory)) parts.push_back(std::move(part));
  parts.push_back({"context", ScorePart::Of::kQuery, inner_->attend(queries, memory, nullptr, {}).context});
  return parts;
}

std::int64_t MultiHead::context_size(std::int64_t /*value_size*/) const { return output_size_; }
std::int64_t MultiHead::weight_heads(std::int64_t /*heads*/) const { return heads_; }

extern constinit const MechanismEntry multi_head_entry{
    .name = "multi_head",
    .sentence = "several attentions side by side, each in its own projection",
    .formula = "[head_0; …; head_{H−1}] W_o, head_h = attention(X_q W_qʰ, X_k W_kʰ, X_v W_vʰ)",
    .paper = "Vaswani et al. 2017, §3.2.2",
    .parameters = "W_q, W_k, W_v [H·D, N], W_o [N, H·D], those of the inner score",
    .cost = "B·T·S·H·(D + Dv) + (T + S)·N·H·D",
    .range = "global",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.projected = true, .wraps = true, .makes_heads = true},
    .options = visit_heads,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<MultiHead>(o); }};

}  // namespace attend
