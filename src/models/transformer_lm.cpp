#include "attend/models/transformer_lm.h"

#include "attend/models/transformer_options.h"
#include "models/decoder_stack.h"

namespace attend {
namespace {

class TransformerLm final : public StackDecoded {
 public:
  TransformerLm(const ModelOptions& o, std::int64_t vocabulary)
      : layers_(static_cast<std::size_t>(o.of<DecoderDepthOptions>().decoder_layers)) {
    ATTEND_CHECK(o.attention != "none", kValue,
                 "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_lm");
    check_heads(o);
    decoder_.emplace(
        *this, o,
        register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, o.of<EmbeddingScaleOptions>().embedding_scale)),
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

extern constinit const ModelEntry transformer_lm_entry{
    .name = "transformer_lm",
    .kind = {Matter::kNothing, Matter::kText},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_attending_network(o, v);
          visit_options<DecoderDepthOptions, EmbeddingScaleOptions, TiedOptions>(o.own, v);
          visit_transformer_layers(o, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "multi_head"; },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_transformer_lm(o, source, target);
    }};

}  // namespace attend
