#pragma once
// Pictures in, captions out.
#include <span>
#include <string>
#include <vector>

#include "attend/data/captions.h"
#include "attend/data/image.h"
#include "attend/measure/metrics.h"
#include "attend/run/runner.h"

namespace attend {

/// float32 [n, C, H, W], 0 to 1, of pictures of one size.
at::Tensor picture_batch(std::span<const Image> pictures, std::span<const std::size_t> items);

/// Pictures, and what people said of them.
/// Threads may share a loaded set: its const members only read. split_off() and load() change it and are for one thread alone.
class PictureSet {
 public:
  /// Captions in the form of Flickr8k; `images` is a folder or a tar archive, `list` names pictures a line, "" takes all. Throws as
  /// read_captions and ImageStore do, and for a picture that is not there.
  PictureSet(const std::string& images, const std::string& captions, const std::string& list);
  /// PNG and JPEG files, without captions; a folder stands for those in it and below.
  explicit PictureSet(const std::vector<std::string>& files);

  std::size_t size() const { return items_.size(); }
  const std::string& name(std::size_t i) const { return items_.at(i).name; }
  const Image& image(std::size_t i) const { return pictures_.at(i); }  ///< as the model reads it
  /// Plain captions (plain_caption).
  const std::vector<std::string>& captions(std::size_t i) const { return items_.at(i).captions; }
  /// Takes `count` pictures out of the set, drawn by `key`, before any is read; both sets keep the order of theirs.
  PictureSet split_off(std::size_t count, std::uint64_t key);
  /// What was left out, a line each, for the user.
  const std::vector<std::string>& told() const { return told_; }
  /// Reads every picture in a model's size; comes before the functions below.
  void load(const ModelOptions& model);
  at::Tensor batch(std::span<const std::size_t> items) const { return picture_batch(pictures_, items); }

 private:
  PictureSet(std::vector<CaptionedImage> items, std::shared_ptr<const ImageStore> store)
      : items_(std::move(items)), store_(std::move(store)) {}
  std::vector<CaptionedImage> items_;
  std::shared_ptr<const ImageStore> store_;  // none: names are paths
  std::vector<std::string> told_;
  std::vector<Image> pictures_;
};

/// What there is to count metrics of captions from.
inline constexpr MetricNeeds kCaptionsHave{MetricNeed::kTexts, MetricNeed::kSeveralReferences, MetricNeed::kProbabilities,
                                           MetricNeed::kTokens};

struct CaptionFigures {
  std::size_t pictures = 0;
  MetricFigures metrics;  ///< loss and perplexity are of the first caption of each picture; texts are compared with all captions
  std::vector<std::string> captions;
};
/// The first `count` pictures of a loaded set with captions; 0 is all.
CaptionFigures evaluate_captions(const Runner& runner, const PictureSet& set, const SearchOptions& options, std::size_t count = 0,
                                 const MetricList& wanted = usual_metrics(kCaptionsHave, MetricPlace::kEvaluation));

}  // namespace attend
