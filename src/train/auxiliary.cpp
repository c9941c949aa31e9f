#include "train/auxiliary.h"

#include "attend/attention/attention_pooling.h"
#include "attend/attention/multi_head.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/transformer_options.h"

namespace attend {
namespace {

// Whether it is an attention of target tokens to what is read.
bool of_source(const Site& site) { return site.role == SiteRole::kSource && site.rows == RowAxis::kNode; }

// Whether its rows are the learned queries of a pool.
bool of_pool(const Site& site) { return site.mechanism == "attention_pooling"; }

// Of a pair that begins with a site, that site.
constexpr auto kSiteOf = [](const auto& seen) -> const Site& { return seen.first; };

// bool [B, 1, T]: the steps an item has.
at::Tensor live_steps(const AuxiliaryBatch& batch, std::int64_t steps) { return within_lengths(batch.target_lengths, steps).unsqueeze(1); }

// How many rows of a call an item has; undefined where all do.
at::Tensor row_lengths(const Site& site, const AuxiliaryBatch& batch) {
  switch (site.rows) {
    case RowAxis::kNode: return of_pool(site) ? at::Tensor() : batch.target_lengths;
    case RowAxis::kSource:
    case RowAxis::kDocument: return batch.source_lengths;
    case RowAxis::kQuestion: return batch.question_lengths;
    case RowAxis::kCell: return {};
  }
  return {};
}

void add(at::Tensor& sum, const at::Tensor& part) { sum = sum.defined() ? sum + part : part; }

}  // namespace

const MechanismEntry* source_attention_that(const ModelOptions& model, bool Capabilities::*can) {
  auto names = model.of<LayerAttentionOptions>().layer_attention;
  if (names.empty()) names.push_back(attention_of(model));
  if (const auto& inside = model.of<MultiHeadOptions>().head_attention; !inside.empty()) names.push_back(inside);
  for (const auto& name : names) {
    if (name == "none") continue;
    const auto& entry = find_mechanism(name);
    if (entry.capabilities.*can) return &entry;
  }
  return nullptr;
}

void CoverageLossOptions::visit(OptionVisitor& v) {
  v(coverage_weight, "coverage_weight", 1.0, "attention coverage: weight of its loss, what is read twice", at_least(0));
  v(coverage_start, "coverage_start", 0, "updates before that loss begins; later is safer", at_least(0));
}

void RewardOptions::visit(OptionVisitor& v) {
  v(reward_weight, "reward_weight", 1.0, "attention hard: weight of the reward's gradient", at_least(0));
  v(entropy_weight, "entropy_weight", 0.002, "attention hard: weight of the entropy of its choices", at_least(0));
  v(reward, "reward", "sum", "attention hard: a choice is rewarded by the whole sentence, or by what follows it", one_of({"sum", "to_go"}));
}

void GuidedOptions::visit(OptionVisitor& v) {
  v(guided_weight, "guided_weight", 0.0, "weight of a loss that draws the attention to gold links, the third column of data.tsv",
    at_least(0));
  v(guided_head, "guided_head", 0, "the head of the last layer that it draws", at_least(0));
}

void DoublyOptions::visit(OptionVisitor& v) {
  v(doubly_weight, "doubly_weight", 0.0, "weight of a loss that asks every source position to be read once in all", at_least(0));
}

void PonderLossOptions::visit(OptionVisitor& v) {
  v(ponder_weight, "ponder_weight", 0.01, "adaptive computation: what a step costs", at_least(0));
}

void RowsLossOptions::visit(OptionVisitor& v) {
  v(rows_weight, "rows_weight", 0.0, "attention_pooling with several rows: weight of |A A' - I|^2, which keeps them apart", at_least(0));
}

void visit_losses(OptionSet& own, const ModelOptions& model, OptionVisitor& v) {
  v.once<EntropyLossOptions>(own);
  if (source_attention_that(model, &Capabilities::repeats_cost)) v.once<CoverageLossOptions>(own);
  if (source_attention_that(model, &Capabilities::rewarded)) v.once<RewardOptions>(own);
  if (model_reads<PonderOptions>(model)) v.once<PonderLossOptions>(own);
  if (model_reads<PoolingOptions>(model)) v.once<RowsLossOptions>(own);
}

bool AuxiliaryLosses::wanted(const TrainOptions& o, const ModelOptions& model) {
  if (asks_entropy(o.of<EntropyLossOptions>())) return true;
  if (o.of<GuidedOptions>().guided_weight > 0 || o.of<DoublyOptions>().doubly_weight > 0 || o.of<RowsLossOptions>().rows_weight > 0)
    return true;
  if (o.of<PonderLossOptions>().ponder_weight > 0 && model_reads<PonderOptions>(model)) return true;
  return source_attention_that(model, &Capabilities::rewarded) ||
         (o.of<CoverageLossOptions>().coverage_weight > 0 && source_attention_that(model, &Capabilities::repeats_cost));
}

Request AuxiliaryLosses::request(const Site& site) {
  Request request;
  request.weights = (of_source(site) && (o_.of<GuidedOptions>().guided_weight > 0 || o_.of<DoublyOptions>().doubly_weight > 0)) ||
                    (of_pool(site) && o_.of<RowsLossOptions>().rows_weight > 0);
  request.entropy = o_.of<RewardOptions>().entropy_weight > 0 || takes_part(o_.of<EntropyLossOptions>(), site);
  return request;
}

void AuxiliaryLosses::observe(const Site& site, const Result& result) { calls_.emplace_back(site, result); }

at::Tensor AuxiliaryLosses::rewards(const AuxiliaryBatch& batch) const {
  if (o_.of<RewardOptions>().reward == "to_go") return batch.log_probs.flip({1}).cumsum(1).flip({1});
  return batch.log_probs.sum(1, /*keepdim=*/true).expand_as(batch.log_probs);
}

at::Tensor AuxiliaryLosses::entropy_loss(const AuxiliaryBatch& batch) const {
  const auto& o = o_.of<EntropyLossOptions>();
  if (o.weight == 0) return {};
  at::Tensor sum;
  std::int64_t count = 0;
  for (const auto& [site, result] : calls_) {
    if (!takes_part(o, site)) continue;
    add(sum, mean_entropy(o, site, result, row_lengths(site, batch)));
    ++count;
  }
  return count > 0 ? sum * (o.weight * static_cast<double>(batch.units) / static_cast<double>(count)) : sum;
}

EntropySums AuxiliaryLosses::entropies(const AuxiliaryBatch& batch) const {
  const at::NoGradGuard no_grad;
  const auto& o = o_.of<EntropyLossOptions>();
  EntropySums sums;
  for (const auto& [site, result] : calls_) {
    if (!takes_part(o, site)) continue;
    auto& [sum, count] = sums[entropy_name(site)];
    sum += mean_entropy(o, site, result, row_lengths(site, batch)).item<double>();
    ++count;
  }
  return sums;
}

at::Tensor AuxiliaryLosses::loss(const AuxiliaryBatch& batch) const {
  at::Tensor sum = entropy_loss(batch);
  for (const auto& call : calls_) {
    const auto& [site, result] = call;
    if (const auto found = result.extras.find("ponder"); found != result.extras.end()) {
      add(sum, o_.of<PonderLossOptions>().ponder_weight * found->second.value.sum());
      continue;
    }
    if (of_pool(site)) {
      if (o_.of<RowsLossOptions>().rows_weight == 0) continue;
      const auto rows = result.weights.squeeze(1);                                               // [B, r, S]
      const auto overlap = at::matmul(rows, rows.mT()) - at::eye(rows.size(1), rows.options());  // [B, r, r]
      add(sum, o_.of<RowsLossOptions>().rows_weight * overlap.square().sum());
      continue;
    }
    if (!batch.target_lengths.defined()) continue;
    const auto steps = result.context.size(2);
    const auto live = live_steps(batch, steps);  // [B, 1, T]
    const auto& extras = result.extras;
    if (const auto found = extras.find("coverage_loss");
        found != extras.end() && o_.of<CoverageLossOptions>().coverage_weight > 0 && update_ > o_.of<CoverageLossOptions>().coverage_start)
      add(sum, o_.of<CoverageLossOptions>().coverage_weight * found->second.value.mean(1, true).masked_fill(live.logical_not(), 0.0).sum());
    if (const auto found = extras.find("reward_baseline"); found != extras.end()) {
      const auto baseline = found->second.value.narrow(0, 0, std::min(steps, found->second.value.size(0)));  // [at most T]
      const auto reward =
          rewards(batch) -
          (o_.of<RewardOptions>().reward == "to_go" && baseline.size(0) == steps ? baseline : baseline.narrow(0, 0, 1));  // [B, T]
      const auto surprise = extras.at("log_prob").value * reward.detach().unsqueeze(1);                                   // [B, H, T]
      add(sum, -o_.of<RewardOptions>().reward_weight * surprise.masked_fill(live.logical_not(), 0.0).sum());
      if (o_.of<RewardOptions>().entropy_weight > 0)
        add(sum, -o_.of<RewardOptions>().entropy_weight * result.entropy.masked_fill(live.logical_not(), 0.0).sum());
    }
    if (o_.of<DoublyOptions>().doubly_weight > 0 && of_source(site)) {
      const auto covered = result.weights.masked_fill(live.unsqueeze(-1).logical_not(), 0.0).sum(2);  // [B, H, S]
      // By length, not by weight: a sparse mechanism gives zeros to the very positions that this loss is for.
      const auto padding = within_lengths(batch.source_lengths, covered.size(2)).logical_not().unsqueeze(1);  // [B, 1, S]
      add(sum, o_.of<DoublyOptions>().doubly_weight * (1 - covered).square().masked_fill(padding, 0.0).mean(1).sum());
    }
  }
  const auto* aligned = o_.of<GuidedOptions>().guided_weight > 0 && batch.gold.defined() ? source_among(calls_, kSiteOf) : nullptr;
  if (aligned) {
    const auto& weights = aligned->second.weights;
    const auto head = std::min<std::int64_t>(o_.of<GuidedOptions>().guided_head, weights.size(1) - 1);
    const auto w = weights.select(1, head);                                                        // [B, T, S]
    const auto gold = batch.gold.to(w.scalar_type());                                              // [B, T, S]
    const auto logs = at::where(gold.gt(0), w.clamp_min(1e-12), at::ones({}, w.options())).log();  // [B, T, S]
    add(sum, -o_.of<GuidedOptions>().guided_weight * ((gold * logs).sum({1, 2}) / batch.target_lengths.to(w.scalar_type())).sum());
  }
  return sum;
}

void AuxiliaryLosses::move_baselines(const AuxiliaryBatch& batch) const {
  at::NoGradGuard no_grad;
  for (const auto& [site, result] : calls_) {
    const auto found = result.extras.find("reward_baseline");
    if (found == result.extras.end()) continue;
    const auto steps = std::min(batch.log_probs.size(1), found->second.value.size(0));
    auto baseline = found->second.value.narrow(0, 0, steps);                                                                // [steps]
    const auto live = live_steps(batch, batch.log_probs.size(1)).squeeze(1).narrow(1, 0, steps);                            // [B, T]
    const auto count = live.sum(0);                                                                                         // [steps]
    const auto mean = rewards(batch).narrow(1, 0, steps).masked_fill(live.logical_not(), 0.0).sum(0) / count.clamp_min(1);  // [steps]
    baseline.copy_(at::where(count.gt(0), 0.9 * baseline + 0.1 * mean.to(baseline.scalar_type()), baseline));
  }
}

Request SourceEntropy::request(const Site& site) {
  Request request;
  request.entropy = of_source(site);
  return request;
}

void SourceEntropy::observe(const Site& site, const Result& result) {
  if (!of_source(site) || !result.entropy.defined()) return;
  const auto live = within_lengths(target_lengths_, result.entropy.size(2)).unsqueeze(1).expand_as(result.entropy);  // [B, H, T]
  const auto sum = result.entropy.masked_fill(live.logical_not(), 0.0).sum().item<double>();
  seen_.push_back({site, sum / std::max(1.0, live.sum().item<double>())});
}

std::optional<double> SourceEntropy::mean() const {
  const auto* found = source_among(seen_, kSiteOf);
  return found ? std::optional(found->second) : std::nullopt;
}

}  // namespace attend
