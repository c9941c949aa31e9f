#pragma once
// The recurrent decoder: cells, a mechanism over a prepared source, a readout. What its source is (a sentence, a picture's
// regions) and where its first state comes from is the model's business.
#include "attend/attention/output_attention.h"
#include "attend/attention/pointer_generator.h"
#include "attend/layers/basic.h"
#include "attend/layers/recurrent.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/seq2seq.h"
#include "models/output_layer.h"

namespace attend {

struct RecurrentSource : Encoded {
  Memory memory;                   // undefined keys without attention
  Memory draft;                    // of a second pass
  std::vector<CellState> initial;  // per decoder layer, [B, N]
  at::Tensor fixed_context;        // [B, M] with attention none and fixed_context
  SourceWords words;               // of models that copy

  std::unique_ptr<Encoded> select(const at::Tensor& items) const override;
};

// The linear maps of a step, made once a sequence.
struct StepMaps {
  std::vector<RecurrentCell::Steps> cells;
  std::optional<StepLinear> readout;
};

// Hypotheses live as rows: [B·K, N], item-major.
struct RecurrentState final : DecoderState {
  StepMaps maps;
  std::vector<CellState> cells;
  at::Tensor feed;     // h̃ [B·K, N], with input feeding
  at::Tensor context;  // c_{t−1} [B·K, Dv], where the next state reads it
  OutputAttention::History outputs;
  std::unique_ptr<State> attention, draft;
  std::int64_t beams = 1;

  void reorder(const at::Tensor& rows, std::int64_t new_beams) override;
};

// An encoder of recurrent cells over vectors of `input_size` numbers, and what it reads.
RecurrentEncoderOptions recurrent_encoder_options(const ModelOptions& o, std::int64_t input_size);
void visit_recurrent_encoder(ModelOptions& o, OptionVisitor& v);

// Visits what a decoder reads: sizes, cells, the attention to the source and what it makes of that.
void visit_recurrent_decoder(ModelOptions& o, OptionVisitor& v);
// The same of one without a source.
void visit_recurrent_decoder_alone(ModelOptions& o, OptionVisitor& v);

// ModelEntry::looks_by: without a source, or attention to it, the decoder may look back at its own outputs.
std::string recurrent_looks_by(const ModelOptions& o);

// What a recurrent decoder reads.
struct RecurrentSizes {
  std::int64_t source = 0;              // of the states it attends to, M
  std::int64_t draft = 0;               // of those of a draft, which it attends to beside them; 0 is none
  ColumnAxis of = ColumnAxis::kSource;  // what the source's states stand for
};

class RecurrentDecoder : public Module {
 public:
  RecurrentDecoder(const ModelOptions& options, const RecurrentSizes& sizes);

  Memory prepare(const at::Tensor& states, const at::Tensor& lengths) const;  // states [B, S, M]; nothing without attention
  Memory prepare_draft(const at::Tensor& states, const at::Tensor& lengths) const;
  CellState zero_state(std::int64_t layer, std::int64_t rows) const { return cells_[static_cast<std::size_t>(layer)]->zero_state(rows); }
  std::int64_t output_size() const { return output_size_; }  // R
  std::int64_t context_size() const;
  std::vector<Site> sites() const;
  const Site& site() const { return site_; }  // of the attention to the source

  // [B, T, Ne] -> [B, T, R]; `tops` receives the states s [B, T, N].
  at::Tensor decode(const RecurrentSource& source, const at::Tensor& vectors, Observer* observer, at::Tensor* tops = nullptr) const;
  void start(const RecurrentSource& source, RecurrentState& state) const;
  at::Tensor step(const RecurrentSource& source, RecurrentState& state, const at::Tensor& vectors,
                  Observer* observer) const;  // [B·K, Ne] -> [B·K, R]

 private:
  class Loop;

  bool feeds_context() const { return reads_previous_ && replaces_query_; }
  bool context_enters_cell() const { return (attention_ && how_.timing == "before") || fixed_context_; }
  std::int64_t fed_size() const;
  // Columns of the readout that meet the previous token's vector; they come last.
  std::int64_t readout_embedded() const { return how_.readout_embedding ? o_.embedding : 0; }
  StepMaps step_maps() const;
  std::shared_ptr<Mechanism> make_attention(std::int64_t size);
  at::Tensor attend(const RecurrentSource& source, const at::Tensor& query, RecurrentState* state, Observer* observer) const;
  at::Tensor decode_at_once(const RecurrentSource& source, Loop& loop, RecurrentState& state, Observer* observer, at::Tensor* tops) const;

  ModelOptions o_;
  RecurrentDecoderOptions how_;
  std::int64_t size_;            // N, of a state
  bool replaces_query_ = false;  // soft_psi: the next state reads the context
  bool fixed_context_;           // the same context at every step
  bool reads_previous_ = false;  // the mechanism's query is [h_{t−1}; h_t; E y_{t−1}]
  RecurrentSizes sizes_;
  Site site_, draft_site_;
  std::int64_t output_size_ = 0;
  std::shared_ptr<Mechanism> attention_, draft_attention_;
  std::shared_ptr<OutputAttention> output_attention_;
  std::shared_ptr<Linear> gate_;  // of the context, from h_{t−1}
  std::vector<std::shared_ptr<RecurrentCell>> cells_;
  at::Tensor readout_weight_, readout_bias_;
};

// What writes tokens with a recurrent decoder over embedded tokens and nothing more, as a whole model (Seq2Seq) or a part of one
// (TokenDecoder). Parts are registered by whoever derives from it.
template <class Base>
class RecurrentDecoded : public Base {
 public:
  explicit RecurrentDecoded(const ModelOptions& o) : o_(o) {}
  at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    const auto vectors = apply_dropout(*this, (*embedding_)(inputs), o_.dropout);  // [B, T, Ne]
    return decoder_->decode(static_cast<const RecurrentSource&>(encoded), vectors, observer);
  }
  at::Tensor logits(const at::Tensor& states) const override { return (*output_)(states); }
  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t /*steps*/) const override {
    auto state = std::make_unique<RecurrentState>();
    decoder_->start(static_cast<const RecurrentSource&>(encoded), *state);
    return state;
  }
  at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& tokens, Observer* observer) const override {
    const auto out = decoder_->step(static_cast<const RecurrentSource&>(encoded), static_cast<RecurrentState&>(state),
                                    (*embedding_)(tokens.flatten()), observer);  // [B·K, *]
    return out.view({tokens.size(0), tokens.size(1), -1});
  }
  std::vector<Site> sites() const override { return decoder_->sites(); }

 protected:
  ModelOptions o_;
  std::shared_ptr<Embedding> embedding_;
  std::shared_ptr<RecurrentDecoder> decoder_;
  std::optional<OutputLayer> output_;
};

// Tells the follower a cell's state: "NAME cell" for c, NAME for h.
void show_state(Observer& follower, const std::string& name, const CellState& state);

}  // namespace attend
