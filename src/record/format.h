#pragma once
// What writer and reader of record files agree on; docs/schemas/attend.record.schema.json says it to others.
#include <array>
#include <string_view>
#include <utility>

#include "attend/core/error.h"
#include "attend/record/record.h"

namespace attend {

inline constexpr std::string_view kRecordSchema = "attend.record";
inline constexpr int kRecordMajor = 1, kRecordMinor = 3;
inline constexpr const char* kRecordIndex = "record.json";

/// Columns of the int64 arrays of tokens and nodes. A later minor version may append columns; readers take these.
inline constexpr std::array<const char*, 5> kTokenColumns = {"id", "begin", "end", "word", "special"};
inline constexpr std::array<const char*, 4> kNodeColumns = {"parent", "step", "token", "end"};

inline constexpr std::array<std::pair<RowKind, std::string_view>, 3> kRowKinds = {
    {{RowKind::kSoftmax, "softmax"}, {RowKind::kSparse, "sparse"}, {RowKind::kUnnormalised, "unnormalised"}}};
inline constexpr std::array<std::pair<RowAxis, std::string_view>, 5> kRowAxes = {{{RowAxis::kNode, "node"},
                                                                                  {RowAxis::kSource, "source"},
                                                                                  {RowAxis::kDocument, "document"},
                                                                                  {RowAxis::kQuestion, "question"},
                                                                                  {RowAxis::kCell, "cell"}}};
inline constexpr std::array<std::pair<ColumnAxis, std::string_view>, 8> kColumnAxes = {{{ColumnAxis::kSource, "source"},
                                                                                        {ColumnAxis::kStep, "step"},
                                                                                        {ColumnAxis::kDraft, "draft"},
                                                                                        {ColumnAxis::kDocument, "document"},
                                                                                        {ColumnAxis::kQuestion, "question"},
                                                                                        {ColumnAxis::kStatement, "statement"},
                                                                                        {ColumnAxis::kCell, "cell"},
                                                                                        {ColumnAxis::kSlot, "slot"}}};
inline constexpr std::array<std::pair<SiteRole, std::string_view>, 5> kSiteRoles = {{{SiteRole::kSource, "source"},
                                                                                     {SiteRole::kSelf, "self"},
                                                                                     {SiteRole::kDraft, "draft"},
                                                                                     {SiteRole::kCopy, "copy"},
                                                                                     {SiteRole::kOther, "other"}}};

inline constexpr std::array<std::pair<SiteLayers, std::string_view>, 3> kSiteLayers = {
    {{SiteLayers::kOne, "one"}, {SiteLayers::kStack, "stack"}, {SiteLayers::kRepeated, "repeated"}}};

inline constexpr std::array<std::pair<TileScore, std::string_view>, 3> kTileScores = {
    {{TileScore::kProduct, "product"}, {TileScore::kTanh, "tanh"}, {TileScore::kRelu, "relu"}}};

/// The text that stands for a value.
template <class Value, class Names>
std::string_view text_of(Value value, const Names& names) {
  for (const auto& [known, text] : names)
    if (known == value) return text;
  ATTEND_ASSERT(false);
  return {};
}

/// What versions before 1.2 did not say of a site, by the names that their models gave: role, kinds of rows and columns, and why it
/// had its layers. `site` has a name, a layer, rows and columns as such a file says them.
Site site_of_old_record(Site site, const std::string& mechanism, bool picture);

}  // namespace attend
