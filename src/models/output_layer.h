#pragma once
// The last layer of every model that writes tokens.
#include "attend/layers/basic.h"
#include "attend/models/seq2seq.h"

namespace attend {

// states [.., N] -> logits [.., V], with a weight of its own or, where model.tied says so, that of the target embedding. Its parameters are
// the owner's: output_weight, output_bias.
class OutputLayer {
 public:
  OutputLayer(Module& owner, const ModelOptions& o, std::int64_t size, std::shared_ptr<Embedding> embedding)
      : owner_(owner), embedding_(std::move(embedding)) {
    const auto& tied = o.of<TiedOptions>().tied;
    const auto vocabulary = embedding_->weight.size(0);
    if (tied == "none") {
      weight_ = owner.register_parameter("output_weight", Linear(size, vocabulary).weight.detach().clone());  // [V, N]
    } else {
      ATTEND_CHECK(size == o.embedding, kValue, "model.tied: {} needs embedding = {} (the size before the output layer), got {}", tied,
                   size, o.embedding);
    }
    bias_ = owner.register_parameter("output_bias", at::zeros({vocabulary}, float_options()));  // [V]
  }
  at::Tensor operator()(const at::Tensor& states) const {
    return packed_.linear(states, weight_.defined() ? weight_ : embedding_->weight, bias_, kernels::Activation::kNone, owner_.uses_int8());
  }

 private:
  const Module& owner_;
  std::shared_ptr<Embedding> embedding_;
  at::Tensor weight_, bias_;
  PackedWeight packed_;
};

}  // namespace attend
