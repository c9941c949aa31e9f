#include "attend/attention/hard.h"

#include <torch/csrc/autograd/custom_function.h>

#include "attend/ops/draws.h"
#include "attend/ops/dropout.h"
#include "attend/ops/fused_attention.h"

namespace attend {
namespace {

// Which examples of a batch attend softly is decided once for all their steps.
struct HardState final : State {
  at::Tensor soft;  // bool [B], undefined = none
  void reorder(const at::Tensor& /*rows*/, std::int64_t /*beams*/) override {}
};

struct StraightThrough : torch::autograd::Function<StraightThrough> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& hard, const at::Tensor& /*soft*/) { return hard.clone(); }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*, torch::autograd::tensor_list g) {
    return {at::Tensor(), g[0]};
  }
};

// −ln(−ln u), u in (0, 1), by counter; like [B, H, T, S].
at::Tensor gumbel_noise(const at::Tensor& like, std::uint64_t place) {
  return uniform_draws(draw_keys(place, like.size(0)), like.sizes().slice(1)).log().neg().log().neg().to(like.scalar_type());
}

// The values [B, Hk, S, Dv] of the keys that query heads chose [B, H, T], 0 where they chose none: [B, H, T, Dv].
at::Tensor chosen_values(const at::Tensor& values, const at::Tensor& choice) {
  const auto batch = choice.size(0), heads = choice.size(1), keys = values.size(2), key_heads = values.size(1);
  const auto head = at::arange(heads, index_options()).div(heads / key_heads, "floor").view({1, -1, 1});           // [1, H, 1]
  const auto item = at::arange(batch, index_options()).view({-1, 1, 1});                                           // [B, 1, 1]
  const auto rows = (item * key_heads + head) * keys + choice.clamp_min(0);                                        // [B, H, T]
  const auto found = values.reshape({-1, values.size(3)}).index_select(0, rows.flatten());                         // [B·H·T, Dv]
  return found.view({batch, heads, choice.size(2), values.size(3)}).masked_fill(choice.lt(0).unsqueeze(-1), 0.0);  // [B, H, T, Dv]
}

}  // namespace

at::Tensor straight_through(const at::Tensor& hard, const at::Tensor& soft) { return StraightThrough::apply(hard, soft); }

void HardOptions::visit(OptionVisitor& v) {
  v(test, "hard_test", "argmax", "hard attention outside training: the best position, a soft mean, or a draw",
    one_of({"argmax", "soft", "sample"}));
}

void SoftShareOptions::visit(OptionVisitor& v) {
  v(share, "hard_soft_share", 0.5, "hard: share of training examples that attend softly", between(0, 1));
}

Hard::Hard(std::string name, const MechanismOptions& o)
    : ScoredAttention(name, make_inner_score(name, o), o), soft_share_(o.of<SoftShareOptions>().share) {
  const auto& test = o.of<HardOptions>().test;
  ATTEND_CHECK(test == "argmax" || test == "soft" || test == "sample", kUnknownName,
               "{}: hard_test '{}' is not known; valid: argmax, soft, sample", name, test);
  test_ = test == "soft" ? Test::kSoft : test == "sample" ? Test::kSample : Test::kArgmax;
  reward_baseline_ = register_buffer("reward_baseline", at::zeros({512}, float_options()));  // [512]
}

std::unique_ptr<State> Hard::start(const Memory& memory, std::int64_t /*rows*/) const {
  auto state = std::make_unique<HardState>();
  if (is_training() && needs_reward()) state->soft = draw_soft(memory.batch());
  return state;
}

at::Tensor Hard::draw_soft(std::int64_t batch) const {
  return soft_share_ > 0 ? uniform_draws(draw_keys(place(), batch), {}).lt(soft_share_) : at::Tensor();  // [B]
}

at::Tensor Hard::mix(ScoreCall& call, const at::Tensor& weights) const {
  auto& extras = call.result.extras;
  const auto log_p =  // [B, H, T, S]
      weights.masked_fill(weights.le(0), 1.0).log().masked_fill(weights.le(0), -std::numeric_limits<double>::infinity());
  const bool draws = is_training() || test_ == Test::kSample;
  const auto noisy = draws ? log_p + gumbel_noise(weights, place()) : log_p;  // [B, H, T, S]
  if (call.sizes.keys == 0) return mixed(call, weights);
  const auto choice = noisy.detach().argmax(-1, /*keepdim=*/true);           // [B, H, T, 1]; ties: the lowest index
  auto one_hot = at::zeros_like(weights.detach()).scatter_(3, choice, 1.0);  // [B, H, T, S]
  const auto& empty = call.hidden.rows;
  if (empty.defined()) one_hot = one_hot.masked_fill(empty.unsqueeze(-1), 0.0);
  // A row's own logarithm: −inf never meets a gradient, since the chosen weight is above 0 wherever the row is live.
  auto log_prob = log_p.gather(3, choice).squeeze(-1);  // [B, H, T]
  auto chosen = choice.squeeze(-1);                     // [B, H, T]
  if (empty.defined()) {
    log_prob = log_prob.masked_fill(empty, 0.0);  // [B, H, T]
    chosen = chosen.masked_fill(empty, -1);       // [B, H, T]
  }
  auto mixing = is_training() ? relaxed(weights, noisy, one_hot) : test_ == Test::kSoft ? weights : one_hot;  // [B, H, T, S]
  if (is_training() && needs_reward()) {
    const auto* kept = dynamic_cast<const HardState*>(call.state);
    const auto soft = kept ? kept->soft : draw_soft(call.sizes.batch);
    const auto was_soft = (soft.defined() ? soft : at::zeros({call.sizes.batch}, bool_options())).unsqueeze(1);  // [B, 1]
    mixing = at::where(was_soft.unsqueeze(-1).unsqueeze(-1), weights, mixing);                                   // [B, H, T, S]
    log_prob = log_prob.masked_fill(was_soft.unsqueeze(-1), 0.0);                                                // [B, H, T]
    extras["was_soft"] = {was_soft.expand({call.sizes.batch, call.sizes.queries})};
    extras["reward_baseline"] = {reward_baseline_, Axis::kModule};
  }
  if (!needs_reward() && is_training() && call.request.weights) extras["sample"] = {mixing, Axis::kCell};
  extras["choice"] = {chosen.expand({call.sizes.batch, call.sizes.heads, call.sizes.queries})};
  extras["log_prob"] = {log_prob};
  return mixed(call, mixing);
}

