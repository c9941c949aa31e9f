#include "attend/ops/fused_attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include "attend/kernels/isa.h"
#include "ops/fused_attention_backward.h"
#include "ops/strided_rows.h"
#include "ops/torch_workers.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

kernels::Number number_of(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat: return kernels::Number::kFloat32;
    case at::kBFloat16: return kernels::Number::kBfloat16;
    case at::kDouble: return kernels::Number::kFloat64;
    default:
      fail(ErrorKind::kValue, "fused_attention: numbers must be float32, bfloat16 or float64, got {}; turn them with to()",
           c10::toString(x.scalar_type()));
  }
}

template <class Number>
kernels::Cells<const Number> cells_of(const at::Tensor& x, at::IntArrayRef sizes, at::ScalarType type, const char* what) {
  if (!x.defined()) return {};
  ATTEND_CHECK(at::is_expandable_to(x.sizes(), sizes), kShape, "fused_attention: {} must broadcast to [{}], got {}", what,
               fmt::join(sizes, ", "), shape_text(x));
  ATTEND_CHECK(x.scalar_type() == type, kValue, "fused_attention: {} must be {}, got {}", what, c10::toString(type),
               c10::toString(x.scalar_type()));
  const auto all = x.expand(sizes);  // [B, H, T, S]
  return {static_cast<const Number*>(all.const_data_ptr()), all.stride(0), all.stride(1), all.stride(2), all.stride(3)};
}

const std::int64_t* lengths_of(const at::Tensor& x, std::int64_t batch, const char* what) {
  if (!x.defined()) return nullptr;
  ATTEND_CHECK(x.sizes() == at::IntArrayRef({batch}) && x.scalar_type() == at::kLong && x.is_contiguous(), kShape,
               "fused_attention: {} must be int64 [B={}], got {} {}", what, batch, c10::toString(x.scalar_type()), shape_text(x));
  return x.const_data_ptr<std::int64_t>();
}

// Of keys [R, Hk, S, D].
const std::int32_t* cache_rows_of(const at::Tensor& rows, std::int64_t batch, const at::Tensor& keys) {
  ATTEND_CHECK(rows.sizes() == at::IntArrayRef({batch, keys.size(2)}) && rows.scalar_type() == at::kInt && rows.is_contiguous(), kShape,
               "fused_attention: cache rows must be int32 [B={}, S={}], got {} {}", batch, keys.size(2), c10::toString(rows.scalar_type()),
               shape_text(rows));
  const auto* all = rows.const_data_ptr<std::int32_t>();
  std::int32_t least = 0, most = 0;  // this is looked at in every step of every layer
  for (std::int64_t i = 0; i < rows.numel(); ++i) least = std::min(least, all[i]), most = std::max(most, all[i]);
  ATTEND_CHECK(rows.numel() == 0 || (least >= 0 && most < keys.size(0)), kValue, "fused_attention: cache rows must be 0 to {}, got {}",
               keys.size(0) - 1, least < 0 ? least : most);
  return all;
}

void check_tensors(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool own_items = true) {
  ATTEND_CHECK(q.dim() == 4 && k.dim() == 4 && v.dim() == 4, kShape,
               "fused_attention: query, key and value must be [B, H, T, D], [B, Hk, S, D] and [B, Hk, S, Dv], got {}, {} and {}",
               shape_text(q), shape_text(k), shape_text(v));
  ATTEND_CHECK((q.size(0) == k.size(0) || !own_items) && k.size(0) == v.size(0) && k.size(1) == v.size(1) && k.size(2) == v.size(2) &&
                   q.size(3) == k.size(3),
               kShape, "fused_attention: B, Hk, S or D differ: query {}, key {}, value {}", shape_text(q), shape_text(k), shape_text(v));
  ATTEND_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(), kValue,
               "fused_attention: query, key and value must be of one number format, got {}, {} and {}", c10::toString(q.scalar_type()),
               c10::toString(k.scalar_type()), c10::toString(v.scalar_type()));
  ATTEND_CHECK(q.is_cpu() && k.is_cpu() && v.is_cpu(), kUnsupported,
               "fused_attention: it runs on the CPU, and the tensors are elsewhere; use to(at::kCPU)");
}

