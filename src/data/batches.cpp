#include <algorithm>
#include <limits>

#include "attend/core/error.h"
#include "attend/core/random.h"
#include "attend/data/corpus.h"

namespace attend {
namespace {

template <class Item>
void shuffle(std::vector<Item>& items, RandomStream random) {  // Fisher & Yates
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

}  // namespace

struct BatchIterator::State {
  std::function<std::int64_t(std::size_t)> length;
  BatchPlan plan;
  BatchPosition position;                         // of the batch that `next` will return
  std::vector<std::uint32_t> order;               // all examples as this epoch shuffles them
  std::size_t window = 0;                         // index of the window in `batches`
  std::vector<std::vector<std::size_t>> batches;  // of that window
  std::size_t used = 0;                           // batches of the window handed out
  std::uint64_t counted_epoch = std::numeric_limits<std::uint64_t>::max(), counted = 0;

  std::size_t windows() const {
    const auto size = static_cast<std::size_t>(plan.window);
    return order.size() / size + (order.size() % size != 0);
  }

  void begin_epoch(std::uint64_t epoch) {
    position = {epoch, 0};
    window = used = 0;
    batches.clear();
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
    shuffle(order, RandomStream(random_key(plan.seed, {epoch, 0})));
  }

  std::vector<std::vector<std::size_t>> batches_of(std::size_t w) const {
    struct Entry {
      std::int64_t length;
      std::size_t example;
    };
    const std::size_t begin = w * static_cast<std::size_t>(plan.window);
    const std::size_t end = begin + std::min<std::size_t>(order.size() - begin, static_cast<std::size_t>(plan.window));
    std::vector<Entry> entries;
    for (std::size_t i = begin; i < end; ++i) {
      const auto n = length(order[i]);
      if (n > 0) entries.push_back({n, order[i]});
    }
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.length < b.length; });
    std::vector<std::vector<std::size_t>> result;
    for (const auto& [n, example] : entries) {
      // Lengths rise, so this example's is the longest of its batch. The division keeps n * count from overflowing.
      const bool full = result.empty() || static_cast<std::int64_t>(result.back().size()) >= (plan.by_tokens ? plan.size / n : plan.size);
      if (full) result.emplace_back();
      result.back().push_back(example);
    }
    shuffle(result, RandomStream(random_key(plan.seed, {position.epoch, w + 1})));
    return result;
  }

  // Makes the next window that has a batch left the present one; false at the end of the epoch.
  bool find_batch() {
    while (used == batches.size()) {
      if (window == windows()) return false;
      batches = batches_of(window++);
      used = 0;
    }
    return true;
  }

  void find_batch_or_next_epoch() {
    if (find_batch()) return;
    const bool had_batches = position.batch > 0;
    if (had_batches) begin_epoch(position.epoch + 1);
    ATTEND_CHECK(had_batches && find_batch(), kData, "batches: each of the {} examples has length 0, so there is nothing to train on",
                 order.size());
  }

  void go_to(const BatchPosition& wanted) {
    begin_epoch(wanted.epoch);
    while (position.batch < wanted.batch && find_batch()) {
      const auto step = std::min<std::uint64_t>(batches.size() - used, wanted.batch - position.batch);
      used += step;
      position.batch += step;
    }
    ATTEND_CHECK(
        position.batch == wanted.batch, kData,
        "batches: cannot continue at batch {} of epoch {}, which has {}; the data or the batch settings are not those the run began with",
        wanted.batch, wanted.epoch, position.batch);
  }
};

BatchIterator::BatchIterator(std::size_t examples, std::function<std::int64_t(std::size_t)> length, BatchPlan plan, BatchPosition start)
    : state_(std::make_unique<State>()) {
  ATTEND_CHECK(examples > 0, kData, "batches: expected at least one example, got none");
  ATTEND_CHECK(examples <= std::numeric_limits<std::uint32_t>::max(), kUnsupported, "batches: expected at most {} examples, got {}",
               std::numeric_limits<std::uint32_t>::max(), examples);
  ATTEND_CHECK(plan.size >= 1, kValue, "batches: size must be at least 1, got {}", plan.size);
  ATTEND_CHECK(plan.window >= 1, kValue, "batches: window must be at least 1, got {}", plan.window);
  state_->length = std::move(length);
  state_->plan = plan;
  state_->order.resize(examples);
  state_->go_to(start);
  state_->find_batch_or_next_epoch();
}

BatchIterator::~BatchIterator() = default;

std::vector<std::size_t> BatchIterator::next() {
  auto& s = *state_;
  auto batch = std::move(s.batches[s.used++]);
  ++s.position.batch;
  s.find_batch_or_next_epoch();
  return batch;
}

BatchPosition BatchIterator::position() const { return state_->position; }

std::uint64_t BatchIterator::batches_in_epoch() const {
  auto& s = *state_;
  if (s.counted_epoch != s.position.epoch) {
    s.counted = 0;
    for (std::size_t w = 0; w < s.windows(); ++w) s.counted += s.batches_of(w).size();
    s.counted_epoch = s.position.epoch;
  }
  return s.counted;
}

}  // namespace attend
