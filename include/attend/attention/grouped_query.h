#pragma once
#include "attend/attention/multi_head.h"

namespace attend {

/// Of grouped_query.
struct GroupedQueryOptions {
  std::int64_t key_heads;  ///< Hk; 0 = half of the heads, or 1

  GroupedQueryOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Multi-head attention whose query heads share key heads: fewer keys and values to project, to cache and to read.
/// Formula: as `multi_head` with Hk < H key and value heads; query head h reads key head h / (H/Hk). Hk = 1 is multi-query attention.
/// Paper: Ainslie et al. 2023; Shazeer 2019 for Hk = 1. Option key_heads = Hk (0: H/2 when H is even, else 1).
/// Shapes: as `multi_head`; W_k, W_v [Hk·D, N*]. Throws kValue when H is no multiple of Hk.
/// Cost: B·T·S·H·(D + Dv) + T·N·H·D + S·N·Hk·(D + Dv).
/// Same as: `multi_head` with every row of W_k and W_v repeated H/Hk times, head by head.
/// Threads may share it as any Mechanism.
class GroupedQuery final : public MultiHead {
 public:
  explicit GroupedQuery(const MechanismOptions& options);
};

}  // namespace attend
