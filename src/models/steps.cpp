#include "attend/models/steps.h"

#include <algorithm>
#include <functional>

#include "attend/kernels/logsumexp.h"
#include "attend/models/weights_observer.h"
#include "attend/ops/cross_entropy.h"

namespace attend {
namespace {

at::Tensor long_tensor(std::span<const std::int32_t> values, at::IntArrayRef shape) {
  auto tensor = at::empty(shape, index_options());
  std::copy(values.begin(), values.end(), tensor.data_ptr<std::int64_t>());
  return tensor;
}

// Sequences one under the other, from `column` on: int64 [B, column + longest], padded with 0.
at::Tensor padded(std::span<const std::vector<std::int32_t>> sequences, std::int64_t column) {
  std::size_t longest = 0;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
  const auto columns = column + static_cast<std::int64_t>(longest);
  auto ids = at::zeros({static_cast<std::int64_t>(sequences.size()), columns}, index_options());  // [B, column + longest]
  auto* row = ids.data_ptr<std::int64_t>() + column;
  for (const auto& sequence : sequences) {
    std::copy(sequence.begin(), sequence.end(), row);
    row += columns;
  }
  return ids;
}

at::Tensor lengths_of(std::span<const std::vector<std::int32_t>> sequences) {
  auto lengths = at::empty({static_cast<std::int64_t>(sequences.size())}, index_options());  // [B]
  for (std::size_t i = 0; i < sequences.size(); ++i) lengths.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(sequences[i].size());
  return lengths;
}

// Tokens [B, S] or [B, S, 2] end in </s>, whose id is `end`, or not; pictures have no tokens.
std::vector<ItemSize> sizes_of(const at::Tensor& source, const at::Tensor& lengths, std::int32_t end) {
  const bool texts = source.scalar_type() == at::kLong && source.dim() <= 3 && source.size(1) > 0;
  const auto tokens = texts ? (source.dim() == 3 ? source.select(2, 0) : source).contiguous() : at::Tensor();  // [B, S]
  std::vector<ItemSize> sizes;
  const auto each = lengths.contiguous();  // [B]
  for (std::int64_t i = 0; i < each.size(0); ++i) {
    const auto length = each.data_ptr<std::int64_t>()[i];
    const bool ends = texts && length > 1 && tokens.data_ptr<std::int64_t>()[i * tokens.size(1) + length - 1] == end;
    sizes.push_back({.source = length, .words = ends ? length - 1 : length});
  }
  return sizes;
}

// What is common to both passes of a model: what is read, and the state of its hypotheses.
class NetworkSteps : public StepModel {
 public:
  using Read = std::function<std::unique_ptr<Encoded>(Observer*)>;
  NetworkSteps(const TokenDecoder& decoder, const SpecialIds& special, std::vector<ItemSize> sizes, Read read)
      : decoder_(decoder), special_(special), sizes_(std::move(sizes)), read_(std::move(read)) {}

  std::int64_t items() const override { return static_cast<std::int64_t>(sizes_.size()); }
  ItemSize size_of(std::int64_t item) const override { return sizes_[static_cast<std::size_t>(item)]; }
  SpecialIds special() const override { return special_; }
  std::vector<Site> sites() const override { return decoder_.sites(); }

  void start(const StepPlan& plan) override;
  std::vector<AttentionMap> encoder_maps(std::int64_t item) const override;
  std::vector<MapSummary> take_summaries() override { return observer_.take_summaries(); }
  StepScores step(const StepRows& rows) override;
  const ForcedScores* force_all(std::span<const std::vector<std::int32_t>> targets) override;

 private:
  void rearrange(const StepRows& rows);
  ShownRows show(std::int64_t rows, bool forced);

