#pragma once
// What the views of a record have in common: which map they show, its labels, panels and notes.
#include <cmath>
#include <string>
#include <vector>

#include "attend/draw/scene.h"

namespace attend {

/// The map that the options name.
const AttentionMap& choose_map(const Record& record, const SceneOptions& options);

/// What the rows and columns of one map stand for.
struct Axes {
  RecordText rows, cols;
  std::string row_name, col_name;
  SourcePart row_part, col_part;  // tokens of rows and cols that the axes stand for
  bool ragged = false;            // row t sees columns 0..t only
};

/// Of a map of that site, which has `cols` columns, for one hypothesis.
Axes axes_of(const Record& record, const Site& site, std::uint32_t cols, std::size_t hypothesis);

/// Builds the parts of a scene that the views share.
class Builder {
 public:
  /// `hide_rows`: whether special tokens are left out of the rows too, where the options leave them out.
  Builder(const Record& record, const SceneOptions& options, bool hide_rows = true);

  void add_head(std::uint32_t head);
  void add_chosen();  ///< the head that is asked for, else the mean
  /// Linear colours up to the largest weight added, not 1: weights over a large grid are small.
  void stretch();

  const AttentionMap& map() const { return map_; }
  /// Source token of each column.
  const std::vector<std::uint32_t>& kept_cols() const { return kept_cols_; }
  Scene finish(Scene::View view);
  Scene scene;

 private:
  void describe();
  void add(const WeightMatrix& full, std::string title, std::int32_t head);
  void add_notes();
  void note(std::string text, bool pinned = false) {
    if (pinned || !options_.quiet) scene.notes.push_back({std::move(text), pinned});
  }
  double largest_departure() const;

  const Record& record_;
  const SceneOptions& options_;
  const AttentionMap& map_;
  Axes axes_;
  bool reads_picture_ = false;  // columns are cells of the record's picture
  std::vector<std::uint32_t> kept_rows_, kept_cols_;
  double removed_ = 0;            // mass in hidden columns, summed over rows
  std::size_t removed_rows_ = 0;  // rows it was summed over
  std::size_t emptied_ = 0;       // rows whose whole mass was hidden
  std::size_t clipped_ = 0;       // cells above 1
  float least_sum_ = INFINITY, greatest_sum_ = -INFINITY;
};

}  // namespace attend
