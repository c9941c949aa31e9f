#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/draw/picture.h"
#include "draw/font.h"
#include "draw/layout.h"
#include "draw/overlay.h"
#include "draw/png_encode.h"

namespace attend {
namespace {

constexpr int kWidest = 32767;    // of a Cairo image, in pixels
constexpr int kHighest = 262144;  // strips lift Cairo's limit; this one keeps readers of the file alive
constexpr int kStrip = 4096;

/// Paints one strip of a sheet.
class Painter {
 public:
  Painter(const Scene& scene, const Sheet& sheet, int scale) : scene_(scene), sheet_(sheet), scale_(scale) {}

  void paint(cairo_surface_t* surface, int y) const {
    const CairoPtr cairo(cairo_create(surface));
    cairo_translate(cairo.get(), 0, -y);
    cairo_scale(cairo.get(), scale_, scale_);
    source(cairo.get(), page_colours(scene_.theme).paper);
    cairo_paint(cairo.get());
    for (const auto& box : sheet_.boxes) this->box(cairo.get(), box);
    cairo_set_antialias(cairo.get(), CAIRO_ANTIALIAS_NONE);
    for (const auto& matrix : sheet_.matrices) this->matrix(cairo.get(), matrix);
    for (const auto& image : sheet_.images) this->image(cairo.get(), image);
    bar(cairo.get());
    cairo_set_antialias(cairo.get(), CAIRO_ANTIALIAS_DEFAULT);
    const double top = static_cast<double>(y) / scale_,
                 bottom = top + static_cast<double>(cairo_image_surface_get_height(surface)) / scale_;
    for (const auto& text : sheet_.texts) {
      const double reach = text.turn == 0 ? 4 * text.size : text.width + text.size;  // of the ink around (x, y), at most
      if (text.y + reach > top && text.y - reach < bottom) this->text(cairo.get(), text);
    }
  }

 private:
  static void source(cairo_t* cairo, Rgb c) { cairo_set_source_rgb(cairo, c.r / 255.0, c.g / 255.0, c.b / 255.0); }
  const std::array<Rgb, 256>& table() const { return colour_table(scene_.scale.palette, scene_.theme); }

  void box(cairo_t* cairo, const PictureBox& box) const {
    source(cairo, box.fill);
    if (box.radius <= 0) {
      cairo_rectangle(cairo, box.x, box.y, box.width, box.height);
    } else {
      constexpr double kQuarter = std::numbers::pi / 2;
      const double l = box.x + box.radius, r = box.x + box.width - box.radius, t = box.y + box.radius, b = box.y + box.height - box.radius;
      cairo_new_sub_path(cairo);
      cairo_arc(cairo, r, t, box.radius, -kQuarter, 0);
      cairo_arc(cairo, r, b, box.radius, 0, kQuarter);
      cairo_arc(cairo, l, b, box.radius, kQuarter, 2 * kQuarter);
      cairo_arc(cairo, l, t, box.radius, 2 * kQuarter, 3 * kQuarter);
      cairo_close_path(cairo);
    }
    cairo_fill(cairo);
  }

  void matrix(cairo_t* cairo, const PictureMatrix& placed) const {
    const MatrixPanel& panel = scene_.panels[placed.panel];
    const std::size_t cols = scene_.cols();
    double clip[4];
    cairo_clip_extents(cairo, &clip[0], &clip[1], &clip[2], &clip[3]);
    for (std::size_t r = 0; r < scene_.rows(); ++r) {
      const double y = placed.y + static_cast<double>(r) * placed.high;
      if (y + placed.high < clip[1] || y > clip[3]) continue;
      for (std::size_t c = 0; c < cols; ++c) {
        const double x = placed.x + static_cast<double>(c) * placed.cell;
        const bool masked = !panel.masked.empty() && panel.masked[r * cols + c];
        source(cairo, masked ? page_colours(scene_.theme).paper : table()[colour_index(panel.values[r * cols + c])]);
        cairo_rectangle(cairo, x, y, placed.cell, placed.high);
        cairo_fill(cairo);
      }
    }
    if (!panel.masked.empty()) hatch(cairo, placed, panel);
  }

  /// Diagonal strokes over all masked cells at once, so that they run on from cell to cell.
  void hatch(cairo_t* cairo, const PictureMatrix& placed, const MatrixPanel& panel) const {
    const double wide = placed.cell * static_cast<double>(scene_.cols()), high = placed.high * static_cast<double>(scene_.rows());
    cairo_save(cairo);
    for (std::size_t i = 0; i < panel.masked.size(); ++i) {
      if (!panel.masked[i]) continue;
      cairo_rectangle(cairo, placed.x + static_cast<double>(i % scene_.cols()) * placed.cell,
                      placed.y + static_cast<double>(i / scene_.cols()) * placed.high, placed.cell, placed.high);
    }
    cairo_clip(cairo);
    source(cairo, page_colours(scene_.theme).hatch);
    cairo_set_line_width(cairo, 1);
    for (double d = 0; d < wide + high; d += 6) {
      cairo_move_to(cairo, placed.x + d, placed.y);
      cairo_line_to(cairo, placed.x + d - high, placed.y + high);
    }
    cairo_stroke(cairo);
    cairo_restore(cairo);
  }

