#include "attend/attention/score.h"

#include <cmath>

#include "attend/ops/dropout.h"

namespace attend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Key heads repeated for the query heads that share them: head h reads key head h / (H/Hk).
at::Tensor share_heads(const at::Tensor& x, std::int64_t heads) {
  if (x.size(1) == heads) return x;
  return x.repeat_interleave(heads / x.size(1), 1);
}

// Scores with −inf where hidden; an empty row, which would be 0/0, gets finite scores that its caller discards.
at::Tensor masked(const at::Tensor& scores, const Hidden& hidden) {
  if (!hidden.keys.defined()) return scores;
  const auto filled = scores.masked_fill(hidden.keys, -kInfinity);
  return hidden.rows.defined() ? filled.masked_fill(hidden.rows.unsqueeze(-1), 0.0) : filled;
}

Hidden hidden_outside(const at::Tensor& allowed) {
  return allowed.defined() ? Hidden{.keys = allowed.logical_not(), .rows = empty_rows(allowed)} : Hidden{};
}

at::Tensor softmax_of(const at::Tensor& masked_scores, const at::Tensor& empty) {
  const auto weights = at::softmax(masked_scores, -1);
  return empty.defined() ? weights.masked_fill(empty.unsqueeze(-1), 0.0) : weights;  // which also stops the gradient
}

at::Tensor logsumexp_of(const at::Tensor& masked_scores, const at::Tensor& empty) {
  const auto lse = at::logsumexp(masked_scores, -1);
  return empty.defined() ? lse.masked_fill(empty, -kInfinity) : lse;
}

}  // namespace

at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& allowed) {
  const auto hidden = hidden_outside(allowed);
  return softmax_of(masked(scores, hidden), hidden.rows);
}

at::Tensor masked_logsumexp(const at::Tensor& scores, const at::Tensor& allowed) {
  const auto hidden = hidden_outside(allowed);
  return logsumexp_of(masked(scores, hidden), hidden.rows);
}

at::Tensor entropy_of(const at::Tensor& weights) {
  // The logarithm never sees a 0: its infinite derivative there, times the weight 0, would be NaN.
  return -at::xlogy(weights, weights.masked_fill(weights.eq(0), 1.0)).sum(-1);
}

at::Tensor widened(const at::Tensor& x) { return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x; }

at::Tensor per_head_linear(const at::Tensor& x, const at::Tensor& weight) {
  const auto same_format = weight.to(x.scalar_type());
  if (weight.size(0) == 1) return at::linear(x, same_format[0]);
  return at::matmul(share_heads(x, weight.size(0)), same_format.mT());
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
          .visible = pick(visible, 2),
          .hidden = hidden ? std::optional(Hidden{.keys = pick(hidden->keys, 4), .rows = pick(hidden->rows, 3)}) : std::nullopt};
}

Hidden hidden_from(const Memory& memory, const CallSizes& sizes, std::string_view who) {
  return memory.hidden ? *memory.hidden : hidden_set(memory.mask, sizes, who);
}

std::vector<ScorePart> Mechanism::parts(const at::Tensor& /*query*/, const Memory& /*memory*/) const { return {}; }
std::unique_ptr<State> Mechanism::start(const Memory& /*memory*/, std::int64_t /*rows*/) const { return nullptr; }

void check_sizes(std::string_view who, const MechanismOptions& o) {
  ATTEND_CHECK(o.heads >= 1 && o.query_size >= 1 && o.key_size >= 1, kValue,
               "{}: heads, query size and key size must be at least 1, got {}, {}, {}", who, o.heads, o.query_size, o.key_size);
}

void check_equal_sizes(std::string_view who, const MechanismOptions& o) {
  ATTEND_CHECK(o.query_size == o.key_size, kShape, "{}: query and key must have the same size, got Dq={}, D={}; use general", who,
               o.query_size, o.key_size);
}

ScoredAttention::ScoredAttention(std::string name, std::shared_ptr<Score> score, const MechanismOptions& options)
    : name_(std::move(name)), score_(register_module("score", std::move(score))), options_(options) {}

Memory ScoredAttention::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  ATTEND_CHECK(keys.dim() == 4 && values.dim() == 4, kShape, "{}: keys and values must be [B, Hk, S, D], got {} and {}", name_,
               shape_text(keys), shape_text(values));
  ATTEND_CHECK(keys.size(0) == values.size(0) && keys.size(1) == values.size(1) && keys.size(2) == values.size(2), kShape,
               "{}: keys and values must share B, Hk and S, got {} and {}", name_, shape_text(keys), shape_text(values));
  ATTEND_CHECK(keys.size(3) == options_.key_size, kShape, "{}: keys must have size D={}, got {}", name_, options_.key_size,
               shape_text(keys));
  ATTEND_CHECK(keys.size(1) >= 1 && options_.heads % keys.size(1) == 0, kShape,
               "{}: {} query heads cannot share {} key heads; H must be a multiple of Hk", name_, options_.heads, keys.size(1));
  Memory memory{.keys = {}, .values = values, .mask = mask, .visible = visible_keys_of_source(mask, keys, options_.heads, name_)};
  memory.values = zero_hidden(values, memory.visible);
  memory.keys = score_->prepare(widened(zero_hidden(keys, memory.visible)));
  if (same_for_every_query(mask)) memory.hidden = hidden_set(mask, {keys.size(0), options_.heads, 1, keys.size(2)}, name_);
  return memory;
}

Result ScoredAttention::attend(const at::Tensor& query, const Memory& memory, State* /*state*/, const Request& request) const {
  ATTEND_CHECK(
      query.dim() == 4 && query.size(1) == options_.heads && query.size(3) == options_.query_size && query.size(0) == memory.keys.size(0),
      kShape, "{}: query must be [B={}, H={}, T, Dq={}], got {}", name_, memory.keys.size(0), options_.heads, options_.query_size,
      shape_text(query));
  const auto heads = query.size(1);
  const CallSizes sizes{query.size(0), heads, query.size(2), memory.keys.size(2)};
  const auto hidden = hidden_from(memory, sizes, name_);
  const auto& empty = hidden.rows;  // [B, H, T]
  // What a query without keys holds may be padding, and 0·NaN would reach the gradients of the keys.
  const auto live_query = empty.defined() ? query.masked_fill(empty.unsqueeze(-1), 0.0) : query;
  // Half precision overflows at 65,504: scores and statistics are float32.
  auto scores = score_->scores(widened(live_query), share_heads(memory.keys, heads));  // [B, H, T, S]
  if (memory.mask.bias.defined()) scores = scores + memory.mask.bias;
  scores = masked(scores, hidden);
  const auto weights = softmax_of(scores, empty);  // [B, H, T, S]
  Result result;
  if (request.weights) result.weights = weights;
  if (request.lse) result.lse = logsumexp_of(scores, empty);
  if (request.entropy) result.entropy = entropy_of(weights);
  if (request.scores) result.scores = empty.defined() ? scores.masked_fill(empty.unsqueeze(-1), -kInfinity) : scores;
  auto mixed = is_training() && options_.dropout > 0 ? dropout(weights, options_.dropout) : weights;
  const auto values = share_heads(memory.values, heads);
  result.context = at::matmul(mixed.to(values.scalar_type()), values);  // [B, H, T, Dv]
  return result;
}

std::vector<ScorePart> ScoredAttention::parts(const at::Tensor& query, const Memory& memory) const {
  return score_->parts(widened(query), share_heads(memory.keys, query.size(1)));
}

}  // namespace attend
