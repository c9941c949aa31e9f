#pragma once
// A large map where there is little room.
#include <cstddef>

#include "attend/draw/scene.h"

namespace attend {

/// The scene with one cell for each block of `block` x `block` cells, at its edges fewer: the largest of them, masked where all are.
/// Labels are those of a block's first row and column, entropies are gone, and a pinned note says so.
Scene shrunk(const Scene& scene, std::size_t block);

}  // namespace attend
