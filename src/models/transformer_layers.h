#pragma once
// The layers that transformers of every kind are stacked from.
#include "attend/layers/blocks.h"
#include "attend/models/seq2seq.h"
#include "attend/models/transformer_options.h"

namespace attend {

// Visits what encoder layers, or decoder layers that stand alone, read, after the attention itself (visit_attention, and
// visit_cross_attention of a decoder with a source). places: whether a StackInput adds positions before the first.
void visit_transformer_layers(ModelOptions& o, OptionVisitor& v, bool places = true);
// Visits what decoder layers read for their attention to a source.
void visit_cross_attention(ModelOptions& o, OptionVisitor& v);
// Visits what positions that are added to vectors read, by their kind.
void visit_input_positions(const std::string& kind, OptionSet& set, OptionVisitor& v);
// What layers read of their own sequence; "none" for attention none.
std::string self_attention(const ModelOptions& o);

// Schemes that work inside the attention of a sequence to itself; the others are added to the embeddings.
bool relative_positions(const ModelOptions& o);
// Throws kValue unless the heads cut o.embedding into equal parts, or have a size of their own.
void check_heads(const ModelOptions& o);
// The one table of relative biases of all layers of a stack, registered by `owner` under `name`; undefined where each has its own.
at::Tensor shared_relative_bias(Module& owner, const std::string& name, const ModelOptions& o);

// What becomes of token vectors before the first layer of a stack: positions are added (model.positions, or nothing where the scheme works
// inside the attention), then types, and a norm follows by option. It is no module: its parts are the owner's, each name after `prefix`.
class StackInput {
 public:
  struct Of {
    bool places = true;  // false before layers that add positions of their own
    bool types = false;  // true where a type may come with each token
  };
  StackInput(Module& owner, const ModelOptions& o, const std::string& prefix, const Of& of);
  // vectors [B, L, N], the first of which stands at `offset`; types int64 [B, L], undefined = 0 -> [B, L, N].
  at::Tensor operator()(const at::Tensor& vectors, std::int64_t offset = 0, const at::Tensor& types = {}) const;

 private:
  at::Tensor type_vectors(const at::Tensor& vectors, const at::Tensor& types) const;
  std::shared_ptr<InputPositions> positions_;  // null without places
  at::Tensor types_;                           // [token_types, N]
  std::shared_ptr<Norm> norm_;
};

// Positions that are added to vectors of `size` numbers.
std::shared_ptr<InputPositions> make_positions(const std::string& kind, std::int64_t size, const OptionSet& options);

// x + part(x) with the norm before (pre) or after (post) it.
class Residual : public Module {
 public:
  explicit Residual(const ModelOptions& o)
      : norm_(register_module("norm", std::make_shared<Norm>(o.embedding, o.of<BlockOptions>()))),
        post_(o.of<TransformerOptions>().norm == "post"),
        dropout_(o.dropout) {}
  template <class Part>
  at::Tensor operator()(const at::Tensor& x, Part&& part) const {
    if (post_) return (*norm_)(x + apply_dropout(*this, part(x), dropout_));
    return x + apply_dropout(*this, part((*norm_)(x)), dropout_);
  }

 private:
  std::shared_ptr<Norm> norm_;
  bool post_;
  double dropout_;
};

// The attention of an encoder's layer to its own sequence: tokens of the source, or cells of a picture.
Site encoder_site(const ModelOptions& o, std::int64_t layer, ColumnAxis of, SiteLayers layers = SiteLayers::kStack);

class EncoderLayer : public Module {
 public:
  // `site`: what its attention is shown as; shared_bias: that of the stack (shared_relative_bias).
  EncoderLayer(const ModelOptions& o, Site site, const at::Tensor& shared_bias);
  // x [B, S, N], lengths undefined = S. A layer that is applied again and again says which time this is: `times` is its site's layer.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& lengths, Observer* observer, std::int64_t times = 0) const;
  const Site& site() const { return site_; }

 private:
  Site site_;
  std::shared_ptr<Mechanism> self_;
  std::shared_ptr<FeedForward> feed_forward_;
  std::shared_ptr<Residual> around_self_, around_feed_forward_;
};

struct TransformerState final : DecoderState {
  std::vector<Memory> caches;                     // keys and values of the steps so far, one a layer
  std::vector<std::unique_ptr<State>> attention;  // to the source, one a layer; null without history
  std::int64_t used = 0, room = 0, beams = 1;

  void reorder(const at::Tensor& rows, std::int64_t new_beams) override {
    beams = new_beams;
    for (auto& state : attention)
      if (state) state->reorder(rows, new_beams);
    if (used == 0) return;
    const auto old_rows = caches.front().batch();
    if (old_rows == rows.size(0) && at::equal(rows, at::arange(old_rows, rows.options()))) return;
    for (auto& cache : caches) cache.reorder(rows);
  }
};

// Reads its own past and, unless it stands alone, a source.
class DecoderLayer : public Module {
 public:
  DecoderLayer(const ModelOptions& o, std::int64_t index, const at::Tensor& shared_bias, bool alone = false);
  Memory prepare(const at::Tensor& states, const at::Tensor& lengths) const;
  std::unique_ptr<State> start(const Memory& memory) const { return cross_ ? cross_->start(memory, 1) : nullptr; }
  // All steps at once, x [B, T, N]; `memory` is not read by a layer that stands alone.
  at::Tensor operator()(const at::Tensor& x, const Memory& memory, Observer* observer) const;
  // One step of every hypothesis, [B, K, N]: each has its own earlier steps, all share the source.
  at::Tensor step(const at::Tensor& x, const Memory& memory, TransformerState& state, Observer* observer) const;
  std::vector<Site> sites() const { return cross_ ? std::vector{self_site_, cross_site_} : std::vector{self_site_}; }
  const Site& cross_site() const { return cross_site_; }

 private:
  at::Tensor rest(const at::Tensor& x, const Memory& memory, State* state, Observer* observer) const;

  std::int64_t index_;
  Site self_site_, cross_site_;
  std::shared_ptr<Mechanism> self_, cross_;
  std::shared_ptr<FeedForward> feed_forward_;
  std::shared_ptr<Residual> around_self_, around_cross_, around_feed_forward_;
};

}  // namespace attend
