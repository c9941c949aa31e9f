// attend info
#include <filesystem>

#include "attend/core/version.h"
#include "attend/ops/products.h"
#include "attend/store/model_folder.h"
#include "terminal.h"
#include "threads.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct InfoFlags {
  bool verify;
  InfoFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) { v(verify, "verify", false, "with a MODEL: compare every file with its checksum"); }
};

void about_program() {
  fmt::print("attend            {}\nlibtorch          {}\ninstruction set   {}\nthreads           {}\nmatrix products   {}\n\nmechanisms\n",
             kVersion, torch_version(), torch_instruction_set(), threads(), products_in_use());
  for (const auto* m : mechanisms()) fmt::print("  {:<20} {}\n", m->name, m->sentence);
  fmt::print("  {:<20} no attention: the bottleneck baseline\n\nmodels\n", "none");
  for (const auto& name : model_names()) fmt::print("  {}\n", name);
  fmt::print("\nattend info NAME tells a mechanism's formula, paper and parameters; attend info MODEL what a model folder holds.\n");
}

void about_mechanism(const MechanismEntry& m) {
  fmt::print(
      "{}: {}\n\n  formula      {}\n  paper        {}\n  parameters   {}\n  cost         {}\n  range        {}\n  score        {}\n  "
      "source       {}\n",
      m.name, m.sentence, m.formula, m.paper, m.parameters, m.cost, m.range, m.score, m.source);
  fmt::print("  set by       {}\n", m.used_by.empty() ? fmt::format("model.attention: {}", m.name) : std::string(m.used_by));
  const auto& can = m.capabilities;
  if (can.wraps) fmt::print("  wraps        the score that model.score names\n");
  if (can.samples && can.picks)
    fmt::print("  in training  it draws at random{}\n", can.rewarded ? "; unbiased, learned from a reward" : "; its gradient is biased");
  if (can.not_causal) fmt::print("  not causal   a decoder cannot use it for its attention to itself\n");
}

int about_model(const std::string& path, bool verify) {
  const auto folder = find_model_folder(path);
  if (verify) {
    bool sound = true;
    for (const auto& check : verify_model(folder)) {
      fmt::print("{:<24} {:>12} bytes  {}\n", check.name, check.bytes, check.sound ? "sound" : check.problem);
      sound = sound && check.sound;
    }
    if (!sound) fail(ErrorKind::kData, "{}: damaged; use another checkpoint of the run, or train --resume from one", folder);
    return 0;
  }
  const auto model = read_any_model(folder);
  fmt::print("folder              {}\nmodel               {}\nattention           {}\nparameters          {}\n",
             std::filesystem::canonical(folder).string(), model.model.type, model.model.attention, parameter_count(*model.network));
  const auto tell = [](const char* side, const std::shared_ptr<Tokenizer>& tokenizer) {
    if (tokenizer) fmt::print("{} vocabulary   {} {}\n", side, tokenizer->size(), tokenizer->options().kind);
  };
  tell("source", model.source);
  tell("target", model.target);
  return 0;
}

int info(const Arguments& arguments) {
  const auto flags = arguments.read<InfoFlags>();
  if (arguments.words.empty()) {
    about_program();
    return 0;
  }
  const auto& word = arguments.words[0];
  if (std::filesystem::exists(word)) return about_model(word, flags.verify);
  about_mechanism(find_mechanism(word));
  return 0;
}

}  // namespace

Command info_command() {
  return {.name = "info",
          .sentence = "Versions, mechanisms and models; one mechanism; or a model folder.",
          .words = "[NAME | MODEL]",
          .details = "",
          .most_words = 1,
          .options = flags_of<InfoFlags>(),
          .run = info};
}

}  // namespace attend::cli
