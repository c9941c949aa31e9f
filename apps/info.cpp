// attend info
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attend/attention/implementations.h"
#include "attend/core/memory.h"
#include "attend/core/printable.h"
#include "attend/core/version.h"
#include "attend/kernels/isa.h"
#include "attend/models/parts.h"
#include "attend/ops/products.h"
#include "attend/record/record.h"
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
    v(json, "json", false, "as JSON: every mechanism and part, or the one NAME, or what a RECORD holds");
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

// What one record keeps of a site's layer: the same for people and for JSON.
nlohmann::ordered_json json_of(const AttentionMap& map) {
  return {{"site", map.site.name}, {"layer", map.site.layer}, {"kept", "full"},
          {"heads", map.heads},    {"rows", map.rows},        {"columns", map.cols}};
}

nlohmann::ordered_json json_of(const MapSummary& s) {
  nlohmann::ordered_json json{
      {"site", s.site.name}, {"layer", s.site.layer}, {"kept", "summary"},  {"heads", s.heads},
      {"rows", s.rows},      {"columns", s.cols},     {"bytes", s.bytes()}, {"statistics", nlohmann::json::array()}};
  for (const auto& [array, name] :
       {std::pair{&s.entropy, "entropy"}, {&s.lse, "lse"}, {&s.maximum, "maximum"}, {&s.column_sums, "column_sums"}})
    if (*array) json["statistics"].push_back(name);
  if (s.top_weights) json["top"] = s.top_weights.shape().back();
  if (!s.chosen_rows.empty()) json["chosen_rows"] = s.chosen_rows;
  for (const auto& level : s.levels)
    json["levels"].push_back({{"row_block", level.row_block},
                              {"column_block", level.column_block},
                              {"rows", level.mean.shape()[1]},
                              {"columns", level.mean.shape()[2]}});
  if (s.tiles) json["tiles"] = name_of(s.tiles->query.dtype());
  return json;
}

std::string sentence_of(const nlohmann::ordered_json& map) {
  auto line = fmt::format("  {:<20} layer {:<3} {} heads, {} x {}, ", map["site"].get<std::string>(), map["layer"].get<int>(),
                          map["heads"].get<int>(), map["rows"].get<std::int64_t>(), map["columns"].get<std::int64_t>());
  if (map["kept"] == "full") return line + "in full";
  std::vector<std::string> parts;
  for (const auto& name : map["statistics"]) parts.push_back(name.get<std::string>());
  if (map.contains("top")) parts.push_back(fmt::format("top {}", map["top"].get<int>()));
  if (map.contains("chosen_rows")) parts.push_back(fmt::format("{} rows in full", map["chosen_rows"].size()));
  if (map.contains("levels"))
    parts.push_back(
        fmt::format("blocks from {} x {}", map["levels"][0]["row_block"].get<int>(), map["levels"][0]["column_block"].get<int>()));
  if (map.contains("tiles")) parts.push_back(fmt::format("tiles from {}", map["tiles"].get<std::string>()));
  return line + fmt::format("summary of {}: {}", size_text(map["bytes"].get<std::uint64_t>()), fmt::join(parts, ", "));
}

int about_record(const std::string& path, bool json) {
  const RecordFile file(path);
  nlohmann::ordered_json all{{"records", nlohmann::json::array()}};
  for (std::size_t i = 0; i < file.size(); ++i) {
    const auto record = file.read(i);
    const auto& data = record->data();
    nlohmann::ordered_json one{{"input", data.sentence},
                               {"task", printable(data.task)},
                               {"model", printable(data.model)},
                               {"mechanism", printable(data.mechanism)},
                               {"source_tokens", data.source.tokens.size()},
                               {"nodes", data.nodes.size()},
                               {"hypotheses", data.hypotheses.size()},
                               {"maps", nlohmann::json::array()}};
    for (const auto& map : data.maps) one["maps"].push_back(json_of(map));
    for (const auto& summary : data.summaries) one["maps"].push_back(json_of(summary));
    if (json) {
      all["records"].push_back(std::move(one));
      continue;
    }
    fmt::print("record {}: input {}, {} by {}, {}; {} source tokens, {} nodes, {} hypotheses\n", i, data.sentence,
               one["task"].get<std::string>(), one["model"].get<std::string>(), one["mechanism"].get<std::string>(),
               data.source.tokens.size(), data.nodes.size(), data.hypotheses.size());
    for (const auto& map : one["maps"]) fmt::print("{}\n", sentence_of(map));
  }
  if (json) print_json(all);
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
  if (std::filesystem::is_regular_file(word)) {
    ATTEND_CHECK(!flags.verify, kUsage, "info: --verify is for a model folder; {} is a file", word);
    return about_record(word, flags.json);
  }
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
          .sentence = "Versions, mechanisms and models; one mechanism or part; a model folder or a record.",
          .words = "[NAME | MODEL | RECORD]",
          .details = "",
          .model_first = true,
          .paths = 1,
          .most_words = 1,
          .options = flags_of<InfoFlags>(),
          .run = info};
}

}  // namespace attend::cli
