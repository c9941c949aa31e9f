// Learning from pairs of texts: translation and everything that has its form.
#include "attend/train/pairs.h"

#include "attend/models/rnn_seq2seq.h"
#include "attend/models/steps.h"
#include "attend/ops/draws.h"
#include "attend/run/evaluate.h"
#include "train/auxiliary.h"
#include "train/examples.h"
#include "train/learner.h"

namespace attend {

void PairOptions::visit(OptionVisitor& v) {
  v(source, "source", "", "training sentences, one a line");
  v(target, "target", "", "the translations of data.source, line by line");
  v(dev_source, "dev_source", "", "sentences to validate on");
  v(dev_target, "dev_target", "", "the translations of data.dev_source, line by line");
  v(dev_pairs, "dev_pairs", 0, "without validation files: pairs held out of the training data; 0 is data.dev_share of them", at_least(0));
  v(max_length, "max_length", 0,
    "pairs with more tokens on a side are left out of training; 0 follows the data: all but one in 1,000, within what memory allows",
    at_least(0));
  v(skip_broken, "skip_broken", false, "skip and count lines that are not UTF-8 instead of stopping");
}

void DraftOptions::visit(OptionVisitor& v) {
  v(draft_noise, "draft_noise", 0.0, "model.revise: share of a draft's tokens that are replaced by random ones in training",
    between(0, 0.9));
}

namespace {

constexpr std::uint64_t kRevisionPart = 1;  // of an update's draws
constexpr std::uint64_t kNoisePlace = 4;    // of draws that no network makes

class Pairs final : public Learner {
 public:
  explicit Pairs(const Config& config)
      : config_(config), examples_((check_pairs(config), config.data), static_cast<std::uint64_t>(config.train.seed)) {}

  std::vector<std::string> fit(Config& config, const GivenValues& given) override {
    return fit_to_corpus(config, given, examples_.profile());
  }

  void describe(TrainPlan& plan) const override {
    plan.corpus = examples_.report();
    plan.notes.insert(plan.notes.end(), notes_.begin(), notes_.end());
    plan.examples = examples_.usable();
    plan.dev_examples = examples_.dev_sources().size();
    plan.source_vocabulary = model_.source->size();
    plan.target_vocabulary = model_.target->size();
    plan.warnings = examples_.warnings();
    const auto& by = config_.train.of<SearchedOptions>();
    const auto validated = validated_pairs();
    plan.validated_as = fmt::format("beam {}, {} tokens{}, {} of {} validation pairs", by.validate_beam, by.bleu_tokenizer,
                                    by.lowercase_bleu ? ", in lower case" : "", validated, plan.dev_examples);
  }

  std::unique_ptr<BatchIterator> batches(BatchPosition start) const override { return examples_.batches(config_.train, start); }
  std::string places(const std::vector<std::size_t>& examples) const override { return examples_.places(examples); }

  std::unique_ptr<Batch> batch(const std::vector<std::size_t>& examples) const override {
    auto batch = std::make_unique<PairBatch>();
    batch->tensors = examples_.make_batch(examples, model_, config_.train.of<GuidedOptions>().guided_weight > 0);
    batch->units = batch->tensors.tokens;
    return batch;
  }

  double backward(const Batch& base, std::int64_t tokens, std::int64_t update) override {
    const auto& batch = static_cast<const PairBatch&>(base).tensors;
    AuxiliaryLosses auxiliary(config_.train, update);
    const auto encoded = model_.network->encode(batch.source, batch.source_lengths, watch_ ? &auxiliary : nullptr);
    const auto nll =
        learn_sequences(*model_.network, *encoded, batch, tokens, config_.train.label_smoothing, watch_ ? &auxiliary : nullptr, entropies_);
    if (model_.network->second_pass()) learn_revision(batch, tokens, update);
    return nll;
  }

  std::optional<double> attention_entropy() const override {
    const at::NoGradGuard no_grad;
    const auto batch = examples_.dev_batch(64, model_);
    SourceEntropy entropy(batch.target_lengths);
    const auto encoded = model_.network->encode(batch.source, batch.source_lengths, nullptr);
    model_.network->decode(*encoded, batch.inputs, batch.target_lengths, &entropy);
    return entropy.mean();
  }

  MetricNeeds has() const override { return kPairsHave; }

  Validation validate() const override {
    const auto& t = config_.train;
    const auto& by = t.of<SearchedOptions>();
    const std::span<const std::string> sources = examples_.dev_sources(), targets = examples_.dev_targets();
    const auto n = validated_pairs();
    EvaluateOptions options;
    options.search = config_.decode;
    options.search.beam = by.validate_beam;
    options.search.n_best = 1;
    options.bleu_tokenizer = by.bleu_tokenizer;
    options.lowercase = by.lowercase_bleu;
    options.wanted = validated_metrics(has(), t.metric);
    const auto e = evaluate(Runner(model_), sources.first(n), targets.first(n), options);
    Validation v;
    v.figures = figures_of(e.metrics);
    v.message = cut_message(e.cut, n, options.search);
    for (std::size_t i = 0; i < std::min<std::size_t>(static_cast<std::size_t>(t.samples), n); ++i)
      v.samples.push_back(fmt::format("{}\n  reference   {}\n  translation {}", sources[i], targets[i], e.translations[i]));
    return v;
  }

