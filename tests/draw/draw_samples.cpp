// draw_samples FOLDER: every sample record through every backend, to look at.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "attend/core/files.h"
#include "attend/draw/page.h"
#include "attend/draw/picture.h"
#include "attend/draw/terminal.h"
#include "draw/samples.h"

namespace {

using namespace attend;

void write_all(const Scene& scene, const std::string& stem) {
  const std::string warning = write_png(scene, stem + ".png");
  if (!warning.empty()) fmt::print(stderr, "{}: {}\n", stem, warning);
  write_file_atomic(stem + ".svg", draw_svg(scene));
  write_file_atomic(stem + ".html", draw_html(scene));
  write_file_atomic(stem + ".json", draw_json(scene));
  write_file_atomic(stem + ".ansi", draw_terminal(scene, {.width = 100}));
  write_file_atomic(stem + ".256.ansi", draw_terminal(scene, {.colour = TerminalColour::k256, .width = 100}));
  write_file_atomic(stem + ".txt", draw_terminal(scene, {.colour = TerminalColour::kAscii}));
}

void draw(const Record& record, const std::string& stem, HeatmapOptions options = {}) {
  HighlightOptions highlight;
  static_cast<SceneOptions&>(highlight) = options;
  write_all(heatmap_scene(record, options), stem);
  write_all(highlight_scene(record, highlight), stem + "-text");
  options.theme = highlight.theme = Theme::kDark;
  write_all(heatmap_scene(record, options), stem + "-dark");
  write_all(highlight_scene(record, highlight), stem + "-text-dark");
}

void draw_samples(const std::string& folder) {
  std::filesystem::create_directories(folder);
  const auto at = [&](const char* name) { return folder + "/" + name; };
  draw(samples::love(), at("love"));
  draw(samples::sentence(), at("sentence"));
  const Record transformer = samples::transformer();
  HeatmapOptions heads;
  heads.all_heads = true;
  draw(transformer, at("heads"), heads);
  HeatmapOptions self;
  self.site = "decoder.self";
  self.head = 1;
  draw(transformer, at("self"), self);
  HeatmapOptions plain;
  plain.hide_specials = true;
  plain.scale = ScaleKind::kLog;
  draw(transformer, at("log"), plain);
  write_all(heatmap_scene(samples::large()), at("large"));
  draw(samples::hostile(), at("hostile"));
  write_file_atomic(at("record.html"), draw_html(transformer));
  SceneOptions dark;
  dark.theme = Theme::kDark;
  for (const auto& [name, record] : {std::pair("house", samples::house()), std::pair("story", samples::story())}) {
    write_all(usual_scene(record), at(name));
    write_all(usual_scene(record, dark), at(name) + "-dark");
    write_file_atomic(at(name) + "-record.html", draw_html(record));
  }
  write_all(heatmap_scene(samples::house()), at("house-heatmap"));
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    fmt::print(stderr, "usage: draw_samples FOLDER\n");
    return 2;
  }
  try {
    draw_samples(words[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
