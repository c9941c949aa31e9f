#include "models/recurrent_decoder.h"

#include "attend/attention/multi_head.h"

namespace attend {
namespace {

// Teacher forcing calls a mechanism once a step; an observer should see one map [B, H, T, S] (and no other numbers).
class StepsAsOne final : public Observer {
 public:
  explicit StepsAsOne(Observer* outer) : outer_(outer) {}
  Request request(const Site& site) override {
    auto& own = of(site);
    return own.request.of_step(static_cast<std::int64_t>(own.steps.size()));
  }
  void observe(const Site& site, const Result& result) override { of(site).steps.push_back(result); }
  void pass_on() {
    for (const auto& seen : seen_) outer_->observe(seen.site, join_steps(seen.steps, seen.request));
  }

 private:
  Observer* outer_;
  struct Seen {
    Site site;
    Request request;  // of the whole
    std::vector<Result> steps;
  };
  Seen& of(const Site& site) {
    for (auto& seen : seen_)
      if (seen.site.key() == site.key()) return seen;
    return seen_.emplace_back(Seen{site, outer_->request(site), {}});
  }
  std::vector<Seen> seen_;
};

CellState chosen_rows(const CellState& state, const at::Tensor& rows) {
  return {state.h.index_select(0, rows), state.c.defined() ? state.c.index_select(0, rows) : state.c};
}

}  // namespace

std::unique_ptr<Encoded> RecurrentSource::select(const at::Tensor& items) const {
  auto chosen = std::make_unique<RecurrentSource>();
  chosen->lengths = lengths.index_select(0, items);  // [B']
  if (memory.defined()) chosen->memory = memory.select(items);
  if (draft.defined()) chosen->draft = draft.select(items);
  for (const auto& state : initial) chosen->initial.push_back(chosen_rows(state, items));
  if (fixed_context.defined()) chosen->fixed_context = fixed_context.index_select(0, items);
  chosen->words = words.select(items);
  return chosen;
}

void RecurrentState::reorder(const at::Tensor& rows, std::int64_t new_beams) {
  for (auto& cell : cells) cell = chosen_rows(cell, rows);
  if (feed.defined()) feed = feed.index_select(0, rows);
  if (context.defined()) context = context.index_select(0, rows);
  outputs.reorder(rows);
  if (attention) attention->reorder(rows, new_beams);
  if (draft) draft->reorder(rows, new_beams);
  beams = new_beams;
}

// One pass over time with everything that can be done before the loop already done.
class RecurrentDecoder::Loop {
 public:
  Loop(const RecurrentDecoder& decoder, const RecurrentSource& source, const StepMaps& maps, const at::Tensor& vectors)  // [T, rows, Ne]
      : d_(decoder), source_(source), maps_(maps), vectors_(vectors) {
    // Steps are taken by unbind: indexing would give each step a gradient of the whole block's size.
    projected_ = d_.cells_[0]->project(vectors).unbind(0);  // T of [rows, G·N]
    if (const auto embedded = d_.readout_embedded(); embedded > 0) {
      const auto weight = d_.readout_weight_.narrow(1, d_.readout_weight_.size(1) - embedded, embedded);  // [R, Ne]
      readout_known_ = at::linear(vectors, weight, d_.readout_bias_);                                     // [T, rows, R]
      known_steps_ = readout_known_.unbind(0);                                                            // T of [rows, R]
    }
  }

  std::size_t steps() const { return projected_.size(); }

  at::Tensor step(std::size_t t, RecurrentState& state, Observer* observer) {
    const auto& how = d_.how_;
    auto* follower = number_observer(observer);
    if (follower) follower->number("decoder.embedding", vectors_[static_cast<std::int64_t>(t)]);
    if (follower && how.input_feeding) follower->number("decoder.feed", state.feed);
    at::Tensor context;  // [rows, Dv]
    const bool before = how.timing == "before";
    const auto previous = state.cells.back().h;
    if (d_.attention_ && before) context = attend(previous, state, observer);
    if (d_.gate_) context = at::sigmoid((*d_.gate_)(previous)) * context;
    if (d_.fixed_context_) context = spread(source_.fixed_context, state.beams);
    std::vector<at::Tensor> fed;
    if (d_.context_enters_cell()) fed.push_back(context);
    if (how.input_feeding) fed.push_back(state.feed);
    if (d_.feeds_context()) fed.push_back(state.context);
    advance(projected_[t], fed.empty() ? at::Tensor() : fed.size() == 1 ? fed[0] : at::cat(fed, 1), state, follower);
    if (d_.attention_ && !before)
      context = attend(query(previous, state.cells.back().h, vectors_[static_cast<std::int64_t>(t)]), state, observer);
    if (d_.feeds_context()) state.context = context;
    auto out = readout(context, state.cells.back().h, known_steps_.empty() ? at::Tensor() : known_steps_[t]);
    if (how.input_feeding) state.feed = out;
    if (follower) follower->number("decoder.readout", out);
    return out;
  }

