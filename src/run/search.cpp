#include "attend/run/search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attend/text/tokenizer.h"
#include "run/finite.h"
#include "run/maps.h"

namespace attend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double length_divisor(double alpha, std::size_t length) { return std::pow((5.0 + static_cast<double>(length)) / 6.0, alpha); }

struct Live {
  std::int32_t node = -1;  // -1 before the first token
  double log_prob = 0;
  std::vector<double> coverage;  // Σ_t w[t, s], with a coverage penalty
};

struct Candidate {
  std::int32_t parent, token;  // parent: index among the live hypotheses
  double log_prob;             // of the whole hypothesis
  float token_log_prob;
};

// One item's search: its live hypotheses and what it found.
struct Item {
  std::int64_t number, source_length, max_length, draft_length = 0;
  std::int64_t words;                 // of the source, </s> not counted
  std::vector<std::int32_t> sources;  // with replace_unk: per node
  std::vector<Live> live{Live{}};
  SearchResult result;
  GrowingMaps maps;
  bool done = false;
};

// The best `keep` allowed tokens of one row, best first; ties to the lower id.
void best_of_row(const float* logits, std::int64_t vocabulary, std::size_t keep, bool allow_end, bool only_end, bool allow_unknown,
                 std::vector<std::pair<float, std::int32_t>>& best) {
  best.clear();
  auto offer = [&](std::int64_t token) {
    const float value = logits[token];
    if (best.size() == keep && !(value > best.back().first)) return;
    if (!(value > -std::numeric_limits<float>::infinity())) return;
    const auto place = std::upper_bound(best.begin(), best.end(), value, [](float v, const auto& entry) { return v > entry.first; });
    best.insert(place, {value, static_cast<std::int32_t>(token)});
    if (best.size() > keep) best.pop_back();
  };
  if (only_end) {
    offer(kEndId);
    return;
  }
  if (allow_unknown) offer(kUnknownId);
  if (allow_end) offer(kEndId);
  for (std::int64_t token = kEndId + 1; token < vocabulary; ++token)
    if (best.size() < keep || logits[token] > best.back().first) offer(token);
}

class Search {
 public:
  Search(const TokenDecoder& model, const SearchOptions& options, bool record)
      : model_(model), o_(options), layer_(options.source_layer()), record_(record) {
    ATTEND_CHECK(options.n_best <= options.beam, kValue, "decode: n_best must be at most the beam, got {} and {}; raise the beam",
                 options.n_best, options.beam);
  }

  template <class Encode>  // (Observer*) -> unique_ptr<Encoded>
  std::vector<SearchResult> run(const at::Tensor& source, const at::Tensor& lengths, const at::Tensor& draft_lengths,
                                const Encode& encode) {
    at::NoGradGuard no_grad;
    WeightsObserver observer;
    const bool watch = record_ || o_.coverage_penalty > 0 || o_.replace_unk;
    encoded_ = encode(record_ ? &observer : nullptr);
    const auto* length = lengths.data_ptr<std::int64_t>();
    std::int64_t longest = 0;
    std::vector<Item> items(static_cast<std::size_t>(lengths.size(0)));
    for (std::size_t i = 0; i < items.size(); ++i) {
      items[i].number = static_cast<std::int64_t>(i);
      items[i].source_length = length[i];
      if (draft_lengths.defined()) items[i].draft_length = draft_lengths.data_ptr<std::int64_t>()[i];
      items[i].words = o_.replace_unk ? words_of(source[items[i].number], length[i]) : length[i];
      items[i].max_length = std::max<std::int64_t>(
          {1, o_.min_length, static_cast<std::int64_t>(o_.max_length_ratio * static_cast<double>(length[i])) + o_.max_length_extra});
      longest = std::max(longest, items[i].max_length);
      if (record_) items[i].maps.add_encoder(observer.seen(), items[i].number, length[i]);
    }
    auto state = model_.start(*encoded_, longest);
    std::vector<Item*> rows;  // items still in the batch
    for (auto& item : items) rows.push_back(&item);
    auto tokens = at::full({lengths.size(0), 1}, kBeginId, at::kLong);
    for (std::int64_t step = 0; !rows.empty(); ++step) {
      ATTEND_CHECK(!o_.stop || !*o_.stop, kInterrupted, "interrupted");
      observer.clear();
      const auto states = model_.step(*encoded_, *state, tokens, watch ? &observer : nullptr);
      const auto logits = model_.logits(states).to(at::kFloat).contiguous();  // [B, K, V]
      const auto lse = at::logsumexp(logits, -1).contiguous();                // [B, K]
      for (std::size_t b = 0; b < rows.size(); ++b) expand(*rows[b], static_cast<std::int64_t>(b), step, logits, lse, observer);
      regroup(rows, *state, tokens);
    }
    std::vector<SearchResult> results;
    for (auto& item : items) {
      if (record_) item.result.maps = item.maps.finish();
      if (record_) item.result.scalars = item.maps.finish_scalars();
      results.push_back(std::move(item.result));
    }
    return results;
  }

