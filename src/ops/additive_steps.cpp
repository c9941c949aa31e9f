#include "attend/ops/additive_steps.h"

#include <torch/csrc/autograd/custom_function.h>

#include "ops/additive_source.h"
#include "ops/strided_rows.h"
#include "ops/torch_workers.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

constexpr std::size_t kStepsTogether = 64;  // whose records become one gradient of the source

struct SourceHolder : torch::CustomClassHolder {
  std::shared_ptr<const AdditiveSource::Data> data;
  std::int64_t rows = 0;  // of each step
};
void keep(AutogradContext* ctx, const std::shared_ptr<const AdditiveSource::Data>& data, std::int64_t rows) {
  auto holder = c10::make_intrusive<SourceHolder>();
  holder->data = data;
  holder->rows = rows;
  ctx->saved_data["source"] = c10::IValue::make_capsule(holder);
  ctx->set_materialize_grads(false);
}
c10::intrusive_ptr<SourceHolder> kept(AutogradContext* ctx) {
  ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
               "additive_steps: create_graph needs second derivatives, which they do not have; use the plain composition");
  auto holder = c10::static_intrusive_pointer_cast<SourceHolder>(ctx->saved_data["source"].toCapsule());
  holder->data->check_unchanged();
  return holder;
}

at::Tensor or_empty(const at::Tensor& x, const at::TensorOptions& options) { return x.defined() ? x : at::empty({0}, options); }

// Tokens hold no numbers: what flows back into them are records.
tensor_list tokens_of(const AdditiveSource::Data& data, std::int64_t rows, std::int64_t numbers) {
  tensor_list tokens;
  for (std::size_t i = 0; i < kStepsTogether; ++i)
    tokens.push_back(at::empty_strided({data.batch(), data.heads(), rows, numbers}, {0, 0, 0, 0}, data.parts.key.options()));
  return tokens;
}
// The records that a way back handed in; where they lie is in `places`.
tensor_list records_of(const tensor_list& gradients, std::vector<const void*>& places) {
  tensor_list records;
  for (const auto& gradient : gradients) {
    if (!gradient.defined()) continue;
    records.push_back(gradient.contiguous());  // [B, H, R, *]
    places.push_back(records.back().const_data_ptr());
  }
  return records;
}

struct ScoreTokens : Function<ScoreTokens> {
  static tensor_list forward(AutogradContext* ctx, const at::Tensor& /*key*/, const at::Tensor& /*energy*/,
                             const at::Tensor& /*feature_weights*/, const std::shared_ptr<const AdditiveSource::Data>& data,
                             std::int64_t rows) {
    keep(ctx, data, rows);
    return tokens_of(*data, rows, kernels::score_record_size(data->size(), data->keys(), data->features()));
  }
  static tensor_list backward(AutogradContext* ctx, const tensor_list& gradients) {
    const auto holder = kept(ctx);
    const auto& data = *holder->data;
    std::vector<const void*> places;
    const auto records = records_of(gradients, places);
    const auto dk = at::empty(data.parts.key.sizes(), data.parts.key.options());        // [B, H, S, E]
    const auto du = at::empty(data.parts.energy.sizes(), data.parts.energy.options());  // [H, E]
    at::Tensor da;
    if (data.features() > 0) da = at::empty(data.parts.feature_weights.sizes(), data.parts.feature_weights.options());  // [H, F, E]
    TorchWorkers workers;
    kernels::additive_source_backward(
        data.steps(holder->rows), places.data(), static_cast<std::int64_t>(places.size()),
        {rows_of<kernels::MutableRows>(dk), du.mutable_data_ptr(), da.defined() ? da.mutable_data_ptr() : nullptr}, workers);
    return {dk, du, da, at::Tensor(), at::Tensor()};
  }
};

struct ValueTokens : Function<ValueTokens> {
  static tensor_list forward(AutogradContext* ctx, const at::Tensor& /*value*/, const std::shared_ptr<const AdditiveSource::Data>& data,
                             std::int64_t rows) {
    keep(ctx, data, rows);
    return tokens_of(*data, rows, kernels::value_record_size(data->keys(), data->value_size()));
  }
  static tensor_list backward(AutogradContext* ctx, const tensor_list& gradients) {
    const auto holder = kept(ctx);
    const auto& data = *holder->data;
    std::vector<const void*> places;
    const auto records = records_of(gradients, places);
    const auto dv = at::empty(data.parts.value.sizes(), data.parts.value.options());  // [B, H, S, Dv]
    TorchWorkers workers;
    kernels::value_source_backward(data.values(holder->rows), places.data(), static_cast<std::int64_t>(places.size()),
                                   rows_of<kernels::MutableRows>(dv), workers);
    return {dv, at::Tensor(), at::Tensor()};
  }
};

