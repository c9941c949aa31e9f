#include "attend/kernels/packed_source.h"

#include <numeric>

#include "attend/core/error.h"
#include "attend/kernels/isa.h"
#include "attend/kernels/workers.h"
#include "kernels/loops.h"

namespace attend::kernels {

PackedSource::PackedSource(const FusedAttention& call, bool both_ways, Isa isa, Workers& workers)
    : items_(static_cast<std::size_t>(call.batch)) {
  std::iota(items_.begin(), items_.end(), 0);
  auto back_isa = isa;
  const auto& kernels = loops_of(call, isa);
  const auto& back = back_loops_of(call, back_isa);
  FusedWork work;
  work.call = call;
  FusedBackWork back_work;
  back_work.call = call;
  back_work.tiles = key_tiles(call);
  back_work.sizes = back.sizes(back_work);
  work.panels = back_work.tiles * (kBackKeys / kernels.panel);
  const auto heads = call.batch * call.key_heads, blocks = (call.keys + kValueBlock - 1) / kValueBlock;
  FusedAttention kept;
  kept.number = call.number, kept.score = call.score, kept.scale = call.scale, kept.normaliser = call.normaliser;
  kept.batch = call.batch, kept.key_heads = call.key_heads, kept.keys = call.keys;
  kept.size = call.size, kept.value_size = call.value_size;
  const auto both = [&](std::int64_t bytes) { return both_ways ? heads * bytes : 0; };
  auto all = std::make_shared<All>(All{kept, isa, back_isa, both_ways, Room(heads * kernels.plan_bytes(call)),
                                       Room(heads * kernels.keys_bytes(call)), Room(heads * kernels.values_bytes(call)),
                                       Room(heads * blocks), Room(both(back_work.sizes.key_slices)),
                                       Room(both(back_work.sizes.value_panels)), Room(both(back_work.tiles))});
  all_ = all;
  place(work);
  work.items = nullptr;
  workers.run(heads, [&](std::int64_t head, int /*worker*/) {
    if (kernels.plan_bytes(call) > 0) kernels.plan(work, head);
    kernels.pack(work, head, 0, work.panels);
  });
  if (!both_ways) return;
  place(back_work, "pack_source");
  back_work.items = nullptr, back_work.keys_there = isa == back_isa;
  workers.run(heads, [&](std::int64_t head, int /*worker*/) { back.pack_keys(back_work, head, 0, back_work.tiles); });
}

std::shared_ptr<const PackedSource> PackedSource::select(const std::vector<std::int64_t>& items, const char* who) const {
  auto chosen = std::make_shared<PackedSource>(*this);
  chosen->items_.clear();
  for (const auto item : items) {
    ATTEND_CHECK(item >= 0 && item < batch(), kValue, "{}: items must be 0 to {}, got {}", who, batch() - 1, item);
    chosen->items_.push_back(items_[static_cast<std::size_t>(item)]);
  }
  return chosen;
}

bool PackedSource::fits(const FusedAttention& call) const {
  const auto& c = all_->call;
  return call.number == c.number && call.score == c.score && call.scale == c.scale &&
         (call.normaliser == Normaliser::kSoftmax) == (c.normaliser == Normaliser::kSoftmax) && call.batch == batch() &&
         call.key_heads == c.key_heads && call.keys == c.keys && call.size == c.size && call.value_size == c.value_size;
}

void PackedSource::place(FusedWork& work) const {
  work.plans = all_->plans.data(), work.packed_keys = all_->keys.data(), work.packed_values = all_->values.data();
  work.wild = static_cast<std::uint8_t*>(all_->wild.data());
  work.items = items_.data();
}

void PackedSource::place(FusedBackWork& work, const char* who) const {
  ATTEND_CHECK(all_->both_ways, kValue, "{}: the source was packed for one way only; pack it with both_ways", who);
  work.plans = all_->plans.data(), work.key_panels = all_->keys.data();
  work.key_slices = all_->key_slices.data(), work.value_panels = all_->value_panels.data();
  work.wild = static_cast<std::uint8_t*>(all_->back_wild.data());
  work.items = items_.data();
}

std::shared_ptr<const PackedSource> pack_source(const FusedAttention& call, bool both_ways, Workers& workers, const char* who) {
  check_call(call, who);
  ATTEND_ASSERT(!call.cache_rows);
  return std::make_shared<PackedSource>(call, both_ways, active_isa(), workers);
}

std::shared_ptr<const PackedSource> selected(const PackedSource& source, const std::vector<std::int64_t>& items, const char* who) {
  return source.select(items, who);
}

bool fits(const PackedSource& source, const FusedAttention& call) { return source.fits(call); }

void check_packed(const FusedAttention& call, Isa isa, const char* who) {
  ATTEND_CHECK(call.packed->fits(call), kShape, "{}: the packed source is of other sizes, numbers or scores than the call; pack it anew",
               who);
  ATTEND_CHECK(call.packed->isa() == isa, kValue, "{}: the source is packed for {}, and {} runs; pack it anew", who,
               isa_name(call.packed->isa()), isa_name(isa));
}

}  // namespace attend::kernels
