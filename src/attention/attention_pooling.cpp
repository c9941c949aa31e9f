#include "attend/attention/attention_pooling.h"

namespace attend {
namespace {

class LearnedQueries final : public Score {
 public:
  explicit LearnedQueries(const MechanismOptions& o) {
    const auto energy = energy_size_of(o, o.key_size);
    key_weight_ = register_parameter("key_weight", initial_weight({o.heads, energy, o.key_size}, o.key_size));         // [H, E, D]
    bias_ = register_parameter("bias", at::zeros({o.heads, energy}, float_options()));                                 // [H, E]
    queries_ = register_parameter("queries", initial_weight({o.heads, o.of<PoolingOptions>().rows, energy}, energy));  // [H, r, E]
  }
  at::Tensor prepare(const at::Tensor& keys) const override {  // [B, H, S, E]
    return at::tanh(per_head_linear(keys, key_weight_) + bias_.unsqueeze(1));
  }
  at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const override {
    const auto rows = query.size(2), known = queries_.size(1);
    ATTEND_CHECK(rows <= known, kShape, "attention_pooling: {} rows were asked for, it has {} learned queries; raise model.pooling_rows",
                 rows, known);
    return at::matmul(queries_.narrow(1, 0, rows), prepared.mT());  // [B, H, T, S]
  }

 private:
  at::Tensor key_weight_, bias_, queries_;
};

}  // namespace

AttentionPooling::AttentionPooling(const MechanismOptions& o)
    : ScoredAttention("attention_pooling", (check_sizes("attention_pooling", o), std::make_shared<LearnedQueries>(o)), o) {}

Memory AttentionPooling::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  ATTEND_CHECK(!mask.causal, kUnsupported,
               "attention_pooling: its rows are learned queries, not steps of a sequence; a causal mask has no meaning");
  return ScoredAttention::prepare(keys, values, mask);
}

void PoolingOptions::visit(OptionVisitor& v) { v(rows, "pooling_rows", 1, "attention_pooling: learned queries", between(1, 4096)); }

extern constinit const MechanismEntry attention_pooling_entry{
    .name = "attention_pooling",
    .sentence = "learned queries read a sequence and leave one vector, or a few",
    .formula = "a = softmax_s(u·tanh(W h_s + b)), c = Σ_s a_s h_s",
    .paper = "Yang et al. 2016, §2.2; Lin et al. 2017",
    .parameters = "W [H, E, D], b [H, E], u [H, r, E]",
    .cost = "B·H·S·(D·E + r·E)",
    .range = "global",
    .score = "additive",
    .source = "own parameters",
    .capabilities = {.not_causal = true, .ignores_query = true, .scores_bounded = true},
    .options = visit_scored<EnergyOptions, PoolingOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<AttentionPooling>(o); },
    .used_by = "model.pooling: attention_pooling, of an encoder_classifier"};

}  // namespace attend