  // The cells alone, where nothing of the attention enters them: top states [B, T + 1, N], the initial one first.
  at::Tensor cells_only(RecurrentState& state) {
    std::vector<at::Tensor> tops{state.cells.back().h};
    for (const auto& projected : projected_) {
      advance(projected, {}, state, nullptr);
      tops.push_back(state.cells.back().h);
    }
    return at::stack(tops, 1);
  }

  // What the mechanism is asked with, from states [.., N] and the previous token's vectors [.., Ne].
  at::Tensor query(const at::Tensor& previous, const at::Tensor& current, const at::Tensor& vector) const {
    return d_.reads_previous_ ? at::cat({previous, current, vector}, -1) : current;
  }
  at::Tensor all_vectors() const { return vectors_.transpose(0, 1); }  // [rows, T, Ne]

  at::Tensor readout(const at::Tensor& context, const at::Tensor& top, const at::Tensor& known) const {
    auto joined = context.defined() ? at::cat({context, top}, -1) : top;  // [rows, Dv + N]
    if (!maps_.readout) return joined;
    joined =                                                                                                   // [rows, Dv + N]
        apply_dropout(d_, joined.view({source_.batch(), -1, joined.size(1)}), d_.o_.dropout).view_as(joined);  // items first
    const auto sum = (*maps_.readout)(joined, known.defined() ? known : d_.readout_bias_);                     // [rows, R]
    if (d_.how_.readout == "maxout") return at::amax(sum.unflatten(-1, {-1, 2}), -1);
    return at::tanh(sum);
  }
  const at::Tensor& readout_known() const { return readout_known_; }

 private:
  static at::Tensor spread(const at::Tensor& x, std::int64_t beams) { return beams == 1 ? x : x.repeat_interleave(beams, 0); }

  void advance(const at::Tensor& projected, const at::Tensor& fed, RecurrentState& state, Observer* follower) {
    for (std::size_t layer = 0; layer < maps_.cells.size(); ++layer) {
      at::Tensor before;
      auto* sum = follower ? &before : nullptr;
      if (layer == 0) {
        state.cells[0] = maps_.cells[0](projected, fed, state.cells[0], sum);
      } else {
        const auto below = apply_dropout(*d_.cells_[layer], state.cells[layer - 1].h, d_.o_.dropout);  // [rows, N]
        state.cells[layer] = maps_.cells[layer](at::Tensor(), below, state.cells[layer], sum);
      }
      if (!follower) continue;
      const auto name = fmt::format("decoder.{}", layer);
      if (before.defined()) follower->number(fmt::format("{} {}", name, d_.cells_[layer]->before_name()), before);
      show_state(*follower, name, state.cells[layer]);
    }
  }

  // The hypotheses of an item are query rows on its one memory: [B·K, N] -> [B, 1, K, N].
  at::Tensor attend(const at::Tensor& asked, RecurrentState& state, Observer* observer) const {
    const auto query = asked.view({source_.batch(), 1, state.beams, asked.size(1)});  // [B, 1, K, *]
    return d_.attend(source_, query, &state, observer).reshape({asked.size(0), -1});
  }

