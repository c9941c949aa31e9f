#include "attend/layers/ntm.h"

#include <algorithm>
#include <cmath>

#include "attend/attention/mask.h"

namespace attend {
namespace {

constexpr std::int64_t kShifts = 3, kScalars = 3;  // −1, 0, +1; β, g, γ

std::int64_t read_rows(const NtmOptions& o) { return o.width + kScalars + kShifts; }
std::int64_t write_rows(const NtmOptions& o) { return 3 * o.width + kScalars + kShifts; }

const NtmOptions& checked(const NtmOptions& o) {
  const std::pair<const char*, std::int64_t> sizes[] = {
      {"input size", o.input_size}, {"controller size", o.size},  {"rows", o.rows},
      {"width", o.width},           {"read heads", o.read_heads}, {"write heads", o.write_heads}};
  for (const auto& [what, size] : sizes) ATTEND_CHECK(size >= 1, kValue, "ntm: {} must be at least 1, got {}", what, size);
  return o;
}

// The first W + 6 numbers of each head, x [B, H, *].
NtmAddress address_from(const at::Tensor& x, std::int64_t width) {
  const auto scalar = [&](std::int64_t i) { return x.select(-1, width + i); };  // [B, H]
  return {.key = x.narrow(-1, 0, width),
          .strength = at::softplus(scalar(0)),
          .gate = at::sigmoid(scalar(1)),
          .shift = at::softmax(x.narrow(-1, width + kScalars, kShifts), -1),
          .sharpness = 1 + at::softplus(scalar(2))};
}

// f(a's, b's) for every tensor of a state; undefined where a's is.
template <class F>
NtmState combined(const NtmState& a, const NtmState& b, F f) {
  const auto one = [&](const at::Tensor& x, const at::Tensor& y) { return x.defined() ? f(x, y) : x; };
  return {.memory = one(a.memory, b.memory),
          .weights = one(a.weights, b.weights),
          .read = one(a.read, b.read),
          .controller = {.h = one(a.controller.h, b.controller.h), .c = one(a.controller.c, b.controller.c)}};
}

}  // namespace

at::Tensor ntm_content(const at::Tensor& key, const at::Tensor& strength, const at::Tensor& memory) {
  const auto norm = [](const at::Tensor& x) { return at::linalg_vector_norm(x, 2, {-1}); };
  const auto norms = norm(key).unsqueeze(-1) * norm(memory).unsqueeze(1);  // [B, H, N_m]
  const auto cosine = at::matmul(key, memory.mT()) / (norms + 1e-8);       // [B, H, N_m]
  return at::softmax(strength.unsqueeze(-1) * cosine, -1);
}

at::Tensor ntm_gate(const at::Tensor& content, const at::Tensor& previous, const at::Tensor& gate) {
  return at::lerp(previous, content, gate.unsqueeze(-1));
}

at::Tensor ntm_shift(const at::Tensor& weights, const at::Tensor& shift) {
  const auto shifts = shift.size(-1);
  ATTEND_CHECK(shifts % 2 == 1, kShape, "ntm: the number of shifts must be odd, as many to the left as to the right, got {}", shifts);
  at::Tensor moved;
  for (std::int64_t i = 0; i < shifts; ++i) {
    const auto part = shift.narrow(-1, i, 1) * weights.roll(i - shifts / 2, -1);  // [.., N_m]; roll by +1: row j's weight goes to j + 1
    moved = moved.defined() ? moved + part : part;
  }
  return moved;
}

at::Tensor ntm_sharpen(const at::Tensor& weights, const at::Tensor& sharpness) {
  return at::softmax(sharpness.unsqueeze(-1) * (weights + 1e-16).log(), -1);
}

at::Tensor ntm_write(const at::Tensor& memory, const at::Tensor& weights, const at::Tensor& erase, const at::Tensor& add) {
  const auto w = weights.unsqueeze(-1);                                 // [B, N_m, 1]
  return memory * (1 - w * erase.unsqueeze(1)) + w * add.unsqueeze(1);  // [B, N_m, W]
}

at::Tensor ntm_read(const at::Tensor& memory, const at::Tensor& weights) { return at::matmul(weights, memory); }

at::Tensor ntm_address(const NtmAddress& address, const at::Tensor& previous, const at::Tensor& memory) {
  const auto content = ntm_content(address.key, address.strength, memory);  // [B, H, N_m]
  return ntm_sharpen(ntm_shift(ntm_gate(content, previous, address.gate), address.shift), address.sharpness);
}

NtmState NtmState::select(const at::Tensor& items) const {
  return combined(*this, *this, [&](const at::Tensor& x, const at::Tensor&) { return x.index_select(0, items); });
}

NtmHeads::NtmHeads(const NtmOptions& options) : options_(checked(options)) {
  const auto numbers = options.write_heads * write_rows(options) + options.read_heads * read_rows(options);
  map_ = register_module("map", std::make_shared<Linear>(options.size, numbers));
  if (!options.learned_start) return;
  // From equal weights and equal rows no gradient would ever tell one row from another: row 0 starts with half of the weight.
  auto initial = at::zeros({count(), options.rows}, float_options());  // [heads, N_m]
  initial.select(1, 0).fill_(std::log(static_cast<double>(std::max<std::int64_t>(options.rows - 1, 1))));
  start_ = register_parameter("start", initial);  // [heads, N_m]
}

NtmState NtmHeads::start(std::int64_t batch) const {
  const auto like = map_->weight.options().requires_grad(false);
  NtmState state;
  state.memory = at::full({batch, options_.rows, options_.width}, 1e-6, like);  // [B, N_m, W]
  state.read = at::zeros({batch, options_.read_heads * options_.width}, like);  // [B, read·W]
  if (start_.defined()) {
    state.weights = at::softmax(start_, -1).expand({batch, -1, -1});  // [B, heads, N_m]
  } else {
    state.weights = at::zeros({batch, count(), options_.rows}, like);  // [B, heads, N_m]
    state.weights.select(2, 0).fill_(1);
  }
  return state;
}

NtmHeads::Steps::Steps(const NtmHeads& heads) : heads_(heads), map_(heads.map_->weight) {}

NtmState NtmHeads::Steps::operator()(const at::Tensor& h, const NtmState& state) const {
  const auto& o = heads_.options_;
  const auto said = map_(h, heads_.map_->bias);  // [B, write·(3W + 6) + read·(W + 6)]
  const auto of_writers = o.write_heads * write_rows(o);
  const auto writers = said.narrow(1, 0, of_writers).unflatten(1, {o.write_heads, write_rows(o)});  // [B, write, 3W + 6]
  const auto readers =                                                                              // [B, read, W + 6]
      said.narrow(1, of_writers, said.size(1) - of_writers).unflatten(1, {o.read_heads, read_rows(o)});

  const auto before = state.weights.split_with_sizes({o.write_heads, o.read_heads}, 1);       // [B, write, N_m], [B, read, N_m]
  const auto writing = ntm_address(address_from(writers, o.width), before[0], state.memory);  // [B, write, N_m]
  const auto erase = at::sigmoid(writers.narrow(-1, read_rows(o), o.width)), add = writers.narrow(-1, read_rows(o) + o.width, o.width);
  NtmState next = state;
  for (std::int64_t i = 0; i < o.write_heads; ++i)
    next.memory = ntm_write(next.memory, writing.select(1, i), erase.select(1, i), add.select(1, i));  // [B, N_m, W]
  const auto reading = ntm_address(address_from(readers, o.width), before[1], next.memory);            // [B, read, N_m]
  next.read = ntm_read(next.memory, reading).flatten(1);                                               // [B, read·W]
  next.weights = at::cat({writing, reading}, 1);                                                       // [B, heads, N_m]
  return next;
}

NtmMemory::NtmMemory(const NtmOptions& options) : options_(checked(options)) {
  const std::vector<std::string> valid{"rnn_tanh", "lstm", "gru", "feed_forward"};
  const auto& controller = options.controller;
  if (std::find(valid.begin(), valid.end(), controller) == valid.end()) fail_unknown_name("ntm: controller", controller, valid);
  const auto input = options.input_size + read_size();
  if (controller == "feed_forward") {
    feed_forward_ = register_module("controller", std::make_shared<Linear>(input, options.size));
  } else {
    cell_ = register_module("controller", std::make_shared<RecurrentCell>(controller, input, options.size));
  }
  heads_ = register_module("heads", std::make_shared<NtmHeads>(options));
}

NtmState NtmMemory::start(std::int64_t batch) const {
  auto state = heads_->start(batch);
  if (cell_) {
    state.controller = cell_->zero_state(batch);
  } else {
    state.controller.h = at::zeros({batch, options_.size}, state.read.options());  // [B, N]
  }
  return state;
}

at::Tensor NtmMemory::project(const at::Tensor& x) const {
  return cell_ ? cell_->project(x) : at::linear(x, feed_forward_->weight.narrow(1, 0, options_.input_size), feed_forward_->bias);
}

NtmMemory::Steps::Steps(const NtmMemory& memory) : heads_(*memory.heads_) {
  if (memory.cell_) {
    cell_.emplace(*memory.cell_, memory.read_size());
  } else {
    from_read_.emplace(memory.feed_forward_->weight.narrow(1, memory.options_.input_size, memory.read_size()));
  }
}

NtmState NtmMemory::Steps::operator()(const at::Tensor& projected, const NtmState& state) const {
  auto next = state;
  if (cell_) {
    next.controller = (*cell_)(projected, state.read, state.controller);
  } else {
    next.controller.h = at::tanh((*from_read_)(state.read, projected));  // [B, N]
  }
  return heads_(next.controller.h, next);
}

NtmSequence NtmMemory::operator()(const at::Tensor& x, const at::Tensor& lengths, const NtmState& from, bool keep_memories) const {
  ATTEND_CHECK(x.dim() == 3 && x.size(1) >= 1 && x.size(2) == options_.input_size, kShape,
               "ntm: the input must be [B, at least 1, {}], got {}", options_.input_size, shape_text(x));
  const auto batch = x.size(0);
  const auto inside = visible_keys({.key_lengths = lengths}, {batch, 1, 1, x.size(1)}, "ntm");  // bool [B, T], undefined = all
  const auto outside = inside.defined() ? inside.logical_not() : at::Tensor();                  // [B, T]
  const auto present = outside.defined() ? x.masked_fill(outside.unsqueeze(-1), 0.0) : x;       // [B, T, in]
  const auto projected = project(present).transpose(0, 1).contiguous().unbind(0);               // T of [B, *]
  const Steps step(*this);

  auto state = from.memory.defined() ? from : start(batch);
  std::vector<at::Tensor> outputs, reads, weights, memories;
  for (std::int64_t t = 0; t < x.size(1); ++t) {
    auto next = step(projected[static_cast<std::size_t>(t)], state);
    if (inside.defined()) {
      const auto here = inside.select(1, t).unsqueeze(-1);  // [B, 1]
      next = combined(next, state,
                      [&](const at::Tensor& a, const at::Tensor& b) { return at::where(a.dim() == 3 ? here.unsqueeze(-1) : here, a, b); });
    }
    state = std::move(next);
    outputs.push_back(state.controller.h);
    reads.push_back(state.read);
    weights.push_back(state.weights);
    if (keep_memories) memories.push_back(state.memory);
  }
  NtmSequence out{.outputs = at::stack(outputs, 1), .reads = at::stack(reads, 1), .weights = at::stack(weights, 2), .last = state};
  if (keep_memories) out.memories = at::stack(memories, 1);
  if (outside.defined()) {
    out.outputs = out.outputs.masked_fill(outside.unsqueeze(-1), 0.0);               // [B, T, N]
    out.reads = out.reads.masked_fill(outside.unsqueeze(-1), 0.0);                   // [B, T, read·W]
    out.weights = out.weights.masked_fill(outside.unsqueeze(1).unsqueeze(-1), 0.0);  // [B, heads, T, N_m]
  }
  return out;
}

}  // namespace attend
