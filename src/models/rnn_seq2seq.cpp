#include "attend/models/rnn_seq2seq.h"

#include "attend/layers/basic.h"
#include "attend/layers/recurrent.h"

namespace attend {
namespace {

constexpr const char* kSite = "decoder.attention";

struct RnnEncoded final : Encoded {
  Memory memory;                   // undefined keys without attention
  std::vector<CellState> initial;  // per decoder layer, [B, N]
  at::Tensor fixed_context;        // [B, M] with attention none and fixed_context

  std::unique_ptr<Encoded> select(const at::Tensor& items) const override {
    auto chosen = std::make_unique<RnnEncoded>();
    chosen->lengths = lengths.index_select(0, items);
    if (memory.keys.defined()) chosen->memory = memory.select(items);
    for (const auto& state : initial)
      chosen->initial.push_back({state.h.index_select(0, items), state.c.defined() ? state.c.index_select(0, items) : state.c});
    if (fixed_context.defined()) chosen->fixed_context = fixed_context.index_select(0, items);
    return chosen;
  }
};

// The linear maps of a step, made once a sequence.
struct StepMaps {
  std::vector<RecurrentCell::Steps> cells;
  std::optional<StepLinear> readout;
};

// Hypotheses live as rows: [B·K, N], item-major.
struct RnnState final : DecoderState {
  StepMaps maps;
  std::vector<CellState> cells;
  at::Tensor feed;  // h̃ [B·K, N], with input feeding
  std::unique_ptr<State> attention;
  std::int64_t beams = 1;

  void reorder(const at::Tensor& rows, std::int64_t new_beams) override {
    for (auto& cell : cells) {
      cell.h = cell.h.index_select(0, rows);
      if (cell.c.defined()) cell.c = cell.c.index_select(0, rows);
    }
    if (feed.defined()) feed = feed.index_select(0, rows);
    if (attention) attention->reorder(rows, new_beams);
    beams = new_beams;
  }
};

class RnnSeq2Seq final : public Seq2Seq {
 public:
  RnnSeq2Seq(const ModelOptions& o, std::int64_t source_vocabulary, std::int64_t target_vocabulary) : o_(o) {
    ATTEND_CHECK(!o.fixed_context || o.attention == "none", kValue,
                 "model.fixed_context is for attention none only; with {} the context changes at every step", o.attention);
    ATTEND_CHECK(!(o.input_feeding && o.readout == "linear"), kValue,
                 "model.input_feeding needs a readout of size hidden: use readout tanh or maxout, or set input_feeding: false");
    if (o.attention == "none" && !o.fixed_context) {
      ATTEND_CHECK(
          o.bridge != "zero", kValue,
          "model.bridge: zero without attention leaves the decoder no sight of the source; use linear, or set fixed_context: true");
      ATTEND_CHECK(
          o.bridge != "backward_first", kValue,
          "model.bridge: backward_first without attention leaves the forward direction unread; use linear, or set fixed_context: true");
    }
    target_embedding_ = register_module("target_embedding", std::make_shared<Embedding>(target_vocabulary, o.embedding, false));
    source_embedding_ = o.tied == "all"
                            ? target_embedding_
                            : register_module("source_embedding", std::make_shared<Embedding>(source_vocabulary, o.embedding, false));
    encoder_ = register_module("encoder", std::make_shared<RecurrentEncoder>(RecurrentEncoderOptions{.cell = o.cell,
                                                                                                     .input_size = o.embedding,
                                                                                                     .size = o.encoder_hidden,
                                                                                                     .layers = o.encoder_layers,
                                                                                                     .bidirectional = o.bidirectional,
                                                                                                     .sum_directions = o.sum_directions,
                                                                                                     .bias = o.recurrent_bias,
                                                                                                     .dropout = o.dropout}));
    make_bridge();
    make_attention();
    const auto feed = fed_size();
    for (std::int64_t layer = 0; layer < o.decoder_layers; ++layer)
      decoder_.push_back(
          register_module(fmt::format("decoder_{}", layer),
                          std::make_shared<RecurrentCell>(o.cell, layer == 0 ? o.embedding + feed : o.hidden, o.hidden, o.recurrent_bias)));
    make_output(target_vocabulary);
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    auto encoded = std::make_unique<RnnEncoded>();
    encoded->lengths = lengths;
    const auto vectors = apply_dropout((*source_embedding_)(source), o_.dropout, is_training());  // [B, S, Ne]
    if (auto* follower = number_observer(observer)) follower->number("encoder.embeddings", vectors);
    const auto sequence = (*encoder_)(vectors, lengths, observer);
    if (auto* follower = number_observer(observer)) follower->number("encoder.states", sequence.states);
    encoded->initial = initial_states(sequence, lengths, number_observer(observer));
    if (attention_) {
      const auto states = sequence.states.unsqueeze(1);  // [B, 1, S, M]
      encoded->memory = attention_->prepare(states, states, Mask{.key_lengths = lengths});
    }
    if (o_.fixed_context) encoded->fixed_context = sequence.last;
    return encoded;
  }

