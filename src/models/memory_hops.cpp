#include "attend/models/memory_hops.h"

#include "attend/attention/score.h"
#include "attend/ops/draws.h"
#include "models/classifier_parts.h"

namespace attend {

void MemoryHopsOptions::visit(OptionVisitor& v) {
  v(hops, "hops", 3, "times memory_hops looks into the story", between(1, 100));
  v(statements, "statements", 50, "statements that memory_hops holds, the latest ones", between(1, 10000));
  v(position_encoding, "position_encoding", true, "memory_hops: a word counts by its place in the sentence");
}

namespace {

class MemoryHops final : public Answerer {
 public:
  MemoryHops(const ModelOptions& o, std::int64_t vocabulary, std::int64_t answers) : how_(o.of<MemoryHopsOptions>()), size_(o.embedding) {
    for (std::int64_t k = 0; k <= how_.hops; ++k) {
      tables_.push_back(register_module(fmt::format("table_{}", k), std::make_shared<Embedding>(vocabulary, o.embedding, false)));
      ages_.push_back(register_parameter(fmt::format("age_{}", k), at::empty({ages(), o.embedding}, float_options()).normal_(0, 0.1)));
    }
    output_ = register_module("output", std::make_shared<Linear>(o.embedding, checked_answers(answers), false));
  }

  at::Tensor answer(const Questions& q, Observer* observer) const override {
    const auto most = q.statements.size(1);
    ATTEND_CHECK(most <= how_.statements, kValue, "memory_hops: a story has {} statements, model.statements holds {}", most,
                 how_.statements);
    auto u = sentence(*tables_[0], q.question, q.question_lengths);  // [B, N]
    const auto live = within_lengths(q.counts, most);                // [B, M]
    const auto age = ages_of(q.counts, most);                        // [B, M]
    auto keys = statements(0, q, age);                               // [B, M, N]
    for (std::int64_t k = 0; k < how_.hops; ++k) {
      const auto values = statements(k + 1, q, age);                                                         // [B, M, N]
      const auto scores = at::matmul(keys, u.unsqueeze(2)).squeeze(2);                                       // [B, M]
      const auto p = q.linear ? scores.masked_fill(live.logical_not(), 0.0) : masked_softmax(scores, live);  // [B, M]
      if (observer) {
        Result result;
        result.weights = p.unsqueeze(1).unsqueeze(1);  // [B, 1, 1, M]
        add_statistics(result, observer->request(hop(k)), result.weights);
        observer->observe(hop(k), result);
      }
      u = u + at::matmul(p.unsqueeze(1), values).squeeze(1);  // [B, N]
      keys = values;
    }
    return at::log_softmax((*output_)(u), -1);
  }

  std::vector<Site> sites() const override {
    std::vector<Site> sites;
    for (std::int64_t k = 0; k < how_.hops; ++k) sites.push_back(hop(k));
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
  std::int64_t ages() const { return 2 * how_.statements; }

  // int64 [B, M]: how many statements (and gaps) stand behind each.
  at::Tensor ages_of(const at::Tensor& counts, std::int64_t most) const {
    const auto behind = (counts.unsqueeze(1) - 1 - at::arange(most, index_options())).clamp_min(0);  // [B, M]
    if (!is_training()) return behind;
    const auto passed =
        uniform_draws(draw_keys(place(), counts.size(0)), {most}).lt(0.1).logical_and(within_lengths(counts, most));  // [B, M]
    const auto gaps = passed.to(at::kLong).flip({1}).cumsum(1).flip({1});                                             // [B, M]
    return (behind + gaps).clamp_max(ages() - 1);
  }

  // ids [.., J] with lengths [..] -> [.., N]
  at::Tensor sentence(const Embedding& table, const at::Tensor& ids, const at::Tensor& lengths) const {
    const auto live = at::arange(ids.size(-1), lengths.options()) < lengths.unsqueeze(-1);  // [.., J]
    const auto vectors = table(ids).masked_fill(live.logical_not().unsqueeze(-1), 0.0);     // [.., J, N]
    if (!how_.position_encoding) return vectors.sum(-2);
    const auto words = live.sum(-1, /*keepdim=*/true).clamp_min(1).to(vectors.scalar_type());  // J [.., 1]
    const auto j = at::arange(1, ids.size(-1) + 1, vectors.options()) / words;                 // j/J [.., J]
    const auto k = at::arange(1, size_ + 1, vectors.options()) / static_cast<double>(size_);   // k/N [N]
    const auto weights = (1 - j).unsqueeze(-1) - (1 - 2 * j).unsqueeze(-1) * k;                // [.., J, N]
    return (vectors * weights).sum(-2);
  }

  // [B, M, N]
  at::Tensor statements(std::int64_t k, const Questions& q, const at::Tensor& age) const {
    const auto at = static_cast<std::size_t>(k);
    return sentence(*tables_[at], q.statements, q.statement_lengths) + at::embedding(ages_[at], age);
  }

  MemoryHopsOptions how_;
  std::int64_t size_;  // N
  std::vector<std::shared_ptr<Embedding>> tables_;
  std::vector<at::Tensor> ages_;
  std::shared_ptr<Linear> output_;
};

}  // namespace

std::shared_ptr<Answerer> make_memory_hops(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers) {
  return std::make_shared<MemoryHops>(options, source_vocabulary, answers);
}

extern constinit const ModelEntry memory_hops_entry{
    .name = "memory_hops",
    .kind = {Matter::kStory, Matter::kAnswer},
    .options =
        [](ModelOptions& o, OptionVisitor& v) {
          visit_embedding(o, v);
          v.once<MemoryHopsOptions>(o.own);
        },
    .usual_attention = [](const ModelOptions& /*o*/) -> std::string_view { return "none"; },
    .looks_by = [](const ModelOptions& /*o*/) { return std::string("content"); },
    .make = [](const ModelOptions& o, std::int64_t source, std::int64_t target) -> std::shared_ptr<Module> {
      return make_memory_hops(o, source, target);
    }};

}  // namespace attend
