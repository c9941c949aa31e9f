// The views of a scene that are no heat map: tinted text, pictures, lists.
#include <algorithm>
#include <cmath>

#include "attend/core/error.h"
#include "attend/draw/width.h"
#include "draw/lay_out.h"
#include "draw/overlay.h"

namespace attend {
namespace {

constexpr std::size_t kMostPieces = 400'000;           // each is set by itself
constexpr int kAnswerColumns = 400;                    // of the text under a list
constexpr int kPictureSide = 168, kLargestSide = 240;  // of a picture: small ones are enlarged to about the first

}  // namespace

void LayOut::highlight() {
  constexpr double kSize = 16, kLead = 34;
  const auto& table = colour_table(scene_.scale.palette, scene_.theme);
  const double labels = widest(scene_.row_labels, kSize, true), left = kMargin + labels + 22;
  const double right = std::max(kMargin + kTextColumn, left + 400);
  ATTEND_CHECK(scene_.lines.size() * scene_.pieces.size() <= kMostPieces, kValue,
               "draw: {} rows of {} words each are too many for a picture; choose a row, or use the terminal or the HTML page",
               scene_.lines.size(), scene_.pieces.size());
  y_ += 14;
  for (std::size_t r = 0; r < scene_.lines.size(); ++r) {
    const auto& label = scene_.row_labels[r];
    text({.x = kMargin + labels,
          .y = y_,
          .text = label.text,
          .size = kSize,
          .colour = label.special ? colours_.muted : colours_.ink,
          .bold = !label.special,
          .anchor = Anchor::kEnd});
    double x = left;
    auto put = [&](const std::string& words, std::size_t piece) {
      const double width = measure_.width(words, kSize);
      if (x > left && x + width > right) {
        x = left;
        y_ += kLead - 4;
        if (words == " ") return;
      }
      PictureText item{.x = x, .y = y_, .text = words, .size = kSize, .colour = colours_.ink};
      if (!scene_.pieces[piece].columns.empty()) {
        const Rgb tint = table[colour_index(scene_.lines[r].values[piece])];
        sheet_.boxes.push_back({x - 2, y_ - kSize * 1.12, width + 4, kSize * 1.6, 3, tint});
        item.colour = ink_on(tint);
        item.fit = true;
      }
      text(std::move(item));
      x += width;
    };
    for (std::size_t p = 0; p < scene_.pieces.size(); ++p) {
      const auto& piece = scene_.pieces[p];
      if (measure_.width(piece.text, kSize) <= right - left) {
        put(piece.text, p);
      } else {
        for (const auto cluster : grapheme_clusters(piece.text)) put(std::string(cluster), p);
      }
      x += piece.columns.empty() ? 0 : 1;  // a hair between neighbouring tints
    }
    y_ += kLead;
  }
  y_ += 2;
}

/// Whole units a pixel, or whole pixels a unit, so that cells keep their edges.
std::pair<int, int> LayOut::picture_size() const {
  const int width = static_cast<int>(scene_.picture->width), height = static_cast<int>(scene_.picture->height),
            longest = std::max(width, height);
  if (longest > kLargestSide) {
    const int part = (longest + kLargestSide - 1) / kLargestSide;
    return {std::max(1, width / part), std::max(1, height / part)};
  }
  const int times = std::max(1, static_cast<int>(std::lround(static_cast<double>(kPictureSide) / longest)));
  return {width * times, height * times};
}

void LayOut::image() {
  const auto [wide, high] = picture_size();
  const int pitch = high + 38, top = static_cast<int>(std::ceil(y_));
  const int rows = static_cast<int>(scene_.rows()), across = static_cast<int>(scene_.across);
  for (int row = -1; row < rows; ++row) {
    const int left = static_cast<int>(kMargin) + (row + 1) % across * (wide + kPictureGap), y = top + (row + 1) / across * pitch;
    sheet_.boxes.push_back({left - 1.0, y - 1.0, wide + 2.0, high + 2.0, 0, colours_.rule});
    sheet_.images.push_back({row, left, y, wide, high});
    const auto label = overlay_label(scene_, row);
    text({.x = left + wide / 2.0,
          .y = y + high + 18.0,
          .text = label.text,
          .size = kLabel,
          .colour = label.special ? colours_.muted : colours_.ink,
          .bold = !label.special,
          .anchor = Anchor::kMiddle});
    right_ = std::max(right_, static_cast<double>(left + wide));
  }
  y_ = top + (rows / across + 1) * pitch + 4;
}

void LayOut::list() {
  const auto& table = colour_table(scene_.scale.palette, scene_.theme);
  const int left = static_cast<int>(std::ceil(kMargin + widest(scene_.row_labels, kListLabel) + kListGap));
  const int top = static_cast<int>(std::ceil(y_)) + 20;
  const auto rows = static_cast<int>(scene_.rows()), cols = static_cast<int>(scene_.cols());
  const auto middle_of = [&](int c) { return left + (c + 0.5) * kListWide; };
  for (int c = 0; c < cols; ++c)
    text({.x = middle_of(c),
          .y = top - 8.0,
          .text = scene_.col_labels[static_cast<std::size_t>(c)].text,
          .size = kSub,
          .colour = colours_.muted,
          .anchor = Anchor::kMiddle});
  sheet_.boxes.push_back({left - 1.0, top - 1.0, cols * kListWide + 2.0, rows * kListHigh + 2.0, 0, colours_.rule});
  sheet_.matrices.push_back({0, left, top, kListWide, kListHigh});
  for (int r = 0; r < rows; ++r) {
    const auto& label = scene_.row_labels[static_cast<std::size_t>(r)];
    const double y = top + (r + 0.5) * kListHigh;
    text({.x = kMargin,
          .y = y + kListLabel * 0.36,
          .text = label.text,
          .size = kListLabel,
          .colour = label.special || label.faint ? colours_.muted : colours_.ink});
    for (int c = 0; c < cols; ++c) {
      const auto at = static_cast<std::size_t>(r * cols + c);
      text({.x = middle_of(c),
            .y = y + kSub * 0.36,
            .text = short_number(scene_.panels[0].weights[at]),
            .size = kSub,
            .colour = ink_on(table[colour_index(scene_.panels[0].values[at])]),
            .anchor = Anchor::kMiddle});
    }
  }
  right_ = std::max(right_, static_cast<double>(left + cols * kListWide));
  y_ = top + rows * kListHigh + 32;
  wrapped("→ " + clip_text(scene_.target, kAnswerColumns), kTitle * 0.8, column_width(), {.colour = colours_.ink, .bold = true});
  y_ += 8;
}

}  // namespace attend