at::Tensor scores_of(const AdditiveSource::Data& data, const at::Tensor& query, const at::Tensor& features) {
  auto call = data.steps(query.size(2));
  call.query = rows_of<kernels::Rows>(query);
  if (call.features > 0) call.feature = features.const_data_ptr();
  call.packed = nullptr;
  const auto scores = at::empty({call.batch, call.heads, call.queries, call.keys}, query.options());  // [B, H, R, S]
  TorchWorkers workers;
  kernels::additive_step_scores(call, scores.mutable_data_ptr(), workers);
  return scores;
}
at::Tensor contexts_of(const AdditiveSource::Data& data, const at::Tensor& weights) {
  const auto call = data.values(weights.size(2));
  const auto contexts = at::empty({call.batch, call.heads, call.queries, call.value_size}, weights.options());  // [B, H, R, Dv]
  TorchWorkers workers;
  kernels::step_contexts(call, weights.const_data_ptr(), contexts.mutable_data_ptr(), workers);
  return contexts;
}

struct ScoreStep : Function<ScoreStep> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& query, const at::Tensor& features, const at::Tensor& /*token*/,
                            const std::shared_ptr<const AdditiveSource::Data>& data) {
    keep(ctx, data, query.size(2));
    ctx->save_for_backward({query, features});
    return scores_of(*data, query, features);
  }
  static tensor_list backward(AutogradContext* ctx, const tensor_list& gradients) {
    const auto holder = kept(ctx);
    const auto& data = *holder->data;
    const auto saved = ctx->get_saved_variables();
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    auto record =
        record_for(ctx->needs_input_grad(2), data, holder->rows, kernels::score_record_size(data.size(), data.keys(), data.features()));
    const auto [dq, dx] = score_gradients(data, saved[0], saved[1], gradients[0], ctx->needs_input_grad(1), record);
    return {dq, dx, record, at::Tensor()};
  }
};

struct MixStep : Function<MixStep> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& weights, const at::Tensor& /*token*/,
                            const std::shared_ptr<const AdditiveSource::Data>& data) {
    keep(ctx, data, weights.size(2));
    ctx->save_for_backward({weights});
    return contexts_of(*data, weights);
  }
  static tensor_list backward(AutogradContext* ctx, const tensor_list& gradients) {
    const auto holder = kept(ctx);
    const auto& data = *holder->data;
    const auto saved = ctx->get_saved_variables();
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor(), at::Tensor()};
    auto record = record_for(ctx->needs_input_grad(1), data, holder->rows, kernels::value_record_size(data.keys(), data.value_size()));
    const auto dw = weight_gradient(data, saved[0], gradients[0], record);
    return {dw, record, at::Tensor()};
  }
};

bool tracks(const at::Tensor& x) { return x.defined() && x.requires_grad(); }
std::int64_t version_of(const at::Tensor& x) { return x.defined() && !x.is_inference() ? static_cast<std::int64_t>(x._version()) : 0; }

void check_parts(const AdditiveSourceParts& p) {
  ATTEND_CHECK(p.key.dim() == 4 && p.value.dim() == 4 && p.key.sizes().slice(0, 3) == p.value.sizes().slice(0, 3), kShape,
               "additive_steps: key and value must be [B, H, S, E] and [B, H, S, Dv], got {} and {}", shape_text(p.key),
               shape_text(p.value));
  const auto heads = p.key.size(1), size = p.key.size(3);
  ATTEND_CHECK(p.energy.sizes() == at::IntArrayRef({heads, size}), kShape, "additive_steps: the energy must be [H={}, E={}], got {}", heads,
               size, shape_text(p.energy));
  ATTEND_CHECK(!p.feature_weights.defined() || (p.feature_weights.dim() == 3 && p.feature_weights.size(0) == heads &&
                                                p.feature_weights.size(1) >= 1 && p.feature_weights.size(2) == size),
               kShape, "additive_steps: feature weights must be [H={}, F, E={}], got {}", heads, size,
               p.feature_weights.defined() ? shape_text(p.feature_weights) : "none");
  const auto type = p.key.scalar_type();
  ATTEND_CHECK((type == at::kFloat || type == at::kDouble) && p.value.scalar_type() == type && p.energy.scalar_type() == type &&
                   (!p.feature_weights.defined() || p.feature_weights.scalar_type() == type),
               kValue, "additive_steps: key, value, energy and feature weights must all be float32 or all float64, got {}, {}, {}",
               c10::toString(type), c10::toString(p.value.scalar_type()), c10::toString(p.energy.scalar_type()));
  ATTEND_CHECK(!p.key_lengths.defined() || (p.key_lengths.sizes() == at::IntArrayRef({p.key.size(0)}) &&
                                            p.key_lengths.scalar_type() == at::kLong && p.key_lengths.is_contiguous()),
               kShape, "additive_steps: key lengths must be int64 [B={}], got {}", p.key.size(0),
               p.key_lengths.defined() ? shape_text(p.key_lengths) : "none");
}

}  // namespace

