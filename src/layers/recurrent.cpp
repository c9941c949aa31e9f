#include "attend/layers/recurrent.h"

#include <cmath>

#include "attend/attention/mask.h"
#include "attend/attention/observer.h"
#include "attend/ops/dropout.h"

namespace attend {
namespace {

at::Tensor orthogonal_blocks(std::int64_t blocks, std::int64_t n) {
  std::vector<at::Tensor> parts;
  for (std::int64_t i = 0; i < blocks; ++i) {
    auto [q, r] = at::linalg_qr(at::empty({n, n}, float_options()).normal_());
    parts.push_back(q * r.diagonal().sign());
  }
  return at::cat(parts);
}

// x [B, S, *] with each item's first `length` rows in reverse order; an involution, so it also undoes itself.
at::Tensor reversed_index(const at::Tensor& lengths, std::int64_t steps) {
  const auto t = at::arange(steps, lengths.options()).unsqueeze(0);  // [1, S]
  const auto mirrored = lengths.unsqueeze(1) - 1 - t;                // [B, S]
  return at::where(mirrored >= 0, mirrored, t);
}

at::Tensor take_rows(const at::Tensor& x, const at::Tensor& index) { return x.gather(1, index.unsqueeze(-1).expand({-1, -1, x.size(2)})); }

struct Walk {
  at::Tensor states, last, last_cell;  // [B, S, N], [B, N], [B, N]
  at::Tensor before;                   // [B, S, G·N], when followed
};

Walk walk(const RecurrentCell& cell, const at::Tensor& x, const at::Tensor& lengths, bool follow) {
  const auto rows = x.size(0);
  const auto projected = cell.project(x).transpose(0, 1).contiguous();  // [S, B, G·N]
  const RecurrentCell::Steps step(cell, 0);
  auto state = cell.zero_state(rows);
  std::vector<at::Tensor> h, c, sums;
  for (const auto& one : projected.unbind(0)) {  // by index, each step's gradient would be a block of the whole's size
    at::Tensor before;
    state = step(one, {}, state, follow ? &before : nullptr);
    if (before.defined()) sums.push_back(before);
    h.push_back(state.h);
    if (state.c.defined()) c.push_back(state.c);
  }
  Walk result;
  result.states = at::stack(h, 1);                          // [B, S, N]
  const auto last = (lengths - 1).unsqueeze(1);             // [B, 1]
  result.last = take_rows(result.states, last).squeeze(1);  // [B, N]
  if (!sums.empty()) result.before = at::stack(sums, 1);
  if (!c.empty()) result.last_cell = take_rows(at::stack(c, 1), last).squeeze(1);
  return result;
}

void show(Observer& observer, const std::string& name, const RecurrentCell& cell, const Walk& walked) {
  if (walked.before.defined()) observer.number(fmt::format("{} {}", name, cell.before_name()), walked.before);
  observer.number(name, walked.states);
}

}  // namespace

RecurrentCell::RecurrentCell(const std::string& kind, std::int64_t input_size, std::int64_t size, bool bias)
    : kind_(kind == "lstm"  ? Kind::kLstm
            : kind == "gru" ? Kind::kGru
                            : Kind::kTanh),
      size_(size) {
  ATTEND_CHECK(kind == "lstm" || kind == "gru" || kind == "rnn_tanh", kUnknownName, "cell '{}' is not known; valid: rnn_tanh, lstm, gru",
               kind);
  const std::int64_t gates = kind_ == Kind::kLstm ? 4 : kind_ == Kind::kGru ? 3 : 1;
  const double bound = std::sqrt(6.0 / static_cast<double>(input_size + size));
  input_weight_ =  // [G·N, in]
      register_parameter("input_weight", at::empty({gates * size, input_size}, float_options()).uniform_(-bound, bound));
  hidden_weight_ = register_parameter("hidden_weight", orthogonal_blocks(gates, size));  // [G·N, N]
  if (!bias) return;
  auto initial = at::zeros({gates * size}, float_options());  // [G·N]
  if (kind_ == Kind::kLstm) initial.narrow(0, size, size).fill_(1.0);
  bias_ = register_parameter("bias", initial);  // [G·N]
  if (kind_ == Kind::kGru) hidden_bias_ = register_parameter("hidden_bias", at::zeros({gates * size}, float_options()));
}

at::Tensor RecurrentCell::project(const at::Tensor& x) const { return at::linear(x, input_weight_.narrow(1, 0, x.size(-1)), bias_); }

CellState RecurrentCell::zero_state(std::int64_t rows) const {
  CellState state{.h = at::zeros({rows, size_}, hidden_weight_.options().requires_grad(false)), .c = {}};
  if (kind_ == Kind::kLstm) state.c = at::zeros_like(state.h);
  return state;
}

RecurrentCell::Steps::Steps(const RecurrentCell& cell, std::int64_t fed_size) : cell_(cell) {
  const auto fed_weight = cell.input_weight_.narrow(1, cell.input_weight_.size(1) - fed_size, fed_size);  // [G·N, fed_size]
  if (cell.kind_ == Kind::kGru) {
    joint_.emplace(cell.hidden_weight_);
    if (fed_size > 0) fed_.emplace(fed_weight.contiguous());
  } else {
    joint_.emplace(fed_size > 0 ? at::cat({fed_weight, cell.hidden_weight_}, 1) : cell.hidden_weight_);
  }
}

CellState RecurrentCell::Steps::operator()(const at::Tensor& projected, const at::Tensor& fed, const CellState& state,
                                           at::Tensor* before) const {
  const auto known = projected.defined() ? projected : cell_.bias_;
  if (cell_.kind_ == Kind::kGru) {
    const auto from_state = (*joint_)(state.h, cell_.hidden_bias_);                                                      // [rows, 3N]
    const auto from_input = fed.defined() ? (*fed_)(fed, known) : known.defined() ? known : at::zeros_like(from_state);  // [rows, 3N]
    return {gru_pointwise(from_input, from_state, state.h), {}};
  }
  const auto sum = (*joint_)(fed.defined() ? at::cat({fed, state.h}, 1) : state.h, known);  // [rows, G·N]
  if (before) *before = sum;
  if (cell_.kind_ == Kind::kTanh) return {at::tanh(sum), {}};
  auto [h, c] = lstm_pointwise(sum, state.c);
  return {h, c};
}

RecurrentEncoder::RecurrentEncoder(const RecurrentEncoderOptions& options) : options_(options) {
  auto input = options.input_size;
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    auto cell = [&](const char* direction) {
      return register_module(fmt::format("{}_{}", direction, layer),
                             std::make_shared<RecurrentCell>(options.cell, input, options.size, options.bias));
    };
    forward_.push_back(cell("forward"));
    if (options.bidirectional) backward_.push_back(cell("backward"));
    input = output_size();
  }
}

