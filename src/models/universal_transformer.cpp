#include "attend/models/universal_transformer.h"

#include "attend/models/transformer_options.h"
#include "models/classifier_parts.h"
#include "models/decoder_stack.h"

namespace attend {
namespace {

class UniversalTransformer final : public StackDecoded {
 public:
  UniversalTransformer(const ModelOptions& o, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
    ATTEND_CHECK(
        o.attention != "none", kValue,
        "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_seq2seq for the bottleneck baseline");
    check_decoding(o, o.attention);
    const bool scaled = o.of<EmbeddingScaleOptions>().embedding_scale;
    const auto target = register_module("target_embedding", std::make_shared<Embedding>(target_vocabulary, o.embedding, scaled));
    source_embedding_ = o.of<TiedOptions>().tied == "all"
                            ? target
                            : register_module("source_embedding", std::make_shared<Embedding>(source_vocabulary, o.embedding, scaled));
    encoder_ = register_module(
        "encoder", std::make_shared<SequenceEncoder>(o, SequenceEncoder::Of{.encoder = "universal", .input_size = o.embedding}));
    decoder_.emplace(*this, o, target);
  }

  std::vector<Site> sites() const override { return joined_sites({StackDecoded::sites(), encoder_->sites()}); }

  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    auto encoded = std::make_unique<TransformerSource>();
    encoded->lengths = lengths;
    encoded->memories = decoder_->prepare((*encoder_)((*source_embedding_)(source), lengths, observer), lengths);
    return encoded;
  }

 private:
  std::shared_ptr<Embedding> source_embedding_;
  std::shared_ptr<SequenceEncoder> encoder_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_universal_transformer(const ModelOptions& options, std::int64_t source_vocabulary,
                                                    std::int64_t target_vocabulary) {
  return std::make_shared<UniversalTransformer>(options, source_vocabulary, target_vocabulary);
}

extern constinit const ModelEntry universal_transformer_entry{
    .name = "universal_transformer",
    .kind = {Matter::kText, Matter::kText},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_attending_network(o, v);
          visit_options<PonderOptions, CombineOptions, DecoderDepthOptions, EmbeddingScaleOptions, TiedOptions>(o.own, v);
          visit_cross_attention(o, v);
          visit_transformer_layers(o, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "multi_head"; },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_universal_transformer(o, source, target);
    }};

}  // namespace attend
