// attend info
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attend/attention/implementations.h"
#include "attend/core/printable.h"
#include "attend/core/version.h"
#include "attend/kernels/isa.h"
#include "attend/models/parts.h"
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
    v(json, "json", false, "as JSON: every mechanism and part, or the one NAME");
  }
};

// The set that the kernels use, and the others.
std::string kernel_sets() {
  std::vector<std::string> others;
  for (const auto isa : kernels::instruction_sets())
    if (isa != kernels::active_isa())
      others.push_back(fmt::format("{}{}", kernels::isa_name(isa), kernels::cpu_has(isa) ? "" : " (not on this processor)"));
  return fmt::format("{}; ATTEND_ISA chooses another: {}", kernels::isa_name(kernels::active_isa()), fmt::join(others, ", "));
}

void about_program() {
  fmt::print(
      "attend            {}\nlibtorch          {}\ninstruction set   {}\nkernels           {}\nthreads           {}\nmatrix products   "
      "{}\n\nmechanisms\n",
      kVersion, torch_version(), torch_instruction_set(), kernel_sets(), threads(), products_in_use());
  for (const auto* m : mechanisms()) fmt::print("  {:<24} {}\n", m->name, m->sentence);
  fmt::print("  {:<24} no attention: the bottleneck baseline\n\nparts of models that are kin to attention\n", "none");
  for (const auto* p : parts()) fmt::print("  {:<24} {}\n", p->name, p->sentence);
  fmt::print("\nmodels\n");
  for (const auto& name : model_names()) fmt::print("  {}\n", name);
  fmt::print("\nhow a call is computed: the first that takes it, in this order\n");
  for (const auto* i : implementations()) fmt::print("  {:<24} {}\n", i->name, i->sentence);
  fmt::print(
      "\nattend info NAME tells the formula, paper and parameters of a mechanism or part; attend info MODEL what a model folder holds.\n");
}

// A mechanism or a part of a model, as it is told: its facts in the order of the lines.
struct Told {
  std::string_view kind, name, sentence;  // kind: mechanism or part
  std::vector<std::pair<std::string_view, std::string>> facts;
};

Told told(const MechanismEntry& m) {
  Told t{"mechanism", m.name, m.sentence, {}};
  const auto say = [&](std::string_view what, std::string_view text) { t.facts.emplace_back(what, text); };
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
  say("header", fmt::format("attention/{}.h", m.name));
  return t;
}

Told told(const PartEntry& p) {
  return {"part",
          p.name,
          p.sentence,
          {{"formula", std::string(p.formula)},
           {"paper", std::string(p.paper)},
           {"parameters", std::string(p.parameters)},
           {"cost", std::string(p.cost)},
           {"set by", std::string(p.used_by)},
           {"header", std::string(p.header)}}};
}

std::vector<Told> all_told() {
  std::vector<Told> all;
  for (const auto* m : mechanisms()) all.push_back(told(*m));
  for (const auto* p : parts()) all.push_back(told(*p));
  return all;
}

void print(const Told& t) {
  fmt::print("{}: {}\n\n", t.name, t.sentence);
  for (const auto& [what, text] : t.facts) fmt::print("  {:<12} {}\n", what, text);
}

nlohmann::ordered_json json_of(const Told& t) {
  nlohmann::ordered_json json{{"name", t.name}, {"kind", t.kind}, {"sentence", t.sentence}};
  for (const auto& [what, text] : t.facts) json[what] = text;
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
    for (const auto& t : all_told()) all.push_back(json_of(t));
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
  const auto all = all_told();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Told& t) { return t.name == word; });
  if (found == all.end()) {
    auto names = mechanism_names();
    for (auto& name : part_names()) names.push_back(std::move(name));
    fail_unknown_name("info (no such folder, no such mechanism or part)", word, names);
  }
  ATTEND_CHECK(!flags.verify, kUsage, "info: --verify is for a model folder; {} is a {}", word, found->kind);
  if (flags.json)
    print_json(json_of(*found));
  else
    print(*found);
  return 0;
}

}  // namespace

Command info_command() {
  return {.name = "info",
          .sentence = "Versions, mechanisms and models; one mechanism or part; or a model folder.",
          .words = "[NAME | MODEL]",
          .details = "",
          .model_first = true,
          .paths = 1,
          .most_words = 1,
          .options = flags_of<InfoFlags>(),
          .run = info};
}

}  // namespace attend::cli
