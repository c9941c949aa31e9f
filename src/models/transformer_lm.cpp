#include "attend/models/transformer_lm.h"

#include "models/decoder_stack.h"

namespace attend {
namespace {

class TransformerLm final : public StackDecoded {
 public:
  TransformerLm(const ModelOptions& o, std::int64_t vocabulary) : layers_(static_cast<std::size_t>(o.decoder_layers)) {
    ATTEND_CHECK(o.attention != "none", kValue,
                 "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_lm");
    check_heads(o);
    decoder_.emplace(*this, o, register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, o.input.embedding_scale)),
                     /*alone=*/true);
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& /*source*/, const at::Tensor& lengths, Observer* /*observer*/) const override {
    auto encoded = std::make_unique<TransformerSource>();
    encoded->lengths = lengths;
    encoded->memories.resize(layers_);
    return encoded;
  }

 private:
  std::size_t layers_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_transformer_lm(const ModelOptions& options, std::int64_t /*source*/, std::int64_t target_vocabulary) {
  return std::make_shared<TransformerLm>(options, target_vocabulary);
}

}  // namespace attend
