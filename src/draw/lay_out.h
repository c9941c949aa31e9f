#pragma once
// What becomes of a scene on a page, and where: the work behind lay_out().
#include "draw/font.h"
#include "draw/layout.h"

namespace attend {

// Sizes in pixels: of letters, and of what is around them.
inline constexpr double kMargin = 36, kTitle = 21, kSub = 12.5, kLabel = 13, kSmall = 11;
inline constexpr double kTextColumn = 760;  // notes and highlighted text wrap here
inline constexpr int kPictureGap = 16;
inline constexpr double kListLabel = 14;
inline constexpr int kListWide = 64, kListHigh = 28, kListGap = 20;  // cells of a list, and what is left of them

class LayOut {
 public:
  explicit LayOut(const Scene& scene) : scene_(scene), colours_(page_colours(scene.theme)) {}

  Sheet run();

 private:
  void text(PictureText item);
  void wrapped(const std::string& words, double size, double column, PictureText style);
  double column_width() const;
  int cell_size() const;
  double widest(const std::vector<Label>& labels, double size, bool bold = false) const;
  void heatmap();
  void row_labels(int x, int top, int cell);
  void column_labels(int left, double bottom, int cell, double turn);
  void cell_numbers(const MatrixPanel& panel, int left, int top, int cell);
  void highlight();
  std::pair<int, int> picture_size() const;
  void image();
  void list();
  void bar();

  const Scene& scene_;
  const PageColours& colours_;
  TextMeasure measure_;
  Sheet sheet_;
  double y_ = 0;      // where the next thing goes
  double right_ = 0;  // the furthest anything reaches
};

std::string short_number(float weight);

}  // namespace attend
