#include "attend/train/texts.h"

#include <fmt/format.h>

#include <cmath>

#include "attend/measure/metrics.h"
#include "attend/train/trainer.h"

namespace attend {
namespace {

// What is no metric is a share of attention: support_0, ...
std::string figure_text(const std::string& name, double value) {
  for (const auto& metric : metrics())
    if (metric.name == name) return metric_brief(metric, value);
  return fmt::format("{} {:.1f} %", name, 100 * value);
}

}  // namespace

std::string duration_text(double seconds) {
  const auto s = static_cast<long>(std::lround(seconds));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

std::string validation_text(const ValidationReport& r) {
  auto text = fmt::format("update {:<6} {:>9}  train {:.3f}", r.step, duration_text(r.seconds), r.train_loss);
  for (const auto& [name, value] : r.figures) text += "  " + figure_text(name, value);
  // The figures are rounded; what decides is told whole, so that a best that looks like a tie is none.
  if (r.best) text += fmt::format("  best ({} {:.6g})", r.metric, r.figure);
  return text;
}

}  // namespace attend