 private:
  // Continues one item's hypotheses by one token.
  void expand(Item& item, std::int64_t row, std::int64_t step, const at::Tensor& logits, const at::Tensor& lse,
              const WeightsObserver& observer) {
    const auto beams = logits.size(1), vocabulary = logits.size(2);
    const bool only_end = step + 1 >= item.max_length, allow_end = only_end || step + 1 >= o_.min_length;
    const auto keep = static_cast<std::size_t>(o_.beam);
    std::vector<Candidate> candidates;
    std::vector<std::pair<float, std::int32_t>> best;
    for (std::size_t k = 0; k < item.live.size(); ++k) {
      const auto place = row * beams + static_cast<std::int64_t>(k);
      const float norm = lse.data_ptr<float>()[place];
      check_score(norm, "search", static_cast<std::size_t>(step));
      best_of_row(logits.data_ptr<float>() + place * vocabulary, vocabulary, keep, allow_end, only_end, o_.allow_unknown || o_.replace_unk,
                  best);
      for (const auto& [logit, token] : best)
        candidates.push_back(
            {static_cast<std::int32_t>(k), token, item.live[k].log_prob + static_cast<double>(logit) - norm, logit - norm});
    }
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      if (a.log_prob != b.log_prob) return a.log_prob > b.log_prob;
      return a.parent != b.parent ? a.parent < b.parent : a.token < b.token;
    });
    if (candidates.size() > keep) candidates.resize(keep);
    ATTEND_CHECK(
        !candidates.empty(), kValue,
        "search: step {} has no token of finite score, so nothing can follow; the model's weights are not numbers (did training diverge?)",
        step);

    std::vector<Live> next;
    next_parents_.resize(std::max<std::size_t>(next_parents_.size(), static_cast<std::size_t>(row) + 1));
    auto& parents = next_parents_[static_cast<std::size_t>(row)];
    parents.clear();
    std::vector<bool> continued(item.live.size(), false);
    for (const auto& candidate : candidates) {
      continued[static_cast<std::size_t>(candidate.parent)] = true;
      const auto& parent = item.live[static_cast<std::size_t>(candidate.parent)];
      const auto node = static_cast<std::int32_t>(item.result.nodes.size());
      const bool ends = candidate.token == kEndId;
      const auto* scores = logits.data_ptr<float>() + (row * beams + candidate.parent) * vocabulary;
      item.result.nodes.push_back({parent.node, static_cast<std::uint32_t>(step), candidate.token, candidate.token_log_prob,
                                   static_cast<float>(candidate.log_prob), ends ? NodeEnd::kFinished : NodeEnd::kLive});
      if (o_.replace_unk) item.sources.push_back(candidate.token == kUnknownId ? looked_at(item, observer, row, candidate.parent) : -1);
      if (record_)
        item.maps.add_node(observer.seen(), {.item = row,
                                             .beams = beams,
                                             .hypothesis = candidate.parent,
                                             .source_length = item.source_length,
                                             .draft_length = item.draft_length});
      if (record_) item.maps.add_scalars(observer.scalars(), row, candidate.parent);
      Live live{node, candidate.log_prob, parent.coverage};
      if (o_.coverage_penalty > 0) add_coverage(live.coverage, observer, row, candidate.parent, item.source_length);
      if (ends) {
        finish(item, live, only_end && *std::max_element(scores + kEndId, scores + vocabulary) > scores[kEndId]);
      } else {
        next.push_back(std::move(live));
        parents.push_back({candidate.parent, candidate.token});
      }
    }
    for (const auto& parent : item.live)  // those nothing was kept of
      if (parent.node >= 0 && !continued[static_cast<std::size_t>(&parent - item.live.data())])
        item.result.nodes[static_cast<std::size_t>(parent.node)].end = NodeEnd::kPruned;
    item.live = std::move(next);
    item.done = item.live.empty() || only_end || cannot_improve(item);
    if (item.done)
      for (const auto& live : item.live) item.result.nodes[static_cast<std::size_t>(live.node)].end = NodeEnd::kPruned;
  }

  // Source tokens [S] or [S, 2] of an item before its </s>.
  static std::int64_t words_of(const at::Tensor& source, std::int64_t length) {
    const auto tokens = source.dim() == 1 ? source : source.select(1, 0);
    return length > 1 && tokens[length - 1].item<std::int64_t>() == kEndId ? length - 1 : length;
  }

  // The attention of one hypothesis to the source [S], mean over heads.
  at::Tensor weights_on_source(const WeightsObserver& observer, std::int64_t row, std::int64_t k, const char* who, const char* off) const {
    const auto* weights = source_weights(observer.seen(), layer_);
    ATTEND_CHECK(weights, kValue, "decode.{} needs a model with attention to the source; set it to {}", who, off);
    return (*weights)[row].select(1, k).mean(0).contiguous();
  }

  std::int32_t looked_at(const Item& item, const WeightsObserver& observer, std::int64_t row, std::int64_t k) const {
    return static_cast<std::int32_t>(
        weights_on_source(observer, row, k, "replace_unk", "false").narrow(0, 0, item.words).argmax().item<std::int64_t>());
  }

  void add_coverage(std::vector<double>& coverage, const WeightsObserver& observer, std::int64_t row, std::int64_t k,
                    std::int64_t length) const {
    const auto mean = weights_on_source(observer, row, k, "coverage_penalty", "0");  // [S]
    coverage.resize(static_cast<std::size_t>(length), 0.0);
    for (std::size_t s = 0; s < coverage.size(); ++s) coverage[s] += mean.data_ptr<float>()[s];
  }

  double coverage_term(const std::vector<double>& coverage) const {
    double sum = 0;
    for (const double c : coverage) sum += std::log(std::clamp(c, 1e-6, 1.0));
    return o_.coverage_penalty * sum;
  }

  void finish(Item& item, const Live& live, bool cut) {
    FoundHypothesis found;
    found.cut = cut;
    for (auto node = live.node; node >= 0; node = item.result.nodes[static_cast<std::size_t>(node)].parent) {
      found.tokens.push_back(item.result.nodes[static_cast<std::size_t>(node)].token);
      found.log_probs.push_back(item.result.nodes[static_cast<std::size_t>(node)].logp);
      if (o_.replace_unk) found.sources.push_back(item.sources[static_cast<std::size_t>(node)]);
    }
    std::reverse(found.sources.begin(), found.sources.end());
    std::reverse(found.tokens.begin(), found.tokens.end());
    std::reverse(found.log_probs.begin(), found.log_probs.end());
    found.last_node = live.node;
    found.log_prob = live.log_prob;
    found.score = live.log_prob / length_divisor(o_.length_penalty, found.tokens.size()) +
                  (o_.coverage_penalty > 0 ? coverage_term(live.coverage) : 0);
    auto& best = item.result.best;
    const auto place = std::upper_bound(best.begin(), best.end(), found.score, [](double s, const auto& other) { return s > other.score; });
    best.insert(place, std::move(found));
    if (best.size() > static_cast<std::size_t>(o_.n_best)) best.pop_back();
  }

  // The most a live hypothesis can still score: its log-probability only falls, its divisor grows up to max_length, cp ≤ 0.
  bool cannot_improve(const Item& item) const {
    if (item.result.best.size() < static_cast<std::size_t>(o_.n_best)) return false;
    double bound = -kInfinity;
    for (const auto& live : item.live)
      bound = std::max(bound, live.log_prob / length_divisor(o_.length_penalty, static_cast<std::size_t>(item.max_length)));
    return bound <= item.result.best.back().score;
  }

  // Drops finished items and lines the survivors' hypotheses up as rows of the next step.
  void regroup(std::vector<Item*>& rows, DecoderState& state, at::Tensor& tokens) {
    const auto old_beams = tokens.size(1);
    std::size_t beams = 0;
    std::vector<std::int64_t> alive;
    for (std::size_t b = 0; b < rows.size(); ++b) {
      if (rows[b]->done) continue;
      alive.push_back(static_cast<std::int64_t>(b));
      beams = std::max(beams, rows[b]->live.size());
    }
    std::vector<Item*> kept;
    if (!alive.empty()) {
      const auto n = static_cast<std::int64_t>(alive.size()), k = static_cast<std::int64_t>(beams);
      auto from = at::empty({n * k}, at::kLong);
      tokens = at::empty({n, k}, at::kLong);
      auto* from_row = from.data_ptr<std::int64_t>();
      auto* token = tokens.data_ptr<std::int64_t>();
      for (const auto b : alive) {
        const auto& parents = next_parents_[static_cast<std::size_t>(b)];
        for (std::size_t i = 0; i < beams; ++i) {  // an item with fewer hypotheses repeats its first; the copy is never read
          const auto& parent = parents[i < parents.size() ? i : 0];
          *from_row++ = b * old_beams + parent.first;
          *token++ = parent.second;
        }
        kept.push_back(rows[static_cast<std::size_t>(b)]);
      }
      state.reorder(from, k);
      if (alive.size() < rows.size()) encoded_ = encoded_->select(at::tensor(alive, at::kLong));
    }
    rows = std::move(kept);
  }

  const TokenDecoder& model_;
  const SearchOptions& o_;
  std::optional<std::int64_t> layer_;  // of the attention to the source; null is the last
  bool record_;
  std::unique_ptr<Encoded> encoded_;
  std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>> next_parents_;  // per row of the batch: parent, token
};

}  // namespace

