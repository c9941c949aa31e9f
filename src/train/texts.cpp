#include "attend/train/texts.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>

#include "attend/train/trainer.h"

namespace attend {
namespace {

// Names as people write them; shares in per cent.
std::string figure_text(const std::string& name, double value) {
  static const std::map<std::string, std::string> kNames{{"loss", "valid"}, {"perplexity", "ppl"}, {"bleu", "BLEU"}, {"chrf", "chrF"}};
  const auto known = kNames.find(name);
  const auto& shown = known == kNames.end() ? name : known->second;
  static const std::set<std::string> kShares{"exact", "wer", "accuracy", "macro_f1"};
  if (kShares.contains(name) || name.starts_with("support")) return fmt::format("{} {:.1f} %", shown, 100 * value);
  return fmt::format("{} {:.{}f}", shown, value, name == "loss" ? 3 : 2);
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
