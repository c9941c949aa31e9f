#include "attend/models/rnn_seq2seq.h"
#include "attend/models/parts.h"

#include "models/copying.h"
#include "models/output_layer.h"
#include "models/recurrent_decoder.h"

namespace attend {

void BridgeOptions::visit(OptionVisitor& v) {
  v(bridge, "bridge", "linear", "how the encoder's end starts the decoder", one_of({"zero", "copy", "linear", "mean", "backward_first"}));
}

void ReviseOptions::visit(OptionVisitor& v) {
  v(revise, "revise", false, "rnn_seq2seq: a second decoder reads the source and what the first one wrote");
}

namespace {

// The second pass: the same kind of decoder, which attends to the draft too.
class SecondPass final : public RecurrentDecoded<TokenDecoder> {
 public:
  SecondPass(const ModelOptions& o, std::int64_t source_size, const std::shared_ptr<Embedding>& embedding) : RecurrentDecoded(o) {
    embedding_ = embedding;  // of the first pass, which registers it
    decoder_ = register_module(
        "decoder",
        std::make_shared<RecurrentDecoder>(o, RecurrentSizes{.source = source_size, .draft = o.of<HiddenOptions>().hidden + o.embedding}));
    output_.emplace(*this, o, decoder_->output_size(), embedding_);
  }
  const RecurrentDecoder& decoder() const { return *decoder_; }
};

class RnnSeq2Seq final : public Seq2Seq {
 public:
  RnnSeq2Seq(const ModelOptions& o, std::int64_t source_vocabulary, std::int64_t target_vocabulary)
      : dropout_(o.dropout),
        bridge_kind_(o.of<BridgeOptions>().bridge),
        depth_(o.of<DecoderDepthOptions>().decoder_layers),
        size_(o.of<HiddenOptions>().hidden),
        fixed_context_(o.attention == "none" && o.of<FixedContextOptions>().fixed_context) {
    if (o.attention == "none" && !fixed_context_) {
      ATTEND_CHECK(
          bridge_kind_ != "zero", kValue,
          "model.bridge: zero without attention leaves the decoder no sight of the source; use linear, or set fixed_context: true");
      ATTEND_CHECK(
          bridge_kind_ != "backward_first", kValue,
          "model.bridge: backward_first without attention leaves the forward direction unread; use linear, or set fixed_context: true");
    }
    target_embedding_ = register_module("target_embedding", std::make_shared<Embedding>(target_vocabulary, o.embedding, false));
    source_embedding_ = o.of<TiedOptions>().tied == "all"
                            ? target_embedding_
                            : register_module("source_embedding", std::make_shared<Embedding>(source_vocabulary, o.embedding, false));
    encoder_ = register_module("encoder", std::make_shared<RecurrentEncoder>(recurrent_encoder_options(o, o.embedding)));
    make_bridge(o);
    decoder_ = register_module("decoder", std::make_shared<RecurrentDecoder>(o, RecurrentSizes{.source = encoder_->output_size()}));
    output_.emplace(*this, o, decoder_->output_size(), target_embedding_);
    if (o.of<ReviseOptions>().revise) {
      ATTEND_CHECK(o.attention != "none", kValue, "model.revise: a draft is read by attention; choose one, additive for example");
      ATTEND_CHECK(!o.of<CopyOptions>().pointer_generator, kValue,
                   "model.revise: a second pass that copies is not built; leave pointer_generator false");
      second_ = register_module("second_pass", std::make_shared<SecondPass>(o, encoder_->output_size(), target_embedding_));
    }
    if (!o.of<CopyOptions>().pointer_generator) return;
    check_copying(o, o.attention);
    pointer_ = register_module("pointer", std::make_shared<PointerGenerator>(decoder_->context_size(), size_, o.embedding));
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    return std::move(encode_states(source, lengths, observer).first);
  }

  std::vector<Site> sites() const override {
    return joined_sites(
        {decoder_->sites(), second_ ? second_->sites() : std::vector<Site>{}, pointer_ ? std::vector{copy_site()} : std::vector<Site>{}});
  }

  const TokenDecoder* second_pass() const override { return second_.get(); }

