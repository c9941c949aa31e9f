// Attention by the fused kernel: neither weights nor the sums of additive scores are stored.
#include "attend/attention/operands.h"
#include "attend/attention/score.h"
#include "attend/ops/dropout.h"
#include "attend/ops/fused_attention.h"

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
};

// Keys for each head where scores are additive, and values for each of these.
struct KernelSource {
  KernelSource(const Memory& memory, kernels::ScoreKind kind, std::int64_t heads)
      : keys(kind == kernels::ScoreKind::kProduct ? memory.keys() : share_heads(memory.keys(), heads)),
        values(share_heads(widened(memory.values()), keys.size(1))) {}
  at::Tensor keys, values;  // [B, Hk or H, S, *], [B, Hk or H, S, Dv]
};

at::Tensor lengths_of(const at::Tensor& x) { return x.defined() ? x.contiguous() : x; }

}  // namespace

std::string ScoredAttention::why_never_fused(at::ScalarType queries) const {
  if (!score_->kind() || typeid(*this) != typeid(ScoredAttention)) return "it is no softmax over plain products or additive scores";
  if (alpha_ != 1) return "its normaliser is not softmax";
  if (queries == at::kDouble) return "float64 is left to the plain composition";
  if (options_.position == "relative") return "its positions take part in the products";
  return {};
}

void ScoredAttention::pack(Memory& memory) const {
  const auto kind = score_->kind();
  if (!kind || kind == kernels::ScoreKind::kProduct || !why_never_fused(memory.keys().scalar_type()).empty() || memory.prepared()) return;
  const auto factor = score_->factor(at::empty({1, options_.heads, 0, options_.query_size}, memory.keys().options()));
  const KernelSource source(memory, *kind, options_.heads);
  FusedAttentionOptions o;
  o.scale = factor.scale / weighing_.temperature;
  o.score = *kind;
  o.energy = factor.energy.contiguous();
  o.key_lengths = lengths_of(memory.mask().key_lengths);
  memory.set_prepared(std::make_shared<PackedKeys>(pack_source(source.keys, source.values, o, options_.heads, at::GradMode::is_enabled())));
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
  if (mask.bias.defined() && mask.bias.scalar_type() != at::kFloat) return "its bias is not float32";
  const bool distances = options_.position == "alibi" || options_.position == "relative_bias";
  if (weighing_.temperature != 1 && (distances || mask.bias.defined())) return "its temperature divides more than products";
  if (call.state) return "it takes one step of several";
  // Packing reads every key and value once; the products, once a query. Where both are few, calls of tensor operations cost more than
  // either.
  constexpr std::int64_t kFewQueries = 8, kManyKeys = 256;
  if (score_->kind() == kernels::ScoreKind::kProduct && call.query.size(2) < kFewQueries && call.memory.size() > kManyKeys)
    return "so few queries do not repay packing the keys";
  return {};
}

Result ScoredAttention::attend_fused(const AttendCall& call) const {
  const auto& memory = call.memory;
  const auto& mask = memory.mask();
  const auto& request = call.request;
  const auto queries = call.query.size(2), keys = memory.size();
  auto begun = begin(call.query, memory, call.state, request, {});
  auto asked = widened(call.query);  // [B, H, T, Dq]
  if (positions_) asked = positions_->query(asked, begun.steps(), begun.key_lengths());
  const auto factor = score_->factor(asked);

  FusedAttentionOptions o;
  o.scale = factor.scale / weighing_.temperature;
  o.score = *score_->kind();
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
  Result result;
  const KernelSource source(memory, o.score, call.query.size(1));
  if (request.operands) result.operands = std::make_shared<const Operands>(Operands{factor.query, source.keys, o});
  o.lse = request.lse, o.entropy = request.entropy, o.maximum = request.maximum, o.column_sums = request.column_sums;
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
  if (const auto* packed = dynamic_cast<const PackedKeys*>(memory.prepared().get())) o.packed = packed->source;
  const auto found = fused_attention(factor.query, source.keys, source.values, o);

  result.context = found.context.to(memory.values().scalar_type());  // [B, H, T, Dv]
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

extern const Implementation fused_implementation;
const Implementation fused_implementation{.name = "fused",
                                          .sentence = "softmax over products or additive scores, tile by tile; no weight is stored",
                                          .declines = [](const AttendCall& call) { return call.mechanism.why_not_fused(call); },
                                          .run = [](const AttendCall& call) { return call.mechanism.attend_fused(call); }};

}  // namespace attend
