#pragma once

namespace attend {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace attend
