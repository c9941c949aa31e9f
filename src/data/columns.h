#pragma once
// Which column holds the texts and which the labels.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "attend/data/labelled.h"
#include "table.h"

namespace attend {

struct TextColumns {
  std::size_t text = 0, label = 0;  ///< label is meaningless where none is wanted
  bool header = false;              ///< the first row holds names, not a text
  std::string said;                 ///< "CSV with commas and a header: the text is column 2 (review), the label column 3 (sentiment)"
};

/// By options.form, else names that people give such columns, else content: the column of labels is that of the known classes, or the
/// one with the fewest different values; that of texts the one with the longest. Throws kUnknownName for a column that is not there,
/// kData where content does not tell.
TextColumns choose_columns(const Table& table, const LabelledOptions& options, bool labelled);

/// Whether these cells are a header as people write it: one is a usual name for a text, another for a label.
bool names_columns(const std::vector<std::string_view>& cells);

}  // namespace attend
