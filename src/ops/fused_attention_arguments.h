#pragma once
// The arguments of torch.ops.attend.fused_attention and of its kin behind query, key and value: one line an option says its name, its type
// and what it is when left out, and from it come the text of the schema, the reading from a stack, and where gradients go.
#include "ops/dispatched.h"
#include "ops/fused_attention_backward.h"

namespace attend::dispatched {

/// Options as the dispatcher holds them.
struct AttentionArguments {
  FusedAttentionOptions options;
  std::optional<double> scale;       ///< none: 1/√D of products, 1 of additive scores
  std::string score = "product";     ///< product, tanh, relu
  std::optional<std::int64_t> left;  ///< none: all
  std::optional<std::int64_t> right;

  /// What decides the weights: of every operator.
  template <class Visitor>
  void visit(Visitor&& v) {
    v("scale", scale);
    v("score", score);
    v("energy", options.energy, &FusedAttentionGradients::energy, &FusedAttentionFlow::energy);
    v("left", left);
    v("right", right);
    v("query_lengths", options.query_lengths);
    v("key_lengths", options.key_lengths);
    v("keep", options.keep);
    v("bias", options.bias, &FusedAttentionGradients::bias, &FusedAttentionFlow::bias);
    v("slopes", options.slopes);
    v("by_distance", options.by_distance, &FusedAttentionGradients::by_distance, &FusedAttentionFlow::by_distance);
    v("first_steps", options.first_steps);
    v("drop_rate", options.drop_rate);
    v("drop_keys", options.drop_keys);
  }
  /// What is asked for besides context and lse: of fused_attention alone.
  template <class Visitor>
  void visit_asked(Visitor&& v) {
    v("entropy", options.entropy);
    v("maximum", options.maximum);
    v("column_sums", options.column_sums);
    v("top", options.top);
    v("pool_rows", options.pool_rows);
    v("pool_keys", options.pool_keys);
    v("rows", options.rows);
  }
  /// What results are called, those with gradients first.
  template <class Visitor>
  static void visit_results(FusedAttentionOutputs& out, Visitor&& v) {
    v("context", out.context);
    v("lse", out.lse);
    v("entropy", out.entropy);
    v("maximum", out.maximum);
    v("column_sums", out.column_sums);
    v("argmax", out.argmax);
    v("top_weights", out.top_weights);
    v("top_keys", out.top_keys);
    v("pooled_mean", out.pooled_mean);
    v("pooled_max", out.pooled_max);
    v("rows", out.rows);
  }
};
inline constexpr std::size_t kResultsWithGradients = 5, kResultsKept = 6;

/// "float? scale=None, str score='product', ..."
class SchemaText {
 public:
  const std::string& text() const { return text_; }
  void operator()(const char* name, const at::Tensor&) { add("Tensor?", name, "None"); }
  template <class... Places>
  void operator()(const char* name, const at::Tensor& x, Places...) {
    operator()(name, x);
  }
  void operator()(const char* name, const std::optional<double>&) { add("float?", name, "None"); }
  void operator()(const char* name, const std::optional<std::int64_t>&) { add("int?", name, "None"); }
  void operator()(const char* name, const std::string& is) { add("str", name, "'" + is + "'"); }
  void operator()(const char* name, double is) { add("float", name, std::to_string(is)); }
  void operator()(const char* name, std::int64_t is) { add("int", name, std::to_string(is)); }
  void operator()(const char* name, bool is) { add("bool", name, is ? "True" : "False"); }

 private:
  void add(const char* type, const char* name, const std::string& is) {
    text_ += fmt::format("{}{} {}={}", text_.empty() ? "" : ", ", type, name, is);
  }
  std::string text_;
};

/// Values of a stack, in the order of the schema.
class StackReader {
 public:
  explicit StackReader(c10::ArrayRef<c10::IValue> values) : values_(values) {}
  const c10::IValue& next() { return values_[at_++]; }
  at::Tensor tensor() {
    const auto& x = next();
    return x.isTensor() ? x.toTensor() : at::Tensor();
  }
  template <class... Places>
  void operator()(const char*, at::Tensor& x, Places...) {
    x = tensor();
  }
  void operator()(const char*, std::optional<double>& x) { x = next().toOptional<double>(); }
  void operator()(const char*, std::optional<std::int64_t>& x) {
    const auto& value = next();
    x = value.isNone() ? std::nullopt : std::optional(value.toInt());
  }
  void operator()(const char*, std::string& x) { x = next().toStringRef(); }
  void operator()(const char*, double& x) { x = next().toDouble(); }
  void operator()(const char*, std::int64_t& x) { x = next().toInt(); }
  void operator()(const char*, bool& x) { x = next().toBool(); }

 private:
  c10::ArrayRef<c10::IValue> values_;
  std::size_t at_ = 0;
};

}  // namespace attend::dispatched
