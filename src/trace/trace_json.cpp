#include <cmath>
#include <nlohmann/json.hpp>

#include "attend/trace/trace.h"
#include "trace/trace_view.h"

namespace attend {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinity.
Json number(double x) {
  if (std::isfinite(x)) return x;
  return {{"value", nullptr}, {"why", x < 0 ? "hidden" : "not finite"}};
}

Json numbers(const std::vector<double>& values) {
  Json out = Json::array();
  for (const auto x : values) out.push_back(number(x));
  return out;
}

Json to_json(const TraceNumbers& n) {
  Json out{{"kind", "numbers"}, {"name", n.name}};
  if (n.rows.empty()) {
    out["values"] = numbers(n.values);
    return out;
  }
  out["rows"] = n.rows;
  out["values"] = Json::array();
  for (std::size_t row = 0; row < n.rows.size(); ++row) {
    const auto begin = n.values.begin() + static_cast<std::ptrdiff_t>(row * n.columns());
    out["values"].push_back(numbers({begin, begin + static_cast<std::ptrdiff_t>(n.columns())}));
  }
  return out;
}

Json to_json(const TraceAttention& a) {
  Json parts = Json::array();
  for (const auto& part : a.parts) parts.push_back(to_json(part));
  Json out{{"kind", "attention"}, {"site", a.site}, {"layer", a.layer}, {"head", a.head},
           {"query", a.query},    {"keys", a.keys}, {"parts", parts}};
  out["scores"] = numbers(a.scores);
  if (!a.exponentials.empty()) out["softmax"] = {{"maximum", a.maximum}, {"exponentials", numbers(a.exponentials)}, {"sum", a.sum}};
  out["weights"] = numbers(a.weights);
  out["entropy"] = a.entropy;
  out["effective_tokens"] = a.effective_tokens;
  out["context"] = numbers(a.context);
  return out;
}

Json to_json(const std::vector<TraceLine>& lines) {
  Json out = Json::array();
  for (const auto& line : lines) out.push_back(std::visit([](const auto& x) { return to_json(x); }, line));
  return out;
}

Json to_json(const TraceWord& word) {
  return {{"id", word.id},
          {"text", word.text},
          {"logit", number(word.logit)},
          {"probability", word.probability},
          {"surprisal", number(word.surprisal)}};
}

Json to_json(const TraceStep& step, std::size_t index) {
  Json out{{"step", index + 1}, {"previous", step.previous}, {"target", step.target}, {"lines", to_json(step.lines)}};
  if (!step.choice) return out;
  Json top = Json::array();
  for (const auto& word : step.choice->top) top.push_back(to_json(word));
  out["choice"] = {{"chosen", to_json(step.choice->chosen)}, {"rank", step.choice->rank}, {"top", top}};
  return out;
}

}  // namespace

std::string trace_json(const Trace& trace, const TraceView& view) {
  const auto [first, last] = steps_of(trace, view);
  Json out{{"schema", "attend.trace"},     {"version", {1, 0}},        {"title", trace.title},
           {"mechanism", trace.mechanism}, {"formula", trace.formula}, {"forced", trace.forced}};
  Json tokens = Json::array();
  for (const auto& token : trace.source)
    tokens.push_back({{"text", token.text}, {"id", token.id}, {"span", {token.span.begin, token.span.end}}});
  out["source"] = {{"utf8", trace.source_text}, {"tokens", tokens}};
  out["target"] = trace.target_text;
  out["encoder"] = to_json(trace.encoder);
  out["steps"] = Json::array();
  for (auto t = first; t < last; ++t) out["steps"].push_back(to_json(trace.steps[t], t));
  out["coverage"] = numbers(trace.coverage);
  out["links"] = format_links(trace.links);
  if (trace.totals) {
    const auto& t = *trace.totals;
    out["totals"] = {{"log_prob", number(t.log_prob)},     {"mean_nll", number(t.mean_nll)},           {"perplexity", number(t.perplexity)},
                     {"length_divisor", t.length_divisor}, {"coverage_term", number(t.coverage_term)}, {"score", number(t.score)}};
  }
  return out.dump() + "\n";
}

}  // namespace attend