bool Hard::fuses_with(const State& state) const { return dynamic_cast<const HardState*>(&state) != nullptr; }

std::string Hard::why_not_fused_itself(const AttendCall& call) const {
  const auto keys = call.memory.size();
  if (weighing().normaliser != "softmax") return "it chooses by sparse weights";
  if (keys == 0) return "there is no key to choose";
  if (keys > kernels::kMostWhole) return fmt::format("it chooses among more than {} keys", kernels::kMostWhole);
  if (is_training() && weight_dropout() > 0) return "it drops what is chosen";
  if (is_training() && !needs_reward() && call.request.weights) return "its sample is asked for";
  return {};
}

// The context of softmax((ln p + g) / temperature) [B, H, T, Dv]: all that makes scores is divided.
at::Tensor Hard::noisy_context(const FusedCall& f, const Relaxation& relaxed) {
  FusedAttentionOptions o = f.options;
  const auto divide = [&](at::Tensor& x) {
    if (x.defined()) x = x / relaxed.temperature;
  };
  o.scale /= relaxed.temperature, o.soft_cap /= relaxed.temperature;
  divide(o.bias), divide(o.slopes), divide(o.by_distance);
  o.noise_scale = 1 / relaxed.temperature;
  o.packed = nullptr;  // by another scale
  o.choice = o.lse = o.entropy = o.maximum = o.column_sums = false;
  o.top = o.pool_rows = 0;
  o.rows = at::Tensor();
  o.context = true;
  return fused_attention(f.query, f.keys, relaxed.straight ? f.values.detach() : f.values, o).context;
}

FusedAttentionOutputs Hard::mix_fused(FusedCall& f) const {
  auto& o = f.options;
  auto& extras = f.result.extras;
  const auto batch = f.query.size(0), heads = f.query.size(1), queries = f.query.size(2);
  const bool rewarded = is_training() && needs_reward();
  const auto relaxed = is_training() ? relaxation() : Relaxation{};
  const bool mixes_weights = !is_training() && test_ == Test::kSoft;
  if (is_training() || test_ == Test::kSample)
    o.noise_keys = dropout_row_keys({batch, heads, queries, f.keys.size(2)}, place());  // [B, H, T]
  at::Tensor soft;                                                                      // bool [B]
  if (rewarded) {
    const auto* kept = dynamic_cast<const HardState*>(f.call.state);
    soft = kept ? kept->soft : draw_soft(batch);
  }
  o.choice = true;
  o.context = mixes_weights || soft.defined() || (relaxed.straight && !relaxed.noisy);
  auto found = fused_attention(f.query, f.keys, relaxed.straight ? f.values.detach() : f.values, o);
  auto log_prob = found.log_choice;  // [B, H, T]
  if (!mixes_weights) {
    auto context = relaxed.noisy && !relaxed.straight ? at::Tensor() : chosen_values(f.values, found.choice);  // [B, H, T, Dv]
    if (soft.defined()) context = at::where(soft.view({-1, 1, 1, 1}), found.context, context);
    if (relaxed.noisy) found.context = noisy_context(f, relaxed);
    if (relaxed.straight) context = context + straight_through(at::zeros_like(context), found.context);
    if (context.defined()) found.context = context;
  }
  if (rewarded) {
    const auto was_soft = (soft.defined() ? soft : at::zeros({batch}, bool_options())).unsqueeze(1);  // [B, 1]
    log_prob = log_prob.masked_fill(was_soft.unsqueeze(-1), 0.0);
    extras["was_soft"] = {was_soft.expand({batch, queries})};
    extras["reward_baseline"] = {reward_baseline_, Axis::kModule};
  }
  extras["choice"] = {found.choice};
  extras["log_prob"] = {log_prob};
  return found;
}

at::Tensor Hard::relaxed(const at::Tensor& /*weights*/, const at::Tensor& /*noisy*/, const at::Tensor& one_hot) const { return one_hot; }

extern constinit const MechanismEntry hard_entry{
    .name = "hard",
    .sentence = "one position, drawn in training and learned by its reward",
    .formula = "z_t ~ Cat(softmax(e_t)), c_t = v_{z_t}; gradient by REINFORCE with a moving baseline",
    .paper = "Xu et al. 2015, §4.1, eq. 8–12; Williams 1992",
    .parameters = "those of the inner score",
    .cost = "that of the inner score",
    .range = "hard",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.wraps = true, .picks = true, .samples = true, .rewarded = true},
    .options = visit_with_inner_score<HardOptions, SoftShareOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<Hard>(o); }};

}  // namespace attend