std::int64_t RecurrentEncoder::output_size() const {
  return options_.bidirectional && !options_.sum_directions ? 2 * options_.size : options_.size;
}

EncodedSequence RecurrentEncoder::operator()(const at::Tensor& x, const at::Tensor& lengths, Observer* observer) const {
  auto* follower = number_observer(observer);
  EncodedSequence out;
  // Padding may hold anything: its states are never read, yet a NaN in them would come back as 0·NaN in the gradients.
  at::Tensor input = x.masked_fill(within_lengths(lengths, x.size(1)).logical_not().unsqueeze(-1), 0.0);  // [B, S, in]
  const auto mirror = options_.bidirectional ? reversed_index(lengths, x.size(1)) : at::Tensor();
  auto join = [&](const at::Tensor& a, const at::Tensor& b) {
    return !b.defined() ? a : options_.sum_directions ? a + b : at::cat({a, b}, -1);
  };
  for (std::size_t layer = 0; layer < forward_.size(); ++layer) {
    if (layer > 0 && is_training() && options_.dropout > 0) input = dropout(input, options_.dropout, place());
    const auto ahead = walk(*forward_[layer], input, lengths, follower != nullptr);
    if (follower) show(*follower, fmt::format("encoder.forward.{}", layer), *forward_[layer], ahead);
    Walk back;
    if (options_.bidirectional) {
      back = walk(*backward_[layer], take_rows(input, mirror), lengths, follower != nullptr);
      back.states = take_rows(back.states, mirror);
      if (back.before.defined()) back.before = take_rows(back.before, mirror);
      if (follower) show(*follower, fmt::format("encoder.backward.{}", layer), *backward_[layer], back);
      out.first_backward = back.last;
    }
    out.states = input = join(ahead.states, back.states);
    out.last = join(ahead.last, back.last);
    if (ahead.last_cell.defined()) out.last_cell = join(ahead.last_cell, back.last_cell);
  }
  return out;
}

}  // namespace attend
