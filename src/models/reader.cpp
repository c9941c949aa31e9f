#include "attend/models/reader.h"

#include "attend/attention/multi_head.h"

#include "attend/attention/score.h"
#include "attend/layers/attention_over_attention.h"
#include "attend/models/parts.h"
#include "models/classifier_parts.h"
#include "models/recurrent_decoder.h"

namespace attend {

void ReaderOptions::visit(OptionVisitor& v) {
  v(reader, "reader", "attention_over_attention",
    "how a document is read: attention_over_attention, question_to_doc (its places by the question) or doc_to_question (its words with "
    "what "
    "the question says to them)",
    one_of({"attention_over_attention", "question_to_doc", "doc_to_question"}));
}

namespace {

// Both directions are always read.
RecurrentEncoderOptions encoder_options(const ModelOptions& o, std::int64_t input_size) {
  auto both = o;
  both.of<DirectionOptions>().bidirectional = true;
  return recurrent_encoder_options(both, input_size);
}

class Reader final : public Answerer {
 public:
  Reader(const ModelOptions& o, std::int64_t vocabulary)
      : kind_(o.of<ReaderOptions>().reader),
        dropout_(o.dropout),
        attended_{.name = "reader.attended", .columns = ColumnAxis::kDocument, .role = SiteRole::kSource, .mechanism = kind_},
        alpha_{.name = "reader.alpha", .rows = RowAxis::kQuestion, .columns = ColumnAxis::kDocument, .mechanism = kind_},
        beta_{.name = "reader.beta",
              .rows = RowAxis::kDocument,
              .columns = ColumnAxis::kQuestion,
              .mechanism = kind_ == "doc_to_question" ? o.attention : kind_} {
    embedding_ = register_module("embedding", std::make_shared<Embedding>(vocabulary, o.embedding, false));
    document_ = register_module("document", std::make_shared<RecurrentEncoder>(encoder_options(o, o.embedding)));
    question_ = register_module("question", std::make_shared<RecurrentEncoder>(encoder_options(o, o.embedding)));
    const auto size = document_->output_size();
    if (kind_ == "doc_to_question") {
      const bool heads = find_mechanism(o.attention).capabilities.makes_heads;
      const MechanismOptions m{
          .heads = heads ? o.of<HeadOptions>().heads : 1, .query_size = size, .key_size = size, .value_size = size, .own = o.own};
      attention_ = register_module("attention", make_mechanism(o.attention, m));
      second_ = register_module("second", std::make_shared<RecurrentEncoder>(encoder_options(o, size + attention_->context_size(size))));
      pointer_ = register_module("pointer", std::make_shared<Linear>(second_->output_size(), 1, false));
    }
  }

  at::Tensor answer(const Questions& q, Observer* observer) const override {
    const auto read = [&](const RecurrentEncoder& encoder, const at::Tensor& ids, const at::Tensor& lengths) {
      return encoder(apply_dropout(*this, (*embedding_)(ids), dropout_), lengths);
    };
    const auto document = read(*document_, q.text, q.text_lengths), question = read(*question_, q.question, q.question_lengths);
    const auto log_a = kind_ == "attention_over_attention" ? over_attention(document, question, q, observer)
                       : kind_ == "question_to_doc"        ? by_question(document, question, q)
                                                           : by_words(document, question, q, observer);  // [B, S]
    show(attended_, log_a.exp().unsqueeze(1), observer);
    return word_log_prob(log_a, q.words, q.words);
  }

  std::vector<Site> sites() const override {
    if (kind_ == "attention_over_attention") return {attended_, alpha_, beta_};
    return attention_ ? std::vector{attended_, beta_} : std::vector{attended_};
  }

 private:
  // weights [B, rows, columns]
  static void show(const Site& site, const at::Tensor& weights, Observer* observer) {
    if (!observer) return;
    Result result;
    result.weights = weights.unsqueeze(1);  // [B, 1, rows, columns]
    add_statistics(result, observer->request(site), result.weights);
    observer->observe(site, result);
  }