  at::Tensor decode(const Encoded& base, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    const auto& encoded = static_cast<const RnnEncoded&>(base);
    const auto vectors = apply_dropout((*target_embedding_)(inputs), o_.dropout, is_training());  // [B, T, Ne]
    RnnState state;
    fresh(encoded, state);
    Loop loop(*this, encoded, state.maps, vectors.transpose(0, 1).contiguous());
    if (steps_are_independent_of_context()) return decode_at_once(encoded, loop, state, vectors, observer);
    ResultCollector collected(observer);
    std::vector<at::Tensor> states;
    for (std::size_t t = 0; t < static_cast<std::size_t>(inputs.size(1)); ++t) states.push_back(loop.step(t, state, collected.active() ? &collected : nullptr));
    collected.pass_on();
    return at::stack(states, 1);  // [B, T, R]
  }

  at::Tensor logits(const at::Tensor& states) const override { return at::linear(states, output_weight(), output_bias_); }

  std::unique_ptr<DecoderState> start(const Encoded& base, std::int64_t /*steps*/) const override {
    auto state = std::make_unique<RnnState>();
    fresh(static_cast<const RnnEncoded&>(base), *state);
    return state;
  }

  at::Tensor step(const Encoded& base, DecoderState& base_state, const at::Tensor& tokens, Observer* observer) const override {
    const auto& encoded = static_cast<const RnnEncoded&>(base);
    auto& state = static_cast<RnnState&>(base_state);
    const auto vectors = (*target_embedding_)(tokens.flatten()).unsqueeze(0);  // [1, B·K, Ne]
    Loop loop(*this, encoded, state.maps, vectors);
    return loop.step(0, state, observer).view({tokens.size(0), tokens.size(1), -1});
  }

 private:
  // Teacher forcing calls the mechanism once a step; an observer should see one map [B, H, T, S] (and no other numbers).
  class ResultCollector final : public Observer {
   public:
    explicit ResultCollector(Observer* outer) : outer_(outer) {}
    bool active() const { return outer_ != nullptr; }
    Request request(const AttentionSite& site) override { return outer_->request(site); }
    void observe(const AttentionSite& site, const Result& result) override {
      site_ = site;
      steps_.push_back(result);
    }
    void pass_on() {
      if (!outer_ || steps_.empty()) return;
      Result all;
      auto join = [&](auto member, std::int64_t dimension) {
        std::vector<at::Tensor> parts;
        for (const auto& s : steps_)
          if ((s.*member).defined()) parts.push_back(s.*member);
        return parts.empty() ? at::Tensor() : at::cat(parts, dimension);
      };
      all.context = join(&Result::context, 2);
      all.weights = join(&Result::weights, 2);
      all.lse = join(&Result::lse, 2);
      all.entropy = join(&Result::entropy, 2);
      all.scores = join(&Result::scores, 2);
      for (const auto& [name, first] : steps_.front().extras) {
        std::vector<at::Tensor> parts;
        for (const auto& s : steps_) parts.push_back(s.extras.at(name));
        all.extras[name] = at::cat(parts, -1);
      }
      outer_->observe(site_, all);
    }

   private:
    Observer* outer_;
    AttentionSite site_;
    std::vector<Result> steps_;
  };

  // Columns of the readout that meet the previous token's vector; they come last.
  std::int64_t readout_embedded() const { return o_.readout_embedding ? o_.embedding : 0; }

