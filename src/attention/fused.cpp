// Attention by the fused kernel: neither weights nor the sums of additive scores are stored.
#include "attend/attention/operands.h"
#include "attend/attention/score.h"
#include "attend/ops/additive_steps.h"
#include "attend/ops/dropout.h"

namespace attend {

namespace {

// Keys and values as the kernel reads them.
struct PackedKeys final : Prepared {
  explicit PackedKeys(std::shared_ptr<const kernels::PackedSource> packed) : source(std::move(packed)) {}
  std::shared_ptr<Prepared> select(const at::Tensor& items) const override {
    const auto chosen = items.to(at::kLong).contiguous();  // [B']
    const auto* from = chosen.const_data_ptr<std::int64_t>();
    return std::make_shared<PackedKeys>(kernels::selected(*source, {from, from + chosen.numel()}));
  }
  // What grows is packed anew.
  std::shared_ptr<Prepared> append(const Prepared& /*later*/) const override { return nullptr; }

  std::shared_ptr<const kernels::PackedSource> source;
  std::shared_ptr<const AdditiveSource> steps;  // where gradients flow back; null for chosen items, and where none do
};

// Keys for each head where scores are additive, and values for each of these.
struct KernelSource {
  // `together`: each item's own, wherever they lie.
  KernelSource(const Memory& memory, kernels::ScoreKind kind, std::int64_t heads, bool together) {
    auto lies = memory.cache();
    if (lies.rows.defined() && together) lies = {memory.keys(), memory.values(), {}};
    keys = kind == kernels::ScoreKind::kProduct ? lies.keys : share_heads(lies.keys, heads);
    values = share_heads(widened(lies.values), keys.size(1));
    rows = lies.rows;
  }
  at::Tensor keys, values;  // [B, Hk or H, S, *], [B, Hk or H, S, Dv]
  at::Tensor rows;          // where they lie, int32 [B, S]; undefined: each item has its own
};

std::optional<kernels::Normaliser> normaliser_of(double alpha) {
  if (alpha == 1) return kernels::Normaliser::kSoftmax;
  if (alpha == 1.5) return kernels::Normaliser::kEntmax15;
  if (alpha == 2) return kernels::Normaliser::kSparsemax;
  return std::nullopt;
}

// Rows that see nothing, as far as a mask says so without its window: bool broadcastable to [B, H, T]; undefined where there are none. What
// their queries hold may be padding. `all`: also those that keep and bias hide, which costs a look at every cell.
at::Tensor hidden_rows(const AttendCall& call, bool all) {
  const auto& mask = call.memory.mask();
  const CallSizes sizes{call.query.size(0), call.query.size(1), call.query.size(2), call.memory.size()};
  if (all && (mask.keep.defined() || mask.bias.defined())) return call.memory.hidden(sizes, call.mechanism.called()).rows;
  auto given = mask.query_lengths;
  if (!given.defined() && mask.causal && sizes.queries == sizes.keys) given = mask.key_lengths;
  at::Tensor rows;  // [B, T]
  if (given.defined()) rows = within_lengths(given, sizes.queries).logical_not();
  if (const auto& keys = mask.key_lengths; keys.defined())
    rows = rows.defined() ? rows.logical_or(keys.eq(0).unsqueeze(1)) : keys.eq(0).unsqueeze(1);
  return rows.defined() ? rows.unsqueeze(1) : rows;  // [B, 1, T or 1]
}

at::Tensor lengths_of(const at::Tensor& x) { return x.defined() ? x.contiguous() : x; }

}  // namespace

std::string ScoredAttention::why_never_fused(at::ScalarType queries) const {
  if (!score_->kind() || !(fuses() || typeid(*this) == typeid(ScoredAttention)))
    return "it is no softmax over plain products or additive scores";
  if (!normaliser_of(alpha_)) return "its normaliser is none of softmax, entmax15 and sparsemax";
  if (queries == at::kDouble) return "float64 is left to the plain composition";
  if (options_.position == "relative") return "its positions take part in the products";
  return {};
}

void ScoredAttention::pack(Memory& memory) const {
  const auto kind = score_->kind();
  if (!kind || kind == kernels::ScoreKind::kProduct || !why_never_fused(memory.keys().scalar_type()).empty() || memory.prepared()) return;
  const auto factor = score_->factor(at::empty({1, options_.heads, 0, options_.query_size}, memory.keys().options()));
  const KernelSource source(memory, *kind, options_.heads, /*together=*/true);
  FusedAttentionOptions o;
  o.scale = factor.scale / weighing_.temperature;
  o.score = *kind;
  o.normaliser = *normaliser_of(alpha_);
  o.energy = factor.energy.contiguous();
  o.key_lengths = lengths_of(memory.mask().key_lengths);
  const bool both_ways = at::GradMode::is_enabled();
  auto packed = std::make_shared<PackedKeys>(pack_source(source.keys, source.values, o, options_.heads, both_ways));
  if (both_ways && source.keys.scalar_type() == at::kFloat)
    packed->steps = std::make_shared<AdditiveSource>(AdditiveSourceParts{.key = source.keys,
                                                                         .value = source.values,
                                                                         .energy = o.energy,
                                                                         .score = o.score,
                                                                         .scale = o.scale,
                                                                         .key_lengths = o.key_lengths,
                                                                         .packed = packed->source});
  memory.set_prepared(std::move(packed));
}

std::string ScoredAttention::why_not_fused(const AttendCall& call) const {
  const auto& request = call.request;
  const auto& mask = call.memory.mask();
  if (auto never = why_never_fused(call.query.scalar_type()); !never.empty()) return never;
  if (request.scores) return "scores are asked for";
  if (request.top > kernels::kMostTop) return fmt::format("more than {} weights a row are asked for", kernels::kMostTop);
  const bool tracked = at::GradMode::is_enabled() && (call.query.requires_grad() || call.memory.keys().requires_grad() ||
                                                      call.memory.values().requires_grad() || parameters().size() > 0);
  if (tracked && (request.weights || request.rows.defined() || request.top > 0 || request.pool_rows > 0))
    return "it has no gradients of single weights and blocks of them";
  if (alpha_ != 1) {
    if (call.memory.size() > kernels::kMostWhole) return fmt::format("its normaliser takes more than {} keys", kernels::kMostWhole);
    if (tracked && (request.entropy || request.maximum || request.column_sums)) return "statistics of sparse weights have no gradients";
  }
  if (mask.bias.defined() && mask.bias.scalar_type() != at::kFloat) return "its bias is not float32";
  const bool distances = options_.position == "alibi" || options_.position == "relative_bias";
  if (weighing_.temperature != 1 && (distances || mask.bias.defined())) return "its temperature divides more than products";
  if (auto own = why_not_fused_itself(call); !own.empty()) return own;
  if (call.state && !fuses_with(*call.state)) return "it takes one step of several";
  return {};
}

Result ScoredAttention::attend_fused(const AttendCall& call) const {
  const auto& memory = call.memory;
  const auto& mask = memory.mask();
  const auto& request = call.request;
  const auto queries = call.query.size(2), keys = memory.size();
  // Kernels leave out rows that see nothing; what is made of their queries before must be harmless too.
  const bool itself = typeid(*this) == typeid(ScoredAttention);
  const bool given_as_it_is = score_->kind() == kernels::ScoreKind::kProduct && !positions_ && itself;
  const auto empty = given_as_it_is && !at::GradMode::is_enabled() ? at::Tensor() : hidden_rows(call, !given_as_it_is);  // [B, H or 1, T]
  const auto live = empty.defined() ? call.query.masked_fill(empty.unsqueeze(-1), 0.0) : call.query;                     // [B, H, T, Dq]
  auto begun = begin(live, memory, call.state, request, {.keys = {}, .rows = empty});
  auto asked = widened(live);  // [B, H, T, Dq]
  if (positions_) asked = positions_->query(asked, begun.steps(), begun.key_lengths());
  const auto factor = score_->factor(asked);

  FusedAttentionOptions o;
  o.scale = factor.scale / weighing_.temperature;
  o.soft_cap = factor.soft_cap / weighing_.temperature;
  o.score = *score_->kind();
  o.normaliser = *normaliser_of(alpha_);
  if (o.score != kernels::ScoreKind::kProduct) o.energy = factor.energy.contiguous();
  if (mask.causal) o.right = 0;
  o.key_lengths = lengths_of(mask.key_lengths);
  o.query_lengths = mask.query_lengths.defined()     ? lengths_of(mask.query_lengths)
                    : mask.causal && queries == keys ? o.key_lengths
                                                     : at::Tensor();
  o.keep = mask.keep;
  o.bias = mask.bias;
  const auto& span = begun.span;
  if (span.slopes.defined()) o.slopes = span.slopes.to(at::kFloat).contiguous();                 // [H]
  if (span.by_distance.defined()) o.by_distance = span.by_distance.to(at::kFloat).contiguous();  // [H, 2F + 1]
  if (span.steps.defined() && queries > 0) o.first_steps = span.steps.select(1, 0).expand({call.query.size(0)}).contiguous();  // [B]
  if (const auto& window = span.window; window.centre.defined()) {
    o.centres = window.centre.dim() == 2 ? window.centre.unsqueeze(1) : window.centre;  // [B or 1, H or 1, T]
    o.radius = window.radius, o.deviation = window.deviation, o.renormalised = window.renormalised;
  }
  std::shared_ptr<const Operands> operands;
  if (request.operands)
    operands = std::make_shared<const Operands>(
        Operands{factor.query, KernelSource(memory, o.score, call.query.size(1), /*together=*/true).keys, o});
  o.lse = request.lse && alpha_ == 1, o.entropy = request.entropy, o.maximum = request.maximum, o.column_sums = request.column_sums;
  o.top = std::min(request.top, keys);
  if (request.pool_rows > 0 && request.pool_keys > 0) o.pool_rows = request.pool_rows, o.pool_keys = request.pool_keys;
  // All rows, where all weights are asked for.
  if (request.weights)
    o.rows = at::arange(queries, index_options());
  else if (request.rows.defined())
    o.rows = request.rows.contiguous();
  if (is_training() && weight_dropout_ > 0) {
    o.drop_rate = weight_dropout_;
    o.drop_keys = dropout_row_keys({call.query.size(0), call.query.size(1), queries, keys}, place());  // [B, H, T]
  }
  const auto* packed = dynamic_cast<const PackedKeys*>(memory.prepared().get());
  if (packed) o.packed = packed->source;
  auto result = std::move(begun.result);
  result.operands = std::move(operands);
  // Steps, taken one by one, are faster than tiles of few of them, and share the gradients of their source.
  constexpr std::int64_t kStepRows = 4;
  const auto attended = [&] {
    if (packed && packed->steps && queries <= kStepRows && at::GradMode::is_enabled() && packed->steps->current() && alpha_ == 1 &&
        !o.by_distance.defined() && !o.centres.defined() && itself)
      return packed->steps->attend(factor.query, o);
    const KernelSource source(memory, o.score, call.query.size(1),
                              !itself || o.score != kernels::ScoreKind::kProduct || queries > kernels::kCacheQueries);
    o.cache_rows = source.rows;
    FusedCall fused{call, factor.query, source.keys, source.values, o, result};
    return mix_fused(fused);
  };
  const auto found = attended();
  if (alpha_ != 1) result.kind = WeightKind::kSparse;
  if (o.deviation > 0 && !o.renormalised) result.kind = WeightKind::kUnnormalised;
  if (auto* counted = dynamic_cast<StepState*>(call.state)) ++counted->step;
  result.context = found.context.to(memory.cache().values.scalar_type());  // [B, H, T, Dv]
  result.lse = found.lse, result.entropy = found.entropy;
  result.maximum = found.maximum, result.argmax = found.argmax, result.column_sums = found.column_sums;
  result.pooled_mean = found.pooled_mean, result.pooled_max = found.pooled_max;
  if (request.top > 0) {
    result.top_weights = at::constant_pad_nd(found.top_weights, {0, request.top - o.top});  // [B, H, T, K]
    result.top_keys = at::constant_pad_nd(found.top_keys, {0, request.top - o.top}, -1);    // [B, H, T, K]
  }
  if (request.weights) {
    result.weights = found.rows;                                                         // [B, H, T, S]
    if (request.rows.defined()) result.rows = found.rows.index_select(2, request.rows);  // [B, H, R, S]
  } else {
    result.rows = found.rows;
  }
  return result;
}

FusedAttentionOutputs ScoredAttention::mix_fused(FusedCall& call) const {
  return fused_attention(call.query, call.keys, call.values, call.options);
}

extern const Implementation fused_implementation;
const Implementation fused_implementation{.name = "fused",
                                          .sentence = "weights of products or additive scores, tile by tile; none is stored",
                                          .declines = [](const AttendCall& call) { return call.mechanism.why_not_fused(call); },
                                          .run = [](const AttendCall& call) { return call.mechanism.attend_fused(call); }};

}  // namespace attend