  const RecurrentDecoder& d_;
  const RecurrentSource& source_;
  const StepMaps& maps_;
  at::Tensor vectors_, readout_known_;
  std::vector<at::Tensor> projected_, known_steps_;
};

RecurrentDecoder::RecurrentDecoder(const ModelOptions& o, const RecurrentSizes& sizes)
    : o_(o),
      how_(o.of<RecurrentDecoderOptions>()),
      size_(o.of<HiddenOptions>().hidden),
      fixed_context_(o.attention == "none" && o.of<FixedContextOptions>().fixed_context),
      sizes_(sizes),
      site_{.name = "decoder.attention", .columns = sizes.of, .role = SiteRole::kSource, .mechanism = o.attention},
      draft_site_{.name = "decoder.draft", .columns = ColumnAxis::kDraft, .role = SiteRole::kDraft, .mechanism = o.attention} {
  ATTEND_CHECK(!(how_.input_feeding && how_.readout == "linear"), kValue,
               "model.input_feeding needs a readout of size hidden: use readout tanh or maxout, or set input_feeding: false");
  if (o.attention != "none") {
    check_decoding(o, o.attention);
    const auto& entry = find_mechanism(o.attention);
    reads_previous_ = entry.capabilities.reads_previous;
    if (reads_previous_) replaces_query_ = o.of<SoftPsiOptions>().psi_replace_query;
    ATTEND_CHECK(!reads_previous_ || how_.timing == "after", kValue,
                 "model.timing: {} reads the state after the step, which timing before does not have yet; use after", o.attention);
    attention_ = register_module("attention", make_attention(sizes.source));
    if (sizes.draft > 0) draft_attention_ = register_module("draft_attention", make_attention(sizes.draft));
    if (how_.timing == "before" && o.of<ContextGateOptions>().context_gate) {
      gate_ = register_module("gate", std::make_shared<Linear>(size_, 1));
    }
  }
  for (std::int64_t layer = 0; layer < o.of<DecoderDepthOptions>().decoder_layers; ++layer) {
    const auto input = layer == 0 ? o.embedding + fed_size() : size_;
    cells_.push_back(register_module(
        fmt::format("cell_{}", layer),
        std::make_shared<RecurrentCell>(o.of<CellOptions>().cell, input, size_, o.of<RecurrentBiasOptions>().recurrent_bias)));
  }
  const auto joined = context_size() + size_;
  if (how_.readout == "linear") {
    ATTEND_CHECK(!o.of<OutputAttentionOptions>().output_attention, kValue,
                 "model.output_attention needs readout tanh or maxout, whose outputs it reads");
    ATTEND_CHECK(!how_.readout_embedding, kValue, "model.readout_embedding needs readout tanh or maxout");
    output_size_ = joined;
    return;
  }
  const auto readout =
      Linear(joined + readout_embedded(), how_.readout == "maxout" ? 2 * size_ : size_, o.of<RecurrentBiasOptions>().recurrent_bias);
  readout_weight_ = register_parameter("readout_weight", readout.weight.detach().clone());  // [R, Dv + N (+ Ne)]
  if (o.of<RecurrentBiasOptions>().recurrent_bias) readout_bias_ = register_parameter("readout_bias", readout.bias.detach().clone());
  output_size_ = size_;
  if (!o.of<OutputAttentionOptions>().output_attention) return;
  output_attention_ = register_module("output_attention", std::make_shared<OutputAttention>(o.embedding, size_));
  output_size_ = 2 * size_;
}

std::shared_ptr<Mechanism> RecurrentDecoder::make_attention(std::int64_t size) {
  const bool heads = find_mechanism(o_.attention).capabilities.makes_heads;
  return make_mechanism(o_.attention, {.heads = heads ? o_.of<HeadOptions>().heads : 1,
                                       .query_size = reads_previous_ ? 2 * size_ + o_.embedding : size_,
                                       .key_size = size,
                                       .value_size = size,
                                       .own = o_.own});
}

// query [B, 1, T, *] -> [B, 1, T, Dv], or of a second pass both contexts, joined. Stateful mechanisms are asked one step at a time.
at::Tensor RecurrentDecoder::attend(const RecurrentSource& source, const at::Tensor& query, RecurrentState* state,
                                    Observer* observer) const {
  const auto context =
      attend_observed(*attention_, query, source.memory, state ? state->attention.get() : nullptr, site_, observer).context;
  if (!draft_attention_) return context;
  const auto draft =
      attend_observed(*draft_attention_, query, source.draft, state ? state->draft.get() : nullptr, draft_site_, observer).context;
  return at::cat({context, draft}, -1);
}

std::vector<Site> RecurrentDecoder::sites() const {
  std::vector<Site> sites;
  if (attention_) sites.push_back(site_);
  if (draft_attention_) sites.push_back(draft_site_);
  if (output_attention_) sites.push_back(OutputAttention::site());
  return sites;
}

Memory RecurrentDecoder::prepare_draft(const at::Tensor& states, const at::Tensor& lengths) const {
  return draft_attention_->prepare(states.unsqueeze(1), states.unsqueeze(1), Mask{.key_lengths = lengths});
}

Memory RecurrentDecoder::prepare(const at::Tensor& states, const at::Tensor& lengths) const {
  if (!attention_) return {};
  return attention_->prepare(states.unsqueeze(1), states.unsqueeze(1), Mask{.key_lengths = lengths});
}

std::int64_t RecurrentDecoder::context_size() const {
  if (attention_) return attention_->context_size(sizes_.source) + (draft_attention_ ? draft_attention_->context_size(sizes_.draft) : 0);
  return fixed_context_ ? sizes_.source : 0;
}

// What only the loop knows of the first cell's input: the context of an attention before the step, and h̃.
std::int64_t RecurrentDecoder::fed_size() const {
  return (context_enters_cell() || feeds_context() ? context_size() : 0) + (how_.input_feeding ? size_ : 0);
}

StepMaps RecurrentDecoder::step_maps() const {
  StepMaps maps;
  for (std::size_t layer = 0; layer < cells_.size(); ++layer) maps.cells.emplace_back(*cells_[layer], layer == 0 ? fed_size() : size_);
  if (readout_weight_.defined()) {
    const auto embedded = readout_embedded();
    maps.readout.emplace(embedded > 0 ? readout_weight_.narrow(1, 0, readout_weight_.size(1) - embedded).contiguous() : readout_weight_);
  }
  return maps;
}

void RecurrentDecoder::start(const RecurrentSource& source, RecurrentState& state) const {
  state.maps = step_maps();
  state.cells = source.initial;
  if (how_.input_feeding) state.feed = at::zeros({source.batch(), size_}, state.cells[0].h.options().requires_grad(false));
  if (feeds_context()) state.context = at::zeros({source.batch(), context_size()}, state.cells[0].h.options().requires_grad(false));
  if (attention_) state.attention = attention_->start(source.memory, 1);
  if (draft_attention_) state.draft = draft_attention_->start(source.draft, 1);
}

at::Tensor RecurrentDecoder::decode(const RecurrentSource& source, const at::Tensor& vectors, Observer* observer, at::Tensor* tops) const {
  RecurrentState state;
  start(source, state);
  Loop loop(*this, source, state.maps, vectors.transpose(0, 1).contiguous());
  at::Tensor outputs;  // h̃ [B, T, R]
  if (!how_.input_feeding && !context_enters_cell() && !feeds_context()) {
    outputs = decode_at_once(source, loop, state, observer, tops);
  } else {
    StepsAsOne collected(observer);
    std::vector<at::Tensor> steps, states;
    for (std::size_t t = 0; t < loop.steps(); ++t) {
      steps.push_back(loop.step(t, state, observer ? &collected : nullptr));
      if (tops) states.push_back(state.cells.back().h);
    }
    collected.pass_on();
    if (tops) *tops = at::stack(states, 1);
    outputs = at::stack(steps, 1);  // [B, T, R]
  }
  return output_attention_ ? at::cat({outputs, (*output_attention_)(outputs, vectors, observer)}, -1) : outputs;
}

// Where no step depends on what the one before it saw, all steps attend in one call.
at::Tensor RecurrentDecoder::decode_at_once(const RecurrentSource& source, Loop& loop, RecurrentState& state, Observer* observer,
                                            at::Tensor* kept_tops) const {
  const auto states = loop.cells_only(state);  // [B, T + 1, N]
  const auto steps = states.size(1) - 1;
  const auto tops = states.narrow(1, 1, steps);  // [B, T, N]
  if (kept_tops) *kept_tops = tops;
  at::Tensor context;
  if (attention_) {
    const auto query = loop.query(states.narrow(1, 0, steps), tops, loop.all_vectors());  // [B, T, *]
    context = attend(source, query.unsqueeze(1), nullptr, observer).squeeze(1);           // [B, T, Dv]
  }
  const auto known = loop.readout_known().defined() ? loop.readout_known().transpose(0, 1).flatten(0, 1) : at::Tensor();        // [B·T, R]
  const auto out = loop.readout(context.defined() ? context.flatten(0, 1) : context, tops.reshape({-1, tops.size(2)}), known);  // [B·T, *]
  return out.view({tops.size(0), tops.size(1), -1});
}

at::Tensor RecurrentDecoder::step(const RecurrentSource& source, RecurrentState& state, const at::Tensor& vectors,
                                  Observer* observer) const {
  Loop loop(*this, source, state.maps, vectors.unsqueeze(0));
  const auto output = loop.step(0, state, observer);
  return output_attention_ ? at::cat({output, output_attention_->step(output, vectors, state.outputs, observer)}, -1) : output;
}

void show_state(Observer& follower, const std::string& name, const CellState& state) {
  if (state.c.defined()) follower.number(name + " cell", state.c);
  follower.number(name, state.h);
}

}  // namespace attend
