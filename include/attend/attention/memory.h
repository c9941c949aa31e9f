#pragma once
// A source made ready for any number of queries.
#include <memory>
#include <optional>
#include <string_view>

#include "attend/attention/mask.h"
#include "attend/ops/torch.h"

namespace attend {

/// What a mechanism or a kernel has worked out of a source beside its prepared keys and values. It need not hold one entry a position: sums
/// over the source, packed tiles, an index of neighbours. It is not changed once it is made, so threads may share one.
class Prepared {
 public:
  virtual ~Prepared() = default;
  /// That of the chosen items (int64 [B']), in that order.
  virtual std::shared_ptr<Prepared> select(const at::Tensor& items) const = 0;
  /// That of this source with the positions of `later` behind it.
  virtual std::shared_ptr<Prepared> append(const Prepared& later) const = 0;
};

/// Keys projected once, hidden positions zeroed, the mask kept beside them.
///
/// Prepared keys belong to one position each, so a memory can grow: a decoder's cache is a memory that each step appends to. Copies share
/// tensors; a copy may be read by one thread while another reads the original, and append() and reorder() change this memory alone.
/// Threads may share a memory that none of them changes.
class Memory {
 public:
  Memory() = default;
  /// keys [B, Hk, S, *] prepared, values [B, Hk, S, Dv], visible bool [B, S] (undefined = all); `heads` of the queries to come, `who` for
  /// errors. Throws kShape where the mask does not fit.
  Memory(at::Tensor keys, at::Tensor values, Mask mask, at::Tensor visible, std::int64_t heads, std::string_view who);

  bool defined() const { return keys_.defined(); }
  std::int64_t batch() const { return keys_.size(0); }  ///< B
  std::int64_t size() const { return size_; }           ///< S
  at::Tensor keys() const { return used(keys_); }       ///< [B, Hk, S, *]
  at::Tensor values() const { return used(values_); }   ///< [B, Hk, S, Dv]
  const Mask& mask() const { return mask_; }
  const at::Tensor& visible() const { return visible_; }
  /// What a call may not see. Worked out once where it is the same for every query.
  Hidden hidden(const CallSizes& sizes, std::string_view who) const;
  /// Its rows alone, for who needs no more.
  at::Tensor empty_rows(const CallSizes& sizes, std::string_view who) const;

  /// What the mechanism has worked out beside; null where it has nothing.
  const std::shared_ptr<Prepared>& prepared() const { return prepared_; }
  void set_prepared(std::shared_ptr<Prepared> prepared) { prepared_ = std::move(prepared); }

  /// The chosen items (int64 [B']), in that order.
  Memory select(const at::Tensor& items) const;
  /// Row r becomes the old row rows[r] (int64 [B']), of a cache whose items are hypotheses.
  void reorder(const at::Tensor& rows);
  /// Positions behind those that are there, as one later step sees them all. `most`: positions there will ever be. Amortised O(1) a step.
  void append(const Memory& step, std::int64_t most);

 private:
  at::Tensor used(const at::Tensor& x) const { return x.defined() && x.size(2) != size_ ? x.narrow(2, 0, size_) : x; }
  at::Tensor keys_, values_;  // with room for more positions than there are
  std::int64_t size_ = 0;
  Mask mask_;
  at::Tensor visible_;
  std::optional<Hidden> hidden_;
  std::shared_ptr<Prepared> prepared_;
};

}  // namespace attend