  std::unique_ptr<Encoded> encode_with_draft(const at::Tensor& source, const at::Tensor& lengths, const at::Tensor& draft,
                                             const at::Tensor& draft_lengths, Observer* observer) const override {
    if (!second_) return Seq2Seq::encode_with_draft(source, lengths, draft, draft_lengths, observer);
    auto [encoded, states] = encode_states(source, lengths, observer);
    const auto vectors = apply_dropout(*this, (*target_embedding_)(draft), dropout_);  // [B, 1 + D, Ne]
    const auto steps = draft.size(1) - 1;
    at::Tensor written;  // ŝ_j [B, D, N]
    decoder_->decode(*encoded, vectors.narrow(1, 0, steps), nullptr, &written);
    encoded->memory = second_->decoder().prepare(states, lengths);
    encoded->draft = second_->decoder().prepare_draft(at::cat({written, vectors.narrow(1, 1, steps)}, 2), draft_lengths);
    return std::move(encoded);
  }

  at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    const auto& source = static_cast<const RecurrentSource&>(encoded);
    const auto vectors = apply_dropout(*this, (*target_embedding_)(known(inputs)), dropout_);  // [B, T, Ne]
    if (!pointer_) return decoder_->decode(source, vectors, observer);
    AttentionKeeper keeper(decoder_->site(), observer);
    at::Tensor tops;  // [B, T, N]
    const auto out = decoder_->decode(source, vectors, &keeper, &tops);
    return copy_output(*pointer_, {(*output_)(out), tops, vectors, keeper.kept()}, source.words, observer).log_probs;
  }

  at::Tensor logits(const at::Tensor& states) const override { return pointer_ ? states : (*output_)(states); }

  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t /*steps*/) const override {
    auto state = std::make_unique<RecurrentState>();
    decoder_->start(static_cast<const RecurrentSource&>(encoded), *state);
    return state;
  }

