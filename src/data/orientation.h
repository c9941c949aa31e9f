#pragma once
// How a camera was held.
#include <string_view>

#include "attend/data/image.h"

namespace attend {

/// Tag 0x0112 of EXIF data (JEITA CP-3451, 4.6.4): 1 to 8; 1 when there is none or the data are damaged. `tiff` begins with its byte
/// order, "II" or "MM".
int exif_orientation(std::string_view tiff);

/// The picture as it was seen, from how its rows and columns are stored: 1 as they are, 2 mirrored, 3 upside down, 4 mirrored top to
/// bottom, 5 to 8 with rows as columns.
Image upright(Image image, int orientation);

}  // namespace attend
