#pragma once
// Text in, text out, in ten lines:
//
//   attend::Translator translator("runs/phrasebook");
//   std::cout << translator.translate("I love you") << '\n';
#include <string>
#include <string_view>

#include "attend/run/runner.h"

namespace attend {

/// A Runner of a model that turns one text into another. Threads may share it as they may a Runner.
class Translator : public Runner {
 public:
  /// Throws as Runner, and kValue for a model of another kind, naming the verb for it.
  explicit Translator(const std::string& path, const RunnerOptions& options = {});
  explicit Translator(const TranslationModel& model, const RunnerOptions& options = {});

  using Runner::translate;
  /// The best translation of one sentence, found as the model was meant to search. An empty sentence gives an empty translation.
  std::string translate(std::string_view source) const;
};

}  // namespace attend
