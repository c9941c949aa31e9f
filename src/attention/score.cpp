#include "attend/attention/score.h"

#include <cmath>

#include "attend/ops/dropout.h"
#include "attend/ops/entmax.h"

namespace attend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Row t of what broadcasts to [B, H, T, S], T being dimension `dim`.
at::Tensor row_of(const at::Tensor& x, std::int64_t dim, std::int64_t t) {
  if (!x.defined() || x.dim() < -dim || x.size(dim) == 1) return x;
  return x.narrow(dim, t, 1);
}

// Scores with −inf where hidden; an empty row, which would be 0/0, gets finite scores that its caller discards.
at::Tensor masked(const at::Tensor& scores, const Hidden& hidden) {
  if (!hidden.keys.defined()) return scores;
  const auto filled = scores.masked_fill(hidden.keys, -kInfinity);  // [.., S]
  return hidden.rows.defined() ? filled.masked_fill(hidden.rows.unsqueeze(-1), 0.0) : filled;
}

Hidden hidden_outside(const at::Tensor& allowed) {
  return allowed.defined() ? Hidden{.keys = allowed.logical_not(), .rows = empty_rows(allowed)} : Hidden{};
}

at::Tensor softmax_of(const at::Tensor& masked_scores, const at::Tensor& empty) {
  const auto weights = at::softmax(masked_scores, -1);                               // [.., S]
  return empty.defined() ? weights.masked_fill(empty.unsqueeze(-1), 0.0) : weights;  // which also stops the gradient
}

at::Tensor logsumexp_of(const at::Tensor& masked_scores, const at::Tensor& empty) {
  const auto lse = at::logsumexp(masked_scores, -1);  // [..]
  return empty.defined() ? lse.masked_fill(empty, -kInfinity) : lse;
}

}  // namespace

at::Tensor share_heads(const at::Tensor& x, std::int64_t heads) {
  return x.size(1) == heads ? x : x.repeat_interleave(heads / x.size(1), 1);
}

at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& allowed) {
  const auto hidden = hidden_outside(allowed);
  return softmax_of(masked(scores, hidden), hidden.rows);
}

at::Tensor masked_logsumexp(const at::Tensor& scores, const at::Tensor& allowed) {
  const auto hidden = hidden_outside(allowed);
  return logsumexp_of(masked(scores, hidden), hidden.rows);
}

at::Tensor widened(const at::Tensor& x) { return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x; }

void check_format(std::string_view who, const char* what, const at::Tensor& x, const Module& part) {
  const auto weights = part.type();
  ATTEND_CHECK(!weights || (*weights == at::kDouble) == (x.scalar_type() == at::kDouble), kValue,
               "{}: the {} are {} and its weights {}; turn one of them with to()", who, what, c10::toString(x.scalar_type()),
               c10::toString(*weights));
}

at::Tensor per_head_linear(const at::Tensor& x, const at::Tensor& weight) {
  if (weight.size(0) == 1) return at::linear(x, weight[0]);        // [B, Hk, T, out]
  return at::matmul(share_heads(x, weight.size(0)), weight.mT());  // [B, H, T, out]
}

