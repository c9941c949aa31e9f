#include "attend/models/transformer.h"

#include "models/copying.h"
#include "models/transformer_layers.h"

namespace attend {
namespace {

struct TransformerEncoded final : Encoded {
  std::vector<Memory> memories;  // one a decoder layer
  SourceWords words;             // of models that copy

  std::unique_ptr<Encoded> select(const at::Tensor& items) const override {
    auto chosen = std::make_unique<TransformerEncoded>();
    chosen->lengths = lengths.index_select(0, items);
    for (const auto& memory : memories) chosen->memories.push_back(memory.select(items));
    chosen->words = words.select(items);
    return chosen;
  }
};

class Transformer final : public Seq2Seq {
 public:
  Transformer(const ModelOptions& o, std::int64_t source_vocabulary, std::int64_t target_vocabulary) : o_(o) {
    ATTEND_CHECK(
        o.attention != "none", kValue,
        "model.attention: a transformer is made of attention, none leaves nothing; use type rnn_seq2seq for the bottleneck baseline");
    ATTEND_CHECK(o.embedding % o.heads == 0, kValue, "model.embedding must be a multiple of model.heads, got {} and {}", o.embedding,
                 o.heads);
    ATTEND_CHECK(o.layer_attention.empty() || o.layer_attention.size() == static_cast<std::size_t>(o.decoder_layers), kValue,
                 "model.layer_attention: {} names for {} decoder layers; give one each", o.layer_attention.size(), o.decoder_layers);
    check_decoding(o, o.attention);
    for (const auto& name : o.layer_attention) check_decoding(o, name);
    target_embedding_ = register_module("target_embedding", std::make_shared<Embedding>(target_vocabulary, o.embedding, true));
    source_embedding_ = o.tied == "all"
                            ? target_embedding_
                            : register_module("source_embedding", std::make_shared<Embedding>(source_vocabulary, o.embedding, true));
    source_positions_ = register_module("source_positions", input_positions(o));
    target_positions_ = register_module("target_positions", input_positions(o));
    for (std::int64_t i = 0; i < o.encoder_layers; ++i)
      encoder_.push_back(register_module(fmt::format("encoder_{}", i), std::make_shared<EncoderLayer>(o, i)));
    for (std::int64_t i = 0; i < o.decoder_layers; ++i)
      decoder_.push_back(register_module(fmt::format("decoder_{}", i), std::make_shared<DecoderLayer>(o, i)));
    if (o.norm == "pre") {
      encoder_norm_ = register_module("encoder_norm", std::make_shared<LayerNorm>(o.embedding));
      decoder_norm_ = register_module("decoder_norm", std::make_shared<LayerNorm>(o.embedding));
    }
    if (o.tied == "none")
      output_weight_ = register_parameter("output_weight", Linear(o.embedding, target_vocabulary).weight.detach().clone());
    output_bias_ = register_parameter("output_bias", at::zeros({target_vocabulary}));
    if (!o.pointer_generator) return;
    check_copying(o, o.layer_attention.empty() ? o.attention : o.layer_attention.back());
    pointer_ = register_module("pointer", std::make_shared<PointerGenerator>(o.embedding, o.embedding, o.embedding));
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    auto encoded = std::make_unique<TransformerEncoded>();
    encoded->lengths = lengths;
    auto* follower = number_observer(observer);
    // A padded query's row is never read, but what it holds would come back as 0·NaN in the gradients of the keys.
    const auto padding = within_lengths(lengths, source.size(1)).logical_not().unsqueeze(-1);  // [B, S, 1]
    auto tokens = source;                                                                      // [B, S]
    if (pointer_) std::tie(tokens, encoded->words) = split_source(source, output_bias_.size(0));
    const auto vectors = (*source_embedding_)(tokens).masked_fill(padding, 0.0);  // [B, S, N]
    auto x = apply_dropout((*source_positions_)(vectors), o_.dropout, is_training());
    if (follower) follower->number("encoder.embeddings", vectors);
    if (follower) follower->number("encoder.input", x);
    for (std::size_t i = 0; i < encoder_.size(); ++i) {
      x = (*encoder_[i])(x, lengths, observer);
      if (follower) follower->number(fmt::format("encoder.layer.{}", i), x);
    }
    if (encoder_norm_) x = (*encoder_norm_)(x);
    if (follower) follower->number("encoder.states", x);
    for (const auto& layer : decoder_) encoded->memories.push_back(layer->prepare(x, lengths));
    return encoded;
  }

