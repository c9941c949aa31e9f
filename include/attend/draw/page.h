#pragma once
// A scene as a page to explore and as data.
#include <string>
#include <vector>

#include "attend/draw/scene.h"

namespace attend {

/// One file that needs no network: hover or walk with the arrow keys for tokens, exact weight, rank and entropy; choose a
/// target word and see the source tinted. Light and dark follow the reader's system. Tokens enter the page as text only.
std::string draw_html(const Scene& scene);

/// The same with a choice of scenes; the page opens at scene `first`. Throws kValue for no scene at all or for more than
/// 16 million cells.
std::string draw_html(const std::vector<Scene>& scenes, std::size_t first = 0);

/// Every map of a record with all its heads; opens at the usual scene of `options`, or at one of the record's that is given.
std::string draw_html(const Record& record, const SceneOptions& options = {});
std::string draw_html(const Record& record, const Scene& opening, const SceneOptions& options = {});

/// Schema "attend.scene", version [1, 1] (docs/schemas/attend.scene.schema.json): every cell, the scale, every note.
/// Arrays are base64 of little-endian values with dtype and shape; an absent number is {"value": null, "why": "..."}.
std::string draw_json(const Scene& scene);

}  // namespace attend
