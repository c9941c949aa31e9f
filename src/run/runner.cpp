#include "attend/run/runner.h"

#include "attend/run/copies.h"
#include "run/run_records.h"
#include "run/scored_text.h"

namespace attend {
namespace {

at::ScalarType type_of(const std::string& precision) { return precision == "bfloat16" ? at::kBFloat16 : at::kFloat; }

bool gives_text(const AnyModel& model) { return model_kind(model.model.type).gives == Matter::kText; }

}  // namespace

void RunnerOptions::visit(OptionVisitor& v) {
  v(precision, "precision", "float32",
    "number format that the model runs in; bfloat16 halves the memory of its weights, and rounds; int8 rounds the weights of linear "
    "layers, "
    "heads' projections and output layers and what they are multiplied by to whole numbers, a scale a row; recurrent cells stay as they "
    "are",
    one_of({"float32", "bfloat16", "int8"}));
}

Runner::Runner(const std::string& path, const RunnerOptions& options) : Runner(read_any_model(path), options, path, /*owned=*/true) {
  if (gives_text(model_)) search_options_ = read_stored_options<SearchOptions>(path, "decode");
}

Runner::Runner(AnyModel model, const RunnerOptions& options) : Runner(model, options, model.model.type, /*owned=*/false) {}

Runner::Runner(AnyModel model, const RunnerOptions& options, std::string name, bool owned)
    : model_(std::move(model)), name_(std::move(name)) {
  ATTEND_CHECK(!model_.network->is_training(), kValue,
               "a runner of {}: the network is in training mode, where dropout draws; call its eval() first", name_);
  const auto type = type_of(options.precision);
  const bool int8 = options.precision == "int8";
  if (!owned && (type != at::kFloat || int8)) model_ = clone(model_, type);
  if (owned && type != at::kFloat) model_.network->to(type);
  if (int8) model_.network->use_int8();
  if (gives_text(model_)) {
    writer_ = as_seq2seq(model_, name_);
  } else if (model_kind(model_.model.type).gives == Matter::kAnswer) {
    answerer_ = as_answerer(model_, name_);
  }
}

std::vector<Site> Runner::sites() const { return dynamic_cast<const Network&>(*model_.network).sites(); }

const TranslationModel& Runner::writer(Matter reads) const {
  if (!writer_ || kind().reads != reads) fail_other_kind(model_, name_);
  return *writer_;
}

const AnswerModel& Runner::answerer() const {
  if (!answerer_) fail_other_kind(model_, name_);
  return *answerer_;
}

ScoredText scored_text(const Tokenizer& tokenizer, const FoundHypothesis& found, const CopyWords& words) {
  const auto copied = own_words(tokenizer, found.tokens, words, found.sources);
  ScoredText text{.text = decode_with(tokenizer, found.tokens, copied),
                  .log_prob = found.log_prob,
                  .score = found.score,
                  .tokens = found.tokens,
                  .log_probs = found.log_probs,
                  .pieces = {},
                  .cut = found.cut};
  for (std::size_t t = 0; t < copied.size(); ++t) text.pieces.push_back(copied[t] ? *copied[t] : tokenizer.piece(found.tokens[t]));
  return text;
}

SearchControl over_part(const SearchControl& control, std::span<const std::size_t> numbers) {
  return with_events(
      control, [numbers](StepEvent& event) { event.item = static_cast<std::int64_t>(numbers[static_cast<std::size_t>(event.item)]); });
}

std::string cut_message(std::size_t cut, std::size_t outputs, const SearchOptions& options) {
  if (cut == 0) return {};
  return fmt::format(
      "{} of {} outputs reached the length limit, {} x source tokens + {}, and were cut there; raise --max-length-ratio or "
      "--max-length-extra (decode.max_length_ratio, decode.max_length_extra)",
      cut, outputs, options.max_length_ratio, options.max_length_extra);
}

}  // namespace attend
