// Learning to say what is in a picture.
#include "attend/train/captions.h"

#include <cmath>

#include "attend/core/random.h"
#include "attend/models/captioner.h"
#include "attend/ops/draws.h"
#include "attend/run/captions.h"
#include "attend/train/data.h"
#include "attend/train/fit.h"
#include "train/learner.h"
#include "train/pictures.h"
#include "train/sequences.h"

namespace attend {

void CaptionFiles::visit(OptionVisitor& v) {
  v(captions, "captions", "", "what people said of the pictures: lines name.jpg#0 TAB caption");
  v(list, "list", "", "names of the pictures to learn from, one a line; empty: all with captions");
  v(dev_list, "dev_list", "", "names of the pictures to validate on; empty: a share of the others, dev_share");
}

namespace {

constexpr std::uint64_t kCaptionsPart = 1;  // of an update's draws

// A number for each caption, from its picture's and its place among the picture's captions. rows int64 [R], ascending.
std::vector<std::uint64_t> caption_items(const at::Tensor& rows, const std::vector<std::uint64_t>& pictures) {
  std::vector<std::uint64_t> items;
  std::uint64_t place = 0;
  const auto* row = rows.const_data_ptr<std::int64_t>();
  for (std::int64_t r = 0; r < rows.size(0); ++r) {
    place = r > 0 && row[r] == row[r - 1] ? place + 1 : 0;
    items.push_back(random_key(pictures.at(static_cast<std::size_t>(row[r])), {place}));
  }
  return items;
}

class CaptionsLearner final : public Learner {
 public:
  explicit CaptionsLearner(const Config& config)
      : config_(config), train_(read(config.data.of<PictureFiles>().images, config.data.of<CaptionFiles>().list)), dev_(held_out()) {}

  std::vector<std::string> fit(Config& config, const GivenValues& given) override { return fit_to_captions(config, given, train_.size()); }

  void describe(TrainPlan& plan) const override {
    plan.examples = train_.size();
    plan.dev_examples = dev_.size();
    plan.target_vocabulary = model_.target->size();
    plan.told = told_;
    plan.told.insert(plan.told.end(), train_.told().begin(), train_.told().end());
    plan.told.insert(plan.told.end(), dev_.told().begin(), dev_.told().end());
  }

  std::unique_ptr<BatchIterator> batches(BatchPosition start) const override {
    return std::make_unique<BatchIterator>(
        train_.size(), [this](std::size_t i) { return longest_[i]; }, batch_plan(config_.train), start);
  }

  // A picture is read once for all its captions.
  std::unique_ptr<Batch> batch(const std::vector<std::size_t>& examples) const override {
    auto batch = std::make_unique<CaptionBatch>();
    std::vector<std::int64_t> rows;
    std::vector<std::vector<std::int64_t>> targets;
    for (std::size_t i = 0; i < examples.size(); ++i)
      for (const auto& caption : train_.captions(examples[i])) {
        rows.push_back(static_cast<std::int64_t>(i));
        targets.push_back(ids_with_end(*model_.target, caption));
      }
    batch->tensors.source = varied(train_.batch(examples), config_.data.of<VariedOptions>());
    batch->tensors.source_lengths =
        at::full({static_cast<std::int64_t>(examples.size())}, picture_grid(config_.model).cells(), index_options());  // [B]
    batch->rows = at::tensor(rows, index_options());                                                                   // [R]
    batch->tensors.read_lengths = batch->tensors.source_lengths.index_select(0, batch->rows);                          // [R]
    set_targets(batch->tensors, padded(targets), model_.target->special().begin);
    batch->units = batch->tensors.tokens;
    return batch;
  }

  double backward(const Batch& base, std::int64_t tokens, std::int64_t update) override {
    const auto& batch = static_cast<const CaptionBatch&>(base);
    AuxiliaryLosses auxiliary(config_.train, update);
    auto* watching = watch_ ? &auxiliary : nullptr;
    const auto pictures = model_.network->encode(batch.tensors.source, batch.tensors.source_lengths, watching);
    std::optional<Draws> of_captions;  // a picture has several: they are the items that are written
    if (const auto* items = Draws::current_items()) of_captions.emplace(kCaptionsPart, caption_items(batch.rows, *items));
    return learn_sequences(*model_.network, *pictures->select(batch.rows), batch.tensors, tokens, config_.train.label_smoothing, watching,
                           entropies_);
  }

  std::optional<double> attention_entropy() const override {
    const at::NoGradGuard no_grad;
    std::vector<std::size_t> pictures;
    std::vector<std::vector<std::int64_t>> captions;
    for (std::size_t i = 0; i < std::min<std::size_t>(dev_.size(), 64); ++i) {
      pictures.push_back(i);
      captions.push_back(ids_with_end(*model_.target, dev_.captions(i)[0]));
    }
    TrainBatch batch;
    set_targets(batch, padded(captions), model_.target->special().begin);
    batch.source_lengths =
        at::full({static_cast<std::int64_t>(pictures.size())}, picture_grid(config_.model).cells(), index_options());  // [B]
    SourceEntropy entropy(batch.target_lengths);
    const auto encoded = model_.network->encode(dev_.batch(pictures), batch.source_lengths, nullptr);
    model_.network->decode(*encoded, batch.inputs, batch.target_lengths, &entropy);
    return entropy.mean();
  }

