// attend draw
#include <unistd.h>

#include <algorithm>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/draw/page.h"
#include "attend/draw/picture.h"
#include "attend/draw/scene.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct DrawFlags {
  std::int64_t sentence, layer, head, hypothesis, row, width;
  std::string site, view, scale, theme, colour, png, svg, html, json;
  bool hide_specials, all_heads, wide;
  DrawFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(sentence, "sentence", 0, "which sentence of the record, from 0; blank lines are none", at_least(0));
    v(view, "view", "auto", "a matrix, the source tinted for each target word, the picture under the weights, or what one answer read",
      one_of({"auto", "heatmap", "highlight", "image", "list"}));
    v(site, "site", "", "decoder.attention, decoder.cross, ...; the attention to the source if not given");
    v(layer, "layer", -1, "layer of the site; -1 is the last", between(-1, 65535));
    v(head, "head", -1, "one head; -1 is the mean over heads", between(-1, 65535));
    v(all_heads, "all_heads", false, "every head as a panel of its own");
    v(hypothesis, "hypothesis", 0, "which of the n-best, from 0", at_least(0));
    v(row, "row", -1, "highlight: one target token only", between(-1, 1e9));
    v(hide_specials, "hide_specials", false, "leave out </s> and renormalise");
    v(scale, "scale", "linear", "how weights become colours", one_of({"linear", "row", "log"}));
    v(theme, "theme", "light", "background of pictures", one_of({"light", "dark"}));
    v(colour, "colour", "auto", "of the terminal", one_of({"auto", "truecolour", "256", "ascii"}));
    v(width, "width", 0, "columns of the terminal; 0 asks it", between(0, 10000));
    v(wide, "wide", false, "characters of ambiguous width take two columns");
    v(png, "png", "", "write a PNG picture");
    v(svg, "svg", "", "write an SVG picture");
    v(html, "html", "", "write a page to explore, one file without network");
    v(json, "json", "", "write every cell as JSON");
  }
};

SceneOptions common_options(const DrawFlags& f, bool quiet) {
  SceneOptions o;
  o.site = f.site;
  if (f.layer >= 0) o.layer = f.layer;
  if (f.head >= 0) o.head = static_cast<std::uint32_t>(f.head);
  o.hypothesis = static_cast<std::size_t>(f.hypothesis);
  o.hide_specials = f.hide_specials;
  o.quiet = quiet;
  o.scale = scale_from(f.scale);
  o.theme = f.theme == "dark" ? Theme::kDark : Theme::kLight;
  return o;
}

Scene make_scene(const Record& record, const DrawFlags& f, bool quiet) {
  if (f.view == "highlight") {
    HighlightOptions o;
    static_cast<SceneOptions&>(o) = common_options(f, quiet);
    if (f.row >= 0) o.row = static_cast<std::uint32_t>(f.row);
    return highlight_scene(record, o);
  }
  if (f.view == "image") return image_scene(record, common_options(f, quiet));
  if (f.view == "list") return list_scene(record, common_options(f, quiet));
  if (f.view == "auto" && !f.all_heads) return usual_scene(record, common_options(f, quiet));
  HeatmapOptions o;
  static_cast<SceneOptions&>(o) = common_options(f, quiet);
  o.all_heads = f.all_heads;
  return heatmap_scene(record, o);
}

int draw(const Arguments& arguments) {
  const auto flags = arguments.read<DrawFlags>();
  const RecordFile file(arguments.words[0]);
  const auto record = file.read(static_cast<std::size_t>(flags.sentence));
  const auto scene = make_scene(*record, flags, arguments.common.quiet);
  if (!flags.png.empty()) {
    const auto warning = write_png(scene, flags.png);
    if (!warning.empty()) say("attend: {}\n", warning);
  }
  if (!flags.svg.empty()) write_file_atomic(flags.svg, draw_svg(scene));
  if (!flags.html.empty()) write_file_atomic(flags.html, draw_html(*record, scene, common_options(flags, arguments.common.quiet)));
  if (!flags.json.empty()) write_file_atomic(flags.json, draw_json(scene));
  if (!flags.png.empty() || !flags.svg.empty() || !flags.html.empty() || !flags.json.empty()) return 0;
  TerminalOptions options;
  options.colour = terminal_colour(flags.colour);
  options.width = flags.width > 0 ? static_cast<int>(flags.width) : std::max(20, terminal_width(STDOUT_FILENO));
  options.wide = flags.wide;
  fmt::print("{}", draw_terminal(scene, options));
  return 0;
}

}  // namespace

Command draw_command() {
  return {.name = "draw",
          .sentence = "Draw what a record attended to: terminal, PNG, SVG, HTML, JSON.",
          .words = "RECORD",
          .details =
              "Without a file to write it draws in the terminal.\n"
              "Examples:\n"
              "  attend draw a.record.npz --sentence 3\n"
              "  attend draw a.record.npz --png a.png --html a.html",
          .paths = 1,
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<DrawFlags>(),
          .run = draw};
}

}  // namespace attend::cli
