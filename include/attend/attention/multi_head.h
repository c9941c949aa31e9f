#pragma once
#include "attend/attention/mechanism.h"
#include "attend/ops/packed_linear.h"

namespace attend {

/// How many heads.
struct HeadOptions {
  std::int64_t heads;  ///< H

  HeadOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Size of a head, and which projections have a bias.
struct ProjectionOptions {
  std::int64_t head_size;                              ///< D of multi_head and grouped_query; 0 = N/H
  bool query_bias, key_bias, value_bias, output_bias;  ///< where biases are on at all

  ProjectionOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// What runs inside the heads.
struct MultiHeadOptions {
  std::string head_attention;            ///< a mechanism; empty: the score alone
  std::vector<std::string> head_scores;  ///< a score for each head in place of one for all

  MultiHeadOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};
/// Visits what multi_head and grouped_query share: heads, projections, what runs inside a head.
void visit_heads(OptionSet& set, OptionVisitor& v);

/// Multi-head attention: several attentions side by side, each in its own projection of queries, keys and values.
/// Formula: head_h = attention(X_q W_qʰ, X_k W_kʰ, X_v W_vʰ); output [head_0; …; head_{H−1}] W_o. Any score of the registry may sit
/// inside (option `inner`, default scaled_dot), and any mechanism that works on heads (option `head_attention`: local_m, hard, ...).
/// Paper: Vaswani et al. 2017, §3.2.2. Parameters: W_q [H·D, Nq], W_k [H·D, Nk], W_v [H·Dv, Nv], W_o [N, H·Dv]; biases by option
/// (none in the paper, all in PyTorch, each by itself
/// in ProjectionOptions). D = N/H unless ProjectionOptions::head_size says otherwise.
/// Shapes: query [B, 1, T, Nq], keys [B, 1, S, Nk], values [B, 1, S, Nv] -> context [B, 1, T, N], weights [B, H, T, S] of every
/// head. Throws kValue when N is not a multiple of H and no size of a head is given.
/// Cost: B·T·S·H·(D + Dv) + (T + S)·N·H·D.
/// Same as: torch::nn::MultiheadAttention with the masks inverted.
/// Threads may share it as any Mechanism.
class MultiHead : public Mechanism {
 public:
  explicit MultiHead(const MechanismOptions& options) : MultiHead("multi_head", options, options.heads) {}
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;
  Result attend(const at::Tensor& query, const Memory& memory, State* state, const Request& request) const override;
  std::vector<ScorePart> parts(const at::Tensor& query, const Memory& memory) const override;
  std::unique_ptr<State> start(const Memory& memory, std::int64_t rows) const override { return inner_->start(memory, rows); }
  std::int64_t context_size(std::int64_t value_size) const override;
  std::int64_t weight_heads(std::int64_t heads) const override;

 protected:
  MultiHead(std::string name, const MechanismOptions& options, std::int64_t key_heads);

 private:
  struct Projection {
    at::Tensor weight, bias;
    PackedWeight packed;
  };
  // In the number format of the weights: [.., N*] -> [.., outputs].
  at::Tensor project(const Projection& by, const at::Tensor& x) const;

  std::string name_;
  std::int64_t heads_, key_heads_, output_size_;
  Projection query_, key_, value_, output_;  // [H·D, Nq], [Hk·D, Nk], [Hk·Dv, Nv], [N, H·Dv]
  std::shared_ptr<Mechanism> inner_;
};

}  // namespace attend
