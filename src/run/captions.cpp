#include "attend/run/captions.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "attend/core/random.h"
#include "attend/data/picture_folder.h"
#include "attend/measure/language_model.h"
#include "attend/models/captioner.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/steps.h"
#include "run/grid_picture.h"
#include "run/run_records.h"
#include "run/scored_text.h"

namespace attend {
namespace {

constexpr std::size_t kTogether = 64;

std::vector<std::vector<std::size_t>> in_parts(std::span<const std::size_t> items) {
  std::vector<std::vector<std::size_t>> parts;
  for (std::size_t at = 0; at < items.size(); at += kTogether) {
    const auto part = items.subspan(at, std::min(kTogether, items.size() - at));
    parts.emplace_back(part.begin(), part.end());
  }
  return parts;
}

at::Tensor cells_of(const ModelOptions& o, std::size_t rows) {
  return at::full({static_cast<std::int64_t>(rows)}, picture_grid(o).cells(), index_options());
}

std::shared_ptr<const Record> record_of_picture(const TranslationModel& model, const PictureSet& set, SearchResult& found,
                                                std::size_t item) {
  auto data = record_about(model.model, "caption");
  data.sentence = item;
  data.source.utf8 = set.name(item);
  const auto grid = picture_grid(model.model);
  data.source.tokens.assign(static_cast<std::size_t>(grid.cells()), RecordToken{});
  data.picture = grid_picture(set.image(item), grid.rows, grid.columns);
  return finish_record(std::move(data), *model.target, found);
}

std::unique_ptr<StepModel> steps_of_pictures(const TranslationModel& model, const PictureSet& set, std::span<const std::size_t> items) {
  return steps_of(*model.network, set.batch(items), cells_of(model.model, items.size()), model.special());
}

}  // namespace

at::Tensor picture_batch(std::span<const Image> pictures, std::span<const std::size_t> items) {
  const auto& first = pictures[items[0]];
  auto bytes =  // [n, H, W, C]
      at::empty({static_cast<std::int64_t>(items.size()), first.height, first.width, first.channels}, index_options().dtype(at::kByte));
  auto* out = bytes.data_ptr<std::uint8_t>();
  for (const auto i : items) out = std::copy(pictures[i].pixels.begin(), pictures[i].pixels.end(), out);
  return bytes.permute({0, 3, 1, 2}).to(at::kFloat).contiguous() / 255;
}

PictureSet::PictureSet(const std::string& images, const std::string& captions, const std::string& list)
    : store_(std::make_shared<ImageStore>(images)) {
  ReadingReport report;
  items_ = list.empty() ? read_captions(captions, &report) : read_captions(captions, list, &report);
  store_->check_holds(items_);
  told_ = store_->report().lines();
  for (auto& line : told_) line = fmt::format("{}: {}", images, line);
  if (list.empty()) {
    const auto all = store_->pictures();
    if (all > items_.size())
      told_.push_back(fmt::format("{}: {} of {} pictures have no caption in {}", images, all - items_.size(), all, captions));
  }
  for (auto& item : items_) {
    for (auto& caption : item.captions) caption = plain_caption(caption);
    const auto empty = std::erase_if(item.captions, [](const auto& caption) { return caption.empty(); });
    for (std::size_t i = 0; i < empty; ++i) report.leave_out("captions without a word", item.name);
  }
  std::erase_if(items_, [](const auto& item) { return item.captions.empty(); });
  for (auto& line : report.lines()) told_.push_back(fmt::format("{}: {}", captions, line));
  ATTEND_CHECK(!items_.empty(), kData, "{}: no caption holds a word", captions);
}

PictureSet PictureSet::split_off(std::size_t count, std::uint64_t key) {
  ATTEND_ASSERT(pictures_.empty() && count <= items_.size());
  std::vector<std::size_t> order(items_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  RandomStream random(key);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i))]);
  std::vector<bool> taken(items_.size(), false);
  for (std::size_t i = 0; i < count; ++i) taken[order[i]] = true;
  std::vector<CaptionedImage> own, others;
  for (std::size_t i = 0; i < items_.size(); ++i) (taken[i] ? others : own).push_back(std::move(items_[i]));
  items_ = std::move(own);
  return {std::move(others), store_};
}