kernels::FusedAttention call_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const FusedAttentionOptions& o) {
  kernels::FusedAttention call;
  call.number = number_of(q);
  call.batch = q.size(0), call.heads = q.size(1), call.queries = q.size(2), call.size = q.size(3);
  call.key_heads = k.size(1), call.keys = k.size(2), call.value_size = v.size(3);
  call.scale = o.scale, call.soft_cap = o.soft_cap, call.left = o.left, call.right = o.right;
  call.query = rows_of<kernels::Rows>(q), call.key = rows_of<kernels::Rows>(k), call.value = rows_of<kernels::Rows>(v);
  call.query_lengths = lengths_of(o.query_lengths, call.batch, "query lengths");
  call.key_lengths = lengths_of(o.key_lengths, call.batch, "key lengths");
  const std::int64_t sizes[] = {call.batch, call.heads, call.queries, call.keys};
  call.keep = cells_of<std::uint8_t>(o.keep, sizes, at::kBool, "keep");
  call.bias = cells_of<void>(o.bias, sizes, q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat, "bias");
  call.packed = o.packed.get();
  if (o.cache_rows.defined()) call.cache_rows = cache_rows_of(o.cache_rows, call.batch, k);
  call.normaliser = o.normaliser;
  call.score = o.score;
  if (o.score != kernels::ScoreKind::kProduct) {
    const auto type = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    ATTEND_CHECK(o.energy.defined() && o.energy.sizes() == at::IntArrayRef({call.heads, call.size}) && o.energy.scalar_type() == type &&
                     o.energy.is_contiguous(),
                 kShape, "fused_attention: the energy of additive scores must be {} [H={}, D={}], got {}", c10::toString(type), call.heads,
                 call.size, o.energy.defined() ? shape_text(o.energy) : "none");
    call.energy = o.energy.const_data_ptr();
  }
  if (o.by_distance.defined()) {
    const auto& far = o.by_distance;
    const auto type = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    ATTEND_CHECK(far.dim() == 2 && far.size(0) == call.heads && far.size(1) % 2 == 1 && far.scalar_type() == type && far.is_contiguous(),
                 kShape, "fused_attention: by_distance must be {} [H={}, an odd number], got {} {}", c10::toString(type), call.heads,
                 c10::toString(far.scalar_type()), shape_text(far));
    call.by_distance = far.const_data_ptr(), call.farthest = far.size(1) / 2;
  }
  call.first_steps = lengths_of(o.first_steps, call.batch, "first steps");
  if (o.drop_rate != 0) {
    ATTEND_CHECK(o.drop_keys.defined() && o.drop_keys.sizes() == at::IntArrayRef(sizes, 3) && o.drop_keys.scalar_type() == at::kLong &&
                     o.drop_keys.is_contiguous(),
                 kShape, "fused_attention: keys of what is dropped must be int64 [B={}, H={}, T={}], got {}", call.batch, call.heads,
                 call.queries, o.drop_keys.defined() ? shape_text(o.drop_keys) : "none");
    call.drop_keys = reinterpret_cast<const std::uint64_t*>(o.drop_keys.const_data_ptr<std::int64_t>());
    call.drop_rate = o.drop_rate;
  }
  if (o.centres.defined()) {
    ATTEND_CHECK(o.centres.sizes() == at::IntArrayRef(sizes, 3) && o.centres.scalar_type() == at::kDouble && o.centres.is_contiguous(),
                 kShape, "fused_attention: centres must be Double [B={}, H={}, T={}], got {} {}", call.batch, call.heads, call.queries,
                 c10::toString(o.centres.scalar_type()), shape_text(o.centres));
    call.window = {o.centres.const_data_ptr<double>(), o.radius, o.deviation, o.renormalised};
  }
  if (o.noise_keys.defined()) {
    ATTEND_CHECK(
        o.noise_keys.sizes() == at::IntArrayRef(sizes, 3) && o.noise_keys.scalar_type() == at::kLong && o.noise_keys.is_contiguous(),
        kShape, "fused_attention: keys of noise must be int64 [B={}, H={}, T={}], got {} {}", call.batch, call.heads, call.queries,
        c10::toString(o.noise_keys.scalar_type()), shape_text(o.noise_keys));
    call.noise = {reinterpret_cast<const std::uint64_t*>(o.noise_keys.const_data_ptr<std::int64_t>()), o.noise_scale};
  }
  if (o.slopes.defined()) {
    ATTEND_CHECK(o.slopes.sizes() == at::IntArrayRef({call.heads}) && o.slopes.scalar_type() == at::kFloat && o.slopes.is_contiguous(),
                 kShape, "fused_attention: slopes must be float32 [H={}], got {} {}", call.heads, c10::toString(o.slopes.scalar_type()),
                 shape_text(o.slopes));
    call.slopes = o.slopes.const_data_ptr<float>();
  }
  return call;
}

