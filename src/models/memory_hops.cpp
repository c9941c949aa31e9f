#include "attend/models/memory_hops.h"

#include "attend/attention/score.h"
#include "attend/ops/draws.h"
#include "models/classifier_parts.h"

namespace attend {
namespace {

class MemoryHops final : public Answerer {
 public:
  MemoryHops(const ModelOptions& o, std::int64_t vocabulary, std::int64_t answers) : o_(o) {
    for (std::int64_t k = 0; k <= o.hops; ++k) {
      tables_.push_back(register_module(fmt::format("table_{}", k), std::make_shared<Embedding>(vocabulary, o.embedding, false)));
      ages_.push_back(register_parameter(fmt::format("age_{}", k), at::empty({ages(), o.embedding}).normal_(0, 0.1)));
    }
    output_ = register_module("output", std::make_shared<Linear>(o.embedding, answers_of(answers), false));
  }

  at::Tensor answer(const Questions& q, Observer* observer) const override {
    const auto most = q.statements.size(1);
    ATTEND_CHECK(most <= o_.statements, kValue, "memory_hops: a story has {} statements, model.statements holds {}", most, o_.statements);
    auto u = sentence(*tables_[0], q.question);        // [B, N]
    const auto live = within_lengths(q.counts, most);  // [B, M]
    const auto age = ages_of(q.counts, most);          // [B, M]
    auto keys = statements(0, q.statements, age);      // [B, M, N]
    for (std::int64_t k = 0; k < o_.hops; ++k) {
      const auto values = statements(k + 1, q.statements, age);
      const auto scores = at::matmul(keys, u.unsqueeze(2)).squeeze(2);  // [B, M]
      const auto p = q.linear ? scores.masked_fill(live.logical_not(), 0.0) : masked_softmax(scores, live);
      if (observer) {
        Result result;
        result.weights = p.unsqueeze(1).unsqueeze(1);  // [B, 1, 1, M]
        add_statistics(result, observer->request(hop(k)), result.weights);
        observer->observe(hop(k), result);
      }
      u = u + at::matmul(p.unsqueeze(1), values).squeeze(1);
      keys = values;
    }
    return at::log_softmax((*output_)(u), -1);
  }

  std::vector<Site> sites() const override {
    std::vector<Site> sites;
    for (std::int64_t k = 0; k < o_.hops; ++k) sites.push_back(hop(k));
    return sites;
  }

 private:
  static Site hop(std::int64_t k) {
    return {.name = "hops",
            .layer = k,
            .columns = ColumnAxis::kStatement,
            .role = SiteRole::kSource,
            .mechanism = "content",
            .layers = SiteLayers::kRepeated};
  }

  // Ages that statements may get: more than there are statements, since some are passed over in training.
  std::int64_t ages() const { return 2 * o_.statements; }

  // int64 [B, M]: how many statements (and gaps) stand behind each.
  at::Tensor ages_of(const at::Tensor& counts, std::int64_t most) const {
    const auto behind = (counts.unsqueeze(1) - 1 - at::arange(most, at::kLong)).clamp_min(0);  // [B, M]
    if (!is_training()) return behind;
    const auto passed =
        uniform_draws(draw_keys(place(), counts.size(0)), {most}).lt(0.1).logical_and(within_lengths(counts, most));  // [B, M]
    const auto gaps = passed.to(at::kLong).flip({1}).cumsum(1).flip({1});                                             // [B, M]
    return (behind + gaps).clamp_max(ages() - 1);
  }

  // ids [.., J] padded with <pad> -> [.., N]
  at::Tensor sentence(const Embedding& table, const at::Tensor& ids) const {
    const auto live = ids.ne(1);
    const auto vectors = table(ids).masked_fill(live.logical_not().unsqueeze(-1), 0.0);  // [.., J, N]
    if (!o_.position_encoding) return vectors.sum(-2);
    const auto words = live.sum(-1, /*keepdim=*/true).clamp_min(1).to(vectors.scalar_type());               // J [.., 1]
    const auto j = at::arange(1, ids.size(-1) + 1, vectors.options()) / words;                              // j/J [.., J]
    const auto k = at::arange(1, o_.embedding + 1, vectors.options()) / static_cast<double>(o_.embedding);  // k/N [N]
    const auto weights = (1 - j).unsqueeze(-1) - (1 - 2 * j).unsqueeze(-1) * k;                             // [.., J, N]
    return (vectors * weights).sum(-2);
  }

  at::Tensor statements(std::int64_t k, const at::Tensor& ids, const at::Tensor& age) const {
    const auto at = static_cast<std::size_t>(k);
    return sentence(*tables_[at], ids) + at::embedding(ages_[at], age);
  }

  ModelOptions o_;
  std::vector<std::shared_ptr<Embedding>> tables_;
  std::vector<at::Tensor> ages_;
  std::shared_ptr<Linear> output_;
};

}  // namespace

std::shared_ptr<Answerer> make_memory_hops(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers) {
  return std::make_shared<MemoryHops>(options, source_vocabulary, answers);
}

}  // namespace attend
