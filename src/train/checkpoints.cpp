#include "train/checkpoints.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attend/core/files.h"
#include "attend/core/json.h"

namespace attend {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string to_json(const Progress& p) {
  ordered_json kept = ordered_json::array();
  for (const auto& [step, figure] : p.kept) kept.push_back({step, figure});
  ordered_json json = {{"step", p.step},
                       {"epoch", p.position.epoch},
                       {"batch", p.position.batch},
                       {"validated_step", p.validated_step},
                       {"validated_figure", p.validated_figure},
                       {"best_figure", p.best_figure ? ordered_json(*p.best_figure) : ordered_json(nullptr)},
                       {"without_better", p.without_better},
                       {"plateau_count", p.plateau_count},
                       {"plateau_factor", p.plateau_factor},
                       {"seconds", p.seconds},
                       {"loss_sum", p.loss_sum},
                       {"loss_tokens", p.loss_tokens},
                       {"kept", kept}};
  return json.dump(2) + "\n";
}

Progress progress_from_json(const std::string& path) {
  Progress p;
  try {
    const auto json = parse_json(read_file(path), path);
    p.step = json.at("step").get<std::int64_t>();
    p.position = {json.at("epoch").get<std::uint64_t>(), json.at("batch").get<std::uint64_t>()};
    p.validated_step = json.at("validated_step").get<std::int64_t>();
    p.validated_figure = json.at("validated_figure").get<double>();
    if (!json.at("best_figure").is_null()) p.best_figure = json.at("best_figure").get<double>();
    p.without_better = json.at("without_better").get<std::int64_t>();
    p.plateau_count = json.at("plateau_count").get<std::int64_t>();
    p.plateau_factor = json.at("plateau_factor").get<double>();
    p.seconds = json.at("seconds").get<double>();
    p.loss_sum = json.at("loss_sum").get<double>();
    p.loss_tokens = json.at("loss_tokens").get<std::int64_t>();
    for (const auto& entry : json.at("kept")) p.kept.emplace_back(entry.at(0).get<std::int64_t>(), entry.at(1).get<double>());
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::kData, "{}: not the state of a training run ({}); resume from another checkpoint", path, e.what());
  }
  return p;
}

