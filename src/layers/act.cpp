#include "attend/layers/act.h"

#include "attend/attention/mask.h"

namespace attend {
namespace {

void check_options(const ActOptions& o) {
  ATTEND_CHECK(o.epsilon >= 0 && o.epsilon < 1, kValue, "act: epsilon must lie in 0 to 1, 1 excluded, got {}", o.epsilon);
  ATTEND_CHECK(o.max_steps >= 1, kValue, "act: max_steps must be at least 1, got {}", o.max_steps);
}

// Halts whatever runs, one ponder step after another.
class Halter {
 public:
  enum class Limit { kTakesRemainder, kLeavesRest };  // what step M does to those that have not halted

  /// running: bool [..], false where there is nothing to ponder.
  Halter(const at::Tensor& running, at::ScalarType type, const ActOptions& options, Limit limit = Limit::kTakesRemainder)
      : options_(options),
        limit_(limit),
        running_(running),
        steps_(at::zeros(running.sizes(), index_options())),
        remainder_(running.to(type)) {}

  bool goes_on() const { return taken() < options_.max_steps && running_.any().item<bool>(); }
  const at::Tensor& running() const { return running_; }

  /// hⁿ [..] -> pⁿ [..].
  at::Tensor operator()(const at::Tensor& h) {
    auto last = running_.logical_and(h.detach() >= remainder_.detach() - options_.epsilon);  // [..]
    if (taken() + 1 == options_.max_steps && limit_ == Limit::kTakesRemainder) last = running_;
    steps_ = steps_ + running_;
    running_ = running_.logical_and(last.logical_not());           // [..]
    const auto kept = h.masked_fill(running_.logical_not(), 0.0);  // [..]
    weights_.push_back(at::where(last, remainder_, kept));
    remainder_ = remainder_ - kept;
    return weights_.back();
  }

  Halting result() const {
    auto weights = weights_;
    weights.resize(static_cast<std::size_t>(options_.max_steps), at::zeros_like(remainder_));
    const auto remainder = remainder_.masked_fill(running_, 0.0);  // [..]; of those that step M left
    return {.steps = steps_, .weights = at::stack(weights, -1), .remainder = remainder, .ponder = steps_ + remainder};
  }

 private:
  std::int64_t taken() const { return static_cast<std::int64_t>(weights_.size()); }