at::TensorOptions sum_options(const at::Tensor& x) { return x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat); }

// What the way back of a sparse normaliser needs beside the threshold.
struct SparseRows {
  at::Tensor rest, context;  // [B, H, T], [B, H, T, Dv]
};

FusedAttentionOutputs forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const FusedAttentionOptions& o,
                              SparseRows* sparse = nullptr) {
  const auto call = call_of(q, k, v, o);
  FusedAttentionOutputs out;
  kernels::FusedResults results;
  const std::int64_t rows[] = {call.batch, call.heads, call.queries};
  if (o.context) {
    out.context = at::empty({call.batch, call.heads, call.queries, call.value_size}, q.options());  // [B, H, T, Dv]
    results.context = rows_of<kernels::MutableRows>(out.context);
  }
  const auto ask = [&](bool wanted, at::Tensor& to, void*& data) {
    if (!wanted) return;
    to = at::empty(rows, sum_options(q));  // [B, H, T]
    data = to.mutable_data_ptr();
  };
  ask(o.lse, out.lse, results.lse);
  ask(o.entropy, out.entropy, results.entropy);
  ask(o.maximum, out.maximum, results.maximum);
  if (o.maximum) {
    out.argmax = at::empty(rows, index_options());  // [B, H, T]
    results.argmax = out.argmax.mutable_data_ptr<std::int64_t>();
  }
  ask(o.choice, out.log_choice, results.log_choice);
  if (o.choice) {
    out.choice = at::empty(rows, index_options());  // [B, H, T]
    results.choice = out.choice.mutable_data_ptr<std::int64_t>();
  }
  if (sparse) {
    sparse->rest = at::empty(rows, sum_options(q));                                                        // [B, H, T]
    sparse->context = at::empty({call.batch, call.heads, call.queries, call.value_size}, sum_options(q));  // [B, H, T, Dv]
    results.lse_rest = sparse->rest.mutable_data_ptr(), results.slope_context = sparse->context.mutable_data_ptr();
  }
  if (o.column_sums) {
    out.column_sums = at::empty({call.batch, call.heads, call.keys}, sum_options(q));  // [B, H, S]
    results.column_sums = out.column_sums.mutable_data_ptr();
  }
  if (o.top > 0) {
    const std::int64_t sizes[] = {call.batch, call.heads, call.queries, o.top};
    out.top_weights = at::empty(sizes, sum_options(q));  // [B, H, T, K]
    out.top_keys = at::empty(sizes, index_options());    // [B, H, T, K]
    results.top = o.top;
    results.top_weights = out.top_weights.mutable_data_ptr(), results.top_keys = out.top_keys.mutable_data_ptr<std::int64_t>();
  }
  if (o.pool_rows > 0 && o.pool_keys > 0) {
    const std::int64_t sizes[] = {call.batch, call.heads, (call.queries + o.pool_rows - 1) / o.pool_rows,
                                  (call.keys + o.pool_keys - 1) / o.pool_keys};
    out.pooled_mean = at::empty(sizes, sum_options(q));  // [B, H, ⌈T/p⌉, ⌈S/q⌉]
    out.pooled_max = at::empty(sizes, sum_options(q));   // [B, H, ⌈T/p⌉, ⌈S/q⌉]
    results.pool_rows = o.pool_rows, results.pool_keys = o.pool_keys;
    results.pooled_mean = out.pooled_mean.mutable_data_ptr(), results.pooled_max = out.pooled_max.mutable_data_ptr();
  }
  if (o.rows.defined()) {
    ATTEND_CHECK(o.rows.dim() == 1 && o.rows.scalar_type() == at::kLong && o.rows.is_contiguous(), kShape,
                 "fused_attention: rows must be int64 [R], got {} {}", c10::toString(o.rows.scalar_type()), shape_text(o.rows));
    out.rows = at::empty({call.batch, call.heads, o.rows.size(0), call.keys}, sum_options(q));  // [B, H, R, S]
    results.rows = o.rows.const_data_ptr<std::int64_t>(), results.row_count = o.rows.size(0);
    results.row_weights = out.rows.mutable_data_ptr();
  }
  TorchWorkers workers;
  out.ran = kernels::fused_attention(call, results, workers);
  return out;
}

