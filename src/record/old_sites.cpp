// The names that sites had before records said what a site is (versions 1.0 and 1.1). Nothing new is added here.
#include <algorithm>
#include <array>

#include "record/format.h"

namespace attend {
namespace {

struct OldSite {
  std::string_view name;
  SiteRole role;
  RowAxis rows;
  ColumnAxis columns;
  SiteLayers layers = SiteLayers::kOne;
};

using enum SiteRole;
constexpr std::array<OldSite, 13> kOldSites = {{
    {"decoder.attention", kSource, RowAxis::kNode, ColumnAxis::kSource},
    {"decoder.cross", kSource, RowAxis::kNode, ColumnAxis::kSource, SiteLayers::kStack},
    {"pool", kSource, RowAxis::kNode, ColumnAxis::kSource},
    {"hops", kSource, RowAxis::kNode, ColumnAxis::kStatement, SiteLayers::kRepeated},
    {"reader.attended", kSource, RowAxis::kNode, ColumnAxis::kDocument},
    {"ntm.read", kSource, RowAxis::kNode, ColumnAxis::kSource},
    {"reader.alpha", kOther, RowAxis::kQuestion, ColumnAxis::kDocument},
    {"reader.beta", kOther, RowAxis::kDocument, ColumnAxis::kQuestion},
    {"encoder.self", kSelf, RowAxis::kSource, ColumnAxis::kSource, SiteLayers::kStack},
    {"decoder.self", kSelf, RowAxis::kNode, ColumnAxis::kStep, SiteLayers::kStack},
    {"output.self", kSelf, RowAxis::kNode, ColumnAxis::kStep},
    {"decoder.draft", kDraft, RowAxis::kNode, ColumnAxis::kDraft},
    {"output.copy", kCopy, RowAxis::kNode, ColumnAxis::kSource},
}};

}  // namespace

Site site_of_old_record(Site site, const std::string& mechanism, bool picture) {
  const auto old = std::find_if(kOldSites.begin(), kOldSites.end(), [&](const OldSite& o) { return o.name == site.name; });
  // What stands in the file says how many rows and columns there are; a name that it contradicts tells nothing.
  if (old == kOldSites.end() || over_source(old->rows) != over_source(site.rows) || over_source(old->columns) != over_source(site.columns))
    return site;
  site.role = old->role;
  site.rows = old->rows;
  site.columns = picture && old->columns == ColumnAxis::kSource ? ColumnAxis::kCell : old->columns;
  site.layers = old->layers;
  if (site.role == SiteRole::kSource) site.mechanism = mechanism;
  return site;
}

}  // namespace attend
