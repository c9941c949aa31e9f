#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "attend/draw/picture.h"
#include "draw/layout.h"
#include "draw/markup.h"
#include "draw/overlay.h"
#include "draw/png_encode.h"

namespace attend {
namespace {

constexpr std::size_t kRectangles = std::size_t{1} << 18;  // some 20 bytes each
constexpr std::size_t kHoverCells = 2500;                  // above, titles of cells would weigh more than the picture

/// Coordinates to a tenth, without needless zeros: short and the same everywhere.
std::string number(double x) {
  std::string out = fmt::format("{:.1f}", x);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

class Svg {
 public:
  explicit Svg(const Scene& scene) : scene_(scene), sheet_(lay_out(scene)) {}

  std::string draw() {
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-labelledby=\"t "
        "d\" "
        "font-family=\"'Noto Sans CJK SC','Noto Sans',sans-serif\">\n",
        sheet_.width, sheet_.height);
    put("<title id=\"t\">{}: {}</title>\n<desc id=\"d\">{}", escape_markup(scene_.title), escape_markup(scene_.subtitle),
        escape_markup(scene_.caption));
    for (const auto& note : scene_.notes) put(" {}", escape_markup(note.text));
    put("</desc>\n");
    const auto& page = page_colours(scene_.theme);
    put("<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"{}\"/>"
        "<path d=\"M-1 1l2-2M0 6l6-6M5 7l2-2\" stroke=\"{}\"/></pattern></defs>\n",
        hex(page.paper), hex(page.hatch));
    put("<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n", hex(page.paper));
    for (const auto& box : sheet_.boxes) {
      put("<rect{} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{} fill=\"{}\"/>\n", box.radius > 0 ? " class=\"tint\"" : "", number(box.x),
          number(box.y), number(box.width), number(box.height), box.radius > 0 ? fmt::format(" rx=\"{}\"", number(box.radius)) : "",
          hex(box.fill));
    }
    for (const auto& matrix : sheet_.matrices) this->matrix(matrix);
    for (const auto& image : sheet_.images) this->image(image);
    bar();
    for (const auto& text : sheet_.texts) this->text(text);
    put("</svg>\n");
    return std::move(out_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
  }

  bool masked(const PictureMatrix& placed, std::size_t at) const {
    const auto& panel = scene_.panels[placed.panel];
    return !panel.masked.empty() && panel.masked[at];
  }

  /// Rectangles, which every reader of SVG keeps sharp: those of one colour are one path, equal neighbours in a row one rectangle.
  void rectangles(const PictureMatrix& placed) {
    const auto& panel = scene_.panels[placed.panel];
    const auto& table = colour_table(scene_.scale.palette, scene_.theme);
    const std::size_t cols = scene_.cols(), rows = scene_.rows();
    std::array<std::string, 256> paths;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0, end = 0; c < cols; c = end) {
        const auto level = colour_index(panel.values[r * cols + c]);
        const bool hidden = masked(placed, r * cols + c);
        for (end = c + 1; end < cols; ++end)
          if (masked(placed, r * cols + end) != hidden || (!hidden && colour_index(panel.values[r * cols + end]) != level)) break;
        if (hidden) continue;
        const int wide = static_cast<int>(end - c) * placed.cell;
        fmt::format_to(std::back_inserter(paths[level]), "M{} {}h{}v{}h-{}z", placed.x + static_cast<int>(c) * placed.cell,
                       placed.y + static_cast<int>(r) * placed.high, wide, placed.high, wide);
      }
    }
    for (std::size_t level = 0; level < paths.size(); ++level)
      if (!paths[level].empty()) put("<path fill=\"{}\" d=\"{}\"/>\n", hex(table[level]), paths[level]);
  }

  /// Every unit of length a pixel: where cells are too many for rectangles.
  void pixels(const PictureMatrix& placed) {
    const auto& panel = scene_.panels[placed.panel];
    const auto& table = colour_table(scene_.scale.palette, scene_.theme);
    const std::size_t cols = scene_.cols();
    const int width = static_cast<int>(cols) * placed.cell, height = static_cast<int>(scene_.rows()) * placed.high;
    const std::string png = encode_png({width, height, true}, [&](int y, int count, std::uint8_t* out) {
      for (int row = y; row < y + count; ++row) {
        for (int x = 0; x < width; ++x) {
          const std::size_t at = static_cast<std::size_t>(row / placed.high) * cols + static_cast<std::size_t>(x / placed.cell);
          const bool hidden = masked(placed, at);
          const Rgb c = hidden ? Rgb{} : table[colour_index(panel.values[at])];
          for (const auto channel : {c.r, c.g, c.b, static_cast<std::uint8_t>(hidden ? 0 : 255)}) *out++ = channel;
        }
      }
    });
    put("<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
        placed.x, placed.y, width, height, base64(png));
  }