at::Tensor initial_weight(at::IntArrayRef sizes, std::int64_t fan_in) {
  const double bound = std::sqrt(3.0 / static_cast<double>(std::max<std::int64_t>(fan_in, 1)));
  return at::empty(sizes, float_options()).uniform_(-bound, bound);
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

at::Tensor ProductScore::scores(const at::Tensor& query, const at::Tensor& prepared) const {
  const auto f = factor(query);
  const auto products = at::matmul(f.scale == 1 ? f.query : f.query * f.scale, prepared.mT());  // [B, H, T, S]
  return f.soft_cap > 0 ? (products / f.soft_cap).tanh() * f.soft_cap : products;               // [B, H, T, S]
}

double normaliser_alpha(const MechanismOptions& options) {
  const auto& o = options.of<WeightOptions>();
  if (o.normaliser == "softmax") return 1;
  if (o.normaliser == "entmax15") return 1.5;
  if (o.normaliser == "sparsemax") return 2;
  if (o.normaliser == "entmax") return o.alpha;
  fail_unknown_name("normaliser", o.normaliser, std::vector<std::string>{"softmax", "sparsemax", "entmax15", "entmax"});
}

std::shared_ptr<Score> make_inner_score(std::string_view who, const MechanismOptions& o) {
  const auto& score = o.of<InnerScoreOptions>().score;
  const auto& entry = find_mechanism(score);
  ATTEND_CHECK(entry.make_score != nullptr, kValue, "{}: the inner score cannot be {}, which is more than a score; use scaled_dot", who,
               score);
  check_sizes(who, o);
  return entry.make_score(o);
}

void hide(Hidden& hidden, const at::Tensor& narrower) {
  hidden.keys = hidden.keys.defined() ? hidden.keys.logical_or(narrower) : narrower;  // broadcasts to [B, H, T, S]
  hidden.rows = empty_rows(hidden.keys.logical_not());
}

at::Tensor ScoreCall::key_lengths() const {
  const auto& given = memory.mask().key_lengths;
  return given.defined() ? given : at::full({1}, sizes.keys, index_options());
}

at::Tensor ScoreCall::steps() const {
  if (const auto* counted = dynamic_cast<const StepState*>(state)) return at::full({1, sizes.queries}, counted->step, index_options());
  const auto t = at::arange(sizes.queries, index_options()).unsqueeze(0);  // [1, T]
  if (!memory.mask().causal) return t;
  const auto& given = memory.mask().query_lengths;
  const auto queries = given.defined()               ? given
                       : sizes.queries == sizes.keys ? key_lengths()
                                                     : at::full({1}, sizes.queries, index_options());  // [B or 1]
  return t + (key_lengths() - queries).unsqueeze(1);
}

void WeightOptions::visit(OptionVisitor& v) {
  v(normaliser, "normaliser", "softmax", "how scores become weights", one_of({"softmax", "sparsemax", "entmax15", "entmax"}));
  v(alpha, "entmax_alpha", 1.5, "of normaliser entmax: 1 is softmax, 2 is sparsemax", between(1, kMostEntmaxAlpha));
  v(temperature, "temperature", 1.0, "divides the scores before a softmax", between(1e-6, 1e6));
}

void WeightDropoutOptions::visit(OptionVisitor& v) {
  v(dropout, "attention_dropout", 0.0, "share of attention weights dropped in training", between(0, 0.95));
}

void SoftCapOptions::visit(OptionVisitor& v) {
  v(cap, "soft_cap", 0.0, "scaled_dot, dot, general: C of C tanh(score / C), which keeps scores within C as Gemma 2 does; 0 is none",
    between(0, 1e6));
}

void InnerScoreOptions::visit(OptionVisitor& v) {
  v(score, "score", "scaled_dot", "the score of mechanisms that take one: multi_head, local_m, hard, ...", one_of(score_names()));
}

void visit_inner_score(OptionSet& set, OptionVisitor& v) {
  v.once<InnerScoreOptions>(set);
  find_mechanism(set.of<InnerScoreOptions>().score).options(set, v);
}

ScoredAttention::ScoredAttention(std::string name, std::shared_ptr<Score> score, const MechanismOptions& options)
    : name_(std::move(name)),
      score_(register_module("score", std::move(score))),
      options_(options),
      weighing_(options.of<WeightOptions>()),
      weight_dropout_(options.of<WeightDropoutOptions>().dropout),
      alpha_(normaliser_alpha(options)) {
  stay_wide();
  if (options.position != "none")
    positions_ = register_module(
        "positions",
        std::make_shared<Positions>(options, find_mechanism(name_).capabilities.wraps ? options.of<InnerScoreOptions>().score : name_));
  ATTEND_CHECK(weighing_.temperature > 0, kValue, "{}: the temperature must be above 0, got {}", name_, weighing_.temperature);
}

Memory ScoredAttention::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  ATTEND_CHECK(keys.dim() == 4 && values.dim() == 4, kShape, "{}: keys and values must be [B, Hk, S, D], got {} and {}", name_,
               shape_text(keys), shape_text(values));
  ATTEND_CHECK(keys.size(0) == values.size(0) && keys.size(1) == values.size(1) && keys.size(2) == values.size(2), kShape,
               "{}: keys and values must share B, Hk and S, got {} and {}", name_, shape_text(keys), shape_text(values));
  ATTEND_CHECK(keys.size(3) == options_.key_size, kShape, "{}: keys must have size D={}, got {}", name_, options_.key_size,
               shape_text(keys));
  check_format(name_, "keys", keys, *this);
  ATTEND_CHECK(keys.size(1) >= 1 && options_.heads % keys.size(1) == 0, kShape,
               "{}: {} query heads cannot share {} key heads; H must be a multiple of Hk", name_, options_.heads, keys.size(1));
  const auto visible = visible_keys_of_source(mask, keys, options_.heads, name_);  // [B, S]
  auto known = widened(zero_hidden(keys, visible));                                // [B, Hk, S, D]
  if (positions_) known = positions_->keys(known, mask.first_key, mask.key_lengths);
  Memory memory{score_->prepare(known), zero_hidden(values, visible), mask, visible, options_.heads, name_};
  pack(memory);
  return memory;
}

