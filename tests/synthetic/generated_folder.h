#pragma once
// Generated files in a folder of their own, for the readers; and small tools to take them apart.
#include <algorithm>
#include <iterator>
#include <sstream>

#include "attend/synthetic/generate_files.h"
#include "support/text_folder.h"

namespace attend::test {

class GeneratedFolder {
 public:
  explicit GeneratedFolder(const GeneratedFiles& files) {
    for (const auto& file : files) {
      std::filesystem::create_directories(std::filesystem::path(folder_.path(file.name)).parent_path());
      folder_.write(file.name, file.bytes);
    }
  }
  std::string path(const std::string& name = "") const { return folder_.path(name); }

 private:
  TextFolder folder_;
};

inline std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The bytes of the file called `name`.
inline std::string bytes_of(const GeneratedFiles& files, const std::string& name) {
  const auto file = std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.name == name; });
  if (file == files.end()) throw std::runtime_error("no file " + name);
  return file->bytes;
}

inline bool same_files(const GeneratedFiles& a, const GeneratedFiles& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.name == y.name && x.bytes == y.bytes; });
}

}  // namespace attend::test
