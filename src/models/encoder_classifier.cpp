#include "attend/models/encoder_classifier.h"

#include "attend/models/parts.h"
#include "attend/models/transformer_options.h"
#include "models/classifier_parts.h"

namespace attend {

void ClassifierOptions::visit(OptionVisitor& v) {
  v(encoder, "encoder", "recurrent",
    "of a classifier: recurrent, transformer, universal (one layer until every position halts) or adaptive (a cell that ponders over each "
    "input)",
    one_of({"recurrent", "transformer", "universal", "adaptive"}));
}

void WholeOptions::visit(OptionVisitor& v) {
  v(whole, "whole", false,
    "a classifier takes the whole line as one input: every place has token vectors of its own, and they are added up");
}

void PoolingChoiceOptions::visit(OptionVisitor& v) {
  v(pooling, "pooling", "attention_pooling", "how a classifier leaves one vector: by attention, the mean, or the first position",
    one_of({"attention_pooling", "mean", "first"}));
}

void PonderOptions::visit(OptionVisitor& v) {
  v(act.max_steps, "act_max_steps", 10, "steps over one input at most", between(1, 1000));
  v(act.epsilon, "act_epsilon", 0.01, "a step that brings the sum of halting to 1 - this is the last", between(0, 0.999));
  v(act.bias, "act_bias", 1.0, "of the halting at the start: larger halts sooner", between(-100, 100));
}

void CombineOptions::visit(OptionVisitor& v) {
  v(act_combine, "act_combine", "weighted", "universal: weighted mean of the steps, or interpolate as models of Tensor2Tensor do",
    one_of({"weighted", "interpolate"}));
}

namespace {

bool reads_by_layers(const ModelOptions& o) {
  const auto& encoder = o.of<ClassifierOptions>().encoder;
  return encoder == "transformer" || encoder == "universal";
}

SequenceEncoder::Of encoder_of_classifier(const ModelOptions& o) {
  return {.encoder = o.of<ClassifierOptions>().encoder, .input_size = o.embedding, .types = true};
}

class EncoderClassifier final : public Answerer {
 public:
  EncoderClassifier(const ModelOptions& o, std::int64_t vocabulary, std::int64_t answers)
      : vocabulary_(vocabulary), dropout_(o.dropout), recurrent_(o.of<ClassifierOptions>().encoder == "recurrent") {
    const bool scaled = reads_by_layers(o) && o.of<EmbeddingScaleOptions>().embedding_scale;
    if (o.of<WholeOptions>().whole) places_ = o.of<LongestOptions>().longest;
    embedding_ =
        register_module("embedding", std::make_shared<Embedding>(vocabulary * std::max<std::int64_t>(places_, 1), o.embedding, scaled));
    encoder_ = register_module("encoder", std::make_shared<SequenceEncoder>(o, encoder_of_classifier(o)));
    pooling_ = register_module("pooling", std::make_shared<Pooling>(o, encoder_->output_size()));
    output_ = register_module("output", std::make_shared<Linear>(pooling_->output_size(), checked_answers(answers)));
  }

  at::Tensor answer(const Questions& q, Observer* observer) const override {
    auto lengths = q.text_lengths;
    auto vectors = places_ > 0 ? whole_line(q.text, lengths) : (*embedding_)(q.text);  // [B, S, N]
    if (places_ > 0) lengths = at::ones_like(lengths);
    if (recurrent_) vectors = apply_dropout(*this, vectors, dropout_);
    const auto states = (*encoder_)(vectors, lengths, observer, q.types);  // [B, S, N]
    const auto pooled = apply_dropout(*this, (*pooling_)(states, lengths, observer), dropout_);
    return at::log_softmax((*output_)(pooled), -1);
  }

  std::vector<Site> sites() const override { return joined_sites({encoder_->sites(), pooling_->sites()}); }

 private:
  // [B, 1, N]: the sum of the line's token vectors, each from the table of its place.
  at::Tensor whole_line(const at::Tensor& text, const at::Tensor& lengths) const {
    const auto places = text.size(1);
    ATTEND_CHECK(places <= places_, kValue, "encoder_classifier: a line has {} tokens, model.whole has tables for {}; raise model.longest",
                 places, places_);
    const auto ids = text + vocabulary_ * at::arange(places, index_options());         // [B, S]
    const auto padding = within_lengths(lengths, places).logical_not().unsqueeze(-1);  // [B, S, 1]
    return (*embedding_)(ids).masked_fill(padding, 0.0).sum(1, /*keepdim=*/true);
  }

  std::int64_t vocabulary_, places_ = 0;  // places: of a whole line, each with a table; 0 = the line is a sequence
  double dropout_;
  bool recurrent_;
  std::shared_ptr<Embedding> embedding_;
  std::shared_ptr<SequenceEncoder> encoder_;
  std::shared_ptr<Pooling> pooling_;
  std::shared_ptr<Linear> output_;
};

}  // namespace

std::shared_ptr<Answerer> make_encoder_classifier(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers) {
  return std::make_shared<EncoderClassifier>(options, source_vocabulary, answers);
}

extern constinit const ModelEntry encoder_classifier_entry{
    .name = "encoder_classifier",
    .kind = {Matter::kText, Matter::kAnswer},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_embedding(o, v);
          visit_dropout(o, v);
          visit_options<ClassifierOptions, WholeOptions>(o.own, v);
          if (o.of<WholeOptions>().whole) v.once<LongestOptions>(o.own);
          if (reads_by_layers(o)) {
            visit_attention(o, v);
            v.once<EmbeddingScaleOptions>(o.own);
          }
          visit_sequence_encoder(encoder_of_classifier(o), o, v);
          visit_pooling(o, v);
        },
    .usual_attention = [](const ModelOptions& o) -> std::string_view {
      if (reads_by_layers(o)) return "multi_head";
      return o.of<PoolingChoiceOptions>().pooling == "attention_pooling" ? "attention_pooling" : "none";
    },
    .looks_by = [](const ModelOptions& o) { return o.of<PoolingChoiceOptions>().pooling; },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_encoder_classifier(o, source, target);
    }};

extern constinit const PartEntry act_part{
    .name = "act",
    .sentence = "adaptive computation time: the model decides how many steps it spends on each input before it goes on",
    .formula =
        "N = min(M, min{n : Σ_{i≤n} hⁱ ≥ 1 − ε}), pⁿ = hⁿ for n < N, p^N = R = 1 − Σ_{n<N} hⁿ, output Σ_n pⁿ sⁿ, ponder cost ρ = N + R",
    .paper = "Graves 2016, §2; over positions: Dehghani et al. 2019, §2",
    .parameters = "w_h [N], b_h",
    .cost = "N times that of the cell or block, at most M times",
    .used_by = "model.encoder: adaptive or universal, in an encoder_classifier; model.type: universal_transformer",
    .header = "layers/act.h"};

}  // namespace attend
