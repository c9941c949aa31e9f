#include "models/decoder_stack.h"
#include "attend/layers/blocks.h"
#include "attend/models/model_options.h"
#include "attend/models/transformer_options.h"

namespace attend {
namespace {

const TransformerSource& transformer_source(const Encoded& source) { return static_cast<const TransformerSource&>(source); }

std::vector<std::shared_ptr<DecoderLayer>> decoder_layers(Module& owner, const ModelOptions& o, bool alone) {
  const auto bias = shared_relative_bias(owner, alone ? "relative_bias" : "decoder_relative_bias", o);  // [H, buckets]
  std::vector<std::shared_ptr<DecoderLayer>> layers;
  for (std::int64_t i = 0; i < o.of<DecoderDepthOptions>().decoder_layers; ++i)
    layers.push_back(owner.register_module(fmt::format("decoder_{}", i), std::make_shared<DecoderLayer>(o, i, bias, alone)));
  return layers;
}

}  // namespace

std::unique_ptr<Encoded> TransformerSource::select(const at::Tensor& items) const {
  auto chosen = std::make_unique<TransformerSource>();
  chosen->lengths = lengths.index_select(0, items);  // [B']
  for (const auto& memory : memories) chosen->memories.push_back(memory.select(items));
  chosen->words = words.select(items);
  return chosen;
}

DecoderStack::DecoderStack(Module& owner, const ModelOptions& o, std::shared_ptr<Embedding> embedding, bool alone)
    : dropout_(o.dropout),
      embedding_(std::move(embedding)),
      input_(owner, o, alone ? "" : "target_", {}),
      layers_(decoder_layers(owner, o, alone)),
      norm_(o.of<TransformerOptions>().norm == "pre"
                ? owner.register_module(alone ? "norm" : "decoder_norm", std::make_shared<Norm>(o.embedding, o.of<BlockOptions>()))
                : nullptr),
      output_(owner, o, o.embedding, embedding_) {}

std::vector<Site> DecoderStack::sites() const {
  std::vector<Site> sites;
  for (const auto& layer : layers_)
    for (auto& site : layer->sites()) sites.push_back(std::move(site));
  return sites;
}

std::vector<Memory> DecoderStack::prepare(const at::Tensor& states, const at::Tensor& lengths) const {
  std::vector<Memory> memories;
  for (const auto& layer : layers_) memories.push_back(layer->prepare(states, lengths));
  return memories;
}

at::Tensor DecoderStack::decode(const Encoded& source, const at::Tensor& inputs, Observer* observer) const {
  const auto& memories = transformer_source(source).memories;
  auto x = apply_dropout(*embedding_, input_((*embedding_)(inputs)), dropout_);  // [B, T, N]
  for (std::size_t i = 0; i < layers_.size(); ++i) x = (*layers_[i])(x, memories[i], observer);
  return norm_ ? (*norm_)(x) : x;
}

std::unique_ptr<DecoderState> DecoderStack::start(const Encoded& source, std::int64_t steps) const {
  auto state = std::make_unique<TransformerState>();
  state->caches.resize(layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) state->attention.push_back(layers_[i]->start(transformer_source(source).memories[i]));
  state->room = steps;
  return state;
}

at::Tensor DecoderStack::step(const Encoded& source, DecoderState& base, const at::Tensor& tokens, Observer* observer) const {
  const auto& memories = transformer_source(source).memories;
  auto& state = static_cast<TransformerState&>(base);
  ATTEND_ASSERT(state.used < state.room);
  auto* follower = number_observer(observer);
  const auto vectors = (*embedding_)(tokens.reshape({-1, 1}));                      // [B·K, 1, N]
  auto x = input_(vectors, state.used).view({tokens.size(0), tokens.size(1), -1});  // [B, K, N]
  if (follower) follower->number("decoder.embedding", vectors.view_as(x));
  if (follower) follower->number("decoder.input", x);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i]->step(x, memories[i], state, observer);
    if (follower) follower->number(fmt::format("decoder.layer.{}", i), x);
  }
  ++state.used;
  if (norm_) x = (*norm_)(x);
  if (follower) follower->number("decoder.readout", x);
  return x;
}

}  // namespace attend
