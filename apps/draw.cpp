// attend draw
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/draw/page.h"
#include "attend/draw/picture.h"
#include "attend/draw/scene.h"
#include "attend/draw/summary_scenes.h"
#include "attend/run/tiles.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct DrawFlags {
  std::int64_t sentence, layer, head, hypothesis, row, width, blocks;
  std::string rows, columns, pool;
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
    v(blocks, "blocks", 0, "of a map kept as a summary: blocks to draw on either side, at most; 0 is 512, and 64 in the terminal",
      between(0, 1024));
    v(pool, "pool", "mean", "what a block shows: the mean of its weights or the largest of them", one_of({"mean", "max"}));
    v(rows, "rows", "", "of such a map: FIRST:END, the rows whose single weights are drawn, computed from queries and keys");
    v(columns, "columns", "", "and the columns, FIRST:END; one of the two alone takes all of the other");
    v(scale, "scale", "linear", "how weights become colours", one_of({"linear", "row", "log"}));
    v(theme, "theme", "auto", "ground of pictures; auto: light, and in the terminal what suits its own", one_of({"auto", "light", "dark"}));
    v(colour, "colour", "auto", "of the terminal", one_of({"auto", "truecolour", "256", "ascii"}));
    v(width, "width", 0, "columns of the terminal; 0 asks it", between(0, 10000));
    v(wide, "wide", false, "characters of ambiguous width take two columns");
    v(png, "png", "", "write a PNG picture");
    v(svg, "svg", "", "write an SVG picture");
    v(html, "html", "", "write a page to explore, one file without network");
    v(json, "json", "", "write every cell as JSON");
  }
};

bool to_terminal(const DrawFlags& f) { return f.png.empty() && f.svg.empty() && f.html.empty() && f.json.empty(); }

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

// "3:9" within 0 to `size`, and all of it where nothing is said.
std::pair<std::int64_t, std::int64_t> range_of(const std::string& text, const char* name, std::uint32_t size) {
  if (text.empty()) return {0, size};
  std::int64_t first = 0, end = 0;
  const auto* last = text.data() + text.size();
  const auto [colon, problem] = std::from_chars(text.data(), last, first);
  const bool both =
      problem == std::errc() && colon != last && *colon == ':' && std::from_chars(colon + 1, last, end).ptr == last && colon + 1 != last;
  ATTEND_CHECK(both && 0 <= first && first < end && end <= size, kUsage,
               "draw: --{} must be FIRST:END with 0 <= FIRST < END <= {}, got '{}'", name, size, text);
  return {first, end};
}

bool wants_tile(const DrawFlags& f) { return !f.rows.empty() || !f.columns.empty(); }

BlockOptions block_options(const DrawFlags& f, bool quiet) {
  BlockOptions o;
  static_cast<SceneOptions&>(o) = common_options(f, quiet);
  o.most_blocks = f.blocks > 0 ? static_cast<std::uint32_t>(f.blocks) : to_terminal(f) ? 64 : 512;
  o.maximum = f.pool == "max";
  o.all_heads = f.all_heads;
  return o;
}

Scene scene_of_summary(const Record& record, const MapSummary& summary, const DrawFlags& f, bool quiet) {
  ATTEND_CHECK(f.view == "auto" || f.view == "heatmap", kUsage, "draw: {} layer {} is kept as a summary, which view heatmap shows",
               summary.site.name, summary.site.layer);
  ATTEND_CHECK(!f.hide_specials, kUsage, "draw: special tokens of a summary cannot be hidden; leave out --hide-specials");
  const auto options = block_options(f, quiet);
  if (!wants_tile(f)) return blocks_scene(record, summary, options);
  const auto [first_row, end_row] = range_of(f.rows, "rows", summary.rows);
  const auto [first_column, end_column] = range_of(f.columns, "columns", summary.cols);
  constexpr std::int64_t kMostCells = std::int64_t{1} << 22;
  ATTEND_CHECK((end_row - first_row) * (end_column - first_column) <= kMostCells, kUsage,
               "draw: {} x {} single weights are more than a picture shows ({}); choose fewer by --rows and --columns", end_row - first_row,
               end_column - first_column, kMostCells);
  const kernels::WeightTile tile{first_row, end_row, first_column, end_column};
  const auto weights = options.head ? weights_of_tile(summary, *options.head, tile) : mean_of_tile(summary, tile);
  return tile_scene(record, summary, weights, static_cast<std::uint32_t>(first_row), static_cast<std::uint32_t>(first_column), options);
}

// The page of a summary shows all summaries too.
std::string page_of(const Record& record, const Scene& scene, const MapSummary* summary, const DrawFlags& f, bool quiet) {
  if (!summary) return draw_html(record, scene, common_options(f, quiet));
  auto scenes = all_block_scenes(record, block_options(f, quiet));
  scenes.insert(scenes.begin(), scene);
  return draw_html(scenes);
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
  auto flags = arguments.read<DrawFlags>();
  const RecordFile file(arguments.words[0]);
  const auto record = file.read(static_cast<std::size_t>(flags.sentence));
  TerminalOptions options;
  options.colour = terminal_colour(flags.colour);
  if (flags.theme == "auto") {
    const bool asks = to_terminal(flags) && options.colour != TerminalColour::kAscii && takes_controls(STDOUT_FILENO);
    flags.theme = asks && terminal_theme() == Theme::kDark ? "dark" : "light";
  }
  const bool quiet = arguments.common.quiet;
  const auto* summary = choose_summary(*record, common_options(flags, quiet));
  ATTEND_CHECK(summary || !wants_tile(flags), kUsage,
               "draw: --rows and --columns are for maps kept as summaries; this one is kept in full, draw it whole");
  const auto scene = summary ? scene_of_summary(*record, *summary, flags, quiet) : make_scene(*record, flags, quiet);
  if (!flags.png.empty()) {
    const auto warning = write_png(scene, flags.png);
    if (!warning.empty()) say("attend: {}\n", warning);
  }
  if (!flags.svg.empty()) write_file_atomic(flags.svg, draw_svg(scene));
  if (!flags.html.empty()) write_file_atomic(flags.html, page_of(*record, scene, summary, flags, quiet));
  if (!flags.json.empty()) write_file_atomic(flags.json, draw_json(scene));
  if (!to_terminal(flags)) return 0;
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
              "  attend draw a.record.npz --png a.png --html a.html\n"
              "  attend draw long.record.npz --pool max --scale log --png long.png\n"
              "  attend draw long.record.npz --rows 5000:5064 --columns 4900:5064",
          .paths = 1,
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<DrawFlags>(),
          .run = draw};
}

}  // namespace attend::cli
