#include "attend/attention/local_rnn.h"

#include <algorithm>

#include "attend/ops/recurrent.h"

namespace attend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The cell that walks the source, for all queries of all heads at once.
class Walk final : public Score {
 public:
  explicit Walk(const MechanismOptions& o) : kind_(o.of<LocalRnnOptions>().cell), size_(o.of<LocalRnnOptions>().size) {
    const std::vector<std::string> cells{"rnn_tanh", "lstm", "gru"};
    if (std::find(cells.begin(), cells.end(), kind_) == cells.end()) fail_unknown_name("local_rnn: local_cell", kind_, cells);
    const std::int64_t gates = kind_ == "lstm" ? 4 : kind_ == "gru" ? 3 : 1, input = o.key_size + o.query_size;
    start_weight_ = register_parameter("start_weight", initial_weight({o.heads, size_, o.query_size}, o.query_size));   // [H, N_r, Dq]
    start_bias_ = register_parameter("start_bias", at::zeros({o.heads, size_}, float_options()));                       // [H, N_r]
    key_weight_ = register_parameter("key_weight", initial_weight({o.heads, gates * size_, o.key_size}, input));        // [H, G·N_r, D]
    query_weight_ = register_parameter("query_weight", initial_weight({o.heads, gates * size_, o.query_size}, input));  // [H, G·N_r, Dq]
    state_weight_ = register_parameter("state_weight", initial_weight({o.heads, gates * size_, size_}, size_));         // [H, G·N_r, N_r]
    cell_bias_ = register_parameter("cell_bias", at::zeros({o.heads, gates * size_}, float_options()));                 // [H, G·N_r]
    if (kind_ == "gru") state_bias_ = register_parameter("state_bias", at::zeros({o.heads, gates * size_}, float_options()));
    energy_ = register_parameter("energy", initial_weight({o.heads, size_ + o.query_size}, size_ + o.query_size));  // [H, N_r + Dq]
    energy_bias_ = register_parameter("energy_bias", at::zeros({o.heads}, float_options()));                        // [H]
  }

  at::Tensor prepare(const at::Tensor& keys) const override {  // [B, H, S, G·N_r]
    return per_head_linear(keys, key_weight_) + cell_bias_.unsqueeze(1);
  }

  at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const override { return walk(query, prepared, {}); }

  // Scores [B, H, T, S]; `hidden` bool broadcastable to that, true where the state is carried over.
  at::Tensor walk(const at::Tensor& query, const at::Tensor& prepared, const at::Tensor& hidden) const {
    const auto batch = query.size(0), heads = query.size(1), queries = query.size(2), keys = prepared.size(2);
    const auto of_query = per_head_linear(query, query_weight_);                          // [B, H, T, G·N_r]
    auto g = at::tanh(per_head_linear(query, start_weight_) + start_bias_.unsqueeze(1));  // [B, H, T, N_r]
    auto c = at::zeros_like(g);                                                           // [B, H, T, N_r]
    const auto& weight = energy_;                                                         // [H, N_r + Dq]
    const auto of_state = weight.narrow(1, 0, size_).unsqueeze(-1),
               of_query_alone = weight.narrow(1, size_, weight.size(1) - size_).unsqueeze(-1);           // [H, N_r, 1], [H, Dq, 1]
    const auto base = at::matmul(query, of_query_alone).squeeze(-1) + energy_bias_.view({1, heads, 1});  // [B, H, T]
    std::vector<at::Tensor> e;
    const auto steps = prepared.unbind(2);  // S of [B, H, G·N_r]
    for (std::int64_t s = 0; s < keys; ++s) {
      const auto input = of_query + steps[static_cast<std::size_t>(s)].unsqueeze(2);  // [B, H, T, G·N_r]
      const auto [next, next_c] = advance(input, g, c);
      const auto skip =  // broadcasts to [B, H, T, 1]
          hidden.defined() ? hidden.select(-1, hidden.size(-1) == 1 ? 0 : s).unsqueeze(-1) : at::Tensor();
      g = skip.defined() ? at::where(skip, g, next) : next;  // [B, H, T, N_r]
      if (kind_ == "lstm") c = skip.defined() ? at::where(skip, c, next_c) : next_c;
      e.push_back(at::matmul(g, of_state).squeeze(-1) + base);
    }
    return keys > 0 ? at::stack(e, -1) : at::zeros({batch, heads, queries, 0}, query.options());
  }

