// attend train
#include <filesystem>

#include "attend/store/run_folder.h"
#include "attend/train/trainer.h"
#include "places.h"
#include "terminal.h"
#include "threads.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct TrainFlags {
  std::vector<std::string> set, unset;
  std::string task, source, target, tsv, text, out, steps, minutes, init_from;
  bool resume, dry_run;
  TrainFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(set, "set", {}, "set a configuration key: --set model.hidden=256");
    v(unset, "unset", {}, "leave a key of the configuration file out, where another choice does not read it: --unset model.energy");
    v(task, "task", "", "translate, summarise, transliterate, generate, classify, answer or caption; the model follows (task)");
    v(source, "source", "", "training sentences, one a line (data.source)");
    v(target, "target", "", "their translations (data.target)");
    v(tsv, "tsv", "", "instead of the two: source TAB target (data.tsv)");
    v(text, "text", "",
      "of generate a text, of classify lines 'label sentence', CSV, TSV or JSON lines, of answer stories or documents (data.text)");
    v(out, "out", "", "folder of the run (train.out)");
    v(steps, "steps", "", "updates in all; the rate falls to the last of them (train.steps)");
    v(minutes, "minutes", "", "or minutes in all (train.minutes)");
    v(init_from, "init_from", "", "start from the weights and vocabularies of this model (train.init_from)");
    v(resume, "resume", false, "go on where the run in --out stopped");
    v(dry_run, "dry_run", false, "show sizes and the resolved configuration, train nothing");
  }
};

// The values a run is configured with: the run's own when it goes on, then the config file; flags last.
GivenValues gather(const Arguments& arguments, const TrainFlags& flags) {
  GivenValues values;
  if (flags.resume && !flags.out.empty()) {
    ATTEND_CHECK(std::filesystem::exists(flags.out), kFile, "{}: no such run; give the folder that train --out made", flags.out);
    auto config = flags.out + "/config.yaml";
    if (!std::filesystem::exists(config)) config = locate_model(flags.out).folder + "/config.yaml";  // a copy may lack it
    values = read_stored_config(config);
  }
  if (!arguments.words.empty())
    for (auto& [key, value] : read_config(arguments.words[0])) values[key] = value;
  for (const auto& key : flags.unset) {
    const auto erased = std::erase_if(values, [&](const auto& entry) { return entry.first == key || entry.first.starts_with(key + "."); });
    ATTEND_CHECK(erased > 0, kUsage, "--unset {}: the configuration file does not set it; leave the flag out", key);
  }
  auto put = [&](const char* key, const char* flag, const std::string& value) {
    if (!value.empty()) values[key] = {{value}, false, flag, false};
  };
  put("task", "--task", flags.task);
  put("data.source", "--source", flags.source);
  put("data.target", "--target", flags.target);
  put("data.tsv", "--tsv", flags.tsv);
  put("data.text", "--text", flags.text);
  put("train.out", "--out", flags.out);
  put("train.steps", "--steps", flags.steps);
  put("train.minutes", "--minutes", flags.minutes);
  put("train.init_from", "--init-from", flags.init_from);
  for (const auto& pair : flags.set) set_given(values, pair, "--set");
  return values;
}

void show_plan(const TrainPlan& plan) {
  fmt::print(
      "task                {}\ntraining examples   {}\nvalidation examples {}\nsource vocabulary   {}\ntarget vocabulary   {}\nparameters  "
      " "
      "       {}\nupdates an epoch    {}\n",
      plan.task, plan.examples, plan.dev_examples, plan.source_vocabulary, plan.target_vocabulary, plan.parameters, plan.updates_per_epoch);
  fmt::print("\n{}", plan.config);
}

std::string step_text(const StepReport& r, const std::string& unit) {
  return fmt::format("epoch {} update {}  loss {:.3f}  {:.0f} {}/s  left {}", r.epoch + 1, r.step, r.loss, r.tokens_per_second, unit,
                     duration_text(r.seconds_left));
}

// The run's own files must not be what it reads: a configuration in the folder of the run, say.
void spare_inputs(const Arguments& arguments, const Config& config) {
  std::vector<NamedFile> inputs, outputs;
  for (const auto& word : arguments.words) inputs.push_back({word, "the configuration"});
  for (auto option : list_options(config).fields) {
    if (!option.key.starts_with("data.")) continue;
    const auto path = option.value.empty() ? std::string() : option.value[0];
    option.key.erase(0, sizeof("data.") - 1);
    if (place_of(option) == Place::kRead) inputs.push_back({path, "data." + option.key});
  }
  for (const char* name : {"config.yaml", "metrics.jsonl"}) outputs.push_back({config.train.out + "/" + name, "the run's"});
  refuse_to_overwrite(inputs, outputs);
}

int train(const Arguments& arguments) {
  const auto flags = arguments.read<TrainFlags>();
  auto values = gather(arguments, flags);
  if (values.empty()) fail(ErrorKind::kUsage, "train: nothing to train on; give a CONFIG.yaml, or --source FILE --target FILE --out DIR");
  for (const auto& [name, value] : arguments.common_values)
    if (name == "seed" || name == "threads") values["train." + name] = value;
  Trainer::Start start;
  assign(start.config, values);
  start.given = values;
  start.fit = arguments.words.empty() && !flags.resume;
  start.resume = flags.resume;
  start.dry_run = flags.dry_run;
  if (flags.dry_run && start.config.train.out.empty()) start.config.train.out = "(not given)";
  set_threads(start.config.train.threads);
  if (!flags.resume) spare_inputs(arguments, start.config);

  ProgressLine progress(arguments.common.quiet);
  const std::string unit = start.config.task == "classify" || start.config.task == "answer" ? "items" : "tok";
  TrainEvents events;
  events.message = [&](const std::string& line) { progress.line(line); };
  events.step = [&](const StepReport& r) { progress.show(step_text(r, unit), r.progress); };
  events.validated = [&](const ValidationReport& r) {
    progress.line(validation_text(r));
    if (!r.samples.empty()) progress.line("  " + r.samples.front());
  };
  Trainer trainer(std::move(start), events);
  const auto plan = trainer.plan();
  if (flags.dry_run) {
    show_plan(plan);
    return 0;
  }
  catch_interrupts();
  const auto result = trainer.run(interrupted);
  progress.clear();
  if (result.end == TrainEnd::kInterrupted) return 130;
  fmt::print("{}\n", result.best);
  return 0;
}

}  // namespace

Command train_command() {
  return {.name = "train",
          .sentence = "Train a model: on pairs of texts, texts or pictures with classes, questions, captions, or plain text.",
          .words = "[CONFIG.yaml]",
          .details =
              "Examples:\n"
              "  attend train configs/phrasebook.yaml --set train.out=runs/mine\n"
              "  attend train --source a.en --target a.zh --out runs/a    everything suited to the corpus, and said\n"
              "  attend train --task classify --text opinions.txt --out runs/b --minutes 2\n"
              "  attend train --resume --out runs/a                      goes on bit for bit\n"
              "Ctrl-C finishes the update, saves and exits with 130; a second one ends at once and saves nothing.\n"
              "--dry-run prints every configuration key with its meaning.",
          .paths = 1,
          .most_words = 1,
          .options = flags_of<TrainFlags>(),
          .run = train};
}

}  // namespace attend::cli