struct Holder : torch::CustomClassHolder {
  FusedAttentionOptions options;
};

// Centres of every row, undefined where there are none.
at::Tensor centres_of(const at::Tensor& given, const at::Tensor& query) {
  if (!given.defined()) return given;
  const auto rows = query.sizes().slice(0, 3);
  ATTEND_CHECK(at::is_expandable_to(given.sizes(), rows), kShape, "fused_attention: centres must broadcast to [{}], got {}",
               fmt::join(rows, ", "), shape_text(given));
  return given.to(at::kDouble).expand(rows).contiguous();  // [B, H, T]
}

// Σ_s w[t, s] g[s] of every row: the context that the same call gives of the values g [B, H, S].
at::Tensor weighted(const at::Tensor& q, const at::Tensor& k, const FusedAttentionOptions& o, const at::Tensor& g) {
  FusedAttentionOptions plain = o;
  plain.lse = plain.entropy = plain.maximum = plain.column_sums = plain.choice = false;
  plain.context = true;
  plain.top = plain.pool_rows = plain.pool_keys = 0;
  plain.rows = at::Tensor();
  plain.drop_rate = 0;
  plain.packed = nullptr;
  const auto keys = k.size(1) == q.size(1) ? k : k.repeat_interleave(q.size(1) / k.size(1), 1);  // [B, H, S, D]
  return forward(q, keys, g.unsqueeze(-1).to(q.scalar_type()), plain).context.squeeze(-1).to(g.scalar_type()).contiguous();
}