  at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& tokens, Observer* observer) const override {
    const auto& source = static_cast<const RecurrentSource&>(encoded);
    auto& own = static_cast<RecurrentState&>(state);
    const auto vectors = (*target_embedding_)(known(tokens).flatten());  // [B·K, Ne]
    const auto rows = [&](const at::Tensor& x) { return x.view({tokens.size(0), tokens.size(1), -1}); };
    if (!pointer_) return rows(decoder_->step(source, own, vectors, observer));
    AttentionKeeper keeper(decoder_->site(), observer);
    const auto out = (*output_)(rows(decoder_->step(source, own, vectors, &keeper)));  // [B, K, V]
    const auto mixture = copy_output(*pointer_, {out, rows(own.cells.back().h), rows(vectors), keeper.kept()}, source.words, observer);
    if (auto* follower = number_observer(observer)) {
      follower->number("vocabulary logits", out);
      follower->number("p_gen", mixture.p_gen);
    }
    return mixture.log_probs;
  }

 private:
  // For the first pass, and the encoder's states [B, S, M].
  std::pair<std::unique_ptr<RecurrentSource>, at::Tensor> encode_states(const at::Tensor& source, const at::Tensor& lengths,
                                                                        Observer* observer) const {
    auto encoded = std::make_unique<RecurrentSource>();
    encoded->lengths = lengths;
    auto tokens = source;  // [B, S]
    if (pointer_) std::tie(tokens, encoded->words) = split_source(source, target_embedding_->weight.size(0));
    const auto vectors = apply_dropout(*this, (*source_embedding_)(tokens), dropout_);  // [B, S, Ne]
    if (auto* follower = number_observer(observer)) follower->number("encoder.embeddings", vectors);
    const auto sequence = (*encoder_)(vectors, lengths, observer);
    if (auto* follower = number_observer(observer)) follower->number("encoder.states", sequence.states);
    encoded->initial = initial_states(sequence, lengths, number_observer(observer));
    encoded->memory = decoder_->prepare(sequence.states, lengths);
    if (fixed_context_) encoded->fixed_context = sequence.last;
    return {std::move(encoded), sequence.states};
  }

  at::Tensor known(const at::Tensor& tokens) const {
    return pointer_ ? known_tokens(tokens, target_embedding_->weight.size(0), unknown()) : tokens;
  }

  void make_bridge(const ModelOptions& o) {
    const auto from = bridge_kind_ == "backward_first" ? o.of<ReadingOptions>().encoder_hidden : encoder_->output_size();
    if (bridge_kind_ == "backward_first")
      ATTEND_CHECK(o.of<DirectionOptions>().bidirectional, kValue,
                   "model.bridge: backward_first needs a bidirectional encoder; use linear or mean");
    if (bridge_kind_ == "copy")
      ATTEND_CHECK(from == size_, kValue, "model.bridge: copy needs encoder and decoder states of one size, got {} and {}; use linear",
                   from, size_);
    if (bridge_kind_ == "zero" || bridge_kind_ == "copy") return;
    const bool bias = o.of<RecurrentBiasOptions>().recurrent_bias;
    bridge_ = register_module("bridge", std::make_shared<Linear>(from, depth_ * size_, bias));
    if (o.of<CellOptions>().cell == "lstm")
      bridge_cell_ = register_module("bridge_cell", std::make_shared<Linear>(from, depth_ * size_, bias));
  }

  std::vector<CellState> initial_states(const EncodedSequence& sequence, const at::Tensor& lengths, Observer* follower) const {
    const auto batch = lengths.size(0);
    std::vector<CellState> states;
    at::Tensor h, c;
    if (bridge_) {
      at::Tensor from = sequence.last;
      if (bridge_kind_ == "backward_first") from = sequence.first_backward;
      if (bridge_kind_ == "mean") {
        const auto live = within_lengths(lengths, sequence.states.size(1)).unsqueeze(-1);           // [B, S, 1]
        from = sequence.states.masked_fill(live.logical_not(), 0.0).sum(1) / lengths.unsqueeze(1);  // [B, M]
      }
      const auto sum = (*bridge_)(from);  // [B, layers·N]
      if (follower) follower->number("bridge before tanh", sum);
      h = at::tanh(sum);  // [B, layers·N]
      if (bridge_cell_) c = at::tanh((*bridge_cell_)(from));
    }
    for (std::int64_t layer = 0; layer < depth_; ++layer) {
      auto state = decoder_->zero_state(layer, batch);
      if (bridge_kind_ == "copy") {
        state.h = sequence.last;
        if (state.c.defined()) state.c = sequence.last_cell;
      } else if (bridge_) {
        state.h = h.narrow(1, layer * size_, size_);  // [B, N]
        if (state.c.defined()) state.c = c.narrow(1, layer * size_, size_);
      }
      if (follower) show_state(*follower, fmt::format("decoder.initial.{}", layer), state);
      states.push_back(state);
    }
    return states;
  }

  double dropout_;
  std::string bridge_kind_;
  std::int64_t depth_, size_;  // of the decoder's states
  bool fixed_context_;
  std::shared_ptr<Embedding> source_embedding_, target_embedding_;
  std::shared_ptr<RecurrentEncoder> encoder_;
  std::shared_ptr<Linear> bridge_, bridge_cell_;
  std::shared_ptr<RecurrentDecoder> decoder_;
  std::optional<OutputLayer> output_;
  std::shared_ptr<PointerGenerator> pointer_;
  std::shared_ptr<SecondPass> second_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_rnn_seq2seq(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  return std::make_shared<RnnSeq2Seq>(options, source_vocabulary, target_vocabulary);
}

extern constinit const ModelEntry rnn_seq2seq_entry{
    .name = "rnn_seq2seq",
    .kind = {Matter::kText, Matter::kText},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_embedding(o, v);
          visit_dropout(o, v);
          visit_recurrent_encoder(o, v);
          v.once<BridgeOptions>(o.own);
          visit_recurrent_decoder(o, v);
          visit_options<CopyOptions, ReviseOptions>(o.own, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "additive"; },
    .looks_by = recurrent_looks_by,
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_rnn_seq2seq(o, source, target);
    }};

extern constinit const PartEntry revise_part{
    .name = "revise",
    .sentence = "a second decoder attends to the source and to the draft that the first one wrote",
    .formula = "s_t = cell([E y_{t−1}; c¹_t; c²_t], s_{t−1}), c¹ over the encoder's states, c² over [ŝ_j; E ŷ_j] of the draft ŷ",
    .paper = "Xia et al. 2017, §3",
    .parameters = "those of a second decoder and of its attention to the draft",
    .cost = "that of a second decoder, for each round",
    .used_by = "model.revise: true, in an rnn_seq2seq with an attention",
    .header = "models/seq2seq.h"};

}  // namespace attend
