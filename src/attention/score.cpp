#include "attend/attention/score.h"

#include <cmath>

namespace attend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_half(const at::Tensor& x) { return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16; }

// Key heads repeated for the query heads that share them: head h reads key head h / (H/Hk).
at::Tensor share_heads(const at::Tensor& x, std::int64_t heads) {
  if (x.size(1) == heads) return x;
  return x.repeat_interleave(heads / x.size(1), 1);
}

}  // namespace

at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& allowed) {
  if (scores.size(-1) == 0) return at::zeros_like(scores);
  if (!allowed.defined()) return at::softmax(scores, -1);
  const auto live = allowed.any(-1, /*keepdim=*/true);
  auto masked = scores.masked_fill(allowed.logical_not(), -kInfinity);
  if (live.all().item<bool>()) return at::softmax(masked, -1);
  // An empty row would be 0/0: give it finite scores, then weight 0, which also stops its gradient.
  masked = masked.masked_fill(live.logical_not(), 0.0);
  return at::softmax(masked, -1).masked_fill(live.logical_not(), 0.0);
}

at::Tensor masked_logsumexp(const at::Tensor& scores, const at::Tensor& allowed) {
  if (!allowed.defined()) return at::logsumexp(scores, -1);
  const auto dead = allowed.any(-1).logical_not();
  const auto masked = scores.masked_fill(allowed.logical_not(), -kInfinity).masked_fill(dead.unsqueeze(-1), 0.0);
  return at::logsumexp(masked, -1).masked_fill(dead, -kInfinity);
}

at::Tensor entropy_of(const at::Tensor& weights) { return at::special_entr(weights).sum(-1); }

at::Tensor per_head_linear(const at::Tensor& x, const at::Tensor& weight) {
  if (weight.size(0) == 1) return at::linear(x, weight[0]);
  return at::matmul(x, weight.mT());
}

at::Tensor initial_weight(at::IntArrayRef sizes, std::int64_t fan_in) {
  const double bound = std::sqrt(3.0 / static_cast<double>(std::max<std::int64_t>(fan_in, 1)));
  return at::empty(sizes).uniform_(-bound, bound);
}

Memory Memory::select(const at::Tensor& items) const {
  auto pick = [&](const at::Tensor& x, std::int64_t whole) {  // parts that broadcast over items stay as they are
    return x.defined() && x.dim() == whole && x.size(0) > 1 ? x.index_select(0, items) : x;
  };
  return {.keys = pick(keys, 4),
          .values = pick(values, 4),
          .mask = {.keep = pick(mask.keep, 4),
                   .bias = pick(mask.bias, 4),
                   .key_lengths = pick(mask.key_lengths, 1),
                   .query_lengths = pick(mask.query_lengths, 1),
                   .causal = mask.causal},
          .visible = pick(visible, 2)};
}

std::unique_ptr<State> Mechanism::start(const Memory& /*memory*/, std::int64_t /*rows*/) const { return nullptr; }

ScoredAttention::ScoredAttention(std::string name, std::shared_ptr<Score> score, const MechanismOptions& options)
    : name_(std::move(name)), score_(register_module("score", std::move(score))), options_(options) {
  ATTEND_CHECK(options.heads >= 1 && options.query_size >= 1 && options.key_size >= 1, kValue,
               "{}: heads, query size and key size must be at least 1, got {}, {}, {}", name_, options.heads, options.query_size,
               options.key_size);
}

Memory ScoredAttention::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  ATTEND_CHECK(keys.dim() == 4 && values.dim() == 4, kShape, "{}: keys and values must be [B, Hk, S, D], got {} and {}", name_, shape_text(keys),
               shape_text(values));
  ATTEND_CHECK(keys.size(0) == values.size(0) && keys.size(1) == values.size(1) && keys.size(2) == values.size(2), kShape,
               "{}: keys and values must share B, Hk and S, got {} and {}", name_, shape_text(keys), shape_text(values));
  ATTEND_CHECK(keys.size(3) == options_.key_size, kShape, "{}: keys must have size D={}, got {}", name_, options_.key_size, shape_text(keys));
  // The query count is known where the mask itself has it, and irrelevant to which keys are visible otherwise.
  std::int64_t queries = 1;
  for (const auto& part : {mask.keep, mask.bias})
    if (part.defined() && part.dim() >= 2 && part.size(-2) > 1) queries = part.size(-2);
  Mask keys_only = mask;
  keys_only.query_lengths = at::Tensor();
  keys_only.causal = false;  // every key is seen by the last query of its item
  Memory memory{.keys = {}, .values = values, .mask = mask, .visible = visible_keys(keys_only, {keys.size(0), options_.heads, queries, keys.size(2)}, name_)};
  if (mask.query_lengths.defined() && mask.query_lengths.eq(0).any().item<bool>()) {  // an item without queries hides all its keys
    const auto asked = mask.query_lengths.gt(0).unsqueeze(1).expand({keys.size(0), keys.size(2)});
    memory.visible = memory.visible.defined() ? memory.visible.logical_and(asked) : asked;
  }
  memory.values = zero_hidden(values, memory.visible);
  memory.keys = score_->prepare(zero_hidden(keys, memory.visible));
  return memory;
}

Result ScoredAttention::attend(const at::Tensor& query, const Memory& memory, State* /*state*/, const Request& request) const {
  ATTEND_CHECK(query.dim() == 4 && query.size(1) == options_.heads && query.size(3) == options_.query_size && query.size(0) == memory.keys.size(0),
               kShape, "{}: query must be [B={}, H={}, T, Dq={}], got {}", name_, memory.keys.size(0), options_.heads, options_.query_size,
               shape_text(query));
  const auto heads = query.size(1);
  ATTEND_CHECK(heads % memory.keys.size(1) == 0, kShape, "{}: {} query heads cannot share {} key heads; H must be a multiple of Hk", name_,
               heads, memory.keys.size(1));
  const CallSizes sizes{query.size(0), heads, query.size(2), memory.keys.size(2)};
  const auto allowed = allowed_set(memory.mask, sizes, name_);
  at::Tensor live_query = query;
  if (memory.mask.query_lengths.defined())  // padded queries may hold anything
    live_query = zero_hidden(query, within_lengths(memory.mask.query_lengths, sizes.queries));
  // Half precision overflows at scores of 65,504: scores and statistics are float32.
  const auto scored_query = is_half(query) ? live_query.to(at::kFloat) : live_query;
  const auto keys = share_heads(is_half(query) ? memory.keys.to(at::kFloat) : memory.keys, heads);
  auto scores = score_->scores(scored_query, keys);  // [B, H, T, S]
  if (memory.mask.bias.defined()) scores = scores + memory.mask.bias;
  const auto weights = masked_softmax(scores, allowed);  // [B, H, T, S]
  Result result;
  if (request.weights) result.weights = weights;
  if (request.lse) result.lse = masked_logsumexp(scores, allowed);
  if (request.entropy) result.entropy = entropy_of(weights);
  auto mixed = is_training() && options_.dropout > 0 ? at::dropout(weights, options_.dropout, true) : weights;
  const auto values = share_heads(memory.values, heads);
  result.context = at::matmul(mixed.to(values.scalar_type()), values);  // [B, H, T, Dv]
  return result;
}

}  // namespace attend
