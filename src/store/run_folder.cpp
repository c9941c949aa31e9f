#include "attend/store/run_folder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/core/json.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

// A small file of a checkpoint; null when it is not there or no JSON.
nlohmann::json read_json(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return nullptr;
  constexpr std::uint64_t kLargest = std::uint64_t{16} << 20;
  try {
    return parse_json(read_file(path, kLargest), path);
  } catch (const std::exception&) {
    return nullptr;
  }
}

// 120 from "step-120" with the beginning "step-", nothing for other names.
std::optional<std::int64_t> number_after(const std::string& name, const std::string& beginning) {
  if (!name.starts_with(beginning)) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data() + beginning.size(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number < 0) return std::nullopt;
  return number;
}

std::string problem_of(const std::string& folder) {
  std::error_code none;
  if (!fs::exists(folder + "/manifest.json", none)) return "manifest.json is missing";
  const auto manifest = read_json(folder + "/manifest.json");
  try {
    for (const auto& [name, about] : manifest.at("files").items()) {
      std::error_code error;
      const auto size = fs::file_size(folder + "/" + name, error);
      if (error) return name + " is missing";
      if (const auto expected = about.at("bytes").get<std::uint64_t>(); size != expected)
        return fmt::format("{} has {} bytes, the manifest says {}", name, size, expected);
    }
  } catch (const nlohmann::json::exception&) {
    return "its manifest cannot be read";
  }
  return {};
}

std::optional<std::int64_t> step_in(const std::string& folder) {
  for (const auto* name : {"/average.json", "/training.json"})
    if (const auto json = read_json(folder + name); json.is_object() && json.contains("step") && json["step"].is_number_integer())
      return json["step"].get<std::int64_t>();
  return std::nullopt;
}

std::optional<Checkpoint> checkpoint_at(const fs::directory_entry& entry) {
  std::error_code error;
  Checkpoint c;
  c.path = entry.path().string();
  c.name = entry.path().filename().string();
  const auto single = number_after(c.name, "step-"), mean = number_after(c.name, "average-");
  const bool named = single || mean || c.name == "last" || c.name == "best";
  if (!named || entry.is_symlink(error) || !entry.is_directory(error)) return std::nullopt;  // a link is no checkpoint of its own
  constexpr std::array kSigns{"/manifest.json", "/weights.safetensors", "/training.json", "/optimiser.safetensors"};
  if (std::none_of(kSigns.begin(), kSigns.end(), [&](const auto* sign) { return fs::exists(c.path + sign, error); })) return std::nullopt;
  c.average = mean.has_value() || fs::exists(c.path + "/average.json", error);
  c.step = single ? *single : mean ? *mean : step_in(c.path).value_or(-1);
  c.problem = problem_of(c.path);
  c.resumable = !c.average && fs::exists(c.path + "/training.json", error) && fs::exists(c.path + "/optimiser.safetensors", error);
  return c;
}

// What another program kept at `path`; empty when it is not known.
std::string foreign_model(const std::string& path) {
  const auto holds = [&](const char* name) { return fs::exists(path + "/" + name); };
  if (!holds("config.json")) return {};
  for (const auto* weights :
       {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack"})
    if (holds(weights)) return fmt::format("a pretrained model in the form of Hugging Face (config.json beside {})", weights);
  return {};
}

}  // namespace

const Checkpoint* newest_single(const std::vector<Checkpoint>& checkpoints) {
  const auto found =
      std::find_if(checkpoints.rbegin(), checkpoints.rend(), [](const auto& c) { return !c.average && c.problem.empty() && c.step >= 0; });
  return found == checkpoints.rend() ? nullptr : &*found;
}

std::vector<Checkpoint> checkpoints_in(const std::string& run) {
  std::vector<Checkpoint> found;
  std::error_code error;
  for (fs::directory_iterator it(run, error), end; !error && it != end; it.increment(error))
    if (auto checkpoint = checkpoint_at(*it)) found.push_back(std::move(*checkpoint));
  // Of two of one step the one that has the run's own name comes last.
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step != b.step ? a.step < b.step : a.name < b.name; });
  return found;
}

bool holds_run(const std::string& run) { return !checkpoints_in(run).empty(); }

std::optional<RunFigures> figures_in(const std::vector<Checkpoint>& checkpoints) {
  const auto* newest = newest_single(checkpoints);
  if (!newest) return std::nullopt;
  RunFigures figures;
  try {
    const auto training = read_json(newest->path + "/training.json");
    for (const auto& entry : training.at("kept")) figures.kept.emplace_back(entry.at(0).get<std::int64_t>(), entry.at(1).get<double>());
    for (const auto& c : checkpoints) {
      if (!c.average || !c.problem.empty()) continue;
      const auto about = read_json(c.path + "/average.json");
      const bool told = about.is_object();  // not of an average that an older version made: it was better than the singles of its time
      const double figure = told ? about.at("figure").get<double>() : figures.kept.empty() ? 0 : figures.kept[0].second;
      const bool larger = told && about.at("larger_is_better").get<bool>();
      const bool beaten = told && !figures.kept.empty() && (larger ? figures.kept[0].second > figure : figures.kept[0].second < figure);
      if (beaten) continue;
      figures.average = c.name;
      figures.average_figure = figure;
    }
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return figures;
}

std::string best_of(const std::vector<Checkpoint>& checkpoints) {
  if (const auto figures = figures_in(checkpoints)) {
    if (!figures->average.empty()) return figures->average;
    for (const auto& [step, figure] : figures->kept)
      for (const auto& c : checkpoints)
        if (!c.average && c.step == step && c.problem.empty()) return c.name;
  }
  return {};
}

ModelPlace locate_model(const std::string& path) {
  ATTEND_CHECK(fs::exists(path), kFile, "{}: no such model; give the folder of a model or of a training run", path);
  for (const auto* candidate : {"", "/best"})
    if (fs::exists(path + candidate + "/manifest.json")) return {path + candidate, {}};
  const auto checkpoints = checkpoints_in(path);
  if (const auto best = best_of(checkpoints); !best.empty())
    return {path + "/" + best, fmt::format("{}: its link `best` is missing; taking {}, which has the best figure", path, best)};
  if (fs::exists(path + "/last/manifest.json"))
    return {path + "/last", fmt::format("{}: has no best checkpoint yet; taking the last", path)};
  if (const auto* newest = newest_single(checkpoints))
    return {newest->path, fmt::format("{}: its links `best` and `last` are missing; taking {}, the newest", path, newest->name)};
  if (const auto foreign = foreign_model(path); !foreign.empty())
    fail(ErrorKind::kFile,
         "{}: not a model of attend: this is {}, which is not read; give a folder that `attend train --out` made, with config.yaml, "
         "weights.safetensors and "
         "manifest.json (docs/guide/tasks.md shows how to train one)",
         path, foreign);
  fail(ErrorKind::kFile,
       "{}: not a model: it has no manifest.json, and no best or last checkpoint; give the folder that `attend train --out` made", path);
}

}  // namespace attend
