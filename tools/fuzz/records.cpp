// Target: records, read and then drawn, measured and written down in every form.
#include "attend/core/error.h"
#include "attend/draw/page.h"
#include "attend/draw/picture.h"
#include "attend/draw/terminal.h"
#include "attend/measure/alignment.h"
#include "fuzz.h"

namespace attend::fuzz {
namespace {

void draw_everywhere(const Scene& scene) {
  for (const auto colour : {TerminalColour::kTruecolour, TerminalColour::k256, TerminalColour::kAscii})
    attempt([&] { touch(draw_terminal(scene, {.colour = colour, .width = colour == TerminalColour::kAscii ? 20 : 80})); });
  attempt([&] { touch(draw_json(scene)); });
  attempt([&] { touch(draw_html(scene)); });
  if (scene.scale.kind != ScaleKind::kLinear || scene.rows() * scene.cols() > 100) return;  // pictures take their time
  attempt([&] { touch(draw_svg(scene)); });
}

}  // namespace

void run_record(std::string_view bytes) {
  const MemoryFile memory(bytes);
  const RecordFile file(memory.path());
  for (std::size_t i = 0; i < std::min<std::size_t>(file.size(), 4); ++i)
    attempt([&] {
      const auto record = file.read(i);
      for (const bool hide : {false, true}) {
        for (const auto kind : {ScaleKind::kLinear, ScaleKind::kRow, ScaleKind::kLog}) {
          HeatmapOptions heatmap;
          heatmap.hide_specials = hide;
          heatmap.scale = kind;
          heatmap.all_heads = !hide;
          attempt([&] { draw_everywhere(heatmap_scene(*record, heatmap)); });
          attempt([&] { draw_everywhere(usual_scene(*record, heatmap)); });
          attempt([&] { draw_everywhere(list_scene(*record, heatmap)); });
          attempt([&] { draw_everywhere(image_scene(*record, heatmap)); });
          HighlightOptions highlight;
          static_cast<SceneOptions&>(highlight) = heatmap;
          attempt([&] { draw_everywhere(highlight_scene(*record, highlight)); });
        }
        SceneOptions all;
        all.hide_specials = hide;
        attempt([&] { touch(draw_html(*record, all)); });
      }
      for (const auto unit : {LinkUnit::kWords, LinkUnit::kTokens, LinkUnit::kCharacters}) {
        const LinkUnits units{unit, unit};
        attempt([&] { touch(format_links(links_of(*record, {}, 0, {.units = units}).links)); });
        attempt([&] { touch(format_links(links_of(*record, {}, 0, {.threshold = 0.1, .shifted = true, .units = units}).links)); });
      }
    });
}

}  // namespace attend::fuzz
