#include "train/pictures.h"

#include "attend/ops/draws.h"

namespace attend {
namespace {

// Places of draws that no network makes.
constexpr std::uint64_t kShiftPlace = 2, kMirrorPlace = 3;

at::Tensor moved(const at::Tensor& pictures, std::int64_t most) {
  const auto wide = at::constant_pad_nd(pictures, {most, most, most, most});                      // [B, C, H + 2·most, W + 2·most]
  const auto share = uniform_draws(draw_keys(kShiftPlace, pictures.size(0)), {2});                // [B, 2]
  const auto by = (share * static_cast<double>(2 * most + 1)).to(at::kLong).clamp_max(2 * most);  // [B, 2]
  auto result = at::empty_like(pictures);                                                         // [B, C, H, W]
  for (std::int64_t b = 0; b < pictures.size(0); ++b)
    result[b].copy_(
        wide[b].narrow(1, by[b][0].item<std::int64_t>(), pictures.size(2)).narrow(2, by[b][1].item<std::int64_t>(), pictures.size(3)));
  return result;
}

}  // namespace

at::Tensor varied(const at::Tensor& pictures, const VariedOptions& o) {
  auto x = pictures;
  if (o.mirror) x = at::where(uniform_draws(draw_keys(kMirrorPlace, x.size(0)), {1, 1, 1}).lt(0.5), x.flip({3}), x);
  return o.shift > 0 ? moved(x, o.shift) : x;
}

}  // namespace attend
