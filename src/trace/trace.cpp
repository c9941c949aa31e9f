#include "attend/trace/trace.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "attend/attention/dot.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/scaled_dot.h"
#include "attend/models/steps.h"
#include "attend/models/transformer_options.h"
#include "attend/run/copies.h"
#include "attend/run/text_batches.h"
#include "attend/search/penalties.h"
#include "trace/plain_text.h"
#include "trace/tracing_observer.h"

namespace attend {
namespace {

// A token as one can print it, without the blanks at its ends.
std::string label_of(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return text.empty() ? "∅" : "␣";
  return printable(text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin));
}

// The same network in float64.
std::shared_ptr<Seq2Seq> in_float64(const TranslationModel& model) {
  if (model.network->type() == at::kDouble) return model.network;
  return as_seq2seq(clone(any_model(model), at::kDouble), "trace").network;
}

TracingObserver::Selection selection_of(const std::vector<Site>& sites, const TraceOptions& options) {
  ATTEND_CHECK(!options.head || *options.head >= 0, kValue, "trace: head must be at least 0, got {}", options.head.value_or(0));
  std::map<std::string, std::int64_t> last;  // layer of each site that has several
  for (const auto& site : sites)
    if (site.layers != SiteLayers::kOne) last[site.name] = std::max(last[site.name], site.layer);
  std::int64_t layers = 1;
  for (const auto& [name, layer] : last) layers = std::max(layers, layer + 1);
  ATTEND_CHECK(!options.layer || (*options.layer >= 0 && *options.layer < layers), kValue,
               "trace: layer {} is not there; the attention of this model has the layers 0 to {}", options.layer.value_or(0), layers - 1);
  TracingObserver::Selection selection{.shown = {}, .source = {}, .head = options.head};
  for (const auto& site : sites) {
    const bool alone = site.layers == SiteLayers::kOne, every = site.layers == SiteLayers::kRepeated && !options.layer;
    if (alone || every || site.layer == options.layer.value_or(last[site.name])) selection.shown.push_back(site);
  }
  selection.source = source_site(sites);
  return selection;
}

// Name and formula; of heads also the formula inside them.
std::pair<std::string, std::string> mechanism_of(const ModelOptions& model) {
  const auto attention = attention_of(model);
  if (attention == "none") return {};
  const auto& entry = find_mechanism(attention);
  const auto& scaling = model.of<ScalingOptions>().scaling;
  const auto& score = model.of<InnerScoreOptions>().score;
  const auto& inside = model.of<MultiHeadOptions>().head_attention;
  const auto scale = model.of<ScaledDotOptions>().scale;
  const bool in_layers = model_reads<TransformerOptions>(model);
  const bool scaled = scaling == "root" || (scaling == "auto" && in_layers);
  const auto cap = model.of<SoftCapOptions>().cap;
  const auto formula = [&](const MechanismEntry& e) {
    const bool product = e.name == "dot" || e.name == "general";
    const auto capped = cap > 0 && (product || e.name == "scaled_dot") ? fmt::format(", then {} tanh(e / {})", cap, cap) : std::string();
    if (e.name == "scaled_dot" && scale > 0) return fmt::format("e[t,s] = {} q_t · k_s{}", scale, capped);
    return std::string(e.formula) + (scaled && product ? " / √D" : "") + capped;
  };
  const auto around = [&](const MechanismEntry& outer, const MechanismEntry& inner) {
    return fmt::format("{}; inside {}: {}", outer.formula, inner.name, formula(inner));
  };
  const auto alone = [&](const MechanismEntry& e) {
    return e.capabilities.wraps && !e.capabilities.makes_heads ? around(e, find_mechanism(score)) : formula(e);
  };
  if (entry.capabilities.makes_heads) return {attention, around(entry, find_mechanism(inside.empty() ? score : inside))};
  if (!in_layers) return {attention, alone(entry)};
  const auto& outer = find_mechanism("multi_head");
  return {std::string(outer.name), fmt::format("{}; inside {}: {}", outer.formula, entry.name, alone(entry))};
}

std::vector<TraceToken> source_tokens(const Tokenizer& tokenizer, const std::string& text, bool end) {
  std::vector<TraceToken> tokens;
  for (const auto& token : tokenizer.encode(text))
    tokens.push_back({.text = label_of(std::string_view(text).substr(token.begin, token.end - token.begin)),
                      .id = token.id,
                      .span = {token.begin, token.end}});
  ATTEND_CHECK(!tokens.empty(), kValue, "trace: the text is empty; give a sentence");
  const auto size = static_cast<std::uint32_t>(text.size());
  const auto end_id = tokenizer.special().end;
  if (end) tokens.push_back({.text = tokenizer.piece(end_id), .id = end_id, .span = {size, size}});
  return tokens;
}

// How target tokens are called: by the vocabulary's piece, or the source's own word.
struct TokenNames {
  const Tokenizer& tokenizer;
  CopyWords words;
  std::string operator()(std::int32_t id) const {
    const std::int32_t ids[] = {id};
    const auto* own = own_words(tokenizer, ids, words)[0];
    return label_of(own ? *own : tokenizer.piece(id));
  }
};

TraceWord word_of(const TokenNames& name, std::int32_t id, const double* logits, const double* log_probs) {
  return {.id = id, .text = name(id), .logit = logits[id], .probability = std::exp(log_probs[id]), .surprisal = -log_probs[id]};
}

TraceChoice choice_of(const TokenNames& name, std::int32_t chosen, const at::Tensor& logits, std::int64_t top) {
  const auto wide = logits.flatten().contiguous();               // [V]
  const auto log_probs = at::log_softmax(wide, 0).contiguous();  // [V]
  const auto* l = wide.data_ptr<double>();
  const auto* p = log_probs.data_ptr<double>();
  TraceChoice choice{.chosen = word_of(name, chosen, l, p), .rank = 1 + wide.gt(l[chosen]).sum().item<std::int64_t>(), .top = {}};
  const auto best = std::get<1>(wide.topk(std::min(top, wide.size(0)))).contiguous();  // [K]
  for (std::int64_t i = 0; i < best.size(0); ++i) {
    const auto word = word_of(name, static_cast<std::int32_t>(best.data_ptr<std::int64_t>()[i]), l, p);
    if (word.probability > 0) choice.top.push_back(word);
  }
  return choice;
}

TraceTotals totals_of(const Trace& trace, const SearchOptions& options) {
  TraceTotals totals;
  for (const auto& step : trace.steps) totals.log_prob -= step.choice->chosen.surprisal;
  totals.mean_nll = -totals.log_prob / static_cast<double>(trace.steps.size());
  totals.perplexity = std::exp(totals.mean_nll);
  totals.length_divisor = length_penalty(options.length_penalty, trace.steps.size());
  if (options.coverage_penalty > 0) totals.coverage_term = options.coverage_penalty * coverage_term(trace.coverage);
  totals.score = totals.log_prob / totals.length_divisor + totals.coverage_term;
  return totals;
}

std::vector<std::string> labels_of(const std::vector<TraceToken>& tokens) {
  std::vector<std::string> labels;
  for (const auto& token : tokens) labels.push_back(token.text);
  return labels;
}

std::vector<std::int32_t> target_ids(const TranslationModel& model, const at::Tensor& source, const at::Tensor& lengths,
                                     const CopyWords& words, const TraceOptions& options) {
  if (!options.target) return search(*steps_of(*model.network, source, lengths, model.special()), options.search).at(0).best.at(0).tokens;
  std::vector<std::int32_t> ids;
  for (const auto id : copied_ids(*model.target, *options.target, words)) ids.push_back(static_cast<std::int32_t>(id));
  return ids;
}

}  // namespace

