#include "attend/attention/linear.h"

namespace attend {
namespace {

constexpr std::int64_t kChunk = 64;  // rows of a causal call that are taken together

// Where every feature of a query or of all keys were 0, its weights would be 0/0.
constexpr double kLeastFeature = 1e-12;

// φ. exp(x) below 0 itself, since elu(x) + 1 is 0 long before it is.
at::Tensor features(const at::Tensor& x) { return at::where(x > 0, x + 1, x.clamp_max(0).exp()).clamp_min(kLeastFeature); }

class FeatureProduct final : public Score {
 public:
  at::Tensor prepare(const at::Tensor& keys) const override { return features(keys); }  // [B, Hk, S, D]
  at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const override {
    return at::matmul(features(query), prepared.mT()).log();  // [B, H, T, S]
  }
  std::vector<ScorePart> parts(const at::Tensor& query, const at::Tensor& prepared) const override {
    const auto asked = features(query);  // [B, H, T, D]
    return {{"φ(q)", ScorePart::Of::kQuery, asked},
            {"φ(k)", ScorePart::Of::kKey, prepared},
            {"φ(q)·φ(k)", ScorePart::Of::kPair, at::matmul(asked, prepared.mT())}};
  }
};

// φ(k) with the keys that no query sees at zero, where φ(0) = 1 would count them; [B, Hk, S, D].
at::Tensor counted_keys(const Memory& memory) { return zero_hidden(memory.keys(), memory.visible()); }

// A = Σ_s φ(k_s) v_sᵀ and z = Σ_s φ(k_s): all that a query needs of a source which it sees whole.
struct Sums final : Prepared {
  Sums(at::Tensor of_products, at::Tensor of_keys) : products(std::move(of_products)), keys(std::move(of_keys)) {}
  std::shared_ptr<Prepared> select(const at::Tensor& items) const override {
    return std::make_shared<Sums>(products.index_select(0, items), keys.index_select(0, items));
  }
  std::shared_ptr<Prepared> append(const Prepared& later) const override {
    const auto& more = static_cast<const Sums&>(later);
    return std::make_shared<Sums>(products + more.products, keys + more.keys);
  }
  at::Tensor products, keys;  // [B, Hk, D, Dv], [B, Hk, D]
};

// What is worked out for the rows of a call.
struct Read {
  at::Tensor sums;   // φ(q)ᵀ A [B, H, T, Dv]
  at::Tensor total;  // φ(q)·z [B, H, T]
};

Read read_whole(const at::Tensor& asked, const Sums& sums, std::int64_t heads) {
  const auto products = share_heads(sums.products, heads);       // [B, H, D, Dv]
  const auto keys = share_heads(sums.keys.unsqueeze(2), heads);  // [B, H, 1, D]
  return {at::matmul(asked, products), at::matmul(asked, keys.mT()).squeeze(-1)};
}

// Row t sees the keys 0 to t: those of the chunks before its own through their sums, those of its own one by one.
Read read_causal(const at::Tensor& asked, const at::Tensor& keys, const at::Tensor& values) {
  const auto rows = asked.size(2);
  std::vector<at::Tensor> sums, totals;
  at::Tensor products, counted;  // of the chunks before
  for (std::int64_t begin = 0; begin < rows; begin += kChunk) {
    const auto size = std::min(kChunk, rows - begin);
    const auto q = asked.narrow(2, begin, size), k = keys.narrow(2, begin, size), v = values.narrow(2, begin, size);  // [B, H, size, *]
    const auto within = at::matmul(q, k.mT()).tril();                                                                 // [B, H, size, size]
    auto sum = at::matmul(within, v);                                                                                 // [B, H, size, Dv]
    auto total = within.sum(-1);                                                                                      // [B, H, size]
    if (products.defined()) {
      sum = sum + at::matmul(q, products);                               // [B, H, size, Dv]
      total = total + at::matmul(q, counted.unsqueeze(-1)).squeeze(-1);  // [B, H, size]
    }
    sums.push_back(sum);
    totals.push_back(total);
    if (begin + size == rows) break;
    const auto own = at::matmul(k.mT(), v);                       // [B, H, D, Dv]
    products = products.defined() ? products + own : own;         // [B, H, D, Dv]
    counted = counted.defined() ? counted + k.sum(2) : k.sum(2);  // [B, H, D]
  }
  return {at::cat(sums, 2), at::cat(totals, 2)};
}

// Whether the sums over a source of S keys, read by about as many queries, cost less than its weights: 2·S·D·Dv against S²·(D + Dv).
bool worth_sums(const Memory& memory) {
  const auto d = memory.keys().size(3), dv = memory.values().size(3);
  return memory.size() * (d + dv) >= 2 * d * dv;
}

bool asks_for_all_rows(const Request& r) { return r.weights || r.scores || r.entropy || r.maximum || r.top > 0 || r.pool_rows > 0; }

constexpr const char* kFewKeys = "the weights of so few keys cost less than sums";

// Whether row t of the call sees exactly the keys 0 to t of its item.
bool self_causal(const AttendCall& call) {
  const auto& mask = call.memory.mask();
  return mask.causal && call.query.size(2) == call.memory.size() && !mask.query_lengths.defined();
}

std::string why_not(const AttendCall& call) {
  const auto& mechanism = call.mechanism;
  const auto& mask = call.memory.mask();
  if (!dynamic_cast<const FeatureProduct*>(&mechanism.score())) return "the score is no product of features";
  if (call.memory.size() == 0) return "there are no keys";
  const auto& o = mechanism.weighing();
  if (o.normaliser != "softmax" || o.temperature != 1) return "the weights are no plain shares";
  if (mechanism.has_positions()) return "positions change single scores";
  if (mechanism.is_training() && mechanism.weight_dropout() > 0) return "dropout takes single weights";
  if (mask.bias.defined()) return "a bias changes single scores";
  if (asks_for_all_rows(call.request)) return "the request needs the weights of all rows";
  const bool one_row = mask.causal && call.query.size(2) == 1 && call.memory.prepared() != nullptr;
  if (!same_for_every_query(mask) && !one_row) {
    if (mask.keep.defined() || !self_causal(call)) return "queries see different keys";
    if (call.request.column_sums) return "column sums of a causal call need the weights of all rows";
    return worth_sums(call.memory) ? "" : kFewKeys;
  }
  if (!call.memory.prepared()) return kFewKeys;
  return {};
}

// Weights of single rows: φ(q_t)·φ(k_s) / total, [B, H, R, S].
at::Tensor weights_of_rows(const at::Tensor& asked, const at::Tensor& keys, const at::Tensor& total, const at::Tensor& rows, bool causal) {
  auto products = at::matmul(asked.index_select(2, rows), keys.mT());  // [B, H, R, S]
  if (causal) {
    const auto later = at::arange(keys.size(2), index_options()).unsqueeze(0) > rows.unsqueeze(1);  // [R, S]
    products = products.masked_fill(later, 0.0);                                                    // [B, H, R, S]
  }
  return products / total.index_select(2, rows).unsqueeze(-1);
}

Result run_by_sums(const AttendCall& call) {
  const auto& memory = call.memory;
  const auto heads = call.query.size(1);
  const CallSizes sizes{call.query.size(0), heads, call.query.size(2), memory.size()};
  auto empty = memory.empty_rows(sizes, call.mechanism.called());
  if (empty.defined()) empty = empty.expand({sizes.batch, sizes.heads, sizes.queries});  // [B, H, T]
  const bool causal = call.query.size(2) > 1 && self_causal(call);
  auto query = widened(call.query);  // [B, H, T, D]
  if (empty.defined()) query = query.masked_fill(empty.unsqueeze(-1), 0.0);
  const auto asked = features(query);  // [B, H, T, D]
  at::Tensor keys;                     // [B, H, S, D]; a step that needs the context alone reads the sums and no key
  if (causal || call.request.column_sums || call.request.rows.defined()) keys = share_heads(counted_keys(memory), heads);
  const auto read = causal ? read_causal(asked, keys, share_heads(widened(memory.values()), heads))
                           : read_whole(asked, static_cast<const Sums&>(*memory.prepared()), heads);
  const auto total = empty.defined() ? read.total.masked_fill(empty, 1.0) : read.total;  // [B, H, T]
  const auto live = [&](const at::Tensor& x, double otherwise) {
    return empty.defined() ? x.masked_fill(x.dim() == 4 ? empty.unsqueeze(-1) : empty, otherwise) : x;
  };
  Result result;
  result.context = live(read.sums / total.unsqueeze(-1), 0.0).to(memory.values().scalar_type());  // [B, H, T, Dv]
  if (call.request.lse) result.lse = live(total.log(), -std::numeric_limits<double>::infinity());
  if (call.request.column_sums) {
    const auto shares = live(asked / total.unsqueeze(-1), 0.0).sum(2, /*keepdim=*/true);  // [B, H, 1, D]
    result.column_sums = at::matmul(shares, keys.mT()).squeeze(2);                        // [B, H, S]
  }
  if (call.request.rows.defined()) {
    result.rows = weights_of_rows(asked, keys, total, call.request.rows, causal);  // [B, H, R, S]
    if (empty.defined()) result.rows = result.rows.masked_fill(empty.index_select(2, call.request.rows).unsqueeze(-1), 0.0);
  }
  return result;
}

}  // namespace

LinearAttention::LinearAttention(const MechanismOptions& o)
    : ScoredAttention("linear", (check_sizes("linear", o), check_equal_sizes("linear", o), std::make_shared<FeatureProduct>()), o) {}

Memory LinearAttention::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  auto memory = ScoredAttention::prepare(keys, values, mask);
  // Of a causal call every row has sums of its own. A single position is a step of a decoder, whose cache adds them up.
  if (memory.size() != 1 && (!same_for_every_query(mask) || !worth_sums(memory))) return memory;
  const auto counted = counted_keys(memory);  // [B, Hk, S, D]
  memory.set_prepared(std::make_shared<Sums>(at::matmul(counted.mT(), widened(memory.values())), counted.sum(2)));
  return memory;
}

extern const Implementation linear_sums_implementation{
    .name = "linear_sums", .sentence = "linear: two sums over the source in place of weights", .declines = why_not, .run = run_by_sums};

extern constinit const MechanismEntry linear_entry{
    .name = "linear",
    .sentence = "a kernel in place of the softmax, so that a source is read through sums",
    .formula = "w[t,s] = φ(q_t)·φ(k_s) / Σ_j φ(q_t)·φ(k_j), φ(x) = elu(x) + 1",
    .paper = "Katharopoulos et al. 2020, eq. 4–6",
    .parameters = "none",
    .cost = "B·H·(T + S)·D·Dv",
    .range = "global",
    .score = "multiplicative",
    .source = "self or cross",
    .capabilities = {.equal_sizes = true, .scores_bounded = true},
    .options = visit_scored<>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<LinearAttention>(o); }};

}  // namespace attend
