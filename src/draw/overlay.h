#pragma once
// A picture under weights over its grid.
#include <array>
#include <cstdint>
#include <vector>

#include "attend/draw/scene.h"

namespace attend {

/// What becomes of a pixel under a weight of level 0 to 255: its grey, faded towards the paper, then the glow over it. The page's
/// script does the same.
Rgb overlay_colour(Rgb pixel, std::uint8_t level, Theme theme);

/// Pixels [height, width, 3] of the scene's picture under the weights of one row; of the picture itself for row -1.
std::vector<std::uint8_t> overlay(const Scene& scene, std::int32_t row);

/// Caption of the same.
Label overlay_label(const Scene& scene, std::int32_t row);

/// The colours of the scale bar.
std::array<Rgb, 256> bar_colours(const Scene& scene);

}  // namespace attend
