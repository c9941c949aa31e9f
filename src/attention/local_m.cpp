#include "attend/attention/local_m.h"

namespace attend {

void LocalOptions::visit(OptionVisitor& v) {
  v(window, "window", 10, "local attention: positions on each side of the centre", between(0, 1e9));
}

void CentreOptions::visit(OptionVisitor& v) {
  v(centre, "centre", "default", "local_m: step or scaled; local_p: paper or inside",
    one_of({"default", "step", "scaled", "paper", "inside"}));
}

void LocalMOptions::visit(OptionVisitor& v) {
  v(clamp, "local_clamp", true, "local_m: a centre beyond the source's end stays at its last position");
}

LocalM::LocalM(const MechanismOptions& o)
    : ScoredAttention("local_m", make_inner_score("local_m", o), o),
      scaled_(o.of<CentreOptions>().centre == "scaled"),
      clamp_(o.of<LocalMOptions>().clamp),
      window_(o.of<LocalOptions>().window) {
  const auto& centre = o.of<CentreOptions>().centre;
  ATTEND_CHECK(scaled_ || centre == "default" || centre == "step", kUnknownName, "local_m: centre '{}' is not known; valid: step, scaled",
               centre);
  ATTEND_CHECK(window_ >= (scaled_ ? 1 : 0), kValue, "local_m: the window must be at least {}, got {}", scaled_ ? 1 : 0, window_);
}

Memory LocalM::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  ATTEND_CHECK(!(scaled_ && mask.causal), kUnsupported,
               "local_m: a scaled centre needs the target's length, which a causal call does not have; use centre: step");
  return ScoredAttention::prepare(keys, values, mask);
}

std::unique_ptr<State> LocalM::start(const Memory& /*memory*/, std::int64_t /*rows*/) const { return std::make_unique<StepState>(); }

void LocalM::look(ScoreCall& call) const {
  const auto t = call.steps();                              // [B or 1, T]
  const auto last = (call.key_lengths() - 1).unsqueeze(1);  // [B or 1, 1]
  at::Tensor centre;
  if (scaled_) {
    ATTEND_CHECK(call.state == nullptr, kValue,
                 "local_m: a scaled centre needs the target's length, which step-by-step decoding does not know; use centre: step");
    const auto& given = call.memory.mask().query_lengths;
    const auto queries = given.defined() ? given : at::full({1}, call.sizes.queries, index_options());            // [B or 1]
    centre = t.to(at::kDouble) * last.to(at::kDouble) / (queries - 1).clamp_min(1).unsqueeze(1).to(at::kDouble);  // [B or 1, T]
  } else {
    centre = clamp_ ? at::minimum(t, last).clamp_min(0) : t;  // [B or 1, T]
  }
  call.span.window = {.centre = centre, .radius = window_};
  call.result.extras["centre"] = {centre.to(at::kDouble).expand({call.sizes.batch, call.sizes.queries})};
}

extern constinit const MechanismEntry local_m_entry{
    .name = "local_m",
    .sentence = "a window around the position that has the target step's number",
    .formula = "p_t = t; the inner score over |s − p_t| ≤ R",
    .paper = "Luong, Pham & Manning 2015, §3.2",
    .parameters = "those of the inner score",
    .cost = "that of the inner score",
    .range = "local",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.position_aware = true, .wraps = true, .counts_steps = true},
    .options = visit_with_inner_score<LocalOptions, CentreOptions, LocalMOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<LocalM>(o); }};

}  // namespace attend
