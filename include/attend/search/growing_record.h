#pragma once
// What a search over one item has kept so far, while it grows: the nodes of its tree and, when recording, what each attended to.
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "attend/record/record.h"
#include "attend/search/step_model.h"

namespace attend {

/// The tree and its maps. Rows of decoder maps are nodes: maps[..].rows == nodes.size() for them, and so for scalars.
struct SearchTree {
  std::vector<SearchNode> nodes;
  std::vector<AttentionMap> maps;     ///< encoder maps first, each part by name and layer
  std::vector<NodeScalars> scalars;   ///< what mechanisms say of each node beside its weights
  std::vector<MapSummary> summaries;  ///< of maps that are not kept in full
};

/// A node that was kept, and the row of the step whose numbers belong to it.
struct KeptNode {
  SearchNode node;
  std::int64_t row = 0;
};

/// The tree of one item as it grows. One thread writes (the search); any others may call snapshot(), size() and finished() meanwhile:
/// they see whole steps, never a node without its rows.
class GrowingRecord {
 public:
  /// `own` are the sizes of the item.
  explicit GrowingRecord(const ItemSize& own) : own_(own) {}
  GrowingRecord(const GrowingRecord&) = delete;
  GrowingRecord& operator=(const GrowingRecord&) = delete;

  /// The tree so far, copied: time and memory grow with it.
  SearchTree snapshot() const;
  std::size_t size() const;  ///< nodes so far
  bool finished() const;     ///< nothing will be added any more

  // What follows is for the thread that writes.

  void add_encoder(std::vector<AttentionMap> maps);
  void add_summaries(std::vector<MapSummary> summaries);
  /// One step: the nodes it kept, in order, with their rows of what the model showed, and the earlier nodes that nothing was kept of.
  void add_step(std::span<const KeptNode> kept, const ShownRows& shown, std::span<const std::int32_t> pruned);
  /// Marks nodes at which the search ended.
  void prune(std::span<const std::int32_t> nodes);
  /// Nothing will be added.
  void finish();
  const std::vector<SearchNode>& nodes() const { return nodes_; }
  /// The whole tree, moved out of here; later snapshots are empty.
  SearchTree release();

 private:
  // Rows of one site: one behind the other, each [heads, its own columns].
  struct Growing {
    Site site;
    RowKind kind = RowKind::kSoftmax;
    std::int64_t heads = 0;
    std::vector<std::uint32_t> columns;  // of each row
    std::vector<float> weights;
  };
  std::int64_t own_columns(const SiteRows& shown, const SearchNode& node) const;
  void add_row(const SiteRows& shown, const KeptNode& kept);
  void add_scalars(std::span<const ScalarRows> scalars, std::int64_t row);
  static AttentionMap whole(const Growing& growing);
  std::vector<AttentionMap> decoder_maps() const;

  const ItemSize own_;
  mutable std::mutex mutex_;  // guards all below; the writer reads without it
  std::vector<SearchNode> nodes_;
  std::vector<AttentionMap> encoder_;
  std::vector<Growing> decoder_;  // by name and layer
  std::vector<NodeScalars> scalars_;
  std::vector<MapSummary> summaries_;
  bool finished_ = false;
};

/// Gives a map over a part of the source all of its `tokens` as columns, and as rows where those are tokens of the source too.
void widen(AttentionMap& map, std::uint32_t tokens, std::uint32_t first_row, std::uint32_t first_column);

/// The name that records give a number which a mechanism says at a site: "centre", "centre.2" in a stack of layers, "draft.centre" of a
/// second pass's draft.
std::string scalar_name(const Site& site, const std::string& name);

}  // namespace attend
