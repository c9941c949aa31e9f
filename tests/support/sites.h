#pragma once
// Sites as models declare them.
#include "attend/record/site.h"

namespace attend::sites {

inline Site encoder_self(std::int64_t layer) {
  return {.name = "encoder.self",
          .layer = layer,
          .rows = RowAxis::kSource,
          .columns = ColumnAxis::kSource,
          .role = SiteRole::kSelf,
          .mechanism = "scaled_dot",
          .layers = SiteLayers::kStack};
}
inline Site decoder_self(std::int64_t layer) {
  return {.name = "decoder.self",
          .layer = layer,
          .columns = ColumnAxis::kStep,
          .role = SiteRole::kSelf,
          .mechanism = "scaled_dot",
          .layers = SiteLayers::kStack};
}
inline Site decoder_cross(std::int64_t layer) {
  return {.name = "decoder.cross", .layer = layer, .role = SiteRole::kSource, .mechanism = "scaled_dot", .layers = SiteLayers::kStack};
}
inline Site decoder_attention(ColumnAxis of = ColumnAxis::kSource) {
  return {.name = "decoder.attention", .columns = of, .role = SiteRole::kSource, .mechanism = "additive"};
}

}  // namespace attend::sites