  StepMaps step_maps() const {
    StepMaps maps;
    for (std::size_t layer = 0; layer < decoder_.size(); ++layer)
      maps.cells.emplace_back(*decoder_[layer], layer == 0 ? fed_size() : o_.hidden);
    if (readout_weight_.defined()) {
      const auto embedded = readout_embedded();
      maps.readout.emplace(embedded > 0 ? readout_weight_.narrow(1, 0, readout_weight_.size(1) - embedded).contiguous() : readout_weight_);
    }
    return maps;
  }

  // One pass over time with everything that can be done before the loop already done.
  class Loop {
   public:
    Loop(const RnnSeq2Seq& model, const RnnEncoded& encoded, const StepMaps& maps, const at::Tensor& vectors)  // vectors [T, rows, Ne]
        : m_(model), encoded_(encoded), maps_(maps), vectors_(vectors) {
      // Steps are taken by unbind: indexing would give each step a gradient of the whole block's size.
      projected_ = m_.decoder_[0]->project(vectors).unbind(0);  // T of [rows, G·N]
      if (const auto embedded = m_.readout_embedded(); embedded > 0) {
        readout_known_ = at::linear(vectors, m_.readout_weight_.narrow(1, m_.readout_weight_.size(1) - embedded, embedded),
                                    m_.readout_bias_);  // [T, rows, R]
        known_steps_ = readout_known_.unbind(0);
      }
    }

    at::Tensor step(std::size_t t, RnnState& state, Observer* observer) {
      auto* follower = number_observer(observer);
      if (follower) follower->number("decoder.embedding", vectors_[static_cast<std::int64_t>(t)]);
      if (follower && m_.o_.input_feeding) follower->number("decoder.feed", state.feed);
      at::Tensor context;  // [rows, Dv]
      const bool before = m_.o_.timing == "before";
      if (m_.attention_ && before) context = attend(state.cells.back().h, state, observer);
      if (m_.o_.fixed_context) context = spread(encoded_.fixed_context, state.beams);
      std::vector<at::Tensor> fed;
      if (context.defined() && (before || m_.o_.fixed_context)) fed.push_back(context);
      if (m_.o_.input_feeding) fed.push_back(state.feed);
      advance(projected_[t], fed.empty() ? at::Tensor() : fed.size() == 1 ? fed[0] : at::cat(fed, 1), state, follower);
      if (m_.attention_ && !before) context = attend(state.cells.back().h, state, observer);
      auto out = readout(context, state.cells.back().h, known_steps_.empty() ? at::Tensor() : known_steps_[t]);
      if (m_.o_.input_feeding) state.feed = out;
      if (follower) follower->number("decoder.readout", out);
      return out;
    }

    // The cells alone, where nothing of the attention enters them: top states [B, T, N].
    at::Tensor cells_only(RnnState& state) {
      std::vector<at::Tensor> tops;
      for (const auto& projected : projected_) {
        advance(projected, {}, state, nullptr);
        tops.push_back(state.cells.back().h);
      }
      return at::stack(tops, 1);
    }

    at::Tensor readout(const at::Tensor& context, const at::Tensor& top, const at::Tensor& known) const {
      auto joined = context.defined() ? at::cat({context, top}, -1) : top;  // [rows, Dv + N]
      if (!maps_.readout) return joined;
      joined = apply_dropout(joined, m_.o_.dropout, m_.is_training());
      auto sum = (*maps_.readout)(joined);
      if (known.defined()) {
        sum = sum + known;
      } else if (m_.readout_bias_.defined()) {
        sum = sum + m_.readout_bias_;
      }
      if (m_.o_.readout == "maxout") return at::amax(sum.unflatten(-1, {-1, 2}), -1);
      return at::tanh(sum);
    }
    const at::Tensor& readout_known() const { return readout_known_; }

   private:
    static at::Tensor spread(const at::Tensor& x, std::int64_t beams) { return beams == 1 ? x : x.repeat_interleave(beams, 0); }

