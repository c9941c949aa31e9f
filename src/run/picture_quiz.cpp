// Pictures with a class each: every patch is a token.
#include "attend/data/idx.h"
#include "attend/data/picture_folder.h"
#include "attend/models/patch_classifier.h"
#include "attend/run/captions.h"
#include "run/grid_picture.h"
#include "run/quizzes.h"

namespace attend {
namespace {

class PictureQuiz final : public ChoiceQuiz {
 public:
  PictureQuiz(std::vector<Image> pictures, std::vector<std::string> right, std::vector<std::string> places)
      : pictures_(std::move(pictures)), places_(std::move(places)) {
    right_ = std::move(right);
  }
  /// Files that are read when the model's size is known, so that nothing larger is kept.
  PictureQuiz(std::vector<std::string> files, std::vector<std::string> right, std::vector<std::string> told)
      : places_(std::move(files)), read_files_(true) {
    right_ = std::move(right);
    told_ = std::move(told);
  }
  void each_text(const std::function<void(std::string_view)>& /*take*/) const override {}
  void prepare(const AnyModel& model) override {
    ChoiceQuiz::prepare(model);
    const auto before = std::exchange(wanted_, model.model.of<PictureOptions>());
    patch_ = model.model.of<PatchOptions>().patch;
    const auto width = static_cast<int>(wanted_.picture_width), height = static_cast<int>(wanted_.picture_height);
    if (read_files_) {
      if (!pictures_.empty() && before.picture_width == width && before.picture_height == height &&
          before.picture_channels == wanted_.picture_channels)
        return;
      const auto channels = wanted_.picture_channels == 1 ? Channels::kGrey : Channels::kRgb;
      pictures_.clear();
      for (const auto& file : places_) pictures_.push_back(resize_image(read_image(file, channels), width, height));
    }
    for (auto& picture : pictures_) {
      ATTEND_CHECK(picture.channels == wanted_.picture_channels, kValue,
                   "pictures have {} channels, the model wants model.picture_channels = {}", picture.channels, wanted_.picture_channels);
      if (picture.width != width || picture.height != height) picture = resize_image(picture, width, height);
    }
  }
  std::int64_t cost(std::size_t /*i*/) const override { return grid().first * grid().second; }
  Questions batch(std::span<const std::size_t> items) const override {
    Questions q;
    q.pictures = picture_batch(pictures_, items);
    return q;
  }
  std::string place(std::size_t i) const override {
    return places_.size() == 1 && !read_files_ ? fmt::format("{}, picture {}", places_[0], i + 1) : places_[i];
  }
  std::string asked(std::size_t i) const override { return place(i); }
  RecordText shown(std::size_t i) const override {
    RecordText text{place(i), {}};
    text.tokens.assign(static_cast<std::size_t>(cost(i)), RecordToken{});
    return text;
  }
  std::pair<std::int64_t, std::int64_t> grid() const override { return {wanted_.picture_height / patch_, wanted_.picture_width / patch_}; }
  std::optional<Picture> picture(std::size_t i) const override { return grid_picture(pictures_[i], grid().first, grid().second); }

 private:
  std::vector<Image> pictures_;
  std::vector<std::string> places_;
  bool read_files_ = false;
  PictureOptions wanted_;  // by the model
  std::int64_t patch_ = 1;
};

}  // namespace

std::unique_ptr<Quiz> idx_quiz(const QuizFiles& files) {
  const auto set = read_idx(files.images, files.labels);
  std::vector<Image> pictures;
  std::vector<std::string> right;
  for (std::uint32_t i = 0; i < set.images.count; ++i) {
    const auto pixels = set.images.image(i);
    pictures.push_back({static_cast<int>(set.images.width), static_cast<int>(set.images.height), 1, {pixels.begin(), pixels.end()}});
    right.push_back(std::to_string(set.labels[i]));
  }
  return std::make_unique<PictureQuiz>(std::move(pictures), std::move(right), std::vector{files.images});
}

std::unique_ptr<Quiz> folder_quiz(const std::string& folder) {
  auto read = read_picture_folder(folder);
  std::vector<std::string> files, right, told;
  for (auto& picture : read.pictures) {
    files.push_back(std::move(picture.path));
    right.push_back(std::move(picture.label));
  }
  for (const auto& line : read.report.lines()) told.push_back(fmt::format("{}: {}", folder, line));
  return std::make_unique<PictureQuiz>(std::move(files), std::move(right), std::move(told));
}

std::unique_ptr<Quiz> picture_quiz(const std::vector<std::string>& paths) {
  ReadingReport report;
  auto files = picture_files(paths, report);
  std::vector<std::string> right(files.size());
  return std::make_unique<PictureQuiz>(std::move(files), std::move(right), report.lines());
}

}  // namespace attend
