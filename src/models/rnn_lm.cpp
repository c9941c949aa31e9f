#include "attend/models/rnn_lm.h"

#include "models/recurrent_decoder.h"

namespace attend {
namespace {

// The decoder's options without what concerns a source.
ModelOptions alone(ModelOptions o) {
  o.attention = "none";
  o.of<FixedContextOptions>().fixed_context = false;
  return o;
}

class RnnLm final : public RecurrentDecoded<Seq2Seq> {
 public:
  RnnLm(const ModelOptions& o, std::int64_t vocabulary) : RecurrentDecoded(alone(o)) {
    ATTEND_CHECK(
        o.attention == "none", kValue,
        "model.attention: {} needs a source, which a language model does not have; use none, with output_attention: true to look back at "
        "its own outputs, or type transformer_lm",
        o.attention);
    embedding_ = register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, false));
    decoder_ = register_module("decoder", std::make_shared<RecurrentDecoder>(o_, RecurrentSizes{}));
    output_.emplace(*this, o, decoder_->output_size(), embedding_);
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& /*source*/, const at::Tensor& lengths, Observer* /*observer*/) const override {
    auto encoded = std::make_unique<RecurrentSource>();
    encoded->lengths = lengths;
    for (std::int64_t layer = 0; layer < o_.of<DecoderDepthOptions>().decoder_layers; ++layer)
      encoded->initial.push_back(decoder_->zero_state(layer, lengths.size(0)));
    return encoded;
  }
};

}  // namespace

std::shared_ptr<Seq2Seq> make_rnn_lm(const ModelOptions& options, std::int64_t /*source*/, std::int64_t target_vocabulary) {
  return std::make_shared<RnnLm>(options, target_vocabulary);
}

extern constinit const ModelEntry rnn_lm_entry{
    .name = "rnn_lm",
    .kind = {Matter::kNothing, Matter::kText},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_embedding(o, v);
          visit_dropout(o, v);
          visit_recurrent_decoder_alone(o, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "none"; },
    .looks_by = recurrent_looks_by,
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_rnn_lm(o, source, target);
    }};

}  // namespace attend