  const TokenDecoder& decoder_;
  SpecialIds special_;  // of what is written
  std::vector<ItemSize> sizes_;
  Read read_;
  WeightsObserver observer_;
  Observer* watch_ = nullptr;  // null where nothing is to be shown
  MapKeeping keep_;
  SeenMaps read_maps_;  // what was seen while reading, until the first step
  std::int64_t steps_ = 1;
  std::unique_ptr<Encoded> encoded_;
  std::unique_ptr<DecoderState> state_;  // of B items with beams_ hypotheses each
  std::int64_t beams_ = 1;
  at::Tensor logits_, normalisers_, peaks_;  // [B, K, V], [B, K], [B, K, blocks of V]
  std::vector<SiteRows> shown_sites_;
  std::vector<ScalarRows> shown_scalars_;
  ForcedScores forced_;
  at::Tensor forced_log_probs_;  // [B, T]
};

void NetworkSteps::start(const StepPlan& plan) {
  const c10::InferenceMode no_gradients;
  steps_ = plan.steps;
  observer_ = WeightsObserver(plan.shown);
  keep_ = plan.keep;
  observer_.keep_as(keep_, WeightsObserver::Summarise::kReading);
  watch_ = plan.shown.empty() ? nullptr : &observer_;
  encoded_ = read_(watch_);
  read_maps_ = observer_.take();
}

std::vector<AttentionMap> NetworkSteps::encoder_maps(std::int64_t item) const {
  const c10::InferenceMode no_gradients;
  const auto length = size_of(item).source;
  std::vector<AttentionMap> maps;
  for (const auto& seen : read_maps_) {
    auto own = seen.weights[item].slice(1, 0, length).slice(2, 0, length);  // [H, S_b, S_b] or [H, 1, S_b]
    if (seen.weights.size(2) == 1) own = at::diag_embed(own.squeeze(1));    // a number for each position stands in its own row
    own = own.contiguous();                                                 // [H, S_b, S_b]
    AttentionMap map;
    map.site = seen.site;
    map.kind = row_kind(seen.kind);
    map.heads = static_cast<std::uint32_t>(own.size(0));
    map.rows = map.cols = static_cast<std::uint32_t>(length);
    map.weights.assign(own.data_ptr<float>(), own.data_ptr<float>() + own.numel());
    maps.push_back(std::move(map));
  }
  return maps;
}

// Lines the state up with the rows that are to be continued, unless it is so already.
void NetworkSteps::rearrange(const StepRows& rows) {
  const auto items = encoded_->batch();
  bool same = rows.beams == beams_ && static_cast<std::int64_t>(rows.parents.size()) == items * beams_;
  for (std::size_t r = 0; same && r < rows.parents.size(); ++r) same = rows.parents[r] == static_cast<std::int32_t>(r);
  if (same) return;
  std::vector<std::int32_t> alive;  // items among those of the step before
  for (std::size_t r = 0; r < rows.parents.size(); r += static_cast<std::size_t>(rows.beams))
    alive.push_back(rows.parents[r] / static_cast<std::int32_t>(beams_));
  state_->reorder(long_tensor(rows.parents, {static_cast<std::int64_t>(rows.parents.size())}), rows.beams);
  if (static_cast<std::int64_t>(alive.size()) < items)
    encoded_ = encoded_->select(long_tensor(alive, {static_cast<std::int64_t>(alive.size())}));
  beams_ = rows.beams;
}

StepScores NetworkSteps::step(const StepRows& rows) {
  const c10::InferenceMode no_gradients;
  read_maps_.clear();
  if (!state_) state_ = decoder_.start(*encoded_, steps_);
  rearrange(rows);
  observer_.clear();
  observer_.keep_as(keep_, WeightsObserver::Summarise::kNothing);             // a step's rows
  const auto tokens = long_tensor(rows.tokens, {encoded_->batch(), beams_});  // [B, K]
  const auto states = decoder_.step(*encoded_, *state_, tokens, watch_);      // [B, K, N]
  logits_ = decoder_.logits(states).to(at::kFloat).contiguous();              // [B, K, V]
  static_assert(StepScores::kPeakBlock == kernels::kPeakBlock);
  normalisers_ = row_logsumexp(logits_, &peaks_);  // [B, K]
  return {.vocabulary = logits_.size(2),
          .scores = {logits_.data_ptr<float>(), static_cast<std::size_t>(logits_.numel())},
          .normalisers = {normalisers_.data_ptr<float>(), static_cast<std::size_t>(normalisers_.numel())},
          .peaks = {peaks_.data_ptr<float>(), static_cast<std::size_t>(peaks_.numel())},
          .shown = show(beams_, /*forced=*/false)};
}

const ForcedScores* NetworkSteps::force_all(std::span<const std::vector<std::int32_t>> targets) {
  const c10::InferenceMode no_gradients;
  read_maps_.clear();
  observer_.clear();
  observer_.keep_as(keep_, WeightsObserver::Summarise::kAll);
  const auto all = padded(targets, /*column=*/0);  // [B, T]
  const auto steps = all.size(1);
  const auto begin = at::full({all.size(0), 1}, special_.begin, index_options());       // [B, 1]
  const auto inputs = at::cat({begin, all.narrow(1, 0, steps - 1)}, 1);                 // [B, T]
  const auto states = decoder_.decode(*encoded_, inputs, lengths_of(targets), watch_);  // [B, T, N]
  forced_log_probs_ = at::empty({all.size(0), steps}, float_options());                 // [B, T]
  constexpr std::int64_t kStepsTogether = 1024;                                         // of a long text not all distributions at once
  for (std::int64_t t = 0; t < steps; t += kStepsTogether) {
    const auto some = std::min(kStepsTogether, steps - t);
    const auto logits = decoder_.logits(states.narrow(1, t, some)).to(at::kFloat);          // [B, some, V]
    const auto right = logits.gather(2, all.narrow(1, t, some).unsqueeze(-1)).squeeze(-1);  // [B, some]
    forced_log_probs_.narrow(1, t, some).copy_(right - row_logsumexp(logits));
  }
  forced_.longest = steps;
  forced_.log_probs = {forced_log_probs_.data_ptr<float>(), static_cast<std::size_t>(forced_log_probs_.numel())};
  forced_.shown = show(steps, /*forced=*/true);
  return &forced_;
}

// Views of what the observer has seen of `rows` rows an item: hypotheses of one step, or steps of one target.
ShownRows NetworkSteps::show(std::int64_t rows, bool forced) {
  shown_sites_.clear();
  shown_scalars_.clear();
  for (const auto& seen : observer_.seen()) {
    const auto& weights = seen.weights;  // [B, H, rows, columns]; of one step, where columns are steps, [B·rows, H, 1, columns]
    const auto together = seen.site.columns == ColumnAxis::kStep && !forced ? 1 : rows;
    ATTEND_ASSERT(weights.size(2) == together);
    shown_sites_.push_back({.site = &seen.site,
                            .kind = row_kind(seen.kind),
                            .weights = HeadRows::of_block(weights.data_ptr<float>(), weights.size(1), together, weights.size(3))});
  }
  for (const auto& [name, value] : observer_.scalars())  // [B, H, rows]
    shown_scalars_.push_back({name, HeadRows::of_block(value.data_ptr<float>(), value.size(1), value.size(2), 1)});
  return {shown_sites_, shown_scalars_};
}

// The first pass, which may have a second one.
class FirstPass final : public NetworkSteps {
 public:
  FirstPass(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths, const BothSpecialIds& special)
      : NetworkSteps(model, special.target, sizes_of(source, lengths, special.source.end),
                     [&model, source, lengths](Observer* observer) { return model.encode(source, lengths, observer); }),
        model_(model),
        source_(source),
        lengths_(lengths) {}