  at::Tensor decode(const Encoded& base, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    const auto& encoded = static_cast<const TransformerEncoded&>(base);
    const auto vectors = (*target_embedding_)(known(inputs));                          // [B, T, N]
    auto x = apply_dropout((*target_positions_)(vectors), o_.dropout, is_training());  // [B, T, N]
    AttentionKeeper keeper(last_cross(), observer);
    for (std::size_t i = 0; i < decoder_.size(); ++i) x = (*decoder_[i])(x, encoded.memories[i], pointer_ ? &keeper : observer);
    if (decoder_norm_) x = (*decoder_norm_)(x);
    return pointer_ ? copy_output(*pointer_, spoken(x), x, vectors, keeper.kept(), encoded.words, observer).log_probs : x;
  }

  at::Tensor logits(const at::Tensor& states) const override { return pointer_ ? states : spoken(states); }

  std::unique_ptr<DecoderState> start(const Encoded& base, std::int64_t steps) const override {
    const auto& encoded = static_cast<const TransformerEncoded&>(base);
    auto state = std::make_unique<TransformerState>();
    state->caches.resize(decoder_.size());
    for (std::size_t i = 0; i < decoder_.size(); ++i) state->attention.push_back(decoder_[i]->start(encoded.memories[i]));
    state->room = steps;
    return state;
  }

  at::Tensor step(const Encoded& base, DecoderState& base_state, const at::Tensor& tokens, Observer* observer) const override {
    const auto& encoded = static_cast<const TransformerEncoded&>(base);
    auto& state = static_cast<TransformerState&>(base_state);
    ATTEND_ASSERT(state.used < state.room);
    auto* follower = number_observer(observer);
    const auto vectors = (*target_embedding_)(known(tokens).reshape({-1, 1}));                      // [B·K, 1, N]
    auto x = (*target_positions_)(vectors, state.used).view({tokens.size(0), tokens.size(1), -1});  // [B, K, N]
    if (follower) follower->number("decoder.embedding", vectors.view_as(x));
    if (follower) follower->number("decoder.input", x);
    AttentionKeeper keeper(last_cross(), observer);
    for (std::size_t i = 0; i < decoder_.size(); ++i) {
      x = decoder_[i]->step(x, encoded.memories[i], state, pointer_ ? &keeper : observer);
      if (follower) follower->number(fmt::format("decoder.layer.{}", i), x);
    }
    ++state.used;
    if (decoder_norm_) x = (*decoder_norm_)(x);
    if (follower) follower->number("decoder.readout", x);
    if (!pointer_) return x;
    const auto out = spoken(x);
    const auto mixture = copy_output(*pointer_, out, x, vectors.view_as(x), keeper.kept(), encoded.words, observer);
    if (follower) follower->number("vocabulary logits", out);
    if (follower) follower->number("p_gen", mixture.p_gen);
    return mixture.log_probs;
  }

 private:
  AttentionSite last_cross() const { return {"decoder.cross", o_.decoder_layers - 1}; }
  at::Tensor known(const at::Tensor& tokens) const { return pointer_ ? known_tokens(tokens, output_bias_.size(0)) : tokens; }

  at::Tensor spoken(const at::Tensor& states) const {
    return at::linear(states, output_weight_.defined() ? output_weight_ : target_embedding_->weight, output_bias_);
  }

  ModelOptions o_;
  std::shared_ptr<Embedding> source_embedding_, target_embedding_;
  std::shared_ptr<InputPositions> source_positions_, target_positions_;
  std::vector<std::shared_ptr<EncoderLayer>> encoder_;
  std::vector<std::shared_ptr<DecoderLayer>> decoder_;
  std::shared_ptr<LayerNorm> encoder_norm_, decoder_norm_;
  std::shared_ptr<PointerGenerator> pointer_;
  at::Tensor output_weight_, output_bias_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_transformer(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  return std::make_shared<Transformer>(options, source_vocabulary, target_vocabulary);
}

}  // namespace attend