    void advance(const at::Tensor& projected, const at::Tensor& fed, RnnState& state, Observer* follower) {
      for (std::size_t layer = 0; layer < maps_.cells.size(); ++layer) {
        at::Tensor before;
        auto* sum = follower ? &before : nullptr;
        if (layer == 0) {
          state.cells[0] = maps_.cells[0](projected, fed, state.cells[0], sum);
        } else {
          const auto below = apply_dropout(state.cells[layer - 1].h, m_.o_.dropout, m_.is_training());
          state.cells[layer] = maps_.cells[layer](at::Tensor(), below, state.cells[layer], sum);
        }
        if (!follower) continue;
        const auto name = fmt::format("decoder.{}", layer);
        if (before.defined()) follower->number(fmt::format("{} {}", name, m_.decoder_[layer]->before_name()), before);
        show_state(*follower, name, state.cells[layer]);
      }
    }

    // The hypotheses of an item are query rows on its one memory: [B·K, N] -> [B, 1, K, N].
    at::Tensor attend(const at::Tensor& top, RnnState& state, Observer* observer) const {
      const auto query = top.view({encoded_.batch(), 1, state.beams, top.size(1)});
      const auto result = attend_observed(*m_.attention_, query, encoded_.memory, state.attention.get(), {kSite, 0}, observer);
      return result.context.reshape({top.size(0), -1});
    }

    const RnnSeq2Seq& m_;
    const RnnEncoded& encoded_;
    const StepMaps& maps_;
    at::Tensor vectors_, readout_known_;
    std::vector<at::Tensor> projected_, known_steps_;
  };

  bool steps_are_independent_of_context() const { return !o_.input_feeding && !(attention_ && o_.timing == "before") && !o_.fixed_context; }

  at::Tensor decode_at_once(const RnnEncoded& encoded, Loop& loop, RnnState& state, const at::Tensor& vectors, Observer* observer) const {
    const auto tops = loop.cells_only(state);  // [B, T, N]
    at::Tensor context;
    if (attention_)
      context =
          attend_observed(*attention_, tops.unsqueeze(1), encoded.memory, state.attention.get(), {kSite, 0}, observer).context.squeeze(1);
    const auto known = loop.readout_known().defined() ? loop.readout_known().transpose(0, 1).flatten(0, 1) : at::Tensor();
    const auto out = loop.readout(context.defined() ? context.flatten(0, 1) : context, tops.flatten(0, 1), known);
    return out.view({vectors.size(0), vectors.size(1), -1});
  }

  std::int64_t context_size() const {
    if (attention_) return attention_->context_size(encoder_->output_size());
    return o_.fixed_context ? encoder_->output_size() : 0;
  }
  // What only the loop knows of the first cell's input: the context of an attention before the step, and h̃.
  std::int64_t fed_size() const {
    const bool context_enters = (attention_ && o_.timing == "before") || o_.fixed_context;
    return (context_enters ? context_size() : 0) + (o_.input_feeding ? o_.hidden : 0);
  }

  void make_bridge() {
    const auto from = o_.bridge == "backward_first" ? o_.encoder_hidden : encoder_->output_size();
    if (o_.bridge == "backward_first")
      ATTEND_CHECK(o_.bidirectional, kValue, "model.bridge: backward_first needs a bidirectional encoder; use linear or mean");
    if (o_.bridge == "copy")
      ATTEND_CHECK(from == o_.hidden, kValue, "model.bridge: copy needs encoder and decoder states of one size, got {} and {}; use linear",
                   from, o_.hidden);
    if (o_.bridge == "zero" || o_.bridge == "copy") return;
    bridge_ = register_module("bridge", std::make_shared<Linear>(from, o_.decoder_layers * o_.hidden, o_.recurrent_bias));
    if (o_.cell == "lstm")
      bridge_cell_ = register_module("bridge_cell", std::make_shared<Linear>(from, o_.decoder_layers * o_.hidden, o_.recurrent_bias));
  }

  void make_attention() {
    if (o_.attention == "none") return;
    attention_ = register_module("attention", make_mechanism(o_.attention, {.heads = o_.attention == "multi_head" ? o_.heads : 1,
                                                                            .query_size = o_.hidden,
                                                                            .key_size = encoder_->output_size(),
                                                                            .value_size = encoder_->output_size(),
                                                                            .energy_size = o_.energy,
                                                                            .normed = o_.normed,
                                                                            .concat_plain_source = o_.concat_plain_source,
                                                                            .inner = o_.score,
                                                                            .dropout = o_.attention_dropout}));
  }