  bool revises() const override { return model_.second_pass() != nullptr; }

  std::unique_ptr<StepModel> second_pass(std::span<const std::int64_t> items,
                                         std::span<const std::vector<std::int32_t>> drafts) const override {
    ATTEND_ASSERT(revises() && items.size() == drafts.size());
    std::vector<ItemSize> sizes;
    for (std::size_t i = 0; i < items.size(); ++i) {
      sizes.push_back(size_of(items[i]));
      sizes.back().draft = static_cast<std::int64_t>(drafts[i].size());
    }
    const auto chosen = at::tensor(at::ArrayRef<std::int64_t>(items.data(), items.size()), index_options());  // [B']
    const auto source = source_.index_select(0, chosen), lengths = lengths_.index_select(0, chosen);          // [B', S], [B']
    const auto read = [&model = model_, source, lengths, draft = pad_drafts(drafts, special().begin)](Observer* observer) {
      return model.encode_with_draft(source, lengths, draft.ids, draft.lengths, observer);
    };
    return std::make_unique<NetworkSteps>(*model_.second_pass(), special(), std::move(sizes), read);
  }

 private:
  const Seq2Seq& model_;
  at::Tensor source_, lengths_;  // [B, S, ..], [B]
};

}  // namespace

std::unique_ptr<StepModel> steps_of(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths,
                                    const BothSpecialIds& special) {
  return std::make_unique<FirstPass>(model, source, lengths, special);
}

std::unique_ptr<StepModel> steps_without_source(const Seq2Seq& model, std::int64_t texts, const SpecialIds& special) {
  return steps_of(model, at::empty({texts, 0}, index_options()), at::zeros({texts}, index_options()), {special, special});  // [B, 0], [B]
}

Drafts pad_drafts(std::span<const std::vector<std::int32_t>> drafts, std::int32_t begin) {
  auto ids = padded(drafts, /*column=*/1);  // [B, 1 + D]
  ids.select(1, 0).fill_(begin);            // [B]
  return {ids, lengths_of(drafts)};
}

}  // namespace attend