// Whether a line of the log tells of `step` or an earlier one; what is no such line (a kill may cut the last one) does not.
bool written_by(const std::string& line, std::int64_t step) {
  try {
    const auto json = parse_json(line, "metrics.jsonl", {.bytes = 1 << 20, .values = 10'000, .depth = 8});
    return json.is_object() && json.value("step", std::int64_t{0}) <= step;
  } catch (const Error&) {
    return false;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

// 120 from "step-120", nothing for other names.
std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with("step-")) return std::nullopt;
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return step;
}

}  // namespace

Checkpoints::Checkpoints(std::string folder, std::string config, std::int64_t keep, bool larger_is_better)
    : folder_(std::move(folder)), config_(std::move(config)), keep_(static_cast<std::size_t>(keep)), larger_is_better_(larger_is_better) {}

bool Checkpoints::exist_in(const std::string& folder) { return fs::exists(folder + "/last/manifest.json"); }

Progress Checkpoints::load(const std::string& checkpoint, const AnyModel& model, Optimiser& optimiser) {
  load_tensors(checkpoint + "/weights.safetensors", named_weights(*model.network));
  check_files(checkpoint, {"optimiser.safetensors", "training.json"});  // the model's own were compared when it was read
  load_tensors(checkpoint + "/optimiser.safetensors", optimiser.state());
  return progress_from_json(checkpoint + "/training.json");
}

std::string Checkpoints::folder_of(std::int64_t step) const { return fmt::format("{}/step-{}", folder_, step); }

void Checkpoints::begin(const Progress& progress) {
  std::error_code error;
  fs::create_directories(folder_ + "/samples", error);
  ATTEND_CHECK(!error, kFile, "{}: cannot make the run's folder: {}; choose another --out", folder_, error.message());
  remove_partials(folder_);
  kept_ = progress.kept;
  best_figure_ = progress.best_figure.value_or(0);
  write_file_atomic(folder_ + "/config.yaml", config_);
  // What a killed run logged or saved past the checkpoint will be made again.
  const auto metrics = folder_ + "/metrics.jsonl";
  std::string kept_lines;
  if (std::ifstream in(metrics); in) {
    for (std::string line; std::getline(in, line);) {
      if (written_by(line, progress.step)) kept_lines += line + "\n";
    }
  }
  write_file_atomic(metrics, kept_lines);
  for (const auto& entry : fs::directory_iterator(folder_))
    if (const auto step = step_of(entry.path().filename().string()); step && *step > progress.step) fs::remove_all(entry.path());
}

std::string Checkpoints::save(Progress& progress, const AnyModel& model, const Optimiser& optimiser) {
  bool now_best = false;
  if (progress.validated_step == progress.step) {
    auto better = [&](const auto& a, const auto& b) { return larger_is_better_ ? a.second > b.second : a.second < b.second; };
    std::erase_if(kept_, [&](const auto& entry) { return entry.first == progress.step; });
    const std::pair<std::int64_t, double> mine{progress.step, progress.validated_figure};
    kept_.insert(std::upper_bound(kept_.begin(), kept_.end(), mine, better), mine);
    if (kept_.size() > keep_) kept_.pop_back();
    now_best = kept_.front().first == progress.step;
    best_figure_ = kept_.front().second;
  }
  progress.kept = kept_;
  const auto folder = folder_of(progress.step);
  const auto name = fmt::format("step-{}", progress.step);
  write_model(folder, model, config_, [&](const std::string& inside) {
    save_tensors(inside + "/optimiser.safetensors", optimiser.state());
    FileWriter file(inside + "/training.json");
    file.write(to_json(progress));
    file.sync_and_close();
  });
  replace_link(folder_ + "/last", name);
  if (now_best) replace_link(folder_ + "/best", name);
  prune(progress);
  return folder;
}

void Checkpoints::save_average(Progress& progress, double figure, const AnyModel& model) {
  const auto name = fmt::format("average-{}", progress.step);
  std::error_code ignored;
  fs::remove_all(folder_ + "/" + name, ignored);
  write_model(folder_ + "/" + name, model, config_);
  replace_link(folder_ + "/best", name);
  best_figure_ = figure;
}

void Checkpoints::prune(const Progress& progress) const {
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const auto step = step_of(entry.path().filename().string());
    if (!step || *step == progress.step) continue;
    const bool kept = std::any_of(kept_.begin(), kept_.end(), [&](const auto& k) { return k.first == *step; });
    std::error_code ignored;  // what cannot be removed now is removed after the next checkpoint
    if (!kept) fs::remove_all(entry.path(), ignored);
  }
}

void Checkpoints::log(const ValidationReport& report, const Progress& progress) {
  ordered_json line = {{"step", report.step}, {"epoch", report.epoch}, {"seconds", report.seconds}, {"train_loss", report.train_loss}};
  for (const auto& [name, value] : report.figures) line[name] = value;
  line["plateau_factor"] = progress.plateau_factor;
  line["best"] = report.best;
  std::ofstream out(folder_ + "/metrics.jsonl", std::ios::app);
  out << line.dump() << '\n';
  out.flush();
  ATTEND_CHECK(out.good(), kFile, "{}/metrics.jsonl: cannot be written; is the disk full?", folder_);
  std::string samples;
  for (const auto& sample : report.samples) samples += sample + "\n";
  write_file_atomic(fmt::format("{}/samples/step-{}.txt", folder_, report.step), samples);
}

std::vector<std::string> Checkpoints::best_folders(std::size_t most) const {
  std::vector<std::string> folders;
  for (const auto& [step, figure] : kept_)
    if (folders.size() < most) folders.push_back(folder_of(step));
  return folders;
}

}  // namespace attend