const char* AdditiveSource::Data::changed() const {
  constexpr std::array kNames = {"key", "value", "energy", "feature weights"};
  const std::array all = {&parts.key, &parts.value, &parts.energy, &parts.feature_weights};
  for (std::size_t i = 0; i < all.size(); ++i)
    if (version_of(*all.at(i)) != versions.at(i)) return kNames.at(i);
  return nullptr;
}

void AdditiveSource::Data::check_unchanged() const {
  const auto* what = changed();
  ATTEND_CHECK(!what, kValue, "additive_steps: the {} was changed in place after steps had read it; prepare the source anew", what);
}

kernels::AdditiveSteps AdditiveSource::Data::steps(std::int64_t rows) const {
  kernels::AdditiveSteps call;
  call.number = parts.key.scalar_type() == at::kDouble ? kernels::Number::kFloat64 : kernels::Number::kFloat32;
  call.score = parts.score, call.scale = parts.scale;
  call.batch = batch(), call.heads = heads(), call.queries = rows, call.keys = keys();
  call.size = size(), call.features = features(), call.value_size = value_size();
  call.key = rows_of<kernels::Rows>(parts.key);
  call.energy = parts.energy.const_data_ptr();
  if (call.features > 0) call.feature_weights = parts.feature_weights.const_data_ptr();
  if (parts.key_lengths.defined()) call.key_lengths = parts.key_lengths.const_data_ptr<std::int64_t>();
  call.packed = parts.packed.get();
  return call;
}

kernels::StepValues AdditiveSource::Data::values(std::int64_t rows) const {
  kernels::StepValues call;
  call.number = parts.key.scalar_type() == at::kDouble ? kernels::Number::kFloat64 : kernels::Number::kFloat32;
  call.batch = batch(), call.heads = heads(), call.queries = rows, call.keys = keys(), call.value_size = value_size();
  call.value = rows_of<kernels::Rows>(parts.value);
  return call;
}

at::Tensor weight_gradient(const AdditiveSource::Data& data, const at::Tensor& weights, const at::Tensor& context_gradient,
                           at::Tensor& record) {
  const auto flow = by_rows(context_gradient);                    // [B, H, R, Dv]
  const auto dw = at::empty(weights.sizes(), weights.options());  // [B, H, R, S]
  TorchWorkers workers;
  kernels::step_contexts_backward(data.values(weights.size(2)), weights.const_data_ptr(), rows_of<kernels::Rows>(flow),
                                  dw.mutable_data_ptr(), record.defined() ? record.mutable_data_ptr() : nullptr, workers);
  return dw;
}

std::array<at::Tensor, 2> score_gradients(const AdditiveSource::Data& data, const at::Tensor& query, const at::Tensor& features,
                                          const at::Tensor& score_gradient, bool featured, at::Tensor& record) {
  const auto flow = score_gradient.contiguous();              // [B, H, R, S]
  const auto dq = at::empty(query.sizes(), query.options());  // [B, H, R, E]
  at::Tensor dx;
  if (featured) dx = at::empty(features.sizes(), features.options());  // [B, H, R, S, F]
  auto call = data.steps(query.size(2));
  call.query = rows_of<kernels::Rows>(query);
  if (call.features > 0) call.feature = features.const_data_ptr();
  TorchWorkers workers;
  kernels::additive_step_backward(call,
                                  {flow.const_data_ptr(), dq.mutable_data_ptr(), featured ? dx.mutable_data_ptr() : nullptr,
                                   record.defined() ? record.mutable_data_ptr() : nullptr},
                                  workers);
  return {dq, dx};
}

AdditiveSource::AdditiveSource(const AdditiveSourceParts& parts) : parts_(parts), recorded_(at::GradMode::is_enabled()) {
  check_parts(parts);
  auto data = std::make_shared<Data>();
  auto& own = data->parts;
  own = parts;
  own.key = by_rows(parts.key.detach()), own.value = by_rows(parts.value.detach());
  own.energy = parts.energy.detach().contiguous();
  if (parts.feature_weights.defined()) own.feature_weights = parts.feature_weights.detach().contiguous();
  std::size_t i = 0;
  for (const auto* x : {&own.key, &own.value, &own.energy, &own.feature_weights}) data->versions[i++] = version_of(*x);
  data_ = std::move(data);
}

