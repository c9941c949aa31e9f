#include "attend/run/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "attend/core/random.h"
#include "run/finite.h"
#include "run/maps.h"

namespace attend {
namespace {

// One text while it grows.
struct Growing {
  std::size_t number = 0;
  std::int64_t source_length = 0;
  std::vector<std::int32_t> prompt;
  FoundHypothesis found;
  SearchResult result;
  GrowingMaps maps;
  bool done = false;
};

// Hides the tokens that would complete an n-gram which the text already holds.
void hide_repeats(const std::vector<std::int32_t>& tokens, std::int64_t n, float* logits) {
  if (n <= 0 || static_cast<std::int64_t>(tokens.size()) < n) return;
  const auto length = static_cast<std::ptrdiff_t>(n) - 1;
  const auto tail = tokens.end() - length;
  for (auto at = tokens.begin(); at + length < tokens.end(); ++at)
    if (std::equal(at, at + length, tail)) logits[at[length]] = -std::numeric_limits<float>::infinity();
}

std::int32_t drawn(const std::vector<std::pair<std::int32_t, double>>& choices, double u) {
  double below = 0;
  for (const auto& [token, p] : choices)
    if ((below += p) > u) return token;
  return choices.back().first;
}

// Draws a batch of texts, a token of each at a time; finished ones leave it.
class Sampler {
 public:
  Sampler(const Seq2Seq& model, const Prompts& prompts, const SampleOptions& options, bool record);
  std::vector<SearchResult> run();

 private:
  void step();
  std::int32_t choose(const Growing& text, float* logits, std::int64_t vocabulary) const;
  void take(Growing& text, std::int32_t token, float log_prob);
  void drop_finished();
  std::vector<SearchResult> finish();

  const Seq2Seq& model_;
  const SampleOptions& o_;
  WeightsObserver observer_;
  Observer* watch_;  // null without a record
  std::vector<Growing> texts_;
  std::vector<Growing*> rows_;  // the texts that still grow
  std::unique_ptr<Encoded> encoded_;
  std::unique_ptr<DecoderState> state_;
  at::Tensor tokens_;     // int64 [rows, 1], the latest of each
  std::size_t step_ = 0;  // tokens that every row has
};

Sampler::Sampler(const Seq2Seq& model, const Prompts& prompts, const SampleOptions& options, bool record)
    : model_(model), o_(options), watch_(record ? &observer_ : nullptr), texts_(prompts.tokens.size()) {
  encoded_ = model.encode(prompts.source, prompts.lengths, watch_);
  std::size_t longest = 0;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    auto& text = texts_[i];
    text.number = prompts.first + i;
    text.source_length = prompts.lengths[static_cast<std::int64_t>(i)].item<std::int64_t>();
    text.prompt = prompts.tokens[i];
    longest = std::max(longest, text.prompt.size());
    if (record) text.maps.add_encoder(observer_.seen(), static_cast<std::int64_t>(i), text.source_length);
    rows_.push_back(&text);
  }
  state_ = model.start(*encoded_, static_cast<std::int64_t>(longest) + o_.max_tokens);
  tokens_ = at::full({prompts.lengths.size(0), 1}, kBeginId, at::kLong);
}

std::vector<SearchResult> Sampler::run() {
  for (; !rows_.empty(); ++step_) {
    ATTEND_CHECK(!o_.stop || !*o_.stop, kInterrupted, "interrupted");
    step();
  }
  return finish();
}

void Sampler::step() {
  observer_.clear();
  const auto logits = model_.logits(model_.step(*encoded_, *state_, tokens_, watch_)).squeeze(1).to(at::kFloat).contiguous();  // [B, V]
  const auto log_probs = at::log_softmax(logits, -1).contiguous();
  const auto vocabulary = logits.size(1);
  for (std::size_t b = 0; b < rows_.size(); ++b) {
    auto& text = *rows_[b];
    const auto row = static_cast<std::int64_t>(b);
    const auto token =
        step_ < text.prompt.size() ? text.prompt[step_] : choose(text, logits.data_ptr<float>() + row * vocabulary, vocabulary);
    take(text, token, log_probs.data_ptr<float>()[row * vocabulary + token]);
    if (!watch_) continue;
    text.maps.add_node(observer_.seen(), {.item = row, .source_length = text.source_length});
    text.maps.add_scalars(observer_.scalars(), row, 0);
  }
  drop_finished();
}

std::int32_t Sampler::choose(const Growing& text, float* logits, std::int64_t vocabulary) const {
  for (const auto id : {kUnknownId, kPadId, kBeginId}) logits[id] = -std::numeric_limits<float>::infinity();
  hide_repeats(text.found.tokens, o_.no_repeat_ngram, logits);
  RandomStream random(random_key(static_cast<std::uint64_t>(o_.seed), {text.number, step_}));
  return drawn(candidates(logits, vocabulary, o_), random.uniform());
}

void Sampler::take(Growing& text, std::int32_t token, float log_prob) {
  check_score(log_prob, "sample", step_);
  auto& found = text.found;
  found.tokens.push_back(token);
  found.log_probs.push_back(log_prob);
  found.log_prob += log_prob;
  const bool drawn_all = step_ + 1 >= text.prompt.size() + static_cast<std::size_t>(o_.max_tokens);
  text.done = drawn_all || (token == kEndId && !o_.past_end && step_ >= text.prompt.size());
  text.result.nodes.push_back({static_cast<std::int32_t>(step_) - 1, static_cast<std::uint32_t>(step_), token, log_prob,
                               static_cast<float>(found.log_prob), text.done ? NodeEnd::kFinished : NodeEnd::kLive});
}

void Sampler::drop_finished() {
  std::vector<std::int64_t> alive, latest;
  for (std::size_t b = 0; b < rows_.size(); ++b) {
    if (rows_[b]->done) continue;
    alive.push_back(static_cast<std::int64_t>(b));
    latest.push_back(rows_[b]->found.tokens.back());
  }
  if (alive.size() < rows_.size() && !alive.empty()) {
    const auto chosen = at::tensor(alive, at::kLong);
    state_->reorder(chosen, 1);
    encoded_ = encoded_->select(chosen);
  }
  std::erase_if(rows_, [](const Growing* text) { return text->done; });
  if (!latest.empty()) tokens_ = at::tensor(latest, at::kLong).unsqueeze(1);
}

std::vector<SearchResult> Sampler::finish() {
  std::vector<SearchResult> results;
  for (auto& text : texts_) {
    text.found.last_node = static_cast<std::int32_t>(text.found.tokens.size()) - 1;
    text.found.score = text.found.log_prob;
    text.result.best.push_back(std::move(text.found));
    if (watch_) {
      text.result.maps = text.maps.finish();
      text.result.scalars = text.maps.finish_scalars();
    }
    results.push_back(std::move(text.result));
  }
  return results;
}

}  // namespace