 private:
  std::pair<at::Tensor, at::Tensor> advance(const at::Tensor& input, const at::Tensor& g, const at::Tensor& c) const {
    const auto flat = [](const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); };
    auto from_state = per_head_linear(g, state_weight_);  // [B, H, T, G·N_r]
    if (kind_ == "rnn_tanh") return {at::tanh(input + from_state), c};
    if (kind_ == "lstm") {
      const auto [h, cell] = lstm_pointwise(flat(input + from_state), flat(c));
      return {h.view(g.sizes()), cell.view(g.sizes())};
    }
    from_state = from_state + state_bias_.unsqueeze(1);  // [B, H, T, 3N_r]
    return {gru_pointwise(flat(input), flat(from_state), flat(g)).view(g.sizes()), c};
  }

  std::string kind_;
  std::int64_t size_;
  at::Tensor start_weight_, start_bias_, key_weight_, query_weight_, state_weight_, cell_bias_, state_bias_, energy_, energy_bias_;
};

}  // namespace

void LocalRnnOptions::visit(OptionVisitor& v) {
  v(cell, "local_cell", "gru", "local_rnn: the cell that walks the source", one_of({"rnn_tanh", "lstm", "gru"}));
  v(inner, "local_inner", "softmax", "local_rnn: how partial contexts are weighted", one_of({"softmax", "raw"}));
  v(size, "local_size", 64, "local_rnn: size of its cell", between(1, 65536));
  v(whole, "local_whole", true, "local_rnn: a partial context reaches back to the source's beginning, not over the window");
}

LocalRnn::LocalRnn(const MechanismOptions& o) : ScoredAttention("local_rnn", (check_sizes("local_rnn", o), std::make_shared<Walk>(o)), o) {
  const auto& own = o.of<LocalRnnOptions>();
  const auto& inner = own.inner;
  raw_ = inner == "raw";
  if (!own.whole) window_ = o.of<LocalOptions>().window;
  ATTEND_CHECK(raw_ || inner == "softmax", kUnknownName, "local_rnn: local_inner '{}' is not known; valid: softmax, raw", inner);
}

at::Tensor LocalRnn::energies(ScoreCall& call, const at::Tensor& query, const at::Tensor& keys) const {
  return static_cast<const Walk&>(score()).walk(query, keys, call.hidden.keys);
}

at::Tensor LocalRnn::weigh(ScoreCall& call) const {
  const auto keys = call.sizes.keys;
  const auto& empty = call.hidden.rows;
  const auto places = at::arange(keys, index_options());        // [S]
  const auto back = places.unsqueeze(1) - places.unsqueeze(0);  // [S, S]; s − j
  auto outside = back.lt(0);                                    // [S, S]
  if (window_) outside = outside.logical_or(back.gt(*window_));
  const auto outer = normalise(call, call.scores);                          // α [B, H, T, S]
  at::Tensor inner;                                                         // β [B, H, T, S, S]
  const auto e = call.scores.unsqueeze(-2).expand({-1, -1, -1, keys, -1});  // [B, H, T, S, S]
  if (raw_) {
    call.result.kind = WeightKind::kUnnormalised;
    inner = at::where(at::isneginf(e), at::zeros({}, e.options()), e).masked_fill(outside, 0.0);  // [B, H, T, S, S]
  } else {
    const auto allowed = outside.logical_not().logical_and(at::isneginf(e).logical_not());  // [B, H, T, S, S]
    inner = masked_softmax(e, allowed);                                                     // [B, H, T, S, S]
  }
  const auto effective = at::matmul(outer.unsqueeze(-2), inner).squeeze(-2);  // ω [B, H, T, S]
  if (call.request.entropy) call.result.entropy = entropy_of(raw_ ? outer : effective);
  if (call.request.weights) {
    call.result.extras["outer"] = {outer, Axis::kCell};
    call.result.extras["inner"] = {empty.defined() ? inner.masked_fill(empty.unsqueeze(-1).unsqueeze(-1), 0.0) : inner, Axis::kCell};
  }
  return effective;
}

extern constinit const MechanismEntry local_rnn_entry{
    .name = "local_rnn",
    .sentence = "a cell walks the source for each query and combines what it has read so far",
    .formula = "g_s = cell([k_s; q], g_{s−1}), e_s = a·[g_s; q] + b; c = Σ_s α_s Σ_{s−R ≤ j ≤ s} β[s,j] v_j",
    .paper = "project definition",
    .parameters = "W_0 [H, N_r, Dq], the cell's [H, G·N_r, D + Dq + N_r], a [H, N_r + Dq], b [H]",
    .cost = "B·H·T·S·N_r·(N_r + D + Dq), sequential in S",
    .range = "local",
    .score = "recurrent",
    .source = "self or cross",
    .capabilities = {.position_aware = true, .effective = true, .scores_bounded = true},
    .options = visit_scored<LocalOptions, LocalRnnOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<LocalRnn>(o); }};

}  // namespace attend