struct FusedFunction : Function<FusedFunction> {
  static bool is_sparse(const FusedAttentionOptions& o) { return o.normaliser != kernels::Normaliser::kSoftmax; }
  static bool is_there(const at::Tensor& x) { return x.numel() > 0 || x.dim() != 1; }
  // Returns context, lse, entropy, maximum, column sums and the logarithm of choices, empty where not asked for; what has no gradient is
  // put into `out`. No bias, energy and nothing by distance are empty tensors, since a graph has no undefined inputs.
  static tensor_list forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias,
                             const at::Tensor& far, const at::Tensor& energy, const at::Tensor& centres, const FusedAttentionOptions& o,
                             FusedAttentionOutputs* out) {
    auto asked = o;
    asked.lse = true;
    asked.bias = is_there(bias) ? bias : at::Tensor();
    asked.by_distance = is_there(far) ? far : at::Tensor();
    asked.energy = is_there(energy) ? energy : at::Tensor();
    asked.centres = is_there(centres) ? centres : at::Tensor();
    SparseRows sparse;
    *out = attend::forward(q, k, v, asked, is_sparse(asked) ? &sparse : nullptr);
    auto holder = c10::make_intrusive<Holder>();
    holder->options = asked;
    for (auto* x : {&holder->options.bias, &holder->options.by_distance, &holder->options.energy, &holder->options.centres})
      *x = at::Tensor();
    ctx->saved_data["options"] = c10::IValue::make_capsule(holder);
    ctx->set_materialize_grads(false);
    const auto or_none = [&](const at::Tensor& x) { return x.defined() ? x : at::empty({0}, sum_options(q)); };
    const auto keys_or_none = [](const at::Tensor& x) { return x.defined() ? x : at::empty({0}, index_options()); };
    const tensor_list tracked = {or_none(out->context),   out->lse, or_none(out->entropy), or_none(out->maximum), or_none(out->column_sums),
                                 or_none(out->log_choice)};
    ctx->save_for_backward({q, k, v, bias, tracked[0], tracked[1], tracked[2], tracked[3], keys_or_none(out->argmax), far, energy, centres,
                            keys_or_none(out->choice), or_none(sparse.rest), or_none(sparse.context)});
    return tracked;
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "fused_attention: create_graph needs second derivatives, which it does not have; use the plain composition");
    const auto saved = ctx->get_saved_variables();
    const auto& bias = saved[3];
    auto capsule = ctx->saved_data["options"].toCapsule();
    auto options = static_cast<Holder*>(capsule.get())->options;
    const auto &far = saved[9], &energy_of_scores = saved[10], &centres = saved[11];
    if (is_there(bias)) options.bias = bias;
    if (is_there(far)) options.by_distance = far;
    if (is_there(energy_of_scores)) options.energy = energy_of_scores;
    if (is_there(centres)) options.centres = centres;
    return flow_back(saved, options, gradients,
                     {ctx->needs_input_grad(3), ctx->needs_input_grad(4), ctx->needs_input_grad(5), ctx->needs_input_grad(6)});
  }
  // The gradients of forward()'s arguments, from what it saved and what flows back into what it returned. wanted: of bias, by_distance,
  // energy and centres.
  static tensor_list flow_back(const tensor_list& saved, const FusedAttentionOptions& options, const tensor_list& gradients,
                               const std::array<bool, 4>& wanted) {
    const auto &q = saved[0], &k = saved[1], &v = saved[2], &bias = saved[3], &far = saved[9], &energy_of_scores = saved[10],
               &centres = saved[11];
    const auto call = call_of(q, k, v, options);
    kernels::FusedGradients flow;
    const auto nothing = at::zeros({1, 1, 1, call.value_size}, q.options()).expand({call.batch, call.heads, call.queries, -1});
    const auto context = options.context ? saved[4] : nothing;                                         // [B, H, T, Dv]
    const auto flowing = gradients[0].defined() && options.context ? by_rows(gradients[0]) : nothing;  // [B, H, T, Dv]
    flow.context = rows_of<kernels::Rows>(context);
    flow.context_gradient = rows_of<kernels::Rows>(flowing);
    flow.lse = saved[5].const_data_ptr();
    at::Tensor lse, entropy, maximum, columns, dots, chosen;  // [B, H, T], columns [B, H, S]
    if (gradients[5].defined() && options.choice) {
      chosen = gradients[5].contiguous();
      flow.choice = saved[12].const_data_ptr<std::int64_t>(), flow.choice_gradient = chosen.const_data_ptr();
    }
    if (is_sparse(options)) {
      for (std::size_t i = 1; i < gradients.size(); ++i)
        ATTEND_CHECK(!gradients[i].defined(), kUnsupported,
                     "fused_attention: statistics of sparse weights have no gradients; detach() them, or use the plain composition");
      flow.lse_rest = saved[13].const_data_ptr(), flow.slope_context = saved[14].const_data_ptr();
    }
    if (gradients[1].defined()) lse = gradients[1].contiguous(), flow.lse_gradient = lse.const_data_ptr();
    if (gradients[2].defined() && saved[6].dim() == 3) {
      entropy = gradients[2].contiguous();
      flow.entropy = saved[6].const_data_ptr(), flow.entropy_gradient = entropy.const_data_ptr();
    }
    if (gradients[3].defined() && saved[7].dim() == 3) {
      maximum = gradients[3].contiguous();
      flow.maximum = saved[7].const_data_ptr(), flow.argmax = saved[8].const_data_ptr<std::int64_t>();
      flow.maximum_gradient = maximum.const_data_ptr();
    }
    if (gradients[4].defined() && options.column_sums) {
      columns = gradients[4].contiguous();
      dots = weighted(q, k, options, columns);
      flow.column_gradient = columns.const_data_ptr(), flow.column_dots = dots.const_data_ptr();
    }
    at::Tensor db, df, du, dp;
    if (is_there(centres) && options.deviation > 0 && wanted[3]) {
      dp = at::empty(centres.sizes(), centres.options());  // [B, H, T]
      flow.centre_gradient = dp.mutable_data_ptr<double>();
    }
    if (is_there(energy_of_scores) && wanted[2]) {
      du = at::empty(energy_of_scores.sizes(), energy_of_scores.options());  // [H, D]
      flow.energy_gradient = du.mutable_data_ptr();
    }
    if (is_there(far) && wanted[1]) {
      df = at::zeros(far.sizes(), far.options());
      flow.distance_gradient = df.mutable_data_ptr();
    }
    if (is_there(bias) && wanted[0]) {
      db = at::zeros(bias.sizes(), bias.options());
      const auto all = db.expand({call.batch, call.heads, call.queries, call.keys});  // [B, H, T, S]
      flow.bias_gradient = {db.mutable_data_ptr(), all.stride(0), all.stride(1), all.stride(2), all.stride(3)};
    }
    const auto dq = at::empty(q.sizes(), q.options()), dk = at::empty(k.sizes(), k.options()), dv = at::empty(v.sizes(), v.options());
    flow.query_gradient = rows_of<kernels::MutableRows>(dq);
    flow.key_gradient = rows_of<kernels::MutableRows>(dk);
    flow.value_gradient = rows_of<kernels::MutableRows>(dv);
    TorchWorkers workers;
    kernels::fused_attention_backward(call, flow, workers);
    return {dq, dk, dv, db, df, du, dp, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

FusedAttentionOutputs fused_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                      const FusedAttentionOptions& given) {
  check_tensors(query, key, value, !given.cache_rows.defined());
  auto options = given;
  options.centres = centres_of(given.centres, query);
  const auto q = by_rows(query), k = by_rows(key), v = by_rows(value);
  const auto tracks = [](const at::Tensor& x) { return x.defined() && x.requires_grad(); };
  if (!at::GradMode::is_enabled() || !(tracks(q) || tracks(k) || tracks(v) || tracks(options.bias) || tracks(options.by_distance) ||
                                       tracks(options.energy) || tracks(options.centres)))
    return forward(q, k, v, options);
  ATTEND_CHECK(!options.cache_rows.defined(), kUnsupported, "fused_attention: cache rows have no gradients; put the keys together first");
  FusedAttentionOutputs out;
  const auto or_empty = [&](const at::Tensor& x) { return x.defined() ? x : at::empty({0}, sum_options(q)); };
  const auto tracked = FusedFunction::apply(q, k, v, or_empty(options.bias), or_empty(options.by_distance), or_empty(options.energy),
                                            options.centres.defined() ? options.centres : at::empty({0}, double_options()), options, &out);
  if (options.context) out.context = tracked[0];
  const auto asked = [&](bool wanted, std::size_t at) { return wanted ? tracked[at] : at::Tensor(); };
  out.lse = asked(options.lse, 1);
  out.entropy = asked(options.entropy, 2);
  out.maximum = asked(options.maximum, 3);
  out.column_sums = asked(options.column_sums, 4);
  out.log_choice = asked(options.choice, 5);
  return out;
}

FusedAttentionGradients fused_attention_backward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                                 const FusedAttentionOptions& options, const FusedAttentionFlow& flow) {
  check_tensors(query, key, value);
  const auto &out = flow.outputs, &back = flow.gradients;
  const auto or_empty = [&](const at::Tensor& x) { return x.defined() ? x : at::empty({0}, sum_options(query)); };
  const tensor_list saved = {
      by_rows(query),           by_rows(key),          by_rows(value),        or_empty(options.bias), by_rows(out.context),
      out.lse.contiguous(),     or_empty(out.entropy), or_empty(out.maximum), or_empty(out.argmax),   or_empty(options.by_distance),
      or_empty(options.energy), or_empty({}),          or_empty({}),          or_empty({}),           or_empty({})};
  ATTEND_CHECK(options.normaliser == kernels::Normaliser::kSoftmax && !options.centres.defined() && !options.choice, kUnsupported,
               "fused_attention_backward: it takes softmax over all keys; let autograd call the way back of anything else");
  const auto given =
      FusedFunction::flow_back(saved, options, {back.context, back.lse, back.entropy, back.maximum, back.column_sums, at::Tensor()},
                               {flow.bias, flow.by_distance, flow.energy, false});
  return {given[0], given[1], given[2], given[3], given[4], given[5]};
}

