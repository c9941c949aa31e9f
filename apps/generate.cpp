// attend generate
#include <algorithm>

#include "attend/run/runner.h"
#include "output.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct GenerateFlags {
  SampleOptions draw;
  RunnerOptions runner;
  std::string prompt, record;
  std::int64_t count;
  GenerateFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(prompt, "prompt", "", "how the text begins");
    v(count, "count", 1, "texts to draw", between(1, 100000));
    v(record, "record", "", "file for the record of every layer, head and step (see attend draw)");
    draw.visit(v);
    runner.visit(v);
  }
};

// Says what the model does not know of the prompt.
void tell_unknown(const Tokenizer& tokenizer, const std::string& prompt) {
  std::vector<std::string> unknown;
  for (const auto& token : tokenizer.encode(prompt))
    if (token.id == tokenizer.special().unknown) unknown.push_back(prompt.substr(token.begin, token.end - token.begin));
  if (!unknown.empty()) say("attend: not in the model's vocabulary, read as <unk>: {}\n", fmt::join(unknown, " "));
}

int generate(const Arguments& arguments) {
  constexpr std::size_t kTogether = 64;  // texts that are drawn before they are written
  const auto flags = arguments.read<GenerateFlags>();
  const Runner runner(arguments.words[0], flags.runner);
  const auto& model = runner.writer(Matter::kNothing);
  if (!arguments.common.quiet) tell_unknown(*model.target, flags.prompt);
  Output out("-");
  RecordOutput writer(flags.record, arguments.common.quiet);
  catch_interrupts();
  const auto all = static_cast<std::size_t>(flags.count);
  for (std::size_t first = 0; first < all; first += kTogether) {
    const SearchControl control{.record = static_cast<bool>(writer), .stop = &interrupted};
    for (const auto& drawn : runner.generate(flags.prompt, first, std::min(kTogether, all - first), flags.draw, control)) {
      out.line(drawn.text());
      if (writer) writer.add(*drawn.record);
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
