#pragma once
// Pictures with a class each as people keep them: a folder with a folder for each class.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/text/reading_report.h"

namespace attend {

struct ClassedPicture {
  std::string path;
  std::string label;  ///< the folder below the top one, by plain_label
};

struct PictureFolder {
  std::vector<ClassedPicture> pictures;  ///< by class, then by path, both in the order of their bytes
  ReadingReport report;                  ///< hidden files, files that are no pictures, pictures outside any class
};

/// The PNG and JPEG files of FOLDER/class and whatever folders lie in it; a file is a picture by its first bytes, whatever its name.
/// Files and folders that begin with a dot are left out. Throws kFile for what cannot be read; kData when there is no picture, or when the
/// folders are parts of a data set (train, test), which are to be named one by one.
PictureFolder read_picture_folder(const std::string& folder);

/// PNG and JPEG files for each path: itself, or of a folder all that lie in it and below, in the order of their bytes. `report` counts what
/// else lies there. Throws kData for a folder without any.
std::vector<std::string> picture_files(const std::vector<std::string>& paths, ReadingReport& report);

}  // namespace attend