void SampleOptions::visit(OptionVisitor& v) {
  v(temperature, "temperature", 1.0, "below 1 keeps to the likely, above 1 dares more; 0 takes the best token", between(0, 100));
  v(top_k, "top_k", 0, "draw from the best this many tokens; 0 is all", between(0, 1 << 24));
  v(top_p, "top_p", 1.0, "draw from the smallest set of best tokens with this mass", between(0, 1));
  v(max_tokens, "max_tokens", 200, "tokens drawn at most", between(1, 1 << 24));
  v(no_repeat_ngram, "no_repeat_ngram", 0, "no sequence of this many tokens twice; 0 is off", between(0, 1000));
  v(past_end, "past_end", false, "go on behind the end of a line");
  v(seed, "seed", 1, "of the draws", at_least(0));
}

std::vector<std::pair<std::int32_t, double>> candidates(const float* logits, std::int64_t vocabulary, const SampleOptions& o) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(vocabulary));
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(order, [&](std::int32_t id) { return !(logits[id] > -std::numeric_limits<float>::infinity()); });
  ATTEND_CHECK(!order.empty(), kValue, "sample: no token may follow; loosen the constraints, or the model's weights are not numbers");
  const auto better = [&](std::int32_t a, std::int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  auto keep = order.size();
  if (o.temperature == 0) keep = 1;
  if (o.top_k > 0) keep = std::min(keep, static_cast<std::size_t>(o.top_k));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep), order.end(), better);
  order.resize(keep);
  std::vector<std::pair<std::int32_t, double>> choices;
  const double temperature = o.temperature == 0 ? 1 : o.temperature, top = logits[order.front()];
  double sum = 0;
  for (const auto id : order) {
    choices.emplace_back(id, std::exp((logits[id] - top) / temperature));
    sum += choices.back().second;
  }
  double mass = 0;
  std::size_t kept = 0;
  while (kept < choices.size() && (kept == 0 || mass < o.top_p * sum)) mass += choices[kept++].second;
  choices.resize(kept);
  for (auto& [id, p] : choices) p /= mass;
  return choices;
}

std::vector<SearchResult> sample(const Seq2Seq& model, const Prompts& prompts, const SampleOptions& options, bool record) {
  ATTEND_CHECK(static_cast<std::size_t>(prompts.lengths.size(0)) == prompts.tokens.size(), kValue,
               "sample: {} sources and {} prompts; give one prompt a source", prompts.lengths.size(0), prompts.tokens.size());
  at::NoGradGuard no_grad;
  return Sampler(model, prompts, options, record).run();
}

std::vector<std::string> lines_of(const Tokenizer& tokenizer, const std::vector<std::int32_t>& tokens) {
  std::vector<std::string> lines;
  for (auto begin = tokens.begin(); begin < tokens.end();) {
    const auto end = std::find(begin, tokens.end(), kEndId);
    lines.push_back(tokenizer.decode(std::vector<std::int32_t>(begin, end)));
    begin = end == tokens.end() ? end : end + 1;
  }
  return lines;
}

}  // namespace attend
