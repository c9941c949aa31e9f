#include "attend/models/ntm_model.h"

#include "attend/layers/ntm.h"
#include "attend/models/parts.h"
#include "attend/models/recurrent_options.h"
#include "models/output_layer.h"

namespace attend {

void NtmModelOptions::visit(OptionVisitor& v) {
  v(machine.controller, "controller", "lstm", "of an ntm_model: a recurrent cell, or feed_forward",
    one_of({"rnn_tanh", "lstm", "gru", "feed_forward"}));
  v(machine.rows, "memory_rows", 128, "rows of its memory", between(1, 1 << 20));
  v(machine.width, "memory_width", 20, "numbers in a row", between(1, 65536));
  v(machine.read_heads, "read_heads", 1, "heads that read the memory", between(1, 64));
  v(machine.write_heads, "write_heads", 1, "heads that write it", between(1, 64));
  v(machine.learned_start, "learned_start", false, "where the heads begin is learned; else at row 0");
}

namespace {

struct NtmSource final : Encoded {
  NtmState state;      // after the source
  at::Tensor written;  // [B, S, N_m]: the write heads at each source step
  std::unique_ptr<Encoded> select(const at::Tensor& items) const override {
    auto chosen = std::make_unique<NtmSource>();
    chosen->lengths = lengths.index_select(0, items);  // [B']
    chosen->state = state.select(items);
    chosen->written = written.index_select(0, items);  // [B', S, N_m]
    return chosen;
  }
};

struct NtmHypotheses final : DecoderState {
  NtmState state;  // rows are hypotheses
  std::optional<NtmMemory::Steps> steps;
  void reorder(const at::Tensor& rows, std::int64_t /*beams*/) override { state = state.select(rows); }
};

class NtmModel final : public Seq2Seq {
 public:
  NtmModel(const ModelOptions& o, std::int64_t source_vocabulary, std::int64_t target_vocabulary) : own_(o.of<NtmModelOptions>().machine) {
    ATTEND_CHECK(o.attention == "none", kValue,
                 "model.attention: {} has no place in an ntm_model, which reads its own memory; set attention: none", o.attention);
    target_embedding_ = register_module("target_embedding", std::make_shared<Embedding>(target_vocabulary, o.embedding, false));
    source_embedding_ = o.of<TiedOptions>().tied == "all"
                            ? target_embedding_
                            : register_module("source_embedding", std::make_shared<Embedding>(source_vocabulary, o.embedding, false));
    NtmOptions m = own_;
    m.input_size = o.embedding;
    m.size = o.of<HiddenOptions>().hidden;
    machine_ = register_module("machine", std::make_shared<NtmMemory>(m));
    output_.emplace(*this, o, m.size + m.read_heads * m.width, target_embedding_);
  }

  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* /*observer*/) const override {
    auto encoded = std::make_unique<NtmSource>();
    encoded->lengths = lengths;
    const auto read = (*machine_)((*source_embedding_)(source), lengths);
    encoded->state = read.last;
    encoded->written = read.weights.narrow(1, 0, own_.write_heads).sum(1);  // [B, S, N_m]; zero in padding
    return encoded;
  }

  at::Tensor decode(const Encoded& base, const at::Tensor& inputs, const at::Tensor& /*target_lengths*/,
                    Observer* observer) const override {
    const auto& encoded = static_cast<const NtmSource&>(base);
    const auto told = (*machine_)((*target_embedding_)(inputs), {}, encoded.state);
    show(told.weights.narrow(1, own_.write_heads, own_.read_heads), encoded, observer);
    return at::cat({told.outputs, told.reads}, -1);
  }

  at::Tensor logits(const at::Tensor& states) const override { return (*output_)(states); }
  std::vector<Site> sites() const override { return {read_site(), slots_site()}; }

  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t /*steps*/) const override {
    auto state = std::make_unique<NtmHypotheses>();
    state->state = static_cast<const NtmSource&>(encoded).state;
    state->steps.emplace(*machine_);
    return state;
  }

  at::Tensor step(const Encoded& base, DecoderState& base_state, const at::Tensor& tokens, Observer* observer) const override {
    auto& state = static_cast<NtmHypotheses&>(base_state);
    state.state = (*state.steps)(machine_->project((*target_embedding_)(tokens.flatten())), state.state);
    const auto reading = state.state.weights.narrow(1, own_.write_heads, own_.read_heads);      // [B·K, H, N_m]
    const auto items = reading.unflatten(0, {tokens.size(0), tokens.size(1)}).transpose(1, 2);  // [B, H, K, N_m]
    show(items, static_cast<const NtmSource&>(base), observer);
    return at::cat({state.state.controller.h, state.state.read}, -1).view({tokens.size(0), tokens.size(1), -1});
  }

 private:
  // reading [B, H, T, N_m]: where each read head looks in the memory. What it finds there of the source is what the write heads left.
  static void show(const at::Tensor& reading, const NtmSource& source, Observer* observer) {
    if (!observer) return;
    Result slots;
    slots.weights = reading;
    add_statistics(slots, observer->request(slots_site()), reading);
    observer->observe(slots_site(), slots);
    Result result;
    result.weights = at::matmul(reading.sum(1), source.written.mT()).clamp_max(1).unsqueeze(1);  // [B, 1, T, S]
    result.kind = WeightKind::kUnnormalised;
    add_statistics(result, observer->request(read_site()), result.weights);
    observer->observe(read_site(), result);
  }
  static Site read_site() { return {.name = "ntm.read", .role = SiteRole::kSource, .mechanism = "ntm"}; }
  static Site slots_site() { return {.name = "ntm.slots", .columns = ColumnAxis::kSlot, .mechanism = "ntm"}; }

  NtmOptions own_;
  std::shared_ptr<Embedding> source_embedding_, target_embedding_;
  std::shared_ptr<NtmMemory> machine_;
  std::optional<OutputLayer> output_;
};

}  // namespace

std::shared_ptr<Seq2Seq> make_ntm_model(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  return std::make_shared<NtmModel>(options, source_vocabulary, target_vocabulary);
}

extern constinit const ModelEntry ntm_model_entry{
    .name = "ntm_model",
    .kind = {Matter::kText, Matter::kText},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_embedding(o, v);
          visit_options<HiddenOptions, TiedOptions, NtmModelOptions>(o.own, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "none"; },
    .looks_by = [](const ModelOptions& /*o*/) { return std::string("memory"); },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_ntm_model(o, source, target);
    }};

extern constinit const PartEntry ntm_part{
    .name = "ntm",
    .sentence = "heads read and write the rows of a memory, found by content or by a shift from where they were",
    .formula =
        "w^c = softmax_i(β cos(κ, M_i)), w^g = g w^c + (1 − g) w_{t−1}, w̃_i = Σ_j w^g_j ŝ_{i−j}, w_i ∝ w̃_i^γ; read r = Σ_i w_i M_i, "
        "write M_i ← M_i ⊙ (1 − w_i e) + w_i a",
    .paper = "Graves, Wayne & Danihelka 2014, §3, eq. 2–9",
    .parameters = "map.weight [write·(3W + 6) + read·(W + 6), N], map.bias",
    .cost = "a step: B·heads·(N·W + N_m·W)",
    .used_by = "model.type: ntm_model",
    .header = "layers/ntm.h"};

}  // namespace attend
