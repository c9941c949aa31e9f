#pragma once
// The layers that transformers of every kind are stacked from.
#include "attend/layers/blocks.h"
#include "attend/models/seq2seq.h"

namespace attend {

// Schemes that work inside the attention of a sequence to itself; the others are added to the embeddings.
bool relative_positions(const ModelOptions& o);
// Throws kValue unless o.heads cut o.embedding into equal parts, or have a size of their own.
void check_heads(const ModelOptions& o);
// Options for all layers of a stack. Where they share one table of relative biases, `owner` registers it under `name`.
ModelOptions options_of_stack(Module& owner, const std::string& name, ModelOptions o);

// What becomes of token vectors before the first layer of a stack: positions are added (o.positions, or nothing where the scheme works
// inside the attention), then types, and a norm follows by option. It is no module: its parts are the owner's, each name after `prefix`.
class StackInput {
 public:
  // places: false for layers that add positions of their own.
  StackInput(Module& owner, const ModelOptions& o, const std::string& prefix, bool places = true);
  // vectors [B, L, N], the first of which stands at `offset`; types int64 [B, L], undefined = 0 -> [B, L, N].
  at::Tensor operator()(const at::Tensor& vectors, std::int64_t offset = 0, const at::Tensor& types = {}) const;

 private:
  at::Tensor type_vectors(const at::Tensor& vectors, const at::Tensor& types) const;
  std::shared_ptr<InputPositions> positions_;  // null without places
  at::Tensor types_;                           // [token_types, N]
  std::shared_ptr<Norm> norm_;
};

// x + part(x) with the norm before (pre) or after (post) it.
class Residual : public Module {
 public:
  explicit Residual(const ModelOptions& o)
      : norm_(register_module("norm", std::make_shared<Norm>(o.embedding, o.block))), post_(o.norm == "post"), dropout_(o.dropout) {}
  template <class Part>
  at::Tensor operator()(const at::Tensor& x, Part&& part) const {
    if (post_) return (*norm_)(x + apply_dropout(part(x), dropout_, is_training()));
    return x + apply_dropout(part((*norm_)(x)), dropout_, is_training());
  }

 private:
  std::shared_ptr<Norm> norm_;
  bool post_;
  double dropout_;
};

class EncoderLayer : public Module {
 public:
  EncoderLayer(const ModelOptions& o, std::int64_t index);
  // x [B, S, N], lengths undefined = S; site encoder.self, as layer `index`, or `shown_as` where that is given.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& lengths, Observer* observer, std::int64_t shown_as = -1) const;

 private:
  std::int64_t index_;
  std::shared_ptr<Mechanism> self_;
  std::shared_ptr<FeedForward> feed_forward_;
  std::shared_ptr<Residual> around_self_, around_feed_forward_;
};

// Keys and values of the steps so far, in buffers with room for more: [rows, H, room, D].
struct Cache {
  Memory memory(std::int64_t used) const {
    return {.keys = keys.narrow(2, 0, used),
            .values = values.narrow(2, 0, used),
            .more = {},
            .mask = {.causal = true},
            .visible = {},
            .hidden = Hidden{}};
  }
  void append(const Memory& step, std::int64_t used, std::int64_t most) {
    put(keys, step.keys, used, most);
    put(values, step.values, used, most);
  }
  void reorder(const at::Tensor& rows, std::int64_t used) {
    for (auto* buffer : {&keys, &values}) {
      auto sizes = buffer->sizes().vec();
      sizes[0] = rows.size(0);
      auto next = at::empty(sizes, buffer->options());
      next.narrow(2, 0, used).copy_(buffer->narrow(2, 0, used).index_select(0, rows));
      *buffer = next;
    }
  }
  at::Tensor keys, values;

 private:
  // Most sentences end long before `most` steps, so room is made by doubling.
  static void put(at::Tensor& buffer, const at::Tensor& step, std::int64_t used, std::int64_t most) {
    if (!buffer.defined() || used == buffer.size(2)) {
      auto sizes = step.sizes().vec();
      sizes[2] = std::min(most, std::max<std::int64_t>(16, 2 * used));
      const auto larger = at::empty(sizes, step.options());
      if (used > 0) larger.narrow(2, 0, used).copy_(buffer);
      buffer = larger;
    }
    buffer.select(2, used).copy_(step.select(2, 0));
  }
};

struct TransformerState final : DecoderState {
  std::vector<Cache> caches;
  std::vector<std::unique_ptr<State>> attention;  // to the source, one a layer; null without history
  std::int64_t used = 0, room = 0, beams = 1;

  void reorder(const at::Tensor& rows, std::int64_t new_beams) override {
    beams = new_beams;
    for (auto& state : attention)
      if (state) state->reorder(rows, new_beams);
    if (used == 0) return;
    const auto old_rows = caches.front().keys.size(0);
    if (old_rows == rows.size(0) && at::equal(rows, at::arange(old_rows, rows.options()))) return;
    for (auto& cache : caches) cache.reorder(rows, used);
  }
};

// Reads its own past and, unless it stands alone, a source.
class DecoderLayer : public Module {
 public:
  DecoderLayer(const ModelOptions& o, std::int64_t index, bool alone = false);
  Memory prepare(const at::Tensor& states, const at::Tensor& lengths) const;
  std::unique_ptr<State> start(const Memory& memory) const { return cross_ ? cross_->start(memory, 1) : nullptr; }
  // All steps at once, x [B, T, N]; `memory` is not read by a layer that stands alone. Sites decoder.self, decoder.cross.
  at::Tensor operator()(const at::Tensor& x, const Memory& memory, Observer* observer) const;
  // One step of every hypothesis, [B, K, N]: each has its own earlier steps, all share the source.
  at::Tensor step(const at::Tensor& x, const Memory& memory, TransformerState& state, Observer* observer) const;

 private:
  at::Tensor rest(const at::Tensor& x, const Memory& memory, State* state, Observer* observer) const;

  std::int64_t index_;
  std::shared_ptr<Mechanism> self_, cross_;
  std::shared_ptr<FeedForward> feed_forward_;
  std::shared_ptr<Residual> around_self_, around_cross_, around_feed_forward_;
};

}  // namespace attend
