#include "attend/decode/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "attend/core/random.h"
#include "decode/maps.h"

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

// Whether `token` would complete an n-gram that the text already holds.
bool repeats(const std::vector<std::int32_t>& tokens, std::int32_t token, std::int64_t n) {
  if (n <= 0 || static_cast<std::int64_t>(tokens.size()) < n) return false;
  const auto length = static_cast<std::ptrdiff_t>(n) - 1;
  const auto tail = tokens.end() - length;
  for (auto at = tokens.begin(); at + length < tokens.end(); ++at)
    if (std::equal(at, at + length, tail) && at[length] == token) return true;
  return false;
}

std::int32_t drawn(const std::vector<std::pair<std::int32_t, double>>& choices, double u) {
  double below = 0;
  for (const auto& [token, p] : choices)
    if ((below += p) > u) return token;
  return choices.back().first;
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

std::vector<SearchResult> sample(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths,
                                 const std::vector<std::vector<std::int32_t>>& prompts, const SampleOptions& o, bool record) {
  ATTEND_CHECK(static_cast<std::size_t>(lengths.size(0)) == prompts.size(), kValue,
               "sample: {} sources and {} prompts; give one prompt a source", lengths.size(0), prompts.size());
  at::NoGradGuard no_grad;
  WeightsObserver observer;
  auto* watch = record ? &observer : nullptr;
  auto encoded = model.encode(source, lengths, watch);
  std::vector<Growing> texts(prompts.size());
  std::size_t longest = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i].number = i;
    texts[i].source_length = lengths[static_cast<std::int64_t>(i)].item<std::int64_t>();
    texts[i].prompt = prompts[i];
    longest = std::max(longest, prompts[i].size());
    if (record) texts[i].maps.add_encoder(observer.seen(), static_cast<std::int64_t>(i), texts[i].source_length);
  }
  auto state = model.start(*encoded, static_cast<std::int64_t>(longest) + o.max_tokens);
  std::vector<Growing*> rows;
  for (auto& text : texts) rows.push_back(&text);
  auto tokens = at::full({lengths.size(0), 1}, kBeginId, at::kLong);
  for (std::size_t step = 0; !rows.empty(); ++step) {
    observer.clear();
    auto logits = model.logits(model.step(*encoded, *state, tokens, watch)).squeeze(1).to(at::kFloat).contiguous();  // [B, V]
    const auto log_probs = at::log_softmax(logits, -1).contiguous();
    const auto vocabulary = logits.size(1);
    std::vector<std::int64_t> alive;
    std::vector<std::int64_t> next;
    for (std::size_t b = 0; b < rows.size(); ++b) {
      auto& text = *rows[b];
      auto* row = logits.data_ptr<float>() + static_cast<std::int64_t>(b) * vocabulary;
      auto& found = text.found;
      std::int32_t token = 0;
      if (step < text.prompt.size()) {
        token = text.prompt[step];
      } else {
        for (const auto id : {kUnknownId, kPadId, kBeginId}) row[id] = -std::numeric_limits<float>::infinity();
        for (std::int64_t id = 0; o.no_repeat_ngram > 0 && id < vocabulary; ++id)
          if (repeats(found.tokens, static_cast<std::int32_t>(id), o.no_repeat_ngram)) row[id] = -std::numeric_limits<float>::infinity();
        RandomStream random(random_key(static_cast<std::uint64_t>(o.seed), {text.number, step}));
        token = drawn(candidates(row, vocabulary, o), random.uniform());
      }
      const auto log_prob = log_probs.data_ptr<float>()[static_cast<std::int64_t>(b) * vocabulary + token];
      found.tokens.push_back(token);
      found.log_probs.push_back(log_prob);
      found.log_prob += log_prob;
      const bool drawn_all = step + 1 >= text.prompt.size() + static_cast<std::size_t>(o.max_tokens);
      text.done = drawn_all || (token == kEndId && !o.past_end && step >= text.prompt.size());
      text.result.nodes.push_back({static_cast<std::int32_t>(step) - 1, static_cast<std::uint32_t>(step), token, log_prob,
                                   static_cast<float>(found.log_prob), text.done ? NodeEnd::kFinished : NodeEnd::kLive});
      if (record) {
        text.maps.add_node(observer.seen(), static_cast<std::int64_t>(b), 1, 0, text.source_length);
        text.maps.add_scalars(observer.scalars(), static_cast<std::int64_t>(b), 0);
      }
      if (!text.done) {
        alive.push_back(static_cast<std::int64_t>(b));
        next.push_back(token);
      }
    }
    if (alive.size() < rows.size() && !alive.empty()) {
      const auto chosen = at::tensor(alive, at::kLong);
      state->reorder(chosen, 1);
      encoded = encoded->select(chosen);
    }
    std::erase_if(rows, [](const Growing* text) { return text->done; });
    if (!next.empty()) tokens = at::tensor(next, at::kLong).unsqueeze(1);
  }
  std::vector<SearchResult> results;
  for (auto& text : texts) {
    text.found.last_node = static_cast<std::int32_t>(text.found.tokens.size()) - 1;
    text.found.score = text.found.log_prob;
    text.result.best.push_back(std::move(text.found));
    if (record) {
      text.result.maps = text.maps.finish();
      text.result.scalars = text.maps.finish_scalars();
    }
    results.push_back(std::move(text.result));
  }
  return results;
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
