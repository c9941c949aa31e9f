#pragma once
// Who may attend to whom. Said once for every mechanism, and tested for each (tests/attention/contract_test.cpp):
//   keep  bool, true = may attend, broadcastable to [B, H, T, S];  bias  float, added to scores, −inf hides;
//   lengths  int64 [B];  causal is bottom-right aligned on each item's own lengths: query t sees s <= t + S_b − T_b.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

namespace attend {

struct Mask {
  at::Tensor keep;           ///< bool, broadcastable to [B, H, T, S]; undefined = all
  at::Tensor bias;           ///< float, broadcastable to [B, H, T, S]; undefined = none
  at::Tensor key_lengths;    ///< int64 [B]; undefined = S
  at::Tensor query_lengths;  ///< int64 [B]; undefined = S_b when causal and T = S, else T
  bool causal = false;
  std::int64_t first_key = 0;  ///< position of key 0 in its sequence, where keys are prepared piece by piece
};

/// Sizes of one call: B, H, T, S.
struct CallSizes {
  std::int64_t batch, heads, queries, keys;
};

/// The allowed set A(t) as bool, broadcastable to [B, H, T, S] with its last dimension S; undefined when everything is allowed.
/// Throws kShape naming `who` when a part of the mask does not fit.
at::Tensor allowed_set(const Mask& mask, const CallSizes& sizes, std::string_view who);

/// Keys that some query may see, bool broadcastable to [B, S] (undefined = all). What is hidden from every query counts as absent:
/// mechanisms zero-fill it before any product, because 0·NaN = NaN.
at::Tensor visible_keys(const Mask& mask, const CallSizes& sizes, std::string_view who);

/// The same before any query has come, as a mechanism must know it when it prepares a source. T is taken from keep or bias where
/// they have it; else a key that keep, bias and the lengths allow is seen, at the latest by the item's last query.
at::Tensor visible_keys_of_source(const Mask& mask, const at::Tensor& keys, std::int64_t heads, std::string_view who);

/// Rows with an empty allowed set, bool broadcastable to [B, H, T]; undefined when there is none. Their queries count as absent.
at::Tensor empty_rows(const at::Tensor& allowed);
/// The same of a mask. Where lengths and causality are all of it, nothing of [T, S] is made.
at::Tensor empty_rows(const Mask& mask, const CallSizes& sizes, std::string_view who);

/// What a call may not see; parts are undefined when there is nothing of the kind.
struct Hidden {
  at::Tensor keys;  ///< bool broadcastable to [B, H, T, S], true = hidden
  at::Tensor rows;  ///< bool broadcastable to [B, H, T]: rows with an empty allowed set
};
Hidden hidden_set(const Mask& mask, const CallSizes& sizes, std::string_view who);

/// True when the allowed set is one and the same for all queries, however many will come.
bool same_for_every_query(const Mask& mask);

/// x [B, H, S, D] with the positions outside `visible` [B, S] set to zero; x itself when `visible` is undefined.
at::Tensor zero_hidden(const at::Tensor& x, const at::Tensor& visible);

/// bool [B, size]: position < length of the item.
at::Tensor within_lengths(const at::Tensor& lengths, std::int64_t size);

}  // namespace attend
