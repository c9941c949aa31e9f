#include "attend/attention/location.h"

namespace attend {

void LocationOptions::visit(OptionVisitor& v) {
  v(size, "location_size", 512, "location: source positions that have a weight", between(1, 1 << 24));
  v(overflow, "location_overflow", "zero", "location: positions beyond get weight zero, or are an error", one_of({"zero", "error"}));
}

Location::Location(const MechanismOptions& o) : overflow_is_error_(o.of<LocationOptions>().overflow == "error") {
  const auto& own = o.of<LocationOptions>();
  ATTEND_CHECK(own.size >= 1, kValue, "location: location_size must be at least 1, got {}", own.size);
  ATTEND_CHECK(overflow_is_error_ || own.overflow == "zero", kUnknownName,
               "location: location_overflow '{}' is not known; valid: zero, error", own.overflow);
  weight_ = register_parameter("weight", initial_weight({o.heads, own.size, o.query_size}, o.query_size));  // [H, S_max, Dq]
}

at::Tensor Location::scores(const at::Tensor& query, const at::Tensor& prepared) const {
  const auto keys = prepared.size(2), known = weight_.size(1);
  ATTEND_CHECK(
      keys <= known || !overflow_is_error_, kValue,
      "location: the source has {} positions, the weights know {}; train with a larger model.location_size or set location_overflow: zero",
      keys, known);
  const auto used = std::min(keys, known);
  const auto e = per_head_linear(query, weight_.narrow(1, 0, used));   // [B, H, T, used]
  return used == keys ? e : at::constant_pad_nd(e, {0, keys - used});  // the rest is hidden by reach()
}

extern constinit const MechanismEntry location_entry{.name = "location",
                                                     .sentence = "the query alone says where to look; the keys are not read",
                                                     .formula = "e[t,s] = (W q_t)_s",
                                                     .paper = "Luong, Pham & Manning 2015, §3.1, eq. 8",
                                                     .parameters = "W [H, S_max, Dq]",
                                                     .cost = "B·H·T·S·Dq",
                                                     .range = "global",
                                                     .score = "location",
                                                     .source = "self or cross",
                                                     .capabilities = {.position_aware = true, .ignores_keys = true},
                                                     .options = visit_scored<LocationOptions>,
                                                     .make = [](const MechanismOptions& o) { return make_scored<Location>("location", o); },
                                                     .make_score = make_score_of<Location>};

}  // namespace attend
