#pragma once
// A scene: what a picture shows, decided once. Backends only write it down; none of them chooses what is drawn, in which
// order, in which colours, what is cut short or which warnings go with it.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attend/draw/colour.h"
#include "attend/record/record.h"

namespace attend {

/// How a weight a becomes a value v in [0, 1], and v the colour round(255 v).
enum class ScaleKind : std::uint8_t {
  kLinear,  ///< v = a / Scale::top
  kRow,     ///< v = a / largest weight of the row; rows are then not comparable
  kLog      ///< v = ln(a / (a0 Scale::top)) / ln(1 / a0), a0 = 1e-4, held to [0, 1]
};
/// "linear", "row" or "log"; the parser throws kUnknownName for anything else.
const char* name_of(ScaleKind kind);
ScaleKind scale_from(const std::string& name);
/// The value of weight `a` in a row whose largest weight is `row_max`; linear: with a top of 1.
float scale_value(ScaleKind kind, float a, float row_max);

struct Scale {
  ScaleKind kind = ScaleKind::kLinear;
  Palette palette = Palette::kSequential;
  float top = 1;              ///< linear and log: the weight of the strongest colour, 1 but for small ones
  std::string of = "weight";  ///< what a colour stands for: "mean weight of a block" of summaries, ...
  std::string low, high;      ///< the weights at both ends of the colour bar, as printed
};

/// What stands beside a row or above a column.
struct Label {
  std::string text;      ///< the token's own text, safe to print; 你 1/3 for a piece of a character, 2,0 for a cell of a picture's grid
  bool special = false;  ///< <s>, </s>, <pad>
  bool faint = false;    ///< list only: nothing reads it
};

/// One matrix of weights, [rows, cols], row-major. All panels of a scene share their labels.
struct MatrixPanel {
  std::string title;                           ///< "head 3", "mean of 8 heads"
  std::int32_t head = -1;                      ///< -1: mean
  std::vector<float> weights;                  ///< as recorded (after hidden specials: renormalised)
  std::vector<float> values;                   ///< scaled, in [0, 1]; 0 where masked
  std::vector<bool> masked;                    ///< cells that no query may see; empty when there are none
  std::vector<std::optional<double>> entropy;  ///< nat, per row (list: per column); absent where it is empty
};

/// A stretch of the column text and the columns whose tokens it stands for (none: space between tokens).
struct TextPiece {
  std::string text;
  std::vector<std::uint32_t> columns;
  bool special = false;
};

/// The column text once more, tinted by one row. One weight and value per piece: pieces that share a character add up.
struct TextLine {
  std::vector<float> weights, values;
  std::optional<double> entropy;
};

struct Note {
  std::string text;
  bool pinned = false;  ///< stays even when notes are turned off
};

struct Scene {
  enum class View : std::uint8_t { kHeatmap, kHighlight, kImage, kList };
  View view = View::kHeatmap;
  Theme theme = Theme::kLight;
  std::string title;     ///< I love you → 我爱你, cut short when long; list: the question
  std::string subtitle;  ///< mechanism · site · layer · head
  std::string site;
  std::uint16_t layer = 0;
  std::string source, target;      ///< the texts in full, safe to print
  std::string row_name, col_name;  ///< "target", "source"; list: columns are "hop" or "layer"
  std::vector<Label> row_labels, col_labels;
  std::vector<MatrixPanel> panels;  ///< one, or one per head; the other views keep their one matrix here too
  std::uint32_t across = 1;         ///< panels side by side; image: pictures side by side, the plain one first, then one per row
  std::optional<Picture> picture;   ///< image only: columns are the cells of its grid, row by row
  std::vector<TextPiece> pieces;    ///< the column text in reading order
  std::vector<TextLine> lines;      ///< highlight only: one per row
  Scale scale;
  std::string caption;  ///< numbers about the whole: entropy, effective tokens
  std::vector<Note> notes;

  std::size_t rows() const { return row_labels.size(); }
  std::size_t cols() const { return col_labels.size(); }
};

/// What all views are asked for.
struct SceneOptions {
  std::string site;                   ///< empty: decoder.attention, decoder.cross, pool, reader.attended, hops, else the record's first map
  std::optional<std::int64_t> layer;  ///< absent: the site's last layer
  std::optional<std::uint32_t> head;  ///< absent: the mean over heads
  std::size_t hypothesis = 0;
  bool hide_specials = false;  ///< leave <s>, </s>, <pad> out and renormalise; a note says how much went
  bool quiet = false;          ///< drop the notes that are not pinned
  ScaleKind scale = ScaleKind::kLinear;
  Theme theme = Theme::kLight;
};
struct HeatmapOptions : SceneOptions {
  bool all_heads = false;  ///< without `head`: every head of the layer as a panel of its own, after their mean
};
struct HighlightOptions : SceneOptions {
  std::optional<std::uint32_t> row;  ///< one target token only
};

/// Rows are target tokens (or source tokens in encoder.self), columns what they read. Throws kValue or kUnknownName for a
/// site, layer, head or hypothesis that the record lacks, saying which there are.
Scene heatmap_scene(const Record& record, const HeatmapOptions& options = {});

/// For each row the whole column text, tinted by that row's weights.
Scene highlight_scene(const Record& record, const HighlightOptions& options = {});

/// For each row the record's picture under that row's weights; linear colours reach up to the largest weight drawn. Throws kValue
/// for a record without a picture and for a map that does not read it.
Scene image_scene(const Record& record, const SceneOptions& options = {});

/// What one answer read: source tokens as rows, their text in full, and a column for every layer of the site (one, with
/// `layer`). At the site `hops` the last token is the question and becomes the title. Throws kValue for maps of several rows.
Scene list_scene(const Record& record, const SceneOptions& options = {});

/// The view that suits what is asked for: a list at the site `hops`, pictures where the target read one, else a heatmap.
Scene usual_scene(const Record& record, const SceneOptions& options = {});

/// A heatmap of every site and layer of the record with all its heads, in the record's order: what a page shows.
std::vector<Scene> all_scenes(const Record& record, const SceneOptions& options = {});

}  // namespace attend
