#pragma once
// Which loops compute a call, and sources packed for them.
#include <cstdint>
#include <memory>
#include <vector>

#include "attend/kernels/packed_source.h"
#include "kernels/cpu/fused_attention.h"
#include "kernels/memory.h"

namespace attend::kernels {

/// The loops of the strongest set up to `isa` that has some for a call, which `isa` then is; the portable set has them for all.
const FusedKernels& loops_of(const FusedAttention& call, Isa& isa);
/// Queries up to which packing keys and values takes longer than reading them where they lie.
constexpr std::int64_t kFewQueries = kCacheQueries;
bool few_queries(const FusedAttention& call);
/// The loops that read them where they lie.
const FusedKernels& few_loops_of(const FusedAttention& call, Isa& isa);
const FusedBackKernels& back_loops_of(const FusedAttention& call, Isa& isa);

/// Tiles of kBackKeys keys: packed keys end with a whole one, so that both ways read the same.
inline std::int64_t key_tiles(const FusedAttention& call) { return (call.keys + kBackKeys - 1) / kBackKeys; }

/// Throws kShape or kValue for a call that cannot be, naming `who`.
void check_call(const FusedAttention& call, const char* who);
/// Throws kShape where a call names a source that was packed for others, or for other loops than those of `isa`.
void check_packed(const FusedAttention& call, Isa isa, const char* who);

class PackedSource {
 public:
  PackedSource(const FusedAttention& call, bool both_ways, Isa isa, Workers& workers);
  std::shared_ptr<const PackedSource> select(const std::vector<std::int64_t>& items, const char* who) const;
  bool fits(const FusedAttention& call) const;
  Isa isa() const { return all_->isa; }
  std::int64_t batch() const { return static_cast<std::int64_t>(items_.size()); }
  /// Where a call finds what was packed. Of a way back, throws kValue where it was not packed for one.
  void place(FusedWork& work) const;
  void place(FusedBackWork& work, const char* who) const;

 private:
  // What is packed of all items, shared by those that were selected.
  struct All {
    FusedAttention call;  // sizes and kinds; nothing that points
    Isa isa, back_isa;
    bool both_ways;
    Room plans, keys, values, wild;
    Room key_slices, value_panels, back_wild;
  };
  std::shared_ptr<const All> all_;
  std::vector<std::int64_t> items_;
};

}  // namespace attend::kernels
