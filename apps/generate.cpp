// attend generate
#include <iostream>

#include "attend/decode/sample.h"
#include "attend/decode/translator.h"
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

int generate(const Arguments& arguments) {
  const auto flags = arguments.read<GenerateFlags>();
  const auto model = read_language_model(arguments.words[0]);
  std::vector<std::int32_t> prompt;
  for (const auto& token : model.target->encode(flags.prompt)) prompt.push_back(token.id);
  std::unique_ptr<RecordWriter> writer;
  if (!flags.record.empty()) writer = std::make_unique<RecordWriter>(flags.record);
  const auto count = flags.count;
  auto found = sample(*model.network, at::empty({count, 0}, at::kLong), at::zeros({count}, at::kLong),
                      std::vector(static_cast<std::size_t>(count), prompt), flags.draw, writer != nullptr);
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto& line : lines_of(*model.target, found[i].best[0].tokens)) fmt::print("{}\n", line);
    if (writer) writer->add(*text_record(model.model, *model.target, found[i], i));
  }
  if (writer) writer->close();
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
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<GenerateFlags>(),
          .run = generate};
}

}  // namespace attend::cli
