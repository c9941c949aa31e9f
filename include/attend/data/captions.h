#pragma once
// Pictures with captions in the format of Flickr8k (Hodosh, Young & Hockenmaier 2013).
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attend/text/reading_report.h"

namespace attend {

struct CaptionedImage {
  std::string name;                   ///< the file's name: "1000268201_693b08cb0e.jpg"
  std::vector<std::string> captions;  ///< in the order of their numbers
};

/// Reads lines `name.jpg#k TAB caption`; pictures in the order of their first line. Blank lines are skipped, white space around
/// captions is dropped. Errors (kData, `file:line`): another form of line, a name with a slash, the same name and number twice.
/// kFile as ParallelCorpus. `report`, when given, receives the blank lines.
std::vector<CaptionedImage> read_captions(const std::string& path, ReadingReport* report = nullptr);
/// Those of the pictures that `split` lists, one name a line, in the order of that list. A name without a caption or listed twice is
/// an error (kData, `file:line`).
std::vector<CaptionedImage> read_captions(const std::string& path, const std::string& split, ReadingReport* report = nullptr);

/// A caption as captions are counted: lower case, without punctuation, one space between words. Throws kData for broken UTF-8.
std::string plain_caption(std::string_view caption);

/// The pictures' files: a folder, or a tar archive (plain, gzip or xz) that is read once and kept in memory as it was packed.
/// Threads may share one: its const members only read.
class ImageStore {
 public:
  /// Throws kFile for a path that is not there, kData for an archive that is damaged or holds two pictures of one name. An archive's
  /// pictures go by their last name, whatever folder they are in; so a folder's must lie in it directly. A file packed twice counts as it
  /// was packed last. Hidden files (`._name` of a Mac) and files that are no pictures are left out.
  explicit ImageStore(const std::string& path);
  ImageStore(ImageStore&&) noexcept;
  ImageStore& operator=(ImageStore&&) noexcept;
  ~ImageStore();
  bool holds(const std::string& name) const;
  /// The file's bytes, as decode_image takes them. Throws kData when there is no such file.
  std::string bytes(const std::string& name) const;
  std::size_t pictures() const;         ///< how many there are
  const ReadingReport& report() const;  ///< what was left out of an archive
  /// "path/name", for messages.
  std::string place(const std::string& name) const;
  /// Throws kData naming the first picture that is not there and how many are missing.
  void check_holds(const std::vector<CaptionedImage>& images) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attend