Result ScoredAttention::attend(const at::Tensor& query, const Memory& memory, State* state, const Request& request) const {
  ATTEND_CHECK(
      query.dim() == 4 && query.size(1) == options_.heads && query.size(3) == options_.query_size && query.size(0) == memory.batch(),
      kShape, "{}: query must be [B={}, H={}, T, Dq={}], got {}", name_, memory.batch(), options_.heads, options_.query_size,
      shape_text(query));
  check_format(name_, "queries", query, *this);
  const AttendCall call{*this, query, memory, state, request};
  const auto& implementation = implementation_for(call);
  auto result = implementation.run(call);
  result.by = implementation.name;
  return result;
}

Result ScoredAttention::attend_plainly(const at::Tensor& query, const Memory& memory, State* state, const Request& request,
                                       const AdditiveSource* source) const {
  const auto queries = query.size(2);
  const CallSizes sizes{query.size(0), query.size(1), queries, memory.size()};
  auto hidden = memory.hidden(sizes, name_);
  const auto& bias = memory.mask().bias;
  if (state || !remembers()) return attend_rows(query, memory, state, request, {std::move(hidden), bias}, source);
  const auto own = start(memory, std::min<std::int64_t>(queries, 1));
  if (queries <= 1) return attend_rows(query, memory, own.get(), request, {std::move(hidden), bias}, source);
  std::vector<Result> steps;
  for (std::int64_t t = 0; t < queries; ++t)
    steps.push_back(attend_rows(query.narrow(2, t, 1), memory, own.get(), request.of_step(t),
                                {{.keys = row_of(hidden.keys, -2, t), .rows = row_of(hidden.rows, -1, t)}, row_of(bias, -2, t)}, source));
  return join_steps(steps, request);
}

ScoreCall ScoredAttention::begin(const at::Tensor& query, const Memory& memory, State* state, const Request& request, Hidden hidden) const {
  ScoreCall call{.query = query,
                 .memory = memory,
                 .sizes = {query.size(0), query.size(1), query.size(2), memory.size()},
                 .state = state,
                 .request = request,
                 .span = {},
                 .hidden = std::move(hidden),
                 .source = nullptr,
                 .scores = {},
                 .result = {}};
  call.span.reach = score_->reach();
  look(call);
  if (positions_) positions_->extend(call.span, call.steps(), memory.mask().causal);
  return call;
}

Span ScoredAttention::span_of(const at::Tensor& query, const Memory& memory, State* state) const {
  const Request nothing;
  return begin(query, memory, state, nothing, memory.hidden({query.size(0), query.size(1), query.size(2), memory.size()}, name_)).span;
}