  at::Tensor over_attention(const EncodedSequence& document, const EncodedSequence& question, const Questions& q,
                            Observer* observer) const {
    const auto found = attention_over_attention(document.states, question.states, q.text_lengths, q.question_lengths);
    show(alpha_, found.alpha.mT(), observer);
    show(beta_, found.beta, observer);
    return found.log_a;
  }

  static at::Tensor pointed(const at::Tensor& scores, const at::Tensor& lengths) {
    const auto live = within_lengths(lengths, scores.size(1));  // [B, S]
    return (scores - masked_logsumexp(scores, live).unsqueeze(1)).masked_fill(live.logical_not(), -std::numeric_limits<double>::infinity());
  }

  static at::Tensor by_question(const EncodedSequence& document, const EncodedSequence& question, const Questions& q) {
    return pointed(at::matmul(document.states, question.last.unsqueeze(2)).squeeze(2), q.text_lengths);
  }

  at::Tensor by_words(const EncodedSequence& document, const EncodedSequence& question, const Questions& q, Observer* observer) const {
    const auto keys = question.states.unsqueeze(1);  // [B, 1, T, N]
    const auto memory = attention_->prepare(keys, keys, Mask{.key_lengths = q.question_lengths, .query_lengths = q.text_lengths});
    const auto live = within_lengths(q.text_lengths, q.text.size(1)).unsqueeze(-1);  // [B, S, 1]
    const auto states = document.states.masked_fill(live.logical_not(), 0.0);        // [B, S, N]
    const auto found = attend_observed(*attention_, states.unsqueeze(1), memory, nullptr, beta_, observer);
    const auto joined = at::cat({states, found.context.squeeze(1)}, -1);  // [B, S, N + Dv]
    return pointed((*pointer_)((*second_)(apply_dropout(*this, joined, dropout_), q.text_lengths).states).squeeze(2), q.text_lengths);
  }

  std::string kind_;
  double dropout_;
  Site attended_, alpha_, beta_;
  std::shared_ptr<Embedding> embedding_;
  std::shared_ptr<RecurrentEncoder> document_, question_, second_;
  std::shared_ptr<Mechanism> attention_;
  std::shared_ptr<Linear> pointer_;
};

}  // namespace

std::shared_ptr<Answerer> make_reader(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t /*answers*/) {
  return std::make_shared<Reader>(options, source_vocabulary);
}

extern constinit const ModelEntry reader_entry{
    .name = "reader",
    .kind = {Matter::kDocument, Matter::kAnswer},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_embedding(o, v);
          visit_dropout(o, v);
          v.pass_over<DirectionOptions>();  // it always reads both ways
          visit_recurrent_encoder(o, v);
          v.once<SumOptions>(o.own);
          v.once<ReaderOptions>(o.own);
          if (o.of<ReaderOptions>().reader != "doc_to_question") return;
          visit_attention(o, v);
          if (const auto name = attention_of(o); name != "none") find_mechanism(name).options(o.own, v);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "additive"; },
    .looks_by = [](const ModelOptions& o) { return o.of<ReaderOptions>().reader; },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_reader(o, source, target);
    }};

extern constinit const PartEntry attention_over_attention_part{
    .name = "attention_over_attention",
    .sentence = "each word of a question attends to the document, and the document decides how much each of these words counts",
    .formula =
        "M = d uᵀ, α[:, t] = softmax_s(M[:, t]), β[s, :] = softmax_t(M[s, :]), β̄ = mean_s β[s, :], a = α β̄, P(w) = Σ_{s: d_s = w} a_s",
    .paper = "Cui et al. 2017, §3",
    .parameters = "none",
    .cost = "B·S·T·N",
    .used_by = "model.reader: attention_over_attention, in a reader",
    .header = "layers/attention_over_attention.h"};

}  // namespace attend
