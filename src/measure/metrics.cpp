#include "attend/measure/metrics.h"

#include <algorithm>

#include "attend/measure/text_scores.h"

namespace attend {

#define METRIC(name, family) extern const MetricEntry name##_metric;
#include "measure/metrics.def"
#undef METRIC

namespace {

constexpr MetricNeed kNeeds[] = {MetricNeed::kTexts,   MetricNeed::kSeveralReferences, MetricNeed::kProbabilities,
                                 MetricNeed::kTokens,  MetricNeed::kCharacters,        MetricNeed::kAnswers,
                                 MetricNeed::kClasses, MetricNeed::kGoldLinks};

std::string words_of(MetricNeeds needs) {
  std::vector<std::string_view> words;
  for (const auto need : needs.list()) words.push_back(describe(need));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::vector<std::string> names_of(const MetricList& list) {
  std::vector<std::string> names;
  for (const auto* metric : list) names.emplace_back(metric->name);
  return names;
}

MetricFigure count(const Metric& metric, const MetricEvidence& evidence, const MetricOptions& options) {
  MetricFigure figure{.metric = &metric, .value = {}};
  if (metric.of_texts && evidence.texts) {
    figure.text = metric.of_texts(*evidence.texts, options);
    figure.value = figure.text.value;
  }
  if (metric.of_probabilities && evidence.probabilities) figure.value = metric.of_probabilities(*evidence.probabilities);
  if (metric.of_answers && evidence.answers) figure.value = metric.of_answers(*evidence.answers);
  if (metric.of_links && evidence.links) figure.value = metric.of_links(*evidence.links);
  return figure;
}

}  // namespace

std::string_view describe(MetricNeed need) {
  switch (need) {
    case MetricNeed::kTexts: return "texts with references";
    case MetricNeed::kSeveralReferences: return "several references of each";
    case MetricNeed::kProbabilities: return "probabilities";
    case MetricNeed::kTokens: return "tokens";
    case MetricNeed::kCharacters: return "characters of a running text";
    case MetricNeed::kAnswers: return "answers";
    case MetricNeed::kClasses: return "classes";
    default: return "gold links";
  }
}

std::vector<MetricNeed> MetricNeeds::list() const {
  std::vector<MetricNeed> needs;
  for (const auto need : kNeeds)
    if (holds(need)) needs.push_back(need);
  return needs;
}

std::span<const Metric> metrics() {
  static const std::vector<Metric> all{
#define METRIC(name, family) Metric{name##_metric, #name, #family},
#include "measure/metrics.def"
#undef METRIC
  };
  return all;
}

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (const auto& metric : metrics()) names.emplace_back(metric.name);
  return names;
}

const Metric& find_metric(std::string_view name) {
  for (const auto& metric : metrics())
    if (metric.name == name) return metric;
  fail_unknown_name("metric", name, metric_names());
}

MetricList metrics_of(MetricNeeds has) {
  MetricList list;
  for (const auto& metric : metrics())
    if (metric.needs.within(has)) list.push_back(&metric);
  return list;
}

MetricList usual_metrics(MetricNeeds has, MetricPlace place) {
  auto list = metrics_of(has);
  std::erase_if(list, [&](const Metric* metric) {
    const auto& unasked = metric->unasked;
    if (has.holds(MetricNeed::kSeveralReferences) && !unasked.captions) return true;
    return place == MetricPlace::kTraining ? !unasked.training : !unasked.evaluation;
  });
  return list;
}

const Metric& choose_metric(std::string_view name, const MetricRequest& request) {
  const auto there = names_of(metrics_of(request.has));
  const auto all = metrics();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Metric& metric) { return metric.name == name; });
  if (found == all.end()) fail_unknown_name(request.who, name, there);
  std::vector<std::string_view> missing;
  for (const auto need : found->needs.list())
    if (!request.has.holds(need)) missing.push_back(describe(need));
  if (!missing.empty())
    fail(request.kind, "{}: {} needs {}, which {} does not have; it can have one of: {}", request.who, name, fmt::join(missing, " and "),
         request.whose, fmt::join(there, ", "));
  return *found;
}

