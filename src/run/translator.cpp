#include "attend/run/translator.h"

namespace attend {

Translator::Translator(const std::string& path, const RunnerOptions& options) : Runner(path, options) { writer(); }
Translator::Translator(const TranslationModel& model, const RunnerOptions& options) : Runner(model, options) { writer(); }

std::string Translator::translate(std::string_view source) const {
  const std::string sources[] = {std::string(source)};
  return translate(sources, search_options())[0].text();
}

}  // namespace attend
