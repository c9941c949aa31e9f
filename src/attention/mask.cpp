#include "attend/attention/mask.h"

#include "attend/ops/torch.h"

namespace attend {
namespace {

void check_lengths(const at::Tensor& lengths, std::int64_t batch, std::int64_t size, std::string_view who, const char* what) {
  const bool integers = lengths.scalar_type() == at::kLong;
  ATTEND_CHECK(integers && lengths.dim() == 1 && lengths.size(0) == batch, kShape, "{}: {} must be int64 [B={}], got {} {}{}", who, what,
               batch, c10::toString(lengths.scalar_type()), shape_text(lengths), integers ? "" : "; use lengths.to(at::kLong)");
  if (batch == 0) return;
  const auto low = lengths.min().item<std::int64_t>(), high = lengths.max().item<std::int64_t>();
  ATTEND_CHECK(low >= 0 && high <= size, kValue, "{}: {} must lie in 0 to {}, got {} to {}", who, what, size, low, high);
}

void check_broadcast(const at::Tensor& x, const CallSizes& s, std::string_view who, const char* what) {
  const std::int64_t full[] = {s.batch, s.heads, s.queries, s.keys};
  bool fits = x.dim() <= 4;
  for (std::int64_t i = 1; fits && i <= x.dim(); ++i) fits = x.size(-i) == 1 || x.size(-i) == full[4 - i];
  if (fits) return;
  std::string cure;  // a mask without the head dimension is the usual mistake
  if (x.dim() == 2 && x.size(0) == s.batch && x.size(1) == s.keys) cure = fmt::format("; use {}.unsqueeze(1).unsqueeze(1)", what);
  if (x.dim() == 3 && x.size(0) == s.batch && x.size(2) == s.keys) cure = fmt::format("; use {}.unsqueeze(1)", what);
  fail(ErrorKind::kShape, "{}: {} must broadcast to [B={}, H={}, T={}, S={}], got {}{}", who, what, s.batch, s.heads, s.queries, s.keys,
       shape_text(x), cure);
}

at::Tensor four_dimensional(const at::Tensor& x) {
  auto y = x;
  while (y.dim() < 4) y = y.unsqueeze(0);
  return y;
}

at::Tensor joined(const at::Tensor& a, const at::Tensor& b) { return a.defined() ? a.logical_and(b) : b; }

bool shorter(const at::Tensor& lengths, std::int64_t size) { return lengths.numel() > 0 && lengths.lt(size).any().item<bool>(); }

}  // namespace

at::Tensor within_lengths(const at::Tensor& lengths, std::int64_t size) {
  return at::arange(size, lengths.options()).unsqueeze(0) < lengths.unsqueeze(1);  // [B, size]
}

at::Tensor allowed_set(const Mask& mask, const CallSizes& s, std::string_view who) {
  at::Tensor allowed;
  if (mask.keep.defined()) {
    ATTEND_CHECK(mask.keep.scalar_type() == at::kBool, kValue, "{}: keep must be bool (true = may attend), got {}", who,
                 c10::toString(mask.keep.scalar_type()));
    check_broadcast(mask.keep, s, who, "keep");
    allowed = four_dimensional(mask.keep);
  }
  if (mask.bias.defined()) {
    ATTEND_CHECK(mask.bias.is_floating_point(), kValue,
                 "{}: bias must be floating point (added to the scores), got {}; a bool mask is keep", who,
                 c10::toString(mask.bias.scalar_type()));
    check_broadcast(mask.bias, s, who, "bias");
    const auto hidden = at::isneginf(mask.bias.detach());  // broadcasts to [B, H, T, S]
    if (hidden.any().item<bool>()) allowed = joined(allowed, four_dimensional(hidden.logical_not()));
  }
  if (mask.key_lengths.defined()) {
    check_lengths(mask.key_lengths, s.batch, s.keys, who, "key lengths");
    if (shorter(mask.key_lengths, s.keys)) allowed = joined(allowed, within_lengths(mask.key_lengths, s.keys).unsqueeze(1).unsqueeze(1));
  }
  if (mask.query_lengths.defined()) {
    check_lengths(mask.query_lengths, s.batch, s.queries, who, "query lengths");
    if (shorter(mask.query_lengths, s.queries))
      allowed = joined(allowed, within_lengths(mask.query_lengths, s.queries).unsqueeze(1).unsqueeze(-1));
  }
  if (mask.causal) {
    const auto options = at::TensorOptions().dtype(at::kLong);
    const auto full = [&](std::int64_t n) { return at::full({1}, n, options); };
    const auto key_lengths = mask.key_lengths.defined() ? mask.key_lengths : full(s.keys);  // [B or 1]
    const auto query_lengths =                                                              // [B or 1]
        mask.query_lengths.defined() ? mask.query_lengths
        : s.queries == s.keys        ? key_lengths
                                     : full(s.queries);
    const auto offset = (key_lengths - query_lengths).view({-1, 1, 1, 1});  // [B or 1, 1, 1, 1]
    const auto t = at::arange(s.queries, options).view({1, 1, -1, 1});      // [1, 1, T, 1]
    const auto k = at::arange(s.keys, options).view({1, 1, 1, -1});         // [1, 1, 1, S]
    allowed = joined(allowed, k <= t + offset);
    // Self-attention of padded items: rows beyond the item's own length are empty.
    if (!mask.query_lengths.defined() && mask.key_lengths.defined() && s.queries == s.keys && shorter(key_lengths, s.keys))
      allowed = allowed.logical_and(within_lengths(key_lengths, s.queries).unsqueeze(1).unsqueeze(-1));
  }
  if (allowed.defined() && allowed.size(-1) != s.keys) {
    auto sizes = allowed.sizes().vec();
    sizes.back() = s.keys;
    allowed = allowed.expand(sizes);
  }
  return allowed;
}

at::Tensor visible_keys(const Mask& mask, const CallSizes& s, std::string_view who) {
  if (!mask.keep.defined() && !mask.bias.defined() && !mask.causal && !mask.query_lengths.defined()) {
    if (!mask.key_lengths.defined()) return {};
    check_lengths(mask.key_lengths, s.batch, s.keys, who, "key lengths");
    return shorter(mask.key_lengths, s.keys) ? within_lengths(mask.key_lengths, s.keys) : at::Tensor();
  }
  const auto allowed = allowed_set(mask, s, who);
  if (!allowed.defined()) return {};
  auto visible = allowed.any(2).any(1);  // [B|1, S]
  return visible.all().item<bool>() ? at::Tensor() : visible;
}

at::Tensor visible_keys_of_source(const Mask& mask, const at::Tensor& keys, std::int64_t heads, std::string_view who) {
  CallSizes sizes{keys.size(0), heads, 1, keys.size(2)};
  bool known = false;  // T
  for (const auto& part : {mask.keep, mask.bias})
    if (part.defined() && part.dim() >= 2 && part.size(-2) != 1) {
      sizes.queries = part.size(-2);
      known = true;
    }
  if (known) return visible_keys(mask, sizes, who);
  Mask of_keys = mask;
  of_keys.query_lengths = at::Tensor();
  of_keys.causal = false;
  auto visible = visible_keys(of_keys, sizes, who);
  if (!mask.query_lengths.defined()) return visible;
  check_lengths(mask.query_lengths, sizes.batch, std::numeric_limits<std::int64_t>::max(), who, "query lengths");
  const auto asked =                                                            // [B, S]
      mask.query_lengths.gt(0).unsqueeze(1).expand({sizes.batch, sizes.keys});  // an item without queries hides its keys
  return asked.all().item<bool>() ? visible : joined(visible, asked);
}

at::Tensor empty_rows(const at::Tensor& allowed) {
  if (!allowed.defined()) return {};
  auto empty = allowed.any(-1).logical_not();
  return empty.any().item<bool>() ? empty : at::Tensor();
}

at::Tensor empty_rows(const Mask& mask, const CallSizes& s, std::string_view who) {
  if (mask.keep.defined() || mask.bias.defined()) return empty_rows(allowed_set(mask, s, who));
  const auto full = [](std::int64_t n) { return at::full({1}, n, index_options()); };
  if (mask.key_lengths.defined()) check_lengths(mask.key_lengths, s.batch, s.keys, who, "key lengths");
  if (mask.query_lengths.defined()) check_lengths(mask.query_lengths, s.batch, s.queries, who, "query lengths");
  const auto keys = mask.key_lengths.defined() ? mask.key_lengths : full(s.keys);  // [B or 1]
  const auto queries = mask.query_lengths.defined()         ? mask.query_lengths
                       : mask.causal && s.queries == s.keys ? keys
                                                            : full(s.queries);          // [B or 1]
  auto live = within_lengths(queries, s.queries).logical_and(keys.gt(0).unsqueeze(1));  // [B or 1, T]
  if (mask.causal) live = live.logical_and(at::arange(s.queries, index_options()).unsqueeze(0).ge((queries - keys).unsqueeze(1)));
  if (live.all().item<bool>()) return {};
  return live.logical_not().unsqueeze(1);  // [B or 1, 1, T]
}

Hidden hidden_set(const Mask& mask, const CallSizes& sizes, std::string_view who) {
  const auto allowed = allowed_set(mask, sizes, who);
  if (!allowed.defined()) return {};
  return {.keys = allowed.logical_not(), .rows = empty_rows(allowed)};
}

bool same_for_every_query(const Mask& mask) {
  const auto of_keys = [](const at::Tensor& x) { return !x.defined() || x.dim() < 2 || x.size(-2) == 1; };
  return !mask.causal && !mask.query_lengths.defined() && of_keys(mask.keep) && of_keys(mask.bias);
}

at::Tensor zero_hidden(const at::Tensor& x, const at::Tensor& visible) {
  if (!visible.defined()) return x;
  return x.masked_fill(visible.logical_not().unsqueeze(1).unsqueeze(-1), 0.0);  // [B, H, S, D]
}

}  // namespace attend