void SearchOptions::visit(OptionVisitor& v) {
  v(beam, "beam", 5, "hypotheses kept at every step; 1 is greedy search", between(1, 1000));
  v(n_best, "n_best", 1, "hypotheses returned for each sentence; without a beam of its own the search keeps as many", between(1, 1000));
  v(length_penalty, "length_penalty", 0.6, "alpha of lp = ((5+|Y|)/6)^alpha; 0 ranks by log-probability", between(0, 10));
  v(coverage_penalty, "coverage_penalty", 0.0, "beta of the coverage term; 0 is off", between(0, 10));
  v(min_length, "min_length", 1, "tokens of a translation at least, </s> counted", at_least(1));
  v(max_length_ratio, "max_length_ratio", 2.0, "tokens at most: ratio x source tokens + max_length_extra", between(0, 1000));
  v(max_length_extra, "max_length_extra", 20, "see max_length_ratio", between(0, 1e9));
  v(layer, "layer", "last",
    "whose attention to the source counts for alignments, the coverage penalty and replace_unk: last, or a number from 0");
  v(rounds, "rounds", 2, "of a model that revises: times its text is read again as a draft, at most; 0 is the first pass alone",
    between(0, 100));
  v(allow_unknown, "allow_unknown", false, "let <unk> be produced");
  v(replace_unk, "replace_unk", false, "let <unk> be produced, and write the source word it attends to most in its place");
}

std::vector<SearchResult> search(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths, const SearchOptions& options,
                                 bool record) {
  return Search(model, options, record).run(source, lengths, {}, [&](Observer* observer) {
    return model.encode(source, lengths, observer);
  });
}

std::vector<SearchResult> revise(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths,
                                 const std::vector<std::vector<std::int32_t>>& drafts, const SearchOptions& options, bool record) {
  const auto draft = pad_drafts(drafts);
  const auto encode = [&](Observer* observer) { return model.encode_with_draft(source, lengths, draft.ids, draft.lengths, observer); };
  if (!model.second_pass()) encode(nullptr);  // says so
  auto found = Search(*model.second_pass(), options, record).run(source, lengths, draft.lengths, encode);
  for (std::size_t i = 0; i < drafts.size(); ++i) found[i].draft = drafts[i];
  return found;
}

}  // namespace attend
