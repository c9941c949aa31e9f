#pragma once
// The decoder of a transformer: everything behind the target's embedding. What its source is (a sentence, a picture's regions, nothing)
// is the model's business.
#include "attend/attention/pointer_generator.h"
#include "models/output_layer.h"
#include "models/transformer_layers.h"

namespace attend {

struct TransformerSource final : Encoded {
  std::vector<Memory> memories;  // one a decoder layer; of layers that stand alone nothing is read
  SourceWords words;             // of models that copy

  std::unique_ptr<Encoded> select(const at::Tensor& items) const override;
};

// Positions, layers, norm and output layer. It is no module: its parts are the owner's, under the names that saved models have.
class DecoderStack {
 public:
  // alone: its layers read no source.
  DecoderStack(Module& owner, const ModelOptions& o, std::shared_ptr<Embedding> embedding, bool alone = false);

  std::vector<Site> sites() const;
  const Site& last_cross() const { return layers_.back()->cross_site(); }
  std::vector<Memory> prepare(const at::Tensor& states, const at::Tensor& lengths) const;  // states [B, S, N]

  // The functions of Seq2Seq.
  at::Tensor decode(const Encoded& source, const at::Tensor& inputs, Observer* observer) const;  // [B, T] -> [B, T, N]
  at::Tensor logits(const at::Tensor& states) const { return output_(states); }
  std::unique_ptr<DecoderState> start(const Encoded& source, std::int64_t steps) const;
  at::Tensor step(const Encoded& source, DecoderState& state, const at::Tensor& tokens, Observer* observer) const;  // [B, K] -> [B, K, N]

 private:
  double dropout_;
  std::shared_ptr<Embedding> embedding_;
  StackInput input_;
  std::vector<std::shared_ptr<DecoderLayer>> layers_;
  std::shared_ptr<Norm> norm_;  // null where each layer ends with one
  OutputLayer output_;
};

// A model whose decoder is a stack and nothing more. It makes decoder_ once its other parts are registered.
class StackDecoded : public Seq2Seq {
 public:
  at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    return decoder_->decode(encoded, inputs, observer);
  }
  at::Tensor logits(const at::Tensor& states) const override { return decoder_->logits(states); }
  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t steps) const override { return decoder_->start(encoded, steps); }
  at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& tokens, Observer* observer) const override {
    return decoder_->step(encoded, state, tokens, observer);
  }
  std::vector<Site> sites() const override { return decoder_->sites(); }

 protected:
  std::optional<DecoderStack> decoder_;
};

}  // namespace attend
