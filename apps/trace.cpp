// attend trace
#include "attend/trace/trace.h"

#include "attend/run/translator.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct TraceFlags {
  std::string example, target;
  std::int64_t step, layer, head, top, digits, beam;
  bool full, json;
  TraceFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(example, "example", "", "a worked example in place of MODEL and TEXT: rnn or scaled_dot");
    v(target, "target", "", "the target to go along, instead of the model's own words");
    v(beam, "beam", 1, "how the model's own words are found; 1 is greedy search", between(1, 1000));
    v(step, "step", 0, "one target step, from 1; 0 is all", at_least(0));
    v(layer, "layer", -1, "layer of the attention; -1 is the last", at_least(-1));
    v(head, "head", -1, "one head in detail; -1 is every head in short", at_least(-1));
    v(top, "top", 5, "words of each output distribution", between(1, 1e6));
    v(digits, "digits", 4, "digits after the point", between(0, 17));
    v(full, "full", false, "whole vectors");
    v(json, "json", false, "the same as JSON, whole vectors with all their digits");
  }
};

Trace make_trace(const Arguments& arguments, const TraceFlags& flags) {
  TraceOptions options;
  if (arguments.has("target")) options.target = flags.target;
  if (flags.layer >= 0) options.layer = flags.layer;
  if (flags.head >= 0) options.head = flags.head;
  options.top = flags.top;
  if (!flags.example.empty()) {
    ATTEND_CHECK(arguments.words.empty(), kUsage, "trace: --example needs no MODEL and no TEXT");
    options.search.beam = flags.beam;
    return trace_example(flags.example, options);
  }
  ATTEND_CHECK(arguments.words.size() == 2, kUsage, "trace: give a MODEL and a TEXT, in quotes if it has blanks, or --example rnn");
  const Translator translator(arguments.words[0]);
  options.search = translator.search_options();
  options.search.beam = flags.beam;
  options.search.n_best = 1;
  return trace(translator.writer(), arguments.words[1], options);
}

int run_trace(const Arguments& arguments) {
  const auto flags = arguments.read<TraceFlags>();
  const TraceView view{.step = flags.step, .digits = flags.digits, .full = flags.full};
  const auto traced = make_trace(arguments, flags);
  fmt::print("{}", flags.json ? trace_json(traced, view) : trace_text(traced, view));
  return 0;
}

}  // namespace

Command trace_command() {
  return {.name = "trace",
          .sentence = "Every number of a computation, step by step.",
          .words = "[MODEL TEXT]",
          .details =
              "Examples:\n"
              "  attend trace --example rnn --digits 6\n"
              "  attend trace runs/phrasebook \"I love you\" --step 2 --head 0",
          .model_first = true,
          .paths = 1,
          .most_words = 2,
          .options = flags_of<TraceFlags>(),
          .texts = {"target"},
          .run = run_trace};
}

}  // namespace attend::cli
