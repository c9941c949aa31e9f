#pragma once
// What classifiers are made of: an encoder of any kind, and pooling.
#include "attend/layers/act.h"
#include "attend/layers/recurrent.h"
#include "attend/models/encoder_classifier.h"
#include "models/recurrent_decoder.h"
#include "models/transformer_layers.h"

namespace attend {

// Answers of a vocabulary with that many entries. Throws kValue when there is none.
std::int64_t checked_answers(std::int64_t answers);

// Vectors of a sequence to states.
class SequenceEncoder : public Module {
 public:
  struct Of {
    std::string encoder;                       // recurrent, transformer, universal or adaptive
    std::int64_t input_size = 0;               // of the vectors
    ColumnAxis columns = ColumnAxis::kSource;  // what they stand for: tokens of a source or cells of a picture
    bool types = false;                        // whether a type may come with each
  };
  SequenceEncoder(const ModelOptions& o, const Of& of);
  // vectors [B, S, input size], lengths int64 [B] -> [B, S, output_size()], unspecified in padding; types int64 [B, S], undefined = 0: of
  // model.token_types. Where positions ponder, the observer is told of the steps that each took, [B, 1, 1, S], with the extra "ponder" [B].
  at::Tensor operator()(const at::Tensor& vectors, const at::Tensor& lengths, Observer* observer, const at::Tensor& types = {}) const;
  std::vector<Site> sites() const;
  std::int64_t output_size() const { return output_size_; }

 private:
  at::Tensor through_layers(const at::Tensor& input, const at::Tensor& lengths, Observer* observer) const;
  double dropout_;
  ActOptions ponder_;
  Site ponder_site_;
  std::int64_t output_size_;
  std::shared_ptr<RecurrentEncoder> recurrent_;
  std::shared_ptr<AdaptiveCell> cell_;
  std::optional<StackInput> input_;
  std::vector<std::shared_ptr<EncoderLayer>> layers_;  // of a universal one the block
  std::shared_ptr<AdaptiveBlock> block_;
  std::shared_ptr<Norm> norm_;
};

// Visits what it reads (the attention itself is the model's: visit_attention).
void visit_sequence_encoder(const SequenceEncoder::Of& of, ModelOptions& o, OptionVisitor& v);

// A sequence of states to one vector, as model.pooling says. The observer is shown [B, 1, r, S].
class Pooling : public Module {
 public:
  Pooling(const ModelOptions& o, std::int64_t size, ColumnAxis of = ColumnAxis::kSource);
  // states [B, S, N], lengths int64 [B], undefined = S -> [B, output_size()].
  at::Tensor operator()(const at::Tensor& states, const at::Tensor& lengths, Observer* observer) const;
  std::int64_t output_size() const { return size_ * rows_; }
  std::vector<Site> sites() const { return attention_ ? std::vector{site_} : std::vector<Site>{}; }

 private:
  std::string kind_;
  Site site_;
  std::int64_t size_, rows_ = 1;
  std::shared_ptr<Mechanism> attention_;
};

void visit_pooling(ModelOptions& o, OptionVisitor& v);

}  // namespace attend