PictureSet::PictureSet(const std::vector<std::string>& files) {
  ReadingReport report;
  for (auto& file : picture_files(files, report)) items_.push_back({std::move(file), {}});
  told_ = report.lines();
}

void PictureSet::load(const ModelOptions& model) {
  const auto& wanted = model.of<PictureOptions>();
  const auto channels = wanted.picture_channels == 1 ? Channels::kGrey : Channels::kRgb;
  ATTEND_CHECK(wanted.picture_channels != 2, kValue, "model.picture_channels: 1 is grey, 3 is colour, got 2");
  const auto width = static_cast<int>(wanted.picture_width), height = static_cast<int>(wanted.picture_height);
  pictures_.clear();
  for (const auto& item : items_) {
    auto picture = store_ ? decode_image(store_->bytes(item.name), store_->place(item.name), channels) : read_image(item.name, channels);
    pictures_.push_back(picture.width == width && picture.height == height ? std::move(picture) : resize_image(picture, width, height));
  }
}

std::vector<Translated> Runner::caption(const PictureSet& set, std::span<const std::size_t> items, const SearchOptions& options,
                                        const SearchControl& control) const {
  const auto& model = writer(Matter::kPicture);
  std::vector<Translated> results;
  for (const auto& part : in_parts(items)) {
    std::vector<std::size_t> places(part.size());
    std::iota(places.begin(), places.end(), results.size());
    auto found = search(*steps_of_pictures(model, set, part), options, over_part(control, places));
    for (std::size_t i = 0; i < part.size(); ++i) {
      Translated captioned;
      for (const auto& best : found[i].best) captioned.best.push_back(scored_text(*model.target, best));
      if (control.record) captioned.record = record_of_picture(model, set, found[i], part[i]);
      results.push_back(std::move(captioned));
    }
  }
  return results;
}

std::vector<ScoredText> Runner::score_captions(const PictureSet& set, std::span<const std::size_t> items) const {
  const auto& model = writer(Matter::kPicture);
  std::vector<ScoredText> scores;
  for (const auto& part : in_parts(items)) {
    std::vector<std::vector<std::int32_t>> targets;
    for (const auto i : part) targets.push_back(tokens_of(ids_with_end(*model.target, set.captions(i).at(0))));
    for (const auto& forced : force(*steps_of_pictures(model, set, part), targets))
      scores.push_back(scored_text(*model.target, forced.best[0]));
  }
  return scores;
}

CaptionFigures evaluate_captions(const Runner& runner, const PictureSet& set, const SearchOptions& options, std::size_t count,
                                 const MetricList& wanted) {
  CaptionFigures figures;
  figures.pictures = count == 0 ? set.size() : std::min(count, set.size());
  std::vector<std::size_t> items(figures.pictures);
  std::iota(items.begin(), items.end(), std::size_t{0});
  double nll = 0;
  std::size_t tokens = 0;
  for (const auto& forced : runner.score_captions(set, items)) {
    nll -= forced.log_prob;
    tokens += forced.tokens.size();
  }
  std::vector<std::string> said;
  for (const auto& captioned : runner.caption(set, items, options)) {
    said.push_back(plain_caption(captioned.text()));
    figures.captions.push_back(captioned.text());
  }
  std::vector<std::vector<std::string_view>> references;
  for (const auto i : items) references.emplace_back(set.captions(i).begin(), set.captions(i).end());
  LanguageModelScore probabilities;
  probabilities.add(nll, tokens);
  const ComparedTexts compared{said, references};
  figures.metrics = count_metrics(wanted, {.texts = &compared, .probabilities = &probabilities}, {.captions = true});
  return figures;
}

}  // namespace attend
