#pragma once
#include <nlohmann/json.hpp>

#include "attend/draw/scene.h"

namespace attend {

/// The document that draw_json prints and the page carries.
nlohmann::ordered_json scene_json(const Scene& scene);

}  // namespace attend