  MetricNeeds has() const override { return kCaptionsHave; }

  Validation validate() const override {
    const auto& t = config_.train;
    auto search = config_.decode;
    search.beam = t.of<SearchedOptions>().validate_beam;
    search.n_best = 1;
    const auto count = static_cast<std::size_t>(t.validate_pairs);
    const auto figures = evaluate_captions(Runner(model_), dev_, search, count, validated_metrics(has(), t.metric));
    Validation v;
    v.figures = figures_of(figures.metrics);
    for (std::size_t i = 0; i < std::min(static_cast<std::size_t>(t.samples), figures.pictures); ++i)
      v.samples.push_back(fmt::format("{}\n  reference {}\n  caption   {}", dev_.name(i), dev_.captions(i)[0], figures.captions[i]));
    return v;
  }

  std::string places(const std::vector<std::size_t>& examples) const override {
    std::vector<std::string> names;
    for (const auto i : examples) names.push_back(train_.name(i));
    return fmt::format("{}", fmt::join(names, ", "));
  }

 protected:
  void check(const ModelOptions& options) const override {
    check_kind(options.type, {Matter::kPicture, Matter::kText}, "task " + config_.task);
  }

  void make_vocabularies(const TextOptions& text, AnyModel& model) const override {
    model.target = train_tokenizer(text.target, [&](const std::function<void(std::string_view)>& take) {
      for (std::size_t i = 0; i < train_.size(); ++i)
        for (const auto& caption : train_.captions(i)) take(caption);
    });
  }

  void begin(Config& config, const GivenValues& /*given*/) override {
    config_ = config;
    model_ = as_seq2seq(model(), "task " + config.task);
    train_.load(config.model);
    dev_.load(config.model);
    for (std::size_t i = 0; i < train_.size(); ++i) {
      std::int64_t longest = 1;
      for (const auto& caption : train_.captions(i))
        longest = std::max(longest, static_cast<std::int64_t>(model_.target->encode(caption).size()));
      longest_.push_back(longest);
    }
    watch_ = AuxiliaryLosses::wanted(config_.train, config_.model);
  }

 private:
  struct CaptionBatch final : Batch {
    TrainBatch tensors;
    at::Tensor rows;  // int64 [R]: the picture of each caption
  };

  PictureSet read(const std::string& images, const std::string& list) const {
    const auto& d = config_.data.of<CaptionFiles>();
    const auto& pictures = config_.data.of<PictureFiles>();
    ATTEND_CHECK(
        !d.captions.empty() && !pictures.images.empty(), kValue,
        "task caption learns from data.captions, lines name.jpg#0 TAB caption, and data.images, a folder or a tar archive of pictures; "
        "{} not given",
        d.captions.empty() && pictures.images.empty() ? "both were"
        : d.captions.empty()                          ? "data.captions was"
                                                      : "data.images was");
    ATTEND_CHECK(!d.dev_list.empty() || pictures.dev_images.empty(), kValue,
                 "data.dev_list is missing: names of the pictures of data.dev_images to validate on, one a line");
    return {images.empty() ? pictures.images : images, d.captions, list};
  }

  // The pictures to validate on: those listed, else some of the others, with all of their captions.
  PictureSet held_out() {
    if (const auto& list = config_.data.of<CaptionFiles>().dev_list; !list.empty())
      return read(config_.data.of<PictureFiles>().dev_images, list);
    const auto share = config_.data.of<HeldOutOptions>().dev_share;
    const auto all = train_.size();
    const auto wanted = static_cast<std::size_t>(std::ceil(share * static_cast<double>(all)));
    ATTEND_CHECK(wanted > 0 && wanted < all, kData,
                 "{} pictures cannot be parted into training and validation by data.dev_share = {}; give more, or data.dev_list", all,
                 share);
    told_.push_back(
        fmt::format("{} of {} pictures are held out for validation, drawn at random with all their captions (data.dev_share = {})", wanted,
                    all, share));
    return train_.split_off(wanted, random_key(static_cast<std::uint64_t>(config_.train.seed), {2}));
  }

  Config config_;
  std::vector<std::string> told_;
  PictureSet train_, dev_;
  TranslationModel model_;
  std::vector<std::int64_t> longest_;
  bool watch_ = false;
};

}  // namespace

extern constinit const LearnerEntry captions_learner{
    .make = [](const Config& config) -> std::unique_ptr<Learner> { return std::make_unique<CaptionsLearner>(config); },
    .usual_model = [](const GivenValues& /*given*/) -> std::string_view { return "captioner"; },
    .data = [](OptionSet& d, const ModelOptions& /*model*/,
               OptionVisitor& v) { visit_options<CaptionFiles, PictureFiles, HeldOutOptions, VariedOptions>(d, v); },
    .training =
        [](OptionSet& own, const ModelOptions& model, OptionVisitor& v) {
          v.once<SearchedOptions>(own);
          if (attention_of(model) != "none") v.once<DoublyOptions>(own);
        },
    .searches = true};

}  // namespace attend
