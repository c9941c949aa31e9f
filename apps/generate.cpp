// attend generate
#include <algorithm>

#include "attend/models/steps.h"
#include "attend/run/translator.h"
#include "attend/run/windows.h"
#include "attend/search/sample.h"
#include "output.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct GenerateFlags {
  SampleOptions draw;
  std::string prompt, record;
  std::int64_t count;
  GenerateFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(prompt, "prompt", "", "how the text begins");
    v(count, "count", 1, "texts to draw", between(1, 100000));
    v(record, "record", "", "file for the record of every layer, head and step (see attend draw)");
    draw.visit(v);
  }
};

// Token ids of the prompt; says once what the model does not know of it.
std::vector<std::int32_t> prompt_tokens(const Tokenizer& tokenizer, const std::string& prompt, bool quiet) {
  std::vector<std::int32_t> ids;
  std::vector<std::string> unknown;
  for (const auto& token : tokenizer.encode(prompt)) {
    ids.push_back(token.id);
    if (token.id == tokenizer.special().unknown) unknown.push_back(prompt.substr(token.begin, token.end - token.begin));
  }
  if (!unknown.empty() && !quiet) say("attend: not in the model's vocabulary, read as <unk>: {}\n", fmt::join(unknown, " "));
  return ids;
}

int generate(const Arguments& arguments) {
  constexpr std::int64_t kTogether = 64;  // texts drawn at a time
  auto flags = arguments.read<GenerateFlags>();
  const auto model = read_language_model(arguments.words[0]);
  const auto prompt = prompt_tokens(*model.target, flags.prompt, arguments.common.quiet);
  Output out("-");
  RecordOutput writer(flags.record);
  catch_interrupts();
  for (std::int64_t first = 0; first < flags.count; first += kTogether) {
    const auto count = std::min(kTogether, flags.count - first);
    const Prompts prompts{std::vector(static_cast<std::size_t>(count), prompt), static_cast<std::size_t>(first)};
    auto found = sample(*steps_without_source(*model.network, count, model.target->special()), prompts, flags.draw,
                        {.record = static_cast<bool>(writer), .stop = &interrupted});
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (const auto& line : lines_of(*model.target, found[i].best[0].tokens)) out.line(line);
      if (writer) writer.add(*text_record(model.model, *model.target, found[i], prompts.first + i));
    }
    out.flush();
  }
  writer.close();
  return 0;
}

}  // namespace

Command generate_command() {
  return {.name = "generate",
          .sentence = "Draw text from a language model.",
          .words = "MODEL",
          .details =
              "Examples:\n"
              "  attend generate runs/alice --prompt 'Alice was' --temperature 0.8 --max-tokens 300 --past-end\n"
              "  attend generate runs/alice --prompt 'Alice was' --record a.record.npz && attend draw a.record.npz",
          .model_first = true,
          .paths = 1,
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<GenerateFlags>(),
          .run = generate};
}

}  // namespace attend::cli
