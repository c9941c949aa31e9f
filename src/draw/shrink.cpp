#include "draw/shrink.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace attend {
namespace {

void keep_firsts(std::vector<Label>& labels, std::size_t block) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < labels.size(); i += block) std::swap(labels[kept++], labels[i]);
  labels.resize(kept);
}

MatrixPanel shrunk(const MatrixPanel& all, std::size_t all_cols, std::size_t rows, std::size_t cols, std::size_t block) {
  const std::vector<float> nothing(rows * cols);
  MatrixPanel panel{.title = all.title, .head = all.head, .weights = nothing, .values = nothing, .masked = {}, .entropy = {}};
  panel.masked.assign(all.masked.empty() ? 0 : nothing.size(), true);
  for (std::size_t i = 0; i < all.weights.size(); ++i) {
    if (!all.masked.empty() && all.masked[i]) continue;
    const std::size_t at = i / all_cols / block * cols + i % all_cols / block;
    if (!panel.masked.empty()) panel.masked[at] = false;
    panel.weights[at] = std::max(panel.weights[at], all.weights[i]);
    panel.values[at] = std::max(panel.values[at], all.values[i]);
  }
  return panel;
}

}  // namespace

Scene shrunk(const Scene& scene, std::size_t block) {
  Scene small = scene;
  keep_firsts(small.row_labels, block);
  keep_firsts(small.col_labels, block);
  for (auto& panel : small.panels) panel = shrunk(panel, scene.cols(), small.rows(), small.cols(), block);
  small.notes.push_back(
      {fmt::format("There is no room for {} x {} weights: each cell is the largest of {} x {}.", scene.rows(), scene.cols(), block, block),
       true});
  return small;
}

}  // namespace attend
