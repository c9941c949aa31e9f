#include "attend/models/transformer.h"

#include "attend/layers/blocks.h"
#include "attend/models/transformer_options.h"
#include "models/copying.h"
#include "models/decoder_stack.h"

namespace attend {
namespace {

class Transformer final : public Seq2Seq {
 public:
  Transformer(const ModelOptions& o, std::int64_t source_vocabulary, std::int64_t target_vocabulary) : o_(o) {
    ATTEND_CHECK(
        o.attention != "none", kValue,
        "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_seq2seq for the bottleneck baseline");
    check_heads(o);
    const auto& each = o.of<LayerAttentionOptions>().layer_attention;
    const auto depth = o.of<DecoderDepthOptions>().decoder_layers;
    ATTEND_CHECK(each.empty() || each.size() == static_cast<std::size_t>(depth), kValue,
                 "model.layer_attention: {} names for {} decoder layers; give one each", each.size(), depth);
    check_decoding(o, o.attention);
    for (const auto& name : each) check_decoding(o, name);
    const bool scaled = o.of<EmbeddingScaleOptions>().embedding_scale;
    target_embedding_ = register_module("target_embedding", std::make_shared<Embedding>(target_vocabulary, o.embedding, scaled));
    source_embedding_ = o.of<TiedOptions>().tied == "all"
                            ? target_embedding_
                            : register_module("source_embedding", std::make_shared<Embedding>(source_vocabulary, o.embedding, scaled));
    source_input_.emplace(*this, o, "source_", StackInput::Of{});
    const auto bias = shared_relative_bias(*this, "encoder_relative_bias", o);  // [H, buckets]
    for (std::int64_t i = 0; i < o.of<EncoderDepthOptions>().encoder_layers; ++i)
      encoder_.push_back(
          register_module(fmt::format("encoder_{}", i), std::make_shared<EncoderLayer>(o, encoder_site(o, i, ColumnAxis::kSource), bias)));
    if (o.of<TransformerOptions>().norm == "pre")
      encoder_norm_ = register_module("encoder_norm", std::make_shared<Norm>(o.embedding, o.of<BlockOptions>()));
    decoder_.emplace(*this, o, target_embedding_);
    if (!o.of<CopyOptions>().pointer_generator) return;
    check_copying(o, each.empty() ? o.attention : each.back());
    pointer_ = register_module("pointer", std::make_shared<PointerGenerator>(o.embedding, o.embedding, o.embedding));
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    auto encoded = std::make_unique<TransformerSource>();
    encoded->lengths = lengths;
    auto* follower = number_observer(observer);
    // A padded query's row is never read, but what it holds would come back as 0·NaN in the gradients of the keys.
    const auto padding = within_lengths(lengths, source.size(1)).logical_not().unsqueeze(-1);  // [B, S, 1]
    auto tokens = source;                                                                      // [B, S]
    if (pointer_) std::tie(tokens, encoded->words) = split_source(source, target_embedding_->weight.size(0));
    const auto vectors = (*source_embedding_)(tokens).masked_fill(padding, 0.0);  // [B, S, N]
    auto x = apply_dropout(*this, (*source_input_)(vectors), o_.dropout);         // [B, S, N]
    if (follower) follower->number("encoder.embeddings", vectors);
    if (follower) follower->number("encoder.input", x);
    for (std::size_t i = 0; i < encoder_.size(); ++i) {
      x = (*encoder_[i])(x, lengths, observer);
      if (follower) follower->number(fmt::format("encoder.layer.{}", i), x);
    }
    if (encoder_norm_) x = (*encoder_norm_)(x);
    if (follower) follower->number("encoder.states", x);
    encoded->memories = decoder_->prepare(x, lengths);
    return encoded;
  }

  at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    const auto tokens = known(inputs);
    if (!pointer_) return decoder_->decode(encoded, tokens, observer);
    AttentionKeeper keeper(decoder_->last_cross(), observer);
    const auto states = decoder_->decode(encoded, tokens, &keeper);
    return mixture(encoded, tokens, states, keeper.kept(), observer).log_probs;
  }
  std::vector<Site> sites() const override {
    auto sites = decoder_->sites();
    for (const auto& layer : encoder_) sites.push_back(layer->site());
    if (pointer_) sites.push_back(copy_site());
    return sites;
  }
  at::Tensor logits(const at::Tensor& states) const override { return pointer_ ? states : decoder_->logits(states); }
  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t steps) const override { return decoder_->start(encoded, steps); }
  at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& inputs, Observer* observer) const override {
    const auto tokens = known(inputs);
    if (!pointer_) return decoder_->step(encoded, state, tokens, observer);
    AttentionKeeper keeper(decoder_->last_cross(), observer);
    const auto states = decoder_->step(encoded, state, tokens, &keeper);
    const auto mixed = mixture(encoded, tokens, states, keeper.kept(), observer);
    if (auto* follower = number_observer(observer)) {
      follower->number("vocabulary logits", decoder_->logits(states));
      follower->number("p_gen", mixed.p_gen);
    }
    return mixed.log_probs;
  }

 private:
  at::Tensor known(const at::Tensor& tokens) const {
    return pointer_ ? known_tokens(tokens, target_embedding_->weight.size(0), unknown()) : tokens;
  }

  PointerMixture mixture(const Encoded& encoded, const at::Tensor& tokens, const at::Tensor& states, const Result& attended,
                         Observer* observer) const {
    const auto& words = static_cast<const TransformerSource&>(encoded).words;
    return copy_output(*pointer_, {decoder_->logits(states), states, (*target_embedding_)(tokens), attended}, words, observer);
  }

  ModelOptions o_;
  std::shared_ptr<Embedding> source_embedding_, target_embedding_;
  std::optional<StackInput> source_input_;
  std::vector<std::shared_ptr<EncoderLayer>> encoder_;
  std::shared_ptr<Norm> encoder_norm_;
  std::optional<DecoderStack> decoder_;
  std::shared_ptr<PointerGenerator> pointer_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_transformer(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  return std::make_shared<Transformer>(options, source_vocabulary, target_vocabulary);
}

extern constinit const ModelEntry transformer_entry{
    .name = "transformer",
    .kind = {Matter::kText, Matter::kText},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_attending_network(o, v);
          visit_options<EncoderDepthOptions, DecoderDepthOptions, EmbeddingScaleOptions, TiedOptions, CopyOptions>(o.own, v);
          visit_cross_attention(o, v);
          visit_transformer_layers(o, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "multi_head"; },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_transformer(o, source, target);
    }};

}  // namespace attend