bool AdditiveSource::tracked() const {
  return tracks(parts_.key) || tracks(parts_.value) || tracks(parts_.energy) || tracks(parts_.feature_weights);
}

bool AdditiveSource::current() const { return (recorded_ || !at::GradMode::is_enabled()) && !data_->changed(); }

at::Tensor AdditiveSource::token(bool of_scores, std::int64_t rows) const {
  if (of_scores ? !(tracks(parts_.key) || tracks(parts_.energy) || tracks(parts_.feature_weights)) : !tracks(parts_.value)) return {};
  const std::lock_guard lock(mutex_);
  auto& tokens = of_scores ? score_tokens_ : value_tokens_;
  if (tokens.rows != rows || tokens.free.empty()) {
    const auto options = parts_.key.options().requires_grad(false);
    tokens.free = of_scores ? ScoreTokens::apply(parts_.key, parts_.energy, or_empty(parts_.feature_weights, options), data_, rows)
                            : ValueTokens::apply(parts_.value, data_, rows);
    tokens.rows = rows;
  }
  auto token = std::move(tokens.free.back());
  tokens.free.pop_back();
  return token;
}

at::Tensor AdditiveSource::scores(const at::Tensor& query, const at::Tensor& features) const {
  const auto& d = *data_;
  ATTEND_CHECK(query.dim() == 4 && query.size(0) == d.batch() && query.size(1) == d.heads() && query.size(3) == d.size() &&
                   query.scalar_type() == d.parts.key.scalar_type(),
               kShape, "additive_steps: query must be {} [B={}, H={}, R, E={}], got {} {}", c10::toString(d.parts.key.scalar_type()),
               d.batch(), d.heads(), d.size(), c10::toString(query.scalar_type()), shape_text(query));
  const std::int64_t sizes[] = {d.batch(), d.heads(), query.size(2), d.keys(), d.features()};
  ATTEND_CHECK(d.features() == 0
                   ? !features.defined()
                   : features.defined() && features.sizes() == at::IntArrayRef(sizes) && features.scalar_type() == query.scalar_type(),
               kShape, "additive_steps: features must be {} [{}], got {}", c10::toString(query.scalar_type()), fmt::join(sizes, ", "),
               features.defined() ? shape_text(features) : "none");
  const auto q = by_rows(query), x = features.defined() ? features.contiguous() : features;
  if (!at::GradMode::is_enabled() || !(tracks(q) || tracks(x) || tracked())) return scores_of(d, q, x);
  const auto options = query.options().requires_grad(false);
  return ScoreStep::apply(q, or_empty(x, options), or_empty(token(true, q.size(2)), options), data_);
}

at::Tensor AdditiveSource::mix(const at::Tensor& weights) const {
  const auto& d = *data_;
  ATTEND_CHECK(weights.dim() == 4 && weights.size(0) == d.batch() && weights.size(1) == d.heads() && weights.size(3) == d.keys() &&
                   weights.scalar_type() == d.parts.key.scalar_type(),
               kShape, "additive_steps: weights must be {} [B={}, H={}, R, S={}], got {} {}", c10::toString(d.parts.key.scalar_type()),
               d.batch(), d.heads(), d.keys(), c10::toString(weights.scalar_type()), shape_text(weights));
  const auto w = weights.contiguous();
  if (!at::GradMode::is_enabled() || !(tracks(w) || tracks(parts_.value))) return contexts_of(d, w);
  return MixStep::apply(w, or_empty(token(false, w.size(2)), weights.options().requires_grad(false)), data_);
}

FusedAttentionOutputs AdditiveSource::attend(const at::Tensor& query, FusedAttentionOptions options) const {
  ATTEND_CHECK(data_->features() == 0, kValue, "additive_steps: attend() knows no features; use scores() and mix()");
  options.score = parts_.score, options.scale = parts_.scale;
  options.energy = data_->parts.energy;
  options.key_lengths = parts_.key_lengths;
  options.packed = parts_.packed;
  const auto q = by_rows(query);  // [B, H, R, E]
  if (!at::GradMode::is_enabled() || !(tracks(q) || tracks(options.bias) || tracked()))
    return fused_attention(q, data_->parts.key, data_->parts.value, options);
  return attended_step(data_, q, {token(true, q.size(2)), token(false, q.size(2))}, options);
}

}  // namespace attend