Result ScoredAttention::attend_rows(const at::Tensor& query, const Memory& memory, State* state, const Request& request, RowMasks masks,
                                    const AdditiveSource* source) const {
  const auto heads = query.size(1), keys = memory.size();
  const auto zeroed = [](const at::Tensor& x, const at::Tensor& rows) {
    return rows.defined() ? x.masked_fill(rows.unsqueeze(-1), 0.0) : x;
  };
  // What a query without keys holds may be padding, and 0·NaN would reach the gradients of the keys.
  const auto live_query = zeroed(query, masks.hidden.rows);  // [B, H, T, Dq]
  auto call = begin(live_query, memory, state, request, std::move(masks.hidden));
  call.source = source;
  if (call.span.reach < keys) hide(call.hidden, at::arange(keys, index_options()).ge(call.span.reach).view({1, 1, 1, -1}));
  if (call.span.window.centre.defined()) hide(call.hidden, outside_window(call.span.window, keys));
  const auto& empty = call.hidden.rows;  // [B, H, T]
  // Half precision overflows at 65,504: scores and statistics are float32.
  auto asked = widened(zeroed(live_query, empty));  // [B, H, T, Dq]
  if (positions_) asked = positions_->query(asked, call.steps(), call.key_lengths());
  auto scores = energies(call, asked, share_heads(memory.keys(), heads));  // [B, H, T, S]
  if (positions_) scores = positions_->scores(scores, asked, call.steps());
  scores = with_distances(scores, call.span);  // [B, H, T, S]
  if (masks.bias.defined()) scores = scores + masks.bias;
  call.scores = masked(scores, call.hidden);  // [B, H, T, S]
  const auto weights = weigh(call);           // [B, H, T, S]
  auto& result = call.result;
  add_statistics(result, request, weights);
  if (request.scores) result.scores = empty.defined() ? call.scores.masked_fill(empty.unsqueeze(-1), -kInfinity) : call.scores;
  result.context = mix(call, weights);  // [B, H, T, Dv]
  if (auto* counted = dynamic_cast<StepState*>(state)) ++counted->step;
  return std::move(call.result);
}

at::Tensor ScoredAttention::energies(ScoreCall& /*call*/, const at::Tensor& query, const at::Tensor& keys) const {
  return score_->scores(query, keys);
}

at::Tensor ScoredAttention::normalise(ScoreCall& call, const at::Tensor& given) const {
  const auto& empty = call.hidden.rows;
  const auto scores = weighing_.temperature == 1 ? given : given / weighing_.temperature;  // [B, H, T, S]
  auto weights = entmax(scores, alpha_);                                                   // [B, H, T, S]
  call.result.kind = alpha_ == 1 ? WeightKind::kSoftmax : WeightKind::kSparse;
  if (empty.defined()) weights = weights.masked_fill(empty.unsqueeze(-1), 0.0);  // which also stops the gradient
  if (call.request.lse && alpha_ == 1) call.result.lse = logsumexp_of(scores, empty);
  if (call.request.entropy) call.result.entropy = entropy_of(weights);
  return weights;
}

at::Tensor ScoredAttention::mix(ScoreCall& call, const at::Tensor& weights) const { return mixed(call, weights); }

at::Tensor ScoredAttention::mixed(const ScoreCall& call, const at::Tensor& mixing) const {
  const auto kept = is_training() && weight_dropout_ > 0 ? dropout(mixing, weight_dropout_, place()) : mixing;  // [B, H, T, S]
  const auto values = share_heads(call.memory.values(), call.sizes.heads);                                      // [B, H, S, Dv]
  const auto context = call.source ? call.source->mix(kept).to(values.scalar_type())                            // [B, H, T, Dv]
                                   : at::matmul(kept.to(values.scalar_type()), values);
  const auto more = positions_ ? positions_->values(kept, call.steps()) : at::Tensor();  // [B, H, T, Dv]
  return more.defined() ? context + more.to(values.scalar_type()) : context;
}

std::vector<ScorePart> ScoredAttention::parts(const at::Tensor& query, const Memory& memory) const {
  return score_->parts(widened(query), share_heads(memory.keys(), query.size(1)));
}

}  // namespace attend
