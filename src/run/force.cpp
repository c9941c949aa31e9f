#include "attend/run/search.h"
#include "attend/text/tokenizer.h"
#include "run/finite.h"
#include "run/maps.h"

namespace attend {

std::vector<SearchResult> force(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths, const at::Tensor& targets,
                                const at::Tensor& target_lengths, bool record) {
  at::NoGradGuard no_grad;
  WeightsObserver observer;
  auto* watch = record ? &observer : nullptr;
  const auto encoded = model.encode(source, lengths, watch);
  const auto encoder_maps = observer.seen();
  observer.clear();
  const auto begin = at::full({targets.size(0), 1}, kBeginId, at::kLong);
  const auto inputs = at::cat({begin, targets.narrow(1, 0, targets.size(1) - 1)}, 1);
  const auto states = model.decode(*encoded, inputs, target_lengths, watch);
  const auto log_probs = at::log_softmax(model.logits(states).to(at::kFloat), -1).gather(2, targets.unsqueeze(-1)).squeeze(-1).contiguous();
  std::vector<SearchResult> results(static_cast<std::size_t>(targets.size(0)));
  for (std::int64_t b = 0; b < targets.size(0); ++b) {
    auto& result = results[static_cast<std::size_t>(b)];
    const auto source_length = lengths[b].item<std::int64_t>(), steps = target_lengths[b].item<std::int64_t>();
    FoundHypothesis found;
    GrowingMaps maps;
    if (record) maps.add_encoder(encoder_maps, b, source_length);
    for (std::int64_t t = 0; t < steps; ++t) {
      const auto token = static_cast<std::int32_t>(targets[b][t].item<std::int64_t>());
      const auto log_prob = log_probs[b][t].item<float>();
      check_score(log_prob, "score", static_cast<std::size_t>(t));
      found.tokens.push_back(token);
      found.log_probs.push_back(log_prob);
      found.log_prob += log_prob;
      const bool last = t + 1 == steps;
      result.nodes.push_back({static_cast<std::int32_t>(t) - 1, static_cast<std::uint32_t>(t), token, log_prob,
                              static_cast<float>(found.log_prob), last ? NodeEnd::kFinished : NodeEnd::kLive});
      if (!record) continue;
      SeenMaps row;  // this step's row in the shapes of a single step of one hypothesis
      for (const auto& seen : observer.seen()) {
        auto own = seen.weights[b].narrow(1, t, 1);                                 // [H, 1, columns]
        if (seen.site.columns == ColumnAxis::kStep) own = own.narrow(2, 0, t + 1);  // [H, 1, t + 1]
        row.push_back({seen.site, own.unsqueeze(0), seen.kind});
      }
      maps.add_node(row, {.source_length = source_length});
      maps.add_scalars(observer.scalars(), b, t);
    }
    found.last_node = static_cast<std::int32_t>(steps) - 1;
    found.score = found.log_prob;
    result.best.push_back(std::move(found));
    if (record) result.maps = maps.finish();
    if (record) result.scalars = maps.finish_scalars();
  }
  return results;
}

}  // namespace attend
