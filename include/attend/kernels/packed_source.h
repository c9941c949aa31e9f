#pragma once
// Keys and values as the loops of fused attention read them, packed once for many calls: a decoder's steps, and their way back.
#include <memory>
#include <vector>

#include "attend/kernels/fused_attention.h"

namespace attend::kernels {

/// Packs the keys and values of a call: its sizes, number, score, scale, energy and key lengths count, queries and masks do not. Later
/// calls that name it in FusedAttention::packed must have the same of these, the same key lengths, and give the same keys and values; their
/// bits are those of calls that pack, which those over products of up to 8 queries do not. `both_ways`: for fused_attention_backward too.
/// It reads nothing of the call afterwards, is not changed once it is made, and threads may share it. Errors as fused_attention. Memory:
/// keys and values once more, twice where both_ways.
std::shared_ptr<const PackedSource> pack_source(const FusedAttention& call, bool both_ways, Workers& workers,
                                                const char* who = "pack_source");

/// That of the chosen items, in that order; nothing is copied. Throws kValue for an item that is not there.
std::shared_ptr<const PackedSource> selected(const PackedSource& source, const std::vector<int64_t>& items, const char* who = "selected");

/// Whether a call, of whatever queries, may name it.
bool fits(const PackedSource& source, const FusedAttention& call);

}  // namespace attend::kernels
