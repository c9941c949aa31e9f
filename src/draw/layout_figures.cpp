// The views of a scene that are no heat map: tinted text, pictures, lists.
#include <pango/pango.h>

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

constexpr double kHair = 1;  // between neighbouring tints

/// Words of a highlighted text on one line.
struct Words {
  std::string text;
  std::size_t piece;
  double width;
  int level;  // of the Unicode bidirectional algorithm: odd ones run from right to left
  double x = 0;
};

/// The bidirectional level of each character, and whether the text as a whole runs from right to left, which its first letter decides.
std::vector<int> levels_of(const std::string& text, bool* from_right) {
  PangoDirection direction = PANGO_DIRECTION_WEAK_LTR;
  guint8* levels = pango_log2vis_get_embedding_levels(text.data(), static_cast<int>(text.size()), &direction);
  *from_right = direction == PANGO_DIRECTION_RTL || direction == PANGO_DIRECTION_WEAK_RTL;
  std::vector<int> all(static_cast<std::size_t>(g_utf8_strlen(text.data(), static_cast<gssize>(text.size()))));
  if (levels) std::copy_n(levels, all.size(), all.begin());
  g_free(levels);
  return all;
}

/// Gives the words of a line, which stand in the order they are read, their places from left to right: from the highest level to the
/// lowest odd one, runs of that level and above change their direction (UAX #9, L2).
void set_words(std::vector<Words>& line, bool from_right, double left, double right) {
  std::vector<Words*> seen;
  int highest = 0;
  double width = 0;
  for (auto& words : line) {
    seen.push_back(&words);
    highest = std::max(highest, words.level);
    width += words.width + kHair;
  }
  for (int level = highest; level > 0; --level) {
    for (auto begin = seen.begin(); begin != seen.end();) {
      begin = std::find_if(begin, seen.end(), [&](const Words* w) { return w->level >= level; });
      const auto end = std::find_if(begin, seen.end(), [&](const Words* w) { return w->level < level; });
      std::reverse(begin, end);
      begin = end;
    }
  }
  double x = from_right ? std::max(left, right - width) : left;
  for (auto* words : seen) {
    words->x = x;
    x += words->width + kHair;
  }
}

}  // namespace

void LayOut::highlight() {
  constexpr double kSize = 16, kLead = 34;
  const auto& table = colour_table(scene_.scale.palette, scene_.theme);
  const std::string rows_are = scene_.row_name + " ↓";
  const double labels = std::max(widest(scene_.row_labels, kSize, true), measure_.width(rows_are, kSmall)), left = kMargin + labels + 22;
  const double right = std::max(kMargin + kTextColumn, left + 400);
  ATTEND_CHECK(scene_.lines.size() * scene_.pieces.size() <= kMostPieces, kValue,
               "draw: {} rows of {} words each are too many for a picture; choose a row, or use the terminal or the HTML page",
               scene_.lines.size(), scene_.pieces.size());
  std::string whole;
  for (const auto& piece : scene_.pieces) whole += piece.text;
  bool from_right = false;
  const auto levels = levels_of(whole, &from_right);

  text({.x = kMargin + labels, .y = y_, .text = rows_are, .size = kSmall, .colour = colours_.muted, .anchor = Anchor::kEnd});
  text({.x = from_right ? right : left,
        .y = y_,
        .text = scene_.col_name,
        .size = kSmall,
        .colour = colours_.muted,
        .anchor = from_right ? Anchor::kEnd : Anchor::kStart});
  y_ += 26;
  for (std::size_t r = 0; r < scene_.lines.size(); ++r) {
    const auto& label = scene_.row_labels[r];
    text({.x = kMargin + labels,
          .y = y_,
          .text = label.text,
          .size = kSize,
          .colour = label.special ? colours_.muted : colours_.ink,
          .bold = !label.special,
          .anchor = Anchor::kEnd});
    std::vector<Words> line;
    double used = 0;
    const auto end_line = [&] {
      while (!line.empty() && line.back().text == " ") line.pop_back();
      set_words(line, from_right, left, right);
      for (const auto& words : line) {
        PictureText item{.x = words.x, .y = y_, .text = words.text, .size = kSize, .colour = colours_.ink};
        if (!scene_.pieces[words.piece].columns.empty()) {
          const Rgb tint = table[colour_index(scene_.lines[r].values[words.piece])];
          sheet_.boxes.push_back({words.x - 2, y_ - kSize * 1.12, words.width + 4, kSize * 1.6, 3, tint});
          item.colour = ink_on(tint);
          item.fit = true;
        }
        text(std::move(item));
      }
      line.clear();
      used = 0;
    };
    std::size_t character = 0;
    const auto put = [&](const std::string& text, std::size_t piece) {
      const double width = measure_.width(text, kSize);
      const int level = character < levels.size() ? levels[character] : 0;
      character += static_cast<std::size_t>(g_utf8_strlen(text.data(), static_cast<gssize>(text.size())));
      if (used > 0 && used + width > right - left) {
        end_line();
        y_ += kLead - 4;
        if (text == " ") return;
      }
      line.push_back({text, piece, width, level});
      used += width + kHair;
    };
    for (std::size_t p = 0; p < scene_.pieces.size(); ++p) {
      const auto& piece = scene_.pieces[p];
      if (measure_.width(piece.text, kSize) <= right - left) {
        put(piece.text, p);
      } else {
        for (const auto cluster : grapheme_clusters(piece.text)) put(std::string(cluster), p);
      }
    }
    end_line();
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