  /// Enlarged pixels keep their edges; reduced ones are averaged.
  void image(cairo_t* cairo, const PictureImage& placed) const {
    const auto rgb = overlay(scene_, placed.row);
    const int width = static_cast<int>(scene_.picture->width), height = static_cast<int>(scene_.picture->height);
    const SurfacePtr surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
    if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS) throw std::bad_alloc();
    unsigned char* data = cairo_image_surface_get_data(surface.get());
    const int stride = cairo_image_surface_get_stride(surface.get());
    const std::uint8_t* pixel = rgb.data();
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x, pixel += 3) {
        const std::uint32_t packed = std::uint32_t{pixel[0]} << 16 | std::uint32_t{pixel[1]} << 8 | pixel[2];
        std::memcpy(data + static_cast<std::ptrdiff_t>(y) * stride + 4 * x, &packed, 4);
      }
    }
    cairo_surface_mark_dirty(surface.get());
    cairo_save(cairo);
    cairo_rectangle(cairo, placed.x, placed.y, placed.width, placed.height);
    cairo_clip(cairo);
    cairo_translate(cairo, placed.x, placed.y);
    cairo_scale(cairo, static_cast<double>(placed.width) / width, static_cast<double>(placed.height) / height);
    cairo_set_source_surface(cairo, surface.get(), 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cairo), placed.width * scale_ < width ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
    cairo_paint(cairo);
    cairo_restore(cairo);
  }

  void bar(cairo_t* cairo) const {
    const auto colours = bar_colours(scene_);
    const auto& bar = sheet_.bar;
    for (int i = 0; i < bar.width; ++i) {
      source(cairo, colours[static_cast<std::size_t>(std::lround(255.0 * i / (bar.width - 1)))]);
      cairo_rectangle(cairo, bar.x + i, bar.y, 1, bar.height);
      cairo_fill(cairo);
    }
  }

  void text(cairo_t* cairo, const PictureText& item) const {
    const LayoutPtr layout = make_layout(cairo, item.text, item.size, item.bold, item.prose);
    const double width = item.width, baseline = static_cast<double>(pango_layout_get_baseline(layout.get())) / PANGO_SCALE;
    const double shift = item.anchor == Anchor::kStart ? 0 : item.anchor == Anchor::kMiddle ? width / 2 : width;
    cairo_save(cairo);
    cairo_translate(cairo, item.x, item.y);
    if (item.turn != 0) cairo_rotate(cairo, item.turn * std::numbers::pi / 180);
    cairo_move_to(cairo, -shift, -baseline);
    source(cairo, item.colour);
    pango_cairo_show_layout(cairo, layout.get());
    cairo_restore(cairo);
  }

  const Scene& scene_;
  const Sheet& sheet_;
  int scale_;
};

}  // namespace

Png draw_png(const Scene& scene, const PngOptions& options) {
  ATTEND_CHECK(options.scale >= 1 && options.scale <= 4, kValue, "png: scale must lie in 1 to 4, got {}", options.scale);
  const Sheet sheet = lay_out(scene);
  Png png;
  png.width = sheet.width * options.scale;
  png.height = sheet.height * options.scale;
  ATTEND_CHECK(
      png.width <= kWidest && png.height <= kHighest, kValue,
      "png: the picture of {} x {} cells would be {} x {} pixels, at most {} x {} are possible; use a smaller scale or the HTML page",
      scene.rows(), scene.cols(), png.width, png.height, kWidest, kHighest);

  const Painter painter(scene, sheet, options.scale);
  const PngShape shape{png.width, png.height, false, kStrip, static_cast<int>(std::lround(options.scale * 96 / 0.0254))};
  png.bytes = encode_png(shape, [&](int y, int rows, std::uint8_t* out) {
    const SurfacePtr surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, png.width, rows));
    if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS) throw std::bad_alloc();
    painter.paint(surface.get(), y);
    cairo_surface_flush(surface.get());
    const unsigned char* data = cairo_image_surface_get_data(surface.get());
    const int stride = cairo_image_surface_get_stride(surface.get());
    for (int row = 0; row < rows; ++row) {
      for (int x = 0; x < png.width; ++x) {
        std::uint32_t pixel = 0;
        std::memcpy(&pixel, data + static_cast<std::ptrdiff_t>(row) * stride + 4 * x, 4);
        *out++ = static_cast<std::uint8_t>(pixel >> 16);
        *out++ = static_cast<std::uint8_t>(pixel >> 8);
        *out++ = static_cast<std::uint8_t>(pixel);
      }
    }
  });

  std::string all;
  for (const auto& text : sheet.texts) all += text.text + " ";
  png.warning = missing_glyphs(all);
  return png;
}

std::string write_png(const Scene& scene, const std::string& path, const PngOptions& options) {
  const Png png = draw_png(scene, options);
  write_file_atomic(path, png.bytes);
  return png.warning;
}

}  // namespace attend
