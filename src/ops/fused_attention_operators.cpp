// torch.ops.attend.fused_attention, fused_attention_backward, fused_weights and dropout_keys.
#include <cmath>

#include "attend/core/random.h"
#include "ops/fused_attention_arguments.h"
#include "ops/operators.h"

namespace attend::dispatched {
namespace {

// Tensors that the kernels take side by side only.
void lay_out(AttentionArguments& call) {
  call.visit([](const char* name, auto& x, auto...) {
    if constexpr (std::is_same_v<std::decay_t<decltype(x)>, at::Tensor>)
      if (x.defined() && std::string_view(name) != "keep" && std::string_view(name) != "bias") x = x.contiguous();
  });
  if (call.options.rows.defined()) call.options.rows = call.options.rows.contiguous();
}

void settle(AttentionArguments& call, const at::Tensor& query) {
  auto& o = call.options;
  static const std::vector<std::string> kScores = {"product", "tanh", "relu"};
  const auto kind = std::find(kScores.begin(), kScores.end(), call.score) - kScores.begin();
  if (kind == 3) fail_unknown_name("fused_attention: score", call.score, kScores);
  o.score = static_cast<kernels::ScoreKind>(kind);
  const auto size = query.dim() == 4 ? query.size(3) : 1;
  o.scale = call.scale ? *call.scale : o.score == kernels::ScoreKind::kProduct ? 1 / std::sqrt(static_cast<double>(size)) : 1;
  const auto limit = [](const char* what, const std::optional<std::int64_t>& given) {
    ATTEND_CHECK(!given || *given >= 0, kValue, "fused_attention: {} must be 0 or more, got {}; leave it out for no limit", what,
                 given.value_or(0));
    return std::min(given.value_or(kernels::kEverything), kernels::kEverything);
  };
  o.left = limit("left", call.left), o.right = limit("right", call.right);
  lay_out(call);
}

struct Sources {
  at::Tensor query, key, value;
};
Sources read_sources(StackReader& reader) {
  Sources s;
  s.query = reader.tensor(), s.key = reader.tensor(), s.value = reader.tensor();
  return s;
}

// ---- fused_attention -------------------------------------------------------------------------------------------------

AttentionArguments read_call(StackReader& reader) {
  AttentionArguments call;
  call.visit(reader);
  call.visit_asked(reader);
  return call;
}

std::size_t arguments_of_call() {
  static const std::size_t count = [] {
    std::size_t n = 3;
    AttentionArguments call;
    const auto one_more = [&](auto&&...) { ++n; };
    call.visit(one_more);
    call.visit_asked(one_more);
    return n;
  }();
  return count;
}

// Leaves results where the arguments were; what was not asked for is [0].
void give(Stack& stack, std::size_t arguments, FusedAttentionOutputs& out, const at::Tensor& query) {
  torch::jit::drop(stack, arguments);
  AttentionArguments::visit_results(out, [&](const char*, at::Tensor& x) { stack.emplace_back(x.defined() ? x : nothing_like(query)); });
}

void attention_cpu(Stack& stack) {
  StackReader reader(torch::jit::last(stack, arguments_of_call()));
  const auto s = read_sources(reader);
  auto call = read_call(reader);
  settle(call, s.query);
  call.options.lse = true;
  auto out = fused_attention(s.query, s.key, s.value, call.options);
  give(stack, arguments_of_call(), out, s.query);
}

void check_sources(const Sources& s) {
  const auto &q = s.query, &k = s.key, &v = s.value;
  TORCH_CHECK_VALUE(q.dim() == 4 && k.dim() == 4 && v.dim() == 4,
                    "fused_attention: query, key and value must be [B, H, T, D], [B, Hk, S, D] ", "and [B, Hk, S, Dv], got ", q.sym_sizes(),
                    ", ", k.sym_sizes(), " and ", v.sym_sizes());
  TORCH_CHECK_VALUE(q.sym_size(0) == k.sym_size(0) && k.sym_size(0) == v.sym_size(0) && k.sym_size(1) == v.sym_size(1) &&
                        k.sym_size(2) == v.sym_size(2) && q.sym_size(3) == k.sym_size(3),
                    "fused_attention: B, Hk, S or D differ: query ", q.sym_sizes(), ", key ", k.sym_sizes(), ", value ", v.sym_sizes());
}

at::TensorOptions sums_of(const at::Tensor& x) { return x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat); }

void attention_meta(Stack& stack) {
  StackReader reader(torch::jit::last(stack, arguments_of_call()));
  const auto s = read_sources(reader);
  check_sources(s);
  const auto o = read_call(reader).options;
  const auto B = s.query.sym_size(0), H = s.query.sym_size(1), T = s.query.sym_size(2), S = s.key.sym_size(2);
  const auto sums = sums_of(s.query), whole = s.query.options().dtype(at::kLong);
  const auto make = [](bool asked, std::vector<c10::SymInt> sizes, const at::TensorOptions& options) {
    return asked ? at::empty_symint(sizes, options) : at::Tensor();
  };
  FusedAttentionOutputs out;
  out.context = make(true, {B, H, T, s.value.sym_size(3)}, s.query.options());  // [B, H, T, Dv]
  out.lse = make(true, {B, H, T}, sums);                                        // [B, H, T]
  out.entropy = make(o.entropy, {B, H, T}, sums);                               // [B, H, T]
  out.maximum = make(o.maximum, {B, H, T}, sums);                               // [B, H, T]
  out.argmax = make(o.maximum, {B, H, T}, whole);                               // [B, H, T]
  out.column_sums = make(o.column_sums, {B, H, S}, sums);                       // [B, H, S]
  out.top_weights = make(o.top > 0, {B, H, T, o.top}, sums);                    // [B, H, T, K]
  out.top_keys = make(o.top > 0, {B, H, T, o.top}, whole);                      // [B, H, T, K]
  if (o.pool_rows > 0 && o.pool_keys > 0) {
    const auto rows = (T + (o.pool_rows - 1)) / o.pool_rows, keys = (S + (o.pool_keys - 1)) / o.pool_keys;
    out.pooled_mean = make(true, {B, H, rows, keys}, sums);  // [B, H, ⌈T/p⌉, ⌈S/q⌉]
    out.pooled_max = make(true, {B, H, rows, keys}, sums);   // [B, H, ⌈T/p⌉, ⌈S/q⌉]
  }
  if (o.rows.defined()) out.rows = make(true, {B, H, o.rows.sym_size(0), S}, sums);  // [B, H, R, S]
  give(stack, arguments_of_call(), out, s.query);
}

// ---- fused_attention_backward ----------------------------------------------------------------------------------------

constexpr std::size_t kBackwardTensors = 5 + 3 + 5;  // gradients; sources; context, lse, entropy, maximum, argmax
std::size_t arguments_of_backward() {
  static const std::size_t count = [] {
    std::size_t n = kBackwardTensors + 1;
    AttentionArguments().visit([&](auto&&...) { ++n; });
    return n;
  }();
  return count;
}

// Calls v(an option's tensor, where its gradient lies, where it stands that one is wanted) for those that have gradients.
template <class Visitor>
void visit_tracked(AttentionArguments& call, const Visitor& v) {
  call.visit([&](const char*, auto& x, auto... places) {
    if constexpr (sizeof...(places) == 2) v(x, places...);
  });
}

struct BackwardCall {
  Sources s;
  FusedAttentionFlow flow;
  c10::List<bool> wanted;
  AttentionArguments call;
};
BackwardCall read_backward(const Stack& stack) {
  StackReader reader(torch::jit::last(stack, arguments_of_backward()));
  BackwardCall b;
  auto &out = b.flow.outputs, &back = b.flow.gradients;
  for (auto* x : {&back.context, &back.lse, &back.entropy, &back.maximum, &back.column_sums}) *x = reader.tensor();
  b.s = read_sources(reader);
  for (auto* x : {&out.context, &out.lse, &out.entropy, &out.maximum, &out.argmax}) *x = reader.tensor();
  b.wanted = reader.next().toBoolList();
  b.call.visit(reader);
  std::size_t at = 3;
  visit_tracked(b.call, [&](const at::Tensor&, auto, auto wanted) {
    TORCH_CHECK_VALUE(at < b.wanted.size(), "fused_attention_backward: wanted must say of each gradient whether it is, got ",
                      b.wanted.size());
    b.flow.*wanted = b.wanted[at++];
  });
  return b;
}

void give_gradients(Stack& stack, BackwardCall& b, const FusedAttentionGradients& gradients) {
  torch::jit::drop(stack, arguments_of_backward());
  const auto or_nothing = [&](const at::Tensor& x) { return x.defined() ? x : nothing_like(b.s.query); };
  for (const auto& x : {gradients.query, gradients.key, gradients.value}) stack.emplace_back(or_nothing(x));
  visit_tracked(b.call, [&](const at::Tensor&, auto place, auto) { stack.emplace_back(or_nothing(gradients.*place)); });
}

void backward_cpu(Stack& stack) {
  auto b = read_backward(stack);
  settle(b.call, b.s.query);
  b.call.options.column_sums = b.flow.gradients.column_sums.defined();
  const auto gradients = fused_attention_backward(b.s.query, b.s.key, b.s.value, b.call.options, b.flow);
  give_gradients(stack, b, gradients);
}

void backward_meta(Stack& stack) {
  auto b = read_backward(stack);
  const auto shaped_as = [](const at::Tensor& x) { return at::empty_symint(x.sym_sizes(), x.options()); };
  FusedAttentionGradients gradients;
  gradients.query = shaped_as(b.s.query), gradients.key = shaped_as(b.s.key), gradients.value = shaped_as(b.s.value);
  visit_tracked(b.call, [&](const at::Tensor& x, auto place, auto wanted) {
    if (x.defined() && b.flow.*wanted) gradients.*place = shaped_as(x);
  });
  give_gradients(stack, b, gradients);
}

Stack flow_back(const Stack& arguments, const std::vector<at::Tensor>& results, const std::vector<at::Tensor>& gradients,
                const std::vector<bool>& wanted) {
  Stack call;
  for (std::size_t i = 0; i < gradients.size(); ++i) {  // results that were not asked for are [0], and so are their gradients
    const bool flows = gradients[i].defined() && results[i].dim() > 1;
    call.push_back(flows ? c10::IValue(gradients[i]) : c10::IValue());
  }
  call.insert(call.end(), arguments.begin(), arguments.begin() + 3);
  for (const std::size_t i : {0, 1, 2, 3, 5}) call.emplace_back(results[i]);
  call.emplace_back(bool_list(wanted));
  std::size_t options = 0;
  AttentionArguments().visit([&](auto&&...) { ++options; });
  call.insert(call.end(), arguments.begin() + 3, arguments.begin() + 3 + static_cast<std::ptrdiff_t>(options));
  return call;
}

// ---- fused_weights, dropout_keys -------------------------------------------------------------------------------------

std::size_t arguments_of_weights() {
  return arguments_of_backward() - (kBackwardTensors + 1) + 7;  // query, key, lse, and the tile
}

void weights_cpu(Stack& stack) {
  StackReader reader(torch::jit::last(stack, arguments_of_weights()));
  const auto s = read_sources(reader);  // the third is lse
  kernels::WeightTile tile;
  for (auto* x : {&tile.first_row, &tile.end_row, &tile.first_key, &tile.end_key}) *x = reader.next().toInt();
  AttentionArguments call;
  call.visit(reader);
  settle(call, s.query);
  const auto weights = fused_weights(s.query, s.key, s.value, tile, call.options);  // [B, H, R, K]
  torch::jit::drop(stack, arguments_of_weights());
  stack.emplace_back(weights);
}

void weights_meta(Stack& stack) {
  StackReader reader(torch::jit::last(stack, arguments_of_weights()));
  const auto s = read_sources(reader);
  const auto first_row = reader.next().toSymInt(), end_row = reader.next().toSymInt();
  const auto first_key = reader.next().toSymInt(), end_key = reader.next().toSymInt();
  const c10::SymInt sizes[] = {s.query.sym_size(0), s.query.sym_size(1), end_row - first_row, end_key - first_key};
  const auto weights = at::empty_symint(sizes, sums_of(s.query));  // [B, H, R, K]
  torch::jit::drop(stack, arguments_of_weights());
  stack.emplace_back(weights);
}

void check_rows(const at::Tensor& query) {
  TORCH_CHECK_VALUE(query.dim() == 4, "dropout_keys: query must be [B, H, T, D], got ", query.sym_sizes());
}

at::Tensor dropout_keys_cpu(const at::Tensor& query, c10::SymInt given) {
  check_rows(query);
  const auto B = query.size(0), H = query.size(1), T = query.size(2);
  auto keys = at::empty({B, H, T}, index_options());  // [B, H, T]
  auto* to = keys.mutable_data_ptr<std::int64_t>();
  const auto seed = static_cast<std::uint64_t>(given.expect_int());
  for (std::int64_t b = 0; b < B; ++b)
    for (std::int64_t h = 0; h < H; ++h)
      for (std::int64_t t = 0; t < T; ++t)
        *to++ = static_cast<std::int64_t>(
            random_key(seed, {static_cast<std::uint64_t>(b), static_cast<std::uint64_t>(h), static_cast<std::uint64_t>(t)}));
  return keys;
}

at::Tensor dropout_keys_meta(const at::Tensor& query, c10::SymInt) {
  check_rows(query);
  return at::empty_symint(query.sym_sizes().slice(0, 3), query.options().dtype(at::kLong));  // [B, H, T]
}

std::string options_text(bool asked) {
  AttentionArguments call;
  SchemaText text;
  call.visit(text);
  if (asked) call.visit_asked(text);
  return text.text();
}

}  // namespace