Trace trace(const TranslationModel& model, const std::string& source, const TraceOptions& options) {
  at::NoGradGuard no_grad;
  Trace trace;
  trace.title = fmt::format("{} with attention {}", model.model.type, attention_of(model.model));
  std::tie(trace.mechanism, trace.formula) = mechanism_of(model.model);
  trace.source_text = source;
  trace.source = source_tokens(*model.source, source, model.text.source_end);
  trace.forced = options.target.has_value();
  const auto network = in_float64(model);
  TracingObserver observer(selection_of(network->sites(), options), labels_of(trace.source));

  std::vector<std::int64_t> ids;
  for (const auto& token : trace.source) ids.push_back(token.id);
  const bool copies = model.model.of<CopyOptions>().pointer_generator;
  const TokenNames name{*model.target, copies ? copy_words(model, source) : CopyWords{}};
  auto source_ids = at::tensor(ids, index_options()).unsqueeze(0);          // [1, S]
  const auto lengths = at::full({1}, source_ids.size(1), index_options());  // [1]
  if (copies) source_ids = with_words(source_ids, {&name.words});           // [1, S, 2]
  const auto targets = target_ids(model, source_ids, lengths, name.words, options);
  trace.target_text = options.target.value_or(decode_with(*model.target, targets, own_words(*model.target, targets, name.words)));

  const auto encoded = network->encode(source_ids, lengths, &observer);
  trace.encoder = observer.take_lines();
  const auto state = network->start(*encoded, static_cast<std::int64_t>(targets.size()));
  std::vector<std::string> read;
  auto previous = model.target->special().begin;
  std::vector<at::Tensor> rows;  // [S] a step
  std::vector<bool> special_source, special_target;
  for (const auto id : ids) special_source.push_back(model.source->special().is_silent(static_cast<std::int32_t>(id)));
  for (const auto id : targets) special_target.push_back(model.target->special().is_silent(id));
  for (const auto id : targets) {
    TraceStep step{.previous = name(previous), .target = name(id), .lines = {}, .choice = {}};
    read.push_back(step.previous);
    observer.begin_step(step.target, read);
    const auto out = network->step(*encoded, *state, at::full({1, 1}, previous, index_options()), &observer);  // [1, 1, N]
    const auto logits = network->logits(out);                                                                  // [1, 1, V]
    observer.number(copies ? "ln P" : "logits", logits);
    step.lines = observer.take_lines();
    step.choice = choice_of(name, id, logits, options.top);
    if (observer.source_weights().defined()) rows.push_back(observer.source_weights());
    trace.steps.push_back(std::move(step));
    previous = id;
  }
  add_alignment(trace, rows, special_source, special_target);
  trace.totals = totals_of(trace, options.search);
  return trace;
}

}  // namespace attend