  ActOptions options_;
  Limit limit_;
  at::Tensor running_, steps_, remainder_;  // [..]; the remainder is 1 − Σ h so far
  std::vector<at::Tensor> weights_;
};

// bool [B, T], true where an item has an input.
at::Tensor inputs_of(const at::Tensor& x, std::int64_t size, const at::Tensor& lengths) {
  ATTEND_CHECK(x.dim() == 3 && x.size(1) >= 1 && x.size(2) == size, kShape, "act: the input must be [B, at least 1, {}], got {}", size,
               shape_text(x));
  if (!lengths.defined()) return at::ones({x.size(0), x.size(1)}, bool_options());
  const auto inside = visible_keys({.key_lengths = lengths}, {x.size(0), 1, 1, x.size(1)}, "act");
  return inside.defined() ? inside : at::ones({x.size(0), x.size(1)}, bool_options());
}

at::Tensor zero_outside(const at::Tensor& x, const at::Tensor& inside) { return x.masked_fill(inside.logical_not().unsqueeze(-1), 0.0); }

void set_pondering(Pondering& out, const Halting& halting) {
  out.steps = halting.steps;
  out.remainder = halting.remainder;
  out.halting = halting.weights;
  out.ponder = halting.ponder.sum(1);  // [B]
}

std::shared_ptr<Linear> halting_unit(std::int64_t size, double bias) {
  auto unit = std::make_shared<Linear>(size, 1);
  const at::NoGradGuard no_grad;
  unit->bias.fill_(bias);
  return unit;
}

// x [.., N] -> [..]
at::Tensor probability(const Linear& unit, const at::Tensor& x) { return at::sigmoid(unit(x).squeeze(-1)); }

}  // namespace

Halting halt(const at::Tensor& h, double epsilon) {
  ATTEND_CHECK(h.dim() >= 1 && h.size(-1) >= 1, kShape, "act: halting probabilities must be [.., M] with M at least 1, got {}",
               shape_text(h));
  const ActOptions options{.epsilon = epsilon, .max_steps = h.size(-1)};
  check_options(options);
  const auto columns = h.unbind(-1);  // M of [..]
  Halter halter(at::ones(columns.front().sizes(), bool_options()), h.scalar_type(), options);
  for (std::size_t n = 0; halter.goes_on(); ++n) halter(columns[n]);
  return halter.result();
}

AdaptiveCell::AdaptiveCell(const std::string& cell, std::int64_t input_size, std::int64_t size, const ActOptions& options)
    : input_size_(input_size), options_(options) {
  check_options(options);
  cell_ = register_module("cell", std::make_shared<RecurrentCell>(cell, input_size + 1, size));
  halting_ = register_module("halting", halting_unit(size, options.bias));
}

AdaptiveSequence AdaptiveCell::operator()(const at::Tensor& x, const at::Tensor& lengths, const CellState& start) const {
  const auto inside = inputs_of(x, input_size_, lengths);                                                 // [B, T]
  const auto projected = cell_->project(zero_outside(x, inside)).transpose(0, 1).contiguous().unbind(0);  // T of [B, G·N]
  const RecurrentCell::Steps step(*cell_, /*fed_size=*/1);
  const auto first = at::ones({x.size(0), 1}, x.options().requires_grad(false)), further = at::zeros_like(first);  // [B, 1]
  const bool with_cell = cell_->has_cell_state();

  auto state = start.h.defined() ? start : cell_->zero_state(x.size(0));
  std::vector<at::Tensor> outputs, cells;
  std::vector<Halting> halted;
  for (std::int64_t t = 0; t < x.size(1); ++t) {
    const auto here = inside.select(1, t);  // [B]
    Halter halter(here, x.scalar_type(), options_);
    auto inner = state;
    auto mean_h = at::zeros_like(state.h), mean_c = with_cell ? at::zeros_like(state.c) : at::Tensor();  // [B, N]
    for (auto flag = first; halter.goes_on(); flag = further) {
      inner = step(projected[static_cast<std::size_t>(t)], flag, inner);
      const auto p = halter(probability(*halting_, inner.h)).unsqueeze(-1);  // [B, 1]; 0 for those that halted
      mean_h = at::addcmul(mean_h, p, inner.h);                              // [B, N]
      if (with_cell) mean_c = at::addcmul(mean_c, p, inner.c);
    }
    const auto rows = here.unsqueeze(-1);        // [B, 1]
    state.h = at::where(rows, mean_h, state.h);  // [B, N]
    if (with_cell) state.c = at::where(rows, mean_c, state.c);
    outputs.push_back(mean_h);
    if (with_cell) cells.push_back(mean_c);
    halted.push_back(halter.result());
  }
  AdaptiveSequence out;
  out.outputs = at::stack(outputs, 1);  // [B, T, N]
  if (with_cell) out.cells = at::stack(cells, 1);
  out.last = state;
  const auto joined = [&](at::Tensor Halting::*part) {
    std::vector<at::Tensor> parts;
    for (const auto& one : halted) parts.push_back(one.*part);
    return at::stack(parts, 1);
  };
  set_pondering(out, {.steps = joined(&Halting::steps),
                      .weights = joined(&Halting::weights),
                      .remainder = joined(&Halting::remainder),
                      .ponder = joined(&Halting::ponder)});
  return out;
}

AdaptiveBlock::AdaptiveBlock(std::int64_t size, const ActOptions& options, const std::string& combine)
    : options_(options), interpolate_(combine == "interpolate") {
  check_options(options);
  const std::vector<std::string> valid{"weighted", "interpolate"};
  if (combine != valid[0] && combine != valid[1]) fail_unknown_name("act: combine", combine, valid);
  halting_ = register_module("halting", halting_unit(size, options.bias));
}

AdaptivePositions AdaptiveBlock::operator()(const Block& block, const at::Tensor& x, const at::Tensor& lengths, std::int64_t offset) const {
  const auto size = halting_->weight.size(1);
  const auto inside = inputs_of(x, size, lengths);                                                         // [B, S]
  const auto positions = sinusoidal_table(offset + x.size(1), size).slice(0, offset).to(x.scalar_type());  // [S, N]
  const auto steps = sinusoidal_table(options_.max_steps + 1, size).to(x.scalar_type());                   // [M + 1, N]
  Halter halter(inside, x.scalar_type(), options_, interpolate_ ? Halter::Limit::kLeavesRest : Halter::Limit::kTakesRemainder);

  auto state = zero_outside(x, inside);  // X [B, S, N]
  AdaptivePositions out;
  out.outputs = at::zeros_like(state);  // [B, S, N]
  for (std::int64_t n = 1; halter.goes_on(); ++n) {
    const auto input = state + positions + steps[n];  // [B, S, N]
    const auto next = block(input);                   // [B, S, N]
    ATTEND_CHECK(next.sizes() == x.sizes(), kShape, "act: the block must return {}, as it was given, got {}", shape_text(x),
                 shape_text(next));
    state = at::where((interpolate_ ? inside : halter.running()).unsqueeze(-1), next, state);           // [B, S, N]
    const auto p = halter(probability(*halting_, interpolate_ ? input : state)).unsqueeze(-1);          // [B, S, 1]
    out.outputs = interpolate_ ? at::lerp(out.outputs, state, p) : at::addcmul(out.outputs, p, state);  // [B, S, N]
  }
  set_pondering(out, halter.result());
  return out;
}

}  // namespace attend