void define_fused_attention(Libraries& to) {
  FusedAttentionOutputs out;
  std::string results;
  AttentionArguments::visit_results(
      out, [&](const char* name, const at::Tensor&) { results += fmt::format("{}Tensor {}", results.empty() ? "" : ", ", name); });
  define(to.operators, "fused_attention", "(Tensor query, Tensor key, Tensor value, *, " + options_text(true) + ") -> (" + results + ")");
  to.cpu.impl("fused_attention", torch::CppFunction::makeFromBoxedFunction<&guarded_stack<&attention_cpu>>());
  to.meta.impl("fused_attention", torch::CppFunction::makeFromBoxedFunction<&guarded_stack<&attention_meta>>());
  Differentiation how{.name = "fused_attention",
                      .places = {0, 1, 2},
                      .differentiable = kResultsWithGradients,
                      .saved_results = kResultsKept,
                      .flow_back = &flow_back};
  std::string gradients = "Tensor query, Tensor key, Tensor value";
  AttentionArguments call;
  std::size_t place = 3;
  call.visit([&](const char* name, auto&, auto... places) {
    if constexpr (sizeof...(places) == 2) {
      how.places.push_back(place);
      gradients += fmt::format(", Tensor {}", name);
    }
    ++place;
  });
  differentiates(to.autograd, how);

  define(to.operators, "fused_attention_backward",
         "(Tensor? context_gradient, Tensor? lse_gradient, Tensor? entropy_gradient, Tensor? maximum_gradient, "
         "Tensor? column_sums_gradient, Tensor query, Tensor key, Tensor value, Tensor context, Tensor lse, Tensor entropy, "
         "Tensor maximum, Tensor argmax, bool[] wanted, *, " +
             options_text(false) + ") -> (" + gradients + ")");
  to.cpu.impl("fused_attention_backward", torch::CppFunction::makeFromBoxedFunction<&guarded_stack<&backward_cpu>>());
  to.meta.impl("fused_attention_backward", torch::CppFunction::makeFromBoxedFunction<&guarded_stack<&backward_meta>>());
  differentiates_once(to.autograd, "fused_attention_backward");

  define(to.operators, "fused_weights",
         "(Tensor query, Tensor key, Tensor lse, SymInt first_row, SymInt end_row, SymInt first_key, SymInt end_key, *, " +
             options_text(false) + ") -> Tensor");
  to.cpu.impl("fused_weights", torch::CppFunction::makeFromBoxedFunction<&guarded_stack<&weights_cpu>>());
  to.meta.impl("fused_weights", torch::CppFunction::makeFromBoxedFunction<&guarded_stack<&weights_meta>>());
  has_no_gradient(to.autograd, "fused_weights");

  define(to.operators, "dropout_keys", "(Tensor query, SymInt seed) -> Tensor");
  to.cpu.impl("dropout_keys", &Guarded<&dropout_keys_cpu>::call);
  to.meta.impl("dropout_keys", &Guarded<&dropout_keys_meta>::call);
  has_no_gradient(to.autograd, "dropout_keys");
}

}  // namespace attend::dispatched
