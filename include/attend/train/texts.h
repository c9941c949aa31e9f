#pragma once
// How times are written for people.
#include <string>

namespace attend {

std::string duration_text(double seconds);  ///< "1 h 02 min", "3 min 20 s", "12 s"

}  // namespace attend
