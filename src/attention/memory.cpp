#include "attend/attention/memory.h"

#include <algorithm>

namespace attend {
namespace {

constexpr std::int64_t kFirstRoom = 16;

// Room is made by doubling: most sequences end long before `most` positions. A buffer that a copy of the memory shares is left to it.
void put(at::Tensor& buffer, const at::Tensor& step, std::int64_t used, std::int64_t most) {
  const auto needed = used + step.size(2);
  if (!buffer.defined() || needed > buffer.size(2) || buffer.use_count() > 1) {
    auto sizes = step.sizes().vec();
    sizes[2] = std::max(needed, std::min(most, std::max(kFirstRoom, 2 * used)));
    const auto larger = at::empty(sizes, step.options());  // [B, Hk, room, *]
    if (used > 0) larger.narrow(2, 0, used).copy_(buffer.narrow(2, 0, used));
    buffer = larger;
  }
  buffer.narrow(2, used, step.size(2)).copy_(step);
}

}  // namespace

Memory::Memory(at::Tensor keys, at::Tensor values, Mask mask, at::Tensor visible, std::int64_t heads, std::string_view who)
    : keys_(std::move(keys)), values_(std::move(values)), size_(keys_.size(2)), mask_(std::move(mask)), visible_(std::move(visible)) {
  if (same_for_every_query(mask_)) hidden_ = hidden_set(mask_, {keys_.size(0), heads, 1, size_}, who);
}

Hidden Memory::hidden(const CallSizes& sizes, std::string_view who) const { return hidden_ ? *hidden_ : hidden_set(mask_, sizes, who); }

at::Tensor Memory::empty_rows(const CallSizes& sizes, std::string_view who) const {
  return hidden_ ? hidden_->rows : attend::empty_rows(mask_, sizes, who);
}

Memory Memory::select(const at::Tensor& items) const {
  // Parts that broadcast over items stay as they are; of a memory of one item, from which several rows may be chosen, all are chosen.
  const bool repeat = defined() && batch() == 1 && items.size(0) != 1;
  const auto pick = [&](const at::Tensor& x, std::int64_t whole) {
    return x.defined() && x.dim() == whole && (x.size(0) > 1 || repeat) ? x.index_select(0, items) : x;
  };
  Memory chosen;
  chosen.keys_ = pick(keys(), 4);
  chosen.values_ = pick(values(), 4);
  chosen.size_ = size_;
  chosen.mask_ = {.keep = pick(mask_.keep, 4),
                  .bias = pick(mask_.bias, 4),
                  .key_lengths = pick(mask_.key_lengths, 1),
                  .query_lengths = pick(mask_.query_lengths, 1),
                  .causal = mask_.causal,
                  .first_key = mask_.first_key};
  chosen.visible_ = pick(visible_, 2);
  if (hidden_) chosen.hidden_ = Hidden{.keys = pick(hidden_->keys, 4), .rows = pick(hidden_->rows, 3)};
  if (prepared_) chosen.prepared_ = prepared_->select(items);
  return chosen;
}

void Memory::reorder(const at::Tensor& rows) {
  if (!defined()) return;
  for (auto* buffer : {&keys_, &values_}) {
    auto sizes = buffer->sizes().vec();
    sizes[0] = rows.size(0);
    auto next = at::empty(sizes, buffer->options());  // [B', Hk, room, *]
    next.narrow(2, 0, size_).copy_(buffer->narrow(2, 0, size_).index_select(0, rows));
    *buffer = next;
  }
  if (prepared_) prepared_ = prepared_->select(rows);
}

void Memory::append(const Memory& step, std::int64_t most) {
  if (!defined()) {
    mask_.causal = true;  // one query, behind all of them, sees them all
    hidden_ = Hidden{};
    prepared_ = step.prepared_;
  } else if (prepared_) {
    prepared_ = prepared_->append(*step.prepared_);
  }
  put(keys_, step.keys_, size_, most);
  put(values_, step.values_, size_, most);
  size_ += step.size_;
}

}  // namespace attend
