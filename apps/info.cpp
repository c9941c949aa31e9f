// attend info
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attend/attention/implementations.h"
#include "attend/core/printable.h"
#include "attend/core/version.h"
#include "attend/ops/products.h"
#include "attend/run/translator.h"
#include "attend/store/model_folder.h"
#include "terminal.h"
#include "threads.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct InfoFlags {
  bool verify, json;
  InfoFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(verify, "verify", false,
      "with a MODEL: list every file with the result of its checksum (--no-verify reads a damaged model all the same)");
    v(json, "json", false, "as JSON: every mechanism, or the one NAME");
  }
};

void about_program() {
  fmt::print("attend            {}\nlibtorch          {}\ninstruction set   {}\nthreads           {}\nmatrix products   {}\n\nmechanisms\n",
             kVersion, torch_version(), torch_instruction_set(), threads(), products_in_use());
  for (const auto* m : mechanisms()) fmt::print("  {:<20} {}\n", m->name, m->sentence);
  fmt::print("  {:<20} no attention: the bottleneck baseline\n\nmodels\n", "none");
  for (const auto& name : model_names()) fmt::print("  {}\n", name);
  fmt::print("\nhow a call is computed: the first that takes it, in this order\n");
  for (const auto* i : implementations()) fmt::print("  {:<20} {}\n", i->name, i->sentence);
  fmt::print("\nattend info NAME tells a mechanism's formula, paper and parameters; attend info MODEL what a model folder holds.\n");
}

// What is said of a mechanism, line by line.
std::vector<std::pair<std::string, std::string>> lines_about(const MechanismEntry& m) {
  std::vector<std::pair<std::string, std::string>> lines;
  const auto say = [&](const char* what, std::string_view text) { lines.emplace_back(what, text); };
  say("formula", m.formula);
  say("paper", m.paper);
  say("parameters", m.parameters);
  say("cost", m.cost);
  say("range", m.range);
  say("score", m.score);
  say("source", m.source);
  say("set by", m.used_by.empty() ? fmt::format("model.attention: {}", m.name) : std::string(m.used_by));
  const auto& can = m.capabilities;
  if (can.wraps) say("wraps", "the score that model.score names");
  if (can.samples && can.picks)
    say("in training", can.rewarded ? "it draws at random; unbiased, learned from a reward" : "it draws at random; its gradient is biased");
  if (can.not_causal) say("not causal", "a decoder cannot use it for its attention to itself");
  return lines;
}

void about_mechanism(const MechanismEntry& m) {
  fmt::print("{}: {}\n\n", m.name, m.sentence);
  for (const auto& [what, text] : lines_about(m)) fmt::print("  {:<12} {}\n", what, text);
}

nlohmann::ordered_json json_about(const MechanismEntry& m) {
  nlohmann::ordered_json json{{"name", m.name}, {"sentence", m.sentence}};
  for (const auto& [what, text] : lines_about(m)) json[what] = text;
  return json;
}

void print_json(const nlohmann::ordered_json& json) { fmt::print("{}\n", json.dump(2)); }

int about_model(const std::string& path, bool verify) {
  const auto folder = find_model_folder(path);
  if (verify) {
    bool sound = true;
    for (const auto& check : verify_model(folder)) {
      fmt::print("{:<24} {:>12} bytes  {}\n", printable(check.name), check.bytes, check.sound ? "sound" : check.problem);
      sound = sound && check.sound;
    }
    if (!sound) fail(ErrorKind::kData, "{}: damaged; use another checkpoint of the run, or train --resume from one", folder);
    return 0;
  }
  const auto model = read_any_model(folder);
  fmt::print("folder              {}\nmodel               {}\nattention           {}\nparameters          {}\n",
             std::filesystem::canonical(folder).string(), model.model.type, looks_by(model.model), parameter_count(*model.network));
  const auto tell = [](const char* side, const std::shared_ptr<Tokenizer>& tokenizer) {
    if (tokenizer) fmt::print("{} vocabulary   {} {}\n", side, tokenizer->size(), tokenizer->options().kind);
  };
  tell("source", model.source);
  tell("target", model.target);
  return 0;
}

int info(const Arguments& arguments) {
  const auto flags = arguments.read<InfoFlags>();
  if (arguments.words.empty() && flags.json) {
    auto all = nlohmann::ordered_json::array();
    for (const auto* m : mechanisms()) all.push_back(json_about(*m));
    print_json(all);
    return 0;
  }
  if (arguments.words.empty()) {
    about_program();
    return 0;
  }
  const auto& word = arguments.words[0];
  if (std::filesystem::exists(word)) return about_model(word, flags.verify);
  ATTEND_CHECK(word.find('/') == std::string::npos, kFile, "{}: no such model; give the folder of a model or of a training run", word);
  if (const auto names = mechanism_names(); std::find(names.begin(), names.end(), word) == names.end())
    fail_unknown_name("info (no such folder, no such mechanism)", word, names);
  ATTEND_CHECK(!flags.verify, kUsage, "info: --verify is for a model folder; {} is a mechanism", word);
  const auto& mechanism = find_mechanism(word);
  if (flags.json)
    print_json(json_about(mechanism));
  else
    about_mechanism(mechanism);
  return 0;
}

}  // namespace

Command info_command() {
  return {.name = "info",
          .sentence = "Versions, mechanisms and models; one mechanism; or a model folder.",
          .words = "[NAME | MODEL]",
          .details = "",
          .model_first = true,
          .paths = 1,
          .most_words = 1,
          .options = flags_of<InfoFlags>(),
          .run = info};
}

}  // namespace attend::cli