  /// Masked cells are left out and show the hatched ground.
  void matrix(const PictureMatrix& placed) {
    const auto& panel = scene_.panels[placed.panel];
    const std::size_t cols = scene_.cols(), rows = scene_.rows();
    const int width = static_cast<int>(cols) * placed.cell, height = static_cast<int>(rows) * placed.high;
    if (!panel.masked.empty())
      put("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"url(#hatch)\"/>\n", placed.x, placed.y, width, height);
    put("<g class=\"matrix\" data-rows=\"{}\" data-columns=\"{}\" data-box=\"{} {} {} {}\" shape-rendering=\"crispEdges\">\n", rows, cols,
        placed.x, placed.y, width, height);
    rows* cols* scene_.panels.size() <= kRectangles ? rectangles(placed) : pixels(placed);
    put("</g>\n");
    if (panel.weights.size() > kHoverCells) return;
    put("<g fill=\"none\" pointer-events=\"all\">\n");
    for (std::size_t i = 0; i < panel.weights.size(); ++i) {
      if (masked(placed, i)) continue;
      const std::size_t r = i / cols, c = i % cols;
      put("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{} ← {}: {:.4f}</title></rect>\n",
          placed.x + static_cast<int>(c) * placed.cell, placed.y + static_cast<int>(r) * placed.high, placed.cell, placed.high,
          escape_markup(scene_.row_labels[r].text), escape_markup(scene_.col_labels[c].text), panel.weights[i]);
    }
    put("</g>\n");
  }

  /// The picture at its own size; small ones show their pixels.
  void image(const PictureImage& placed) {
    const auto& picture = *scene_.picture;
    const auto rgb = overlay(scene_, placed.row);
    const int width = static_cast<int>(picture.width);
    const std::string png = encode_png({width, static_cast<int>(picture.height)}, [&](int y, int count, std::uint8_t* out) {
      std::copy_n(rgb.begin() + std::ptrdiff_t{3} * y * width, std::ptrdiff_t{3} * count * width, out);
    });
    put("<image class=\"picture\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\"{} "
        "href=\"data:image/png;base64,{}\"/>\n",
        placed.x, placed.y, placed.width, placed.height, placed.width > width ? " style=\"image-rendering:pixelated\"" : "", base64(png));
    if (placed.row < 0 || scene_.panels[0].weights.size() > kHoverCells) return;
    put("<g fill=\"none\" pointer-events=\"all\">\n");
    const double wide = static_cast<double>(placed.width) / picture.cols, high = static_cast<double>(placed.height) / picture.rows;
    for (std::size_t i = 0; i < scene_.cols(); ++i) {
      put("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{} ← {}: {:.4f}</title></rect>\n",
          number(placed.x + static_cast<double>(i % picture.cols) * wide), number(placed.y + static_cast<double>(i / picture.cols) * high),
          number(wide), number(high), escape_markup(overlay_label(scene_, placed.row).text), escape_markup(scene_.col_labels[i].text),
          scene_.panels[0].weights[static_cast<std::size_t>(placed.row) * scene_.cols() + i]);
    }
    put("</g>\n");
  }

  void bar() {
    const auto table = bar_colours(scene_);
    const std::string png = encode_png({256, 1}, [&](int, int, std::uint8_t* out) {
      for (const Rgb c : table) {
        for (const auto channel : {c.r, c.g, c.b}) *out++ = channel;
      }
    });
    put("<image class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" "
        "href=\"data:image/png;base64,{}\"/>\n",
        sheet_.bar.x, sheet_.bar.y, sheet_.bar.width, sheet_.bar.height, base64(png));
  }

  void text(const PictureText& item) {
    if (item.text.find_first_not_of(' ') == std::string::npos) return;
    put("<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"", number(item.x), number(item.y), number(item.size), hex(item.colour));
    if (item.bold) put(" font-weight=\"bold\"");
    if (item.anchor != Anchor::kStart) put(" text-anchor=\"{}\"", item.anchor == Anchor::kMiddle ? "middle" : "end");
    if (item.turn != 0) put(" transform=\"rotate({} {} {})\"", number(item.turn), number(item.x), number(item.y));
    if (item.fit) put(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", number(item.width));
    put(">{}</text>\n", escape_markup(item.text));
  }

  const Scene& scene_;
  Sheet sheet_;
  std::string out_;
};

}  // namespace

std::string draw_svg(const Scene& scene) { return Svg(scene).draw(); }

}  // namespace attend
