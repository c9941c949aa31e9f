#include "kernels/loops.h"

#include <array>
#include <cmath>

#include "attend/core/error.h"
#include "attend/kernels/isa.h"

namespace attend::kernels {
namespace {

// By instruction set, then by number; null where a set has no loops for a number, and the next lower one is taken.
template <class Table>
using Tables = std::array<std::array<const Table*, 3>, 5>;

constexpr Tables<FusedKernels> kProductTables = {{
    {&fused_float32_portable, &fused_bfloat16_portable, &fused_float64_portable},
#if defined(__x86_64__)
    {&fused_float32_avx2, &fused_bfloat16_avx2, nullptr},
    {&fused_float32_avx512, &fused_bfloat16_avx512, nullptr},
    {nullptr, nullptr, nullptr},
    {nullptr, &fused_bfloat16_avx512_bf16, nullptr},
#endif
}};
constexpr Tables<FusedKernels> kFewTables = {{
    {&fused_few_float32_portable, &fused_few_bfloat16_portable, &fused_few_float64_portable},
#if defined(__x86_64__)
    {&fused_few_float32_avx2, &fused_few_bfloat16_avx2, nullptr},
    {&fused_few_float32_avx512, &fused_few_bfloat16_avx512, nullptr},
    {nullptr, nullptr, nullptr},
    {nullptr, &fused_few_bfloat16_avx512_bf16, nullptr},
#endif
}};
constexpr Tables<FusedKernels> kAdditiveTables = {{
    {&fused_additive_float32_portable, &fused_additive_bfloat16_portable, &fused_additive_float64_portable},
#if defined(__x86_64__)
    {&fused_additive_float32_avx2, &fused_additive_bfloat16_avx2, nullptr},
    {&fused_additive_float32_avx512, &fused_additive_bfloat16_avx512, nullptr},
#endif
}};
constexpr Tables<FusedBackKernels> kProductBackTables = {{
    {&fused_back_float32_portable, &fused_back_bfloat16_portable, &fused_back_float64_portable},
#if defined(__x86_64__)
    {&fused_back_float32_avx2, &fused_back_bfloat16_avx2, nullptr},
    {&fused_back_float32_avx512, &fused_back_bfloat16_avx512, nullptr},
    {nullptr, nullptr, nullptr},
    {nullptr, &fused_back_bfloat16_avx512_bf16, nullptr},
#endif
}};
constexpr Tables<FusedBackKernels> kAdditiveBackTables = {{
    {&fused_additive_back_float32_portable, &fused_additive_back_bfloat16_portable, &fused_additive_back_float64_portable},
#if defined(__x86_64__)
    {&fused_additive_back_float32_avx2, &fused_additive_back_bfloat16_avx2, nullptr},
    {&fused_additive_back_float32_avx512, &fused_additive_back_bfloat16_avx512, nullptr},
#endif
}};

template <class Table>
const Table& strongest(const Tables<Table>& tables, Number number, Isa& isa) {
  auto at = static_cast<std::size_t>(isa);
  while (!tables.at(at).at(static_cast<std::size_t>(number))) --at;
  isa = static_cast<Isa>(at);
  return *tables.at(at).at(static_cast<std::size_t>(number));
}

}  // namespace

const FusedKernels& loops_of(const FusedAttention& call, Isa& isa) {
  return strongest(call.score == ScoreKind::kProduct ? kProductTables : kAdditiveTables, call.number, isa);
}
bool few_queries(const FusedAttention& call) { return call.queries <= kFewQueries && call.score == ScoreKind::kProduct && !call.packed; }
const FusedKernels& few_loops_of(const FusedAttention& call, Isa& isa) { return strongest(kFewTables, call.number, isa); }
const FusedBackKernels& back_loops_of(const FusedAttention& call, Isa& isa) {
  return strongest(call.score == ScoreKind::kProduct ? kProductBackTables : kAdditiveBackTables, call.number, isa);
}

void check_call(const FusedAttention& c, const char* who) {
  ATTEND_CHECK(c.batch >= 0 && c.heads >= 1 && c.key_heads >= 1 && c.queries >= 0 && c.keys >= 0, kShape,
               "{}: sizes must be at least 0 and heads at least 1, got B={}, H={}, Hk={}, T={}, S={}", who, c.batch, c.heads, c.key_heads,
               c.queries, c.keys);
  ATTEND_CHECK(c.heads % c.key_heads == 0, kShape, "{}: {} query heads cannot share {} key heads; H must be a multiple of Hk", who, c.heads,
               c.key_heads);
  ATTEND_CHECK(c.size >= 1 && c.value_size >= 1, kShape, "{}: D and Dv must be at least 1, got {} and {}", who, c.size, c.value_size);
  ATTEND_CHECK(c.score == ScoreKind::kProduct || c.heads == c.key_heads, kShape,
               "{}: additive scores need keys for each query head, got H={} and Hk={}", who, c.heads, c.key_heads);
  ATTEND_ASSERT(c.score == ScoreKind::kProduct || c.energy || c.batch == 0);
  ATTEND_CHECK(std::isfinite(c.scale), kValue, "{}: the scale must be a finite number, got {}", who, c.scale);
  ATTEND_CHECK(std::isfinite(c.soft_cap) && c.soft_cap >= 0, kValue, "{}: a soft cap must be a number above 0, or 0 for none, got {}", who,
               c.soft_cap);
  ATTEND_CHECK(c.left >= 0 && c.right >= 0, kValue, "{}: a window must reach at least 0 keys to either side, got {} and {}", who, c.left,
               c.right);
  const auto& window = c.window;
  ATTEND_CHECK(window.radius >= 0 && std::isfinite(window.deviation) && window.deviation >= 0, kValue,
               "{}: a window around a centre must reach at least 0 keys and have a finite deviation of at least 0, got {} and {}", who,
               window.radius, window.deviation);
  ATTEND_CHECK(!window.centres || window.deviation == 0 || window.renormalised || c.keys <= kMostWhole ||
                   window.radius <= (kMostWhole - kBackKeys) / 2,
               kValue, "{}: a Gaussian that multiplies weights takes windows of at most {} keys to each side, got {}; renormalise it", who,
               (kMostWhole - kBackKeys) / 2, window.radius);
  if (c.normaliser != Normaliser::kSoftmax) {
    ATTEND_CHECK(c.keys <= kMostWhole, kValue, "{}: sparse normalisers take at most {} keys, got S={}", who, kMostWhole, c.keys);
    ATTEND_CHECK(!window.centres || window.deviation == 0 || window.renormalised, kValue,
                 "{}: a Gaussian multiplies the weights of a softmax alone; renormalise it", who);
  }
  ATTEND_CHECK(std::isfinite(c.noise.scale), kValue, "{}: the scale of noise must be a finite number, got {}", who, c.noise.scale);
  ATTEND_CHECK(c.drop_rate >= 0 && c.drop_rate < 1, kValue, "{}: the rate of dropped weights must be in [0, 1), got {}", who, c.drop_rate);
  ATTEND_CHECK(c.farthest >= 0, kValue, "{}: the farthest distance must be at least 0, got {}", who, c.farthest);
  const auto within = [&](const std::int64_t* lengths, std::int64_t size, const char* what) {
    for (std::int64_t b = 0; lengths && b < c.batch; ++b)
      ATTEND_CHECK(lengths[b] >= 0 && lengths[b] <= size, kValue, "{}: {} lengths must be 0 to {}, got {} for item {}", who, what, size,
                   lengths[b], b);
  };
  if (c.cache_rows)
    ATTEND_CHECK(few_queries(c), kValue,
                 "{}: items read keys of others for products of up to {} queries, got T={}; put the keys together first", who, kFewQueries,
                 c.queries);
  within(c.query_lengths, c.queries, "query");
  within(c.key_lengths, c.keys, "key");
}

}  // namespace attend::kernels
