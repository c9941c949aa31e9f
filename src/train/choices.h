#pragma once
// How the choices of fit.h are made and told.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "attend/core/error.h"
#include "attend/train/config.h"

namespace attend {

/// Multiplications that one processor core gets through in a minute of training a recurrent model of these sizes (AVX-512; measured by
/// bench/defaults.py, where it stands for what a user is told beforehand and for nothing else).
inline constexpr double kWorkAMinute = 2.2e12;

/// Sets what the user did not and the configuration reads, and keeps one line a choice.
class Choices {
 public:
  /// Both must live as long.
  Choices(const Config& config, const GivenValues& given) : config_(config), given_(given) {}

  template <class Field, class Value>
  void operator()(const std::string& key, Field& field, const Value& value, const std::string& why) {
    if (given_.contains(key) || field == value || !is_read(key)) return;
    field = value;
    said.push_back(fmt::format("{} = {} ({})", key, value, why));
  }

  /// The length of the run: so many passes of so many batches each under a cosine, unless the user has said when to end; and about how
  /// many minutes a pass takes, 0 when that is not known. Validations are five, of the first 500 examples; the warm-up is at
  /// most a tenth of the run.
  void length(Config& c, double passes, double batches, double minutes, std::int64_t warmup) {
    auto& t = c.train;
    const bool timed = given_.contains("train.minutes") && !given_.contains("train.steps");
    const bool by_passes = given_.contains("train.epochs") && !given_.contains("train.steps");
    (*this)("train.schedule", t.schedule, std::string("cosine"), "down to almost nothing at the end of the run");
    if (by_passes) passes = static_cast<double>(t.epochs);
    if (!by_passes) (*this)("train.epochs", t.epochs, std::int64_t{0}, timed ? "ends by the clock" : "ends by updates");
    if (!timed) {
      auto steps = static_cast<std::int64_t>(std::ceil(passes * batches));
      if (steps > 1000) steps = (steps + 50) / 100 * 100;
      minutes *= passes;
      const auto duration =
          minutes > 0 ? fmt::format(", about {:.0f} minute{} of one processor", std::ceil(minutes), minutes > 1 ? "s" : "") : "";
      (*this)("train.steps", t.steps, std::max<std::int64_t>(1, steps), fmt::format("{:.0f} passes over the data{}", passes, duration));
    }
    const auto planned = t.steps > 0 ? t.steps : static_cast<std::int64_t>(passes * batches);
    (*this)("train.warmup", t.warmup, std::min(warmup, planned / 10), "a start without leaps");
    (*this)("train.validate_every", t.validate_every, std::max<std::int64_t>(1, (planned + 4) / 5), "five times");
    (*this)("train.validate_pairs", t.validate_pairs, std::int64_t{500}, "enough to choose by");
  }

  std::vector<std::string> said;

 private:
  // What is read follows from what was chosen before.
  bool is_read(const std::string& key) const {
    const auto fields = list_options(config_).fields;
    return std::any_of(fields.begin(), fields.end(), [&](const auto& field) { return field.key == key; });
  }
  const Config& config_;
  const GivenValues& given_;
};

}  // namespace attend
