#include "attend/attention/grouped_query.h"

namespace attend {
namespace {

std::int64_t key_heads(const MechanismOptions& o) {
  const auto given = o.of<GroupedQueryOptions>().key_heads;
  return given > 0 ? given : o.heads % 2 == 0 && o.heads > 0 ? o.heads / 2 : 1;
}

}  // namespace

void GroupedQueryOptions::visit(OptionVisitor& v) {
  v(key_heads, "key_heads", 0, "grouped_query: heads of the keys, shared by the query heads; 0 is half of them", between(0, 256));
}

GroupedQuery::GroupedQuery(const MechanismOptions& o) : MultiHead("grouped_query", o, key_heads(o)) {}

extern constinit const MechanismEntry grouped_query_entry{
    .name = "grouped_query",
    .sentence = "multi-head attention whose query heads share key heads",
    .formula = "[head_0; …; head_{H−1}] W_o, head_h = attention(X_q W_qʰ, X_k W_kᵍ, X_v W_vᵍ), g = h / (H/Hk)",
    .paper = "Ainslie et al. 2023; Shazeer 2019",
    .parameters = "W_q [H·D, N], W_k, W_v [Hk·D, N], W_o [N, H·D], those of the inner score",
    .cost = "B·T·S·H·(D + Dv) + T·N·H·D + S·N·Hk·(D + Dv)",
    .range = "global",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.projected = true, .wraps = true, .makes_heads = true},
    .options =
        [](OptionSet& set, OptionVisitor& v) {
          visit_heads(set, v);
          v.once<GroupedQueryOptions>(set);
        },
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<GroupedQuery>(o); }};

}  // namespace attend
