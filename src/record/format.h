#pragma once
// What writer and reader of record files agree on; docs/schemas/attend.record.schema.json says it to others.
#include <array>
#include <string_view>
#include <utility>

#include "attend/record/record.h"

namespace attend {

inline constexpr std::string_view kRecordSchema = "attend.record";
inline constexpr int kRecordMajor = 1, kRecordMinor = 1;
inline constexpr const char* kRecordIndex = "record.json";

/// Columns of the int64 arrays of tokens and nodes. A later minor version may append columns; readers take these.
inline constexpr std::array<const char*, 5> kTokenColumns = {"id", "begin", "end", "word", "special"};
inline constexpr std::array<const char*, 4> kNodeColumns = {"parent", "step", "token", "end"};

inline constexpr std::array<std::pair<RowKind, std::string_view>, 3> kRowKinds = {
    {{RowKind::kSoftmax, "softmax"}, {RowKind::kSparse, "sparse"}, {RowKind::kUnnormalised, "unnormalised"}}};
inline constexpr std::array<std::pair<RowAxis, std::string_view>, 2> kRowAxes = {{{RowAxis::kNode, "node"}, {RowAxis::kSource, "source"}}};

}  // namespace attend