 protected:
  void check(const ModelOptions& options) const override {
    check_kind(options.type, {Matter::kText, Matter::kText}, "task " + config_.task);
  }

  void make_vocabularies(const TextOptions& text, AnyModel& model) const override {
    std::tie(model.source, model.target) = examples_.train_tokenizers(text);
  }

  void begin(Config& config, const GivenValues& given) override {
    model_ = as_seq2seq(model(), "task " + config.task);
    notes_ = examples_.measure(model_, config, given);
    config_ = config;
    ATTEND_CHECK(examples_.usable() > 0, kData, "training data: every pair is longer than data.max_length = {}; {}",
                 config_.data.of<PairOptions>().max_length, examples_.warnings().back());
    ATTEND_CHECK(
        !config_.model.of<CopyOptions>().pointer_generator || config_.train.label_smoothing == 0, kValue,
        "train.label_smoothing must be 0 with model.pointer_generator, got {}: words that only other sources hold have no probability "
        "to smooth",
        config_.train.label_smoothing);
    watch_ = AuxiliaryLosses::wanted(config_.train, config_.model);
  }

 private:
  // Adds the gradient of −ln p₂(y | x, ŷ) / tokens, with ŷ from a greedy search of the first pass, without gradient (Xia et al. 2017).
  void learn_revision(const TrainBatch& batch, std::int64_t tokens, std::int64_t update) {
    std::optional<Draws> own;  // else they would depend on how many steps the first pass took
    if (const auto* items = Draws::current_items()) own.emplace(kRevisionPart, *items);
    auto& network = *model_.network;
    SearchOptions greedy;
    greedy.beam = 1;
    greedy.max_length_ratio = config_.decode.max_length_ratio;
    greedy.max_length_extra = config_.decode.max_length_extra;
    network.eval();
    std::vector<std::vector<std::int32_t>> written;
    for (auto& found : search(*steps_of(network, batch.source, batch.source_lengths, model_.special()), greedy))
      written.push_back(std::move(found.best[0].tokens));
    network.train();
    auto draft = pad_drafts(written, model_.target->special().begin);
    if (config_.train.of<DraftOptions>().draft_noise > 0) {
      const auto items = draft.ids.size(0), columns = draft.ids.size(1);
      const auto ordinary = ordinary_ids(*model_.target);
      const auto words = at::tensor(at::ArrayRef<std::int32_t>(ordinary), index_options());  // [n]
      const auto replaced =
          uniform_draws(draw_keys(kNoisePlace, items), {columns}).lt(config_.train.of<DraftOptions>().draft_noise);  // [B, 1 + D]
      const auto which =                                                                                             // [B, 1 + D]
          (uniform_draws(draw_keys(kNoisePlace, items), {columns}) * static_cast<double>(words.size(0))).to(at::kLong);
      const auto other = words.index_select(0, which.flatten()).view_as(which);  // [B, 1 + D]
      const auto& special = model_.target->special();
      auto kept = draft.ids.eq(special.unknown);  // [B, 1 + D]
      for (const auto id : {special.pad, special.begin, special.end}) kept = kept.logical_or(draft.ids.eq(id));
      draft.ids = at::where(replaced.logical_and(kept.logical_not()), other, draft.ids);  // [B, 1 + D]
    }
    AuxiliaryLosses auxiliary(config_.train, update);
    auto* watching = watch_ ? &auxiliary : nullptr;
    const auto encoded = network.encode_with_draft(batch.source, batch.source_lengths, draft.ids, draft.lengths, watching);
    learn_sequences(*network.second_pass(), *encoded, batch, tokens, config_.train.label_smoothing, watching, entropies_);
  }

  std::size_t validated_pairs() const {
    const auto all = examples_.dev_sources().size(), wanted = static_cast<std::size_t>(config_.train.validate_pairs);
    return wanted > 0 ? std::min(all, wanted) : all;
  }

  struct PairBatch final : Batch {
    TrainBatch tensors;
  };

  Config config_;
  Examples examples_;
  std::vector<std::string> notes_;  // what followed the lengths of the data
  TranslationModel model_;          // model() with its network as what it is
  bool watch_ = false;              // the model's attention has losses of its own
};

}  // namespace

extern constinit const LearnerEntry pairs_learner{
    .make = [](const Config& config) -> std::unique_ptr<Learner> { return std::make_unique<Pairs>(config); },
    .usual_model = [](const GivenValues& /*given*/) -> std::string_view { return "rnn_seq2seq"; },
    .data = [](OptionSet& d, const ModelOptions& /*model*/,
               OptionVisitor& v) { visit_options<PairOptions, TableFiles, HeldOutOptions, HeaderOptions>(d, v); },
    .training =
        [](OptionSet& own, const ModelOptions& model, OptionVisitor& v) {
          v.once<SearchedOptions>(own);
          if (attention_of(model) != "none") visit_options<GuidedOptions, DoublyOptions>(own, v);
          if (model_reads<ReviseOptions>(model) && model.of<ReviseOptions>().revise) v.once<DraftOptions>(own);
        },
    .searches = true};

}  // namespace attend
