#include "draw/json.h"

#include <bit>
#include <cstring>

#include "attend/draw/page.h"
#include "draw/markup.h"

namespace attend {
namespace {

using Json = nlohmann::ordered_json;

Json array_of(const std::vector<float>& values, std::initializer_list<std::size_t> shape) {
  std::string bytes;
  bytes.reserve(values.size() * 4);
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFF);
  }
  return {{"dtype", "f32"}, {"shape", shape}, {"data", base64(bytes)}};
}

Json array_of(const std::vector<std::uint8_t>& values, std::initializer_list<std::size_t> shape) {
  return {{"dtype", "u8"}, {"shape", shape}, {"data", base64(values)}};
}

std::vector<std::uint8_t> levels(const std::vector<float>& values) {
  std::vector<std::uint8_t> out;
  out.reserve(values.size());
  for (const float v : values) out.push_back(colour_index(v));
  return out;
}

Json number_or_why(const std::optional<double>& value) {
  if (value) return *value;
  return {{"value", nullptr}, {"why", "the row is empty"}};
}

Json labels_json(const std::string& name, const std::vector<Label>& labels) {
  Json list = Json::array();
  for (const auto& label : labels) list.push_back({{"text", label.text}, {"special", label.special}, {"faint", label.faint}});
  return {{"name", name}, {"labels", list}};
}

Json panel_json(const MatrixPanel& panel, std::size_t rows, std::size_t cols) {
  Json entropy = Json::array();
  for (const auto& h : panel.entropy) entropy.push_back(number_or_why(h));
  Json out{{"title", panel.title}, {"head", panel.head < 0 ? Json(nullptr) : Json(panel.head)}};
  out["weights"] = array_of(panel.weights, {rows, cols});
  out["levels"] = array_of(levels(panel.values), {rows, cols});
  out["masked"] = nullptr;
  if (!panel.masked.empty()) out["masked"] = array_of(std::vector<std::uint8_t>(panel.masked.begin(), panel.masked.end()), {rows, cols});
  out["entropy"] = std::move(entropy);
  return out;
}

}  // namespace

Json scene_json(const Scene& scene) {
  constexpr const char* kViews[] = {"heatmap", "highlight", "image", "list"};
  Json out{{"schema", "attend.scene"}, {"version", {1, 1}}};
  out["view"] = kViews[static_cast<std::size_t>(scene.view)];
  out["theme"] = scene.theme == Theme::kLight ? "light" : "dark";
  out["title"] = scene.title;
  out["subtitle"] = scene.subtitle;
  out["site"] = scene.site;
  out["layer"] = scene.layer;
  out["source"] = scene.source;
  out["target"] = scene.target;
  out["rows"] = labels_json(scene.row_name, scene.row_labels);
  out["columns"] = labels_json(scene.col_name, scene.col_labels);
  out["scale"] = {{"kind", name_of(scene.scale.kind)},
                  {"top", scene.scale.top},
                  {"palette", scene.scale.palette == Palette::kSequential ? "sequential" : "diverging"},
                  {"of", scene.scale.of},
                  {"low", scene.scale.low},
                  {"high", scene.scale.high}};
  out["across"] = scene.across;
  out["panels"] = Json::array();
  for (const auto& panel : scene.panels) out["panels"].push_back(panel_json(panel, scene.rows(), scene.cols()));
  if (scene.picture) {
    const auto& picture = *scene.picture;
    out["picture"] = {
        {"rows", picture.rows}, {"columns", picture.cols}, {"pixels", array_of(picture.rgb, {picture.height, picture.width, 3})}};
  }
  out["pieces"] = Json::array();
  for (const auto& piece : scene.pieces)
    out["pieces"].push_back({{"text", piece.text}, {"columns", piece.columns}, {"special", piece.special}});
  out["lines"] = Json::array();
  for (const auto& line : scene.lines) {
    out["lines"].push_back({{"weights", array_of(line.weights, {line.weights.size()})},
                            {"levels", array_of(levels(line.values), {line.values.size()})},
                            {"entropy", number_or_why(line.entropy)}});
  }
  out["caption"] = scene.caption;
  out["notes"] = Json::array();
  for (const auto& note : scene.notes) out["notes"].push_back({{"text", note.text}, {"pinned", note.pinned}});
  return out;
}

std::string draw_json(const Scene& scene) { return scene_json(scene).dump(1) + "\n"; }

}  // namespace attend
