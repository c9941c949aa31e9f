#include <string_view>

#include "attend/core/error.h"
#include "attend/draw/page.h"
#include "draw/json.h"
#include "draw/markup.h"
#include "draw_page.inc"  // kPage, made from page.html by embed.cmake

namespace attend {
namespace {

constexpr std::size_t kMostCells = 16u << 20;

std::string table_bytes(Palette palette, Theme theme) {
  std::string bytes;
  for (const Rgb c : colour_table(palette, theme)) {
    for (const auto channel : {c.r, c.g, c.b}) bytes += static_cast<char>(channel);
  }
  return base64(bytes);
}

/// JSON that may stand inside <script>: without '<' no token can end the element or open a comment.
std::string inert(const nlohmann::ordered_json& json) {
  std::string out;
  for (const char c : json.dump(-1, ' ', true)) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string draw_html(const std::vector<Scene>& scenes, std::size_t first) {
  ATTEND_CHECK(first < scenes.size(), kValue, "html: scene {} asked for, {} given", first, scenes.size());
  std::size_t cells = 0;
  for (const auto& scene : scenes)
    cells += scene.panels.size() * scene.rows() * scene.cols() + (scene.picture ? scene.picture->rgb.size() : 0);
  ATTEND_CHECK(cells <= kMostCells, kValue, "html: a page holds at most {} cells, these maps have {}; choose a site and a layer",
               kMostCells, cells);

  nlohmann::ordered_json data{{"schema", "attend.page"}, {"version", {1, 0}}, {"first", first}};
  for (const auto palette : {Palette::kSequential, Palette::kDiverging}) {
    const char* name = palette == Palette::kSequential ? "sequential" : "diverging";
    data["tables"][name] = {{"light", table_bytes(palette, Theme::kLight)}, {"dark", table_bytes(palette, Theme::kDark)}};
  }
  for (const auto& scene : scenes) data["scenes"].push_back(scene_json(scene));

  // The page is cut at its marks first, so that no text put in can be mistaken for one.
  const std::string_view page = kPage;
  constexpr std::string_view kTitleMark = "@TITLE@", kDataMark = "@DATA@";
  const auto title = page.find(kTitleMark), inside = page.find(kDataMark);
  ATTEND_ASSERT(title != std::string_view::npos && inside != std::string_view::npos && title < inside);
  std::string out(page.substr(0, title));
  out += escape_markup(scenes[first].title);
  out += page.substr(title + kTitleMark.size(), inside - title - kTitleMark.size());
  out += inert(data);
  out += page.substr(inside + kDataMark.size());
  return out;
}

std::string draw_html(const Scene& scene) { return draw_html(std::vector<Scene>{scene}); }

std::string draw_html(const Record& record, const SceneOptions& options) {
  return draw_html(record, usual_scene(record, options), options);
}

std::string draw_html(const Record& record, const Scene& opening, const SceneOptions& options) {
  auto scenes = all_scenes(record, options);
  if (opening.view != Scene::View::kHeatmap) {
    scenes.insert(scenes.begin(), opening);
    return draw_html(scenes);
  }
  std::size_t first = 0;
  while (first + 1 < scenes.size() && (scenes[first].site != opening.site || scenes[first].layer != opening.layer)) ++first;
  return draw_html(scenes, first);
}

}  // namespace attend