void for_each_text(const ComparedTexts& texts, bool lowercase,
                   const std::function<void(std::string_view hypothesis, std::span<const std::string_view> references)>& take) {
  ATTEND_ASSERT(texts.hypotheses.size() == texts.references.size());
  for (std::size_t i = 0; i < texts.hypotheses.size(); ++i) {
    if (!lowercase) {
      take(texts.hypotheses[i], texts.references[i]);
      continue;
    }
    std::vector<std::string> lowered;
    for (const auto reference : texts.references[i]) lowered.push_back(lower_cased(reference));
    const std::vector<std::string_view> references(lowered.begin(), lowered.end());
    take(lower_cased(texts.hypotheses[i]), references);
  }
}

const MetricFigure& MetricFigures::at(std::string_view name) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const MetricFigure& figure) { return figure.metric->name == name; });
  if (found != all_.end()) return *found;
  MetricList counted;
  for (const auto& figure : all_) counted.push_back(figure.metric);
  fail_unknown_name("a metric that was counted", name, names_of(counted));
}

MetricFigures count_metrics(const MetricList& wanted, const MetricEvidence& evidence, const MetricOptions& options) {
  MetricFigures figures;
  for (const auto* metric : wanted) figures.add(count(*metric, evidence, options));
  return figures;
}

std::string metric_cell(const Metric& metric, const std::optional<double>& value) {
  if (!value) return "-";
  return fmt::format("{:.{}f}", metric.print.share ? 100 * *value : *value, metric.print.decimals);
}

std::string metric_raw_cell(const Metric& metric, const std::optional<double>& value) {
  if (!value) return "-";
  return metric.print.share ? fmt::format("{:.6g}", *value) : fmt::format("{:.{}f}", *value, metric.print.decimals);
}

std::string metric_heading(const Metric& metric) { return fmt::format("{}{}", metric.print.label, metric.print.share ? " %" : ""); }

std::string metric_brief(const Metric& metric, double value) {
  const auto& print = metric.print;
  const auto shown = print.brief ? std::string_view(print.brief) : metric.name;
  return fmt::format("{} {:.{}f}{}", shown, print.share ? 100 * value : value, print.brief_decimals, print.share ? " %" : "");
}

std::vector<MetricLine> metric_lines(const MetricFigures& figures, const std::string& each, const std::string& how) {
  std::vector<MetricLine> lines;
  std::string label;  // of the last line, when it may be gone on with
  const auto end_line = [&] {
    if (!label.empty() && lines.back().metrics.back()->of_texts) lines.back().text += how;
    label.clear();
  };
  for (const auto& [metric, value, text] : figures) {
    const auto& print = metric->print;
    if (!text.line.empty()) {
      end_line();
      const auto same = std::find_if(lines.begin(), lines.end(), [&](const MetricLine& line) { return line.text == text.line; });
      if (same == lines.end())
        lines.push_back({{metric}, text.line});
      else
        same->metrics.push_back(metric);
      continue;
    }
    const auto body = fmt::format("{}{}{}{}", metric_cell(*metric, value), print.share ? " %" : "", print.after,
                                  print.each && !each.empty() ? " " + each : "");
    if (label == print.label) {
      lines.back().text += ", " + body;
      lines.back().metrics.push_back(metric);
    } else {
      end_line();
      lines.push_back({{metric}, fmt::format("{:<12}{}", print.label, body)});
      label = print.label;
    }
  }
  end_line();
  return lines;
}

std::string metrics_help() {
  std::string text;
  for (const auto& metric : metrics())
    text += fmt::format("  {:<20}{} ({}, {} is better); needs {}\n", metric.name, metric.sentence, metric.unit,
                        metric.larger_is_better ? "larger" : "smaller", words_of(metric.needs));
  return text;
}

}  // namespace attend