  void make_output(std::int64_t vocabulary) {
    const auto joined = context_size() + o_.hidden;
    auto size = joined;
    if (o_.readout != "linear") {
      const auto columns = joined + (o_.readout_embedding ? o_.embedding : 0);
      const auto rows = o_.readout == "maxout" ? 2 * o_.hidden : o_.hidden;
      auto readout = Linear(columns, rows, o_.recurrent_bias);
      readout_weight_ = register_parameter("readout_weight", readout.weight.detach().clone());
      if (o_.recurrent_bias) readout_bias_ = register_parameter("readout_bias", readout.bias.detach().clone());
      size = o_.hidden;
    } else {
      ATTEND_CHECK(!o_.readout_embedding, kValue, "model.readout_embedding needs readout tanh or maxout");
    }
    if (o_.tied == "none") {
      output_weight_ = register_parameter("output_weight", Linear(size, vocabulary).weight.detach().clone());
    } else {
      ATTEND_CHECK(size == o_.embedding, kValue, "model.tied: {} needs embedding = {} (the size before the output layer), got {}", o_.tied,
                   size, o_.embedding);
    }
    output_bias_ = register_parameter("output_bias", at::zeros({vocabulary}));
  }
  const at::Tensor& output_weight() const { return output_weight_.defined() ? output_weight_ : target_embedding_->weight; }

  static void show_state(Observer& follower, const std::string& name, const CellState& state) {
    if (state.c.defined()) follower.number(name + " cell", state.c);
    follower.number(name, state.h);
  }

  std::vector<CellState> initial_states(const EncodedSequence& sequence, const at::Tensor& lengths, Observer* follower) const {
    const auto batch = lengths.size(0);
    std::vector<CellState> states;
    at::Tensor h, c;
    if (bridge_) {
      at::Tensor from = sequence.last;
      if (o_.bridge == "backward_first") from = sequence.first_backward;
      if (o_.bridge == "mean") {
        const auto live = within_lengths(lengths, sequence.states.size(1)).unsqueeze(-1);
        from = sequence.states.masked_fill(live.logical_not(), 0.0).sum(1) / lengths.unsqueeze(1);
      }
      const auto sum = (*bridge_)(from);
      if (follower) follower->number("bridge before tanh", sum);
      h = at::tanh(sum);
      if (bridge_cell_) c = at::tanh((*bridge_cell_)(from));
    }
    for (std::int64_t layer = 0; layer < o_.decoder_layers; ++layer) {
      auto state = decoder_[static_cast<std::size_t>(layer)]->zero_state(batch);
      if (o_.bridge == "copy") {
        state.h = sequence.last;
        if (state.c.defined()) state.c = sequence.last_cell;
      } else if (bridge_) {
        state.h = h.narrow(1, layer * o_.hidden, o_.hidden);
        if (state.c.defined()) state.c = c.narrow(1, layer * o_.hidden, o_.hidden);
      }
      if (follower) show_state(*follower, fmt::format("decoder.initial.{}", layer), state);
      states.push_back(state);
    }
    return states;
  }

  void fresh(const RnnEncoded& encoded, RnnState& state) const {
    state.maps = step_maps();
    state.cells = encoded.initial;
    if (o_.input_feeding) state.feed = at::zeros({encoded.batch(), o_.hidden}, state.cells[0].h.options().requires_grad(false));
    if (attention_) state.attention = attention_->start(encoded.memory, 1);
  }

  ModelOptions o_;
  std::shared_ptr<Embedding> source_embedding_, target_embedding_;
  std::shared_ptr<RecurrentEncoder> encoder_;
  std::shared_ptr<Linear> bridge_, bridge_cell_;
  std::shared_ptr<Mechanism> attention_;
  std::vector<std::shared_ptr<RecurrentCell>> decoder_;
  at::Tensor readout_weight_, readout_bias_, output_weight_, output_bias_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_rnn_seq2seq(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  return std::make_shared<RnnSeq2Seq>(options, source_vocabulary, target_vocabulary);
}

}  // namespace attend