std::shared_ptr<const kernels::PackedSource> pack_source(const at::Tensor& key, const at::Tensor& value,
                                                         const FusedAttentionOptions& options, std::int64_t heads, bool both_ways) {
  const auto no_queries = at::empty({key.size(0), heads, 0, key.size(3)}, key.options().requires_grad(false));  // [B, H, 0, D]
  check_tensors(no_queries, key, value);
  const auto k = by_rows(key), v = by_rows(value);
  FusedAttentionOptions source;
  source.scale = options.scale, source.score = options.score, source.energy = options.energy, source.normaliser = options.normaliser,
  source.key_lengths = options.key_lengths;
  const auto call = call_of(no_queries, k, v, source);
  TorchWorkers workers;
  return kernels::pack_source(call, both_ways, workers);
}

at::Tensor fused_weights(const at::Tensor& query, const at::Tensor& key, const at::Tensor& lse, const kernels::WeightTile& tile,
                         const FusedAttentionOptions& given) {
  check_tensors(query, key, key);
  ATTEND_CHECK(!given.cache_rows.defined(), kUnsupported, "fused_weights: it reads no cache rows; put the keys together first");
  auto options = given;
  if (given.centres.defined()) options.centres = centres_of(given.centres.detach(), query);  // [B, H, T]
  const auto q = by_rows(query), k = by_rows(key);
  const auto call = call_of(q, k, k, options);
  ATTEND_CHECK(lse.sizes() == at::IntArrayRef({call.batch, call.heads, call.queries}) &&
                   lse.scalar_type() == c10::typeMetaToScalarType(sum_options(q).dtype()),
               kShape, "fused_weights: lse must be {} [B={}, H={}, T={}], got {} {}",
               c10::toString(c10::typeMetaToScalarType(sum_options(q).dtype())), call.batch, call.heads, call.queries,
               c10::toString(lse.scalar_type()), shape_text(lse));
  const auto sums = lse.contiguous();
  const auto out = at::empty({call.batch, call.heads, std::max<std::int64_t>(tile.end_row - tile.first_row, 0),
                              std::max<std::int64_t>(tile.end_key - tile.first_key, 0)},
                             sum_options(q).requires_grad(false));  // [B, H, R, K]
  TorchWorkers workers;
  kernels::fused_weights(call, sums.const_data_ptr(), tile, out.mutable_data_ptr(), workers);
  return out;
}

}  // namespace attend
