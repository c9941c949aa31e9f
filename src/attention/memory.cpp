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
    if (buffer.defined()) sizes[0] = buffer.size(0);
    sizes[2] = std::max(needed, std::min(most, std::max(kFirstRoom, 2 * used)));
    const auto larger = at::empty(sizes, step.options());  // [B, Hk, room, *]
    if (used > 0) larger.narrow(2, 0, used).copy_(buffer.narrow(2, 0, used));
    buffer = larger;
  }
  buffer.narrow(0, 0, step.size(0)).narrow(2, used, step.size(2)).copy_(step);
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

at::Tensor Memory::together(const at::Tensor& x) const {
  if (!rows_.defined()) return used(x);
  const auto positions = at::arange(size_, index_options());                         // [S]
  return x.transpose(1, 2).index({rows_.to(at::kLong), positions}).transpose(1, 2);  // [B, Hk, S, *]
}

void Memory::reorder(const at::Tensor& rows) {
  if (!defined()) return;
  const auto before =
      rows_.defined() ? rows_ : at::arange(keys_.size(0), index_options().dtype(at::kInt)).unsqueeze(1).expand({-1, size_});  // [B, S]
  rows_ = before.index_select(0, rows);                                                                                       // [B', S]
  if (rows_.size(0) > keys_.size(0)) settle();  // more items than rows to write to
  if (prepared_) prepared_ = prepared_->select(rows);
}

void Memory::settle() {
  if (!rows_.defined()) return;
  keys_ = keys().contiguous();
  values_ = values().contiguous();
  rows_ = at::Tensor();
}

void Memory::append(const Memory& step, std::int64_t most) {
  if (!defined()) {
    mask_.causal = true;  // one query, behind all of them, sees them all
    hidden_ = Hidden{};
    prepared_ = step.prepared_;
  } else if (prepared_) {
    prepared_ = prepared_->append(*step.prepared_);
  }
  // Item b writes to row b, where nobody has a later position; rows behind the last item are only read. A buffer without room is left for a
  // larger one, and then all is put together.
  if (defined() && size_ + step.size_ > keys_.size(2)) settle();
  put(keys_, step.keys(), size_, most);
  put(values_, step.values(), size_, most);
  if (rows_.defined()) {
    const auto own = at::arange(step.batch(), index_options().dtype(at::kInt)).unsqueeze(1).expand({-1, step.size_});  // [B, s]
    rows_ = at::cat({rows_, own}, 1);                                                                                  // [B, S + s]
  }
  size_ += step.size_;
}

}  // namespace attend
