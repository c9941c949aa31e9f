#include "attend/models/captioner.h"

#include "models/picture_encoder.h"
#include "models/recurrent_decoder.h"

namespace attend {
namespace {

class Captioner final : public RecurrentDecoded<Seq2Seq> {
 public:
  Captioner(const ModelOptions& o, std::int64_t vocabulary)
      : RecurrentDecoded(o),
        depth_(o.of<DecoderDepthOptions>().decoder_layers),
        size_(o.of<HiddenOptions>().hidden),
        fixed_context_(o.attention == "none" && o.of<FixedContextOptions>().fixed_context) {
    embedding_ = register_module("target_embedding", std::make_shared<Embedding>(vocabulary, o.embedding, false));
    encoder_ = register_module("encoder", std::make_shared<PictureEncoder>(o, o.of<ConvolutionOptions>().convolutions));
    const auto size = encoder_->output_size();
    bridge_ = register_module("bridge", std::make_shared<Linear>(size, depth_ * size_));
    if (o.of<CellOptions>().cell == "lstm") bridge_cell_ = register_module("bridge_cell", std::make_shared<Linear>(size, depth_ * size_));
    decoder_ = register_module("decoder", std::make_shared<RecurrentDecoder>(o, RecurrentSizes{.source = size, .of = ColumnAxis::kCell}));
    output_.emplace(*this, o, decoder_->output_size(), embedding_);
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& pictures, const at::Tensor& lengths, Observer* observer) const override {
    auto encoded = std::make_unique<RecurrentSource>();
    encoded->lengths = lengths;
    const auto cells = apply_dropout(*this, (*encoder_)(pictures, observer), o_.dropout);                          // [B, L, D]
    const auto mean = cells.mean(1);                                                                               // [B, D]
    const auto h = at::tanh((*bridge_)(mean)), c = bridge_cell_ ? at::tanh((*bridge_cell_)(mean)) : at::Tensor();  // [B, layers·N]
    for (std::int64_t layer = 0; layer < depth_; ++layer) {
      auto state = decoder_->zero_state(layer, mean.size(0));
      state.h = h.narrow(1, layer * size_, size_);  // [B, N]
      if (state.c.defined()) state.c = c.narrow(1, layer * size_, size_);
      encoded->initial.push_back(state);
    }
    encoded->memory = decoder_->prepare(cells, lengths);
    if (fixed_context_) encoded->fixed_context = mean;
    return encoded;
  }

  std::vector<Site> sites() const override { return joined_sites({decoder_->sites(), encoder_->sites()}); }

 private:
  std::int64_t depth_, size_;  // of the decoder's states
  bool fixed_context_;
  std::shared_ptr<PictureEncoder> encoder_;
  std::shared_ptr<Linear> bridge_, bridge_cell_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_captioner(const ModelOptions& options, std::int64_t /*source*/, std::int64_t target_vocabulary) {
  return std::make_shared<Captioner>(options, target_vocabulary);
}

extern constinit const ModelEntry captioner_entry{
    .name = "captioner",
    .kind = {Matter::kPicture, Matter::kText},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_embedding(o, v);
          visit_dropout(o, v);
          visit_recurrent_decoder(o, v);
          v.once<ConvolutionOptions>(o.own);
          visit_picture_encoder(o, v, o.of<ConvolutionOptions>().convolutions);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "additive"; },
    .looks_by = recurrent_looks_by,
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_captioner(o, source, target);
    }};

}  // namespace attend
