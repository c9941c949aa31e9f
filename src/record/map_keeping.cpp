#include "attend/record/map_keeping.h"

#include <charconv>
#include <set>

#include "attend/core/error.h"

namespace attend {

void MapKeeping::visit(OptionVisitor& v) {
  v(maps, "maps", "auto",
    "with --record: every weight, or a summary (statistics of rows and columns, pooled blocks, tiles); auto: a summary of maps beyond "
    "16,777,216 weights a layer",
    one_of({"auto", "full", "summary"}));
  v(top, "map_top", 8, "of a summary: how many of the largest weights of each row it holds", between(0, static_cast<double>(kMostTop)));
  v(rows, "map_rows", {}, "of a summary: rows that it holds in full, from 0");
  v(tiles, "map_tiles", "exact",
    "of a summary: queries and keys, from which any tile of the map is computed: as they are, rounded to float16, or none",
    one_of({"exact", "half", "none"}));
}

MapKeeping MapKeeping::full() {
  MapKeeping all;
  all.maps = "full";
  return all;
}

bool MapKeeping::runs_alone(std::size_t tokens) const { return maps == "summary" || (maps == "auto" && tokens > kAlone); }

bool MapKeeping::summarises(std::int64_t heads, std::int64_t row_count, std::int64_t columns) const {
  if (maps != "auto") return maps == "summary";
  const auto weights = static_cast<unsigned __int128>(heads) * static_cast<unsigned __int128>(row_count) *
                       static_cast<unsigned __int128>(columns);  // 64 bits might not hold the product
  return weights > kMostWeights;
}

std::vector<std::int64_t> MapKeeping::chosen_rows(std::int64_t count) const {
  std::set<std::int64_t> chosen;
  for (const auto& text : rows) {
    std::int64_t row = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), row);
    ATTEND_CHECK(problem == std::errc() && end == text.data() + text.size() && row >= 0, kValue,
                 "map_rows: expected numbers of rows from 0, got '{}'", text);
    if (row < count) chosen.insert(row);
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace attend
