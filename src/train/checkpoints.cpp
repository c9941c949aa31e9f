#include "train/checkpoints.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
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
                       {"plateau_count", p.plateau.count},
                       {"plateau_factor", p.plateau.factor},
                       {"seconds", p.seconds},
                       {"loss_sum", p.loss_sum},
                       {"loss_tokens", p.loss_tokens},
                       {"norm_sum", p.norm_sum},
                       {"loss_updates", p.loss_updates},
                       {"entropies", p.entropies},
                       {"kept", kept},
                       {"data", p.data}};
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
    p.plateau.count = json.at("plateau_count").get<std::int64_t>();
    p.plateau.factor = json.at("plateau_factor").get<double>();
    p.seconds = json.at("seconds").get<double>();
    p.loss_sum = json.at("loss_sum").get<double>();
    p.loss_tokens = json.at("loss_tokens").get<std::int64_t>();
    p.norm_sum = json.value("norm_sum", 0.0);
    p.loss_updates = json.value("loss_updates", std::int64_t{0});
    p.entropies = json.value("entropies", EntropySums{});
    p.data = json.value("data", DataFingerprint{});
    for (const auto& entry : json.at("kept")) p.kept.emplace_back(entry.at(0).get<std::int64_t>(), entry.at(1).get<double>());
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::kData, "{}: not the state of a training run ({}); resume from another checkpoint", path, json_problem(e));
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

bool is_link(const std::string& path) {
  std::error_code error;
  return fs::is_symlink(path, error);
}

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

}  // namespace

Checkpoints::Checkpoints(std::string folder, std::string config, std::int64_t keep, bool larger_is_better)
    : folder_(std::move(folder)), config_(std::move(config)), keep_(static_cast<std::size_t>(keep)), larger_is_better_(larger_is_better) {}

Progress Checkpoints::load(const std::string& checkpoint, Optimiser& optimiser) {
  load_tensors(checkpoint + "/optimiser.safetensors", optimiser.state());
  return progress_from_json(checkpoint + "/training.json");
}

std::string Checkpoints::folder_of(std::int64_t step) const { return fmt::format("{}/step-{}", folder_, step); }

std::vector<std::string> Checkpoints::begin(const Progress& progress, const std::vector<Checkpoint>& damaged) {
  std::vector<std::string> said;
  std::error_code error;
  fs::create_directories(folder_ + "/samples", error);
  ATTEND_CHECK(!error, kFile, "{}: cannot make the run's folder: {}; choose another --out", folder_, error.message());
  remove_partials(folder_);
  for (const auto& c : damaged) {
    auto aside = folder_ + "/damaged-" + c.name;
    while (is_there(aside)) aside += "-again";
    fs::rename(c.path, aside, error);
    ATTEND_CHECK(!error, kFile, "{}: is damaged and cannot be moved aside: {}", c.path, error.message());
    said.push_back(fmt::format("{} is damaged ({}); it is called {} now", c.path, c.problem, aside));
  }
  mend_copies(said);
  for (const auto& entry : progress.kept)
    if (fs::exists(folder_of(entry.first))) kept_.push_back(entry);
  if (const auto figures = figures_in(checkpoints_in(folder_)); figures && !figures->average.empty()) {
    average_ = figures->average;
    average_figure_ = figures->average_figure;
  }
  if (progress.step > 0) {
    const auto name = fmt::format("step-{}", progress.step);
    for (const auto* link : {"best", "last"})
      if (!fs::exists(folder_ + "/" + link)) said.push_back(fmt::format("{}: the link {} was missing; it is mended", folder_, link));
    link_best();
    replace_link(folder_ + "/last", name);
  }
  fs::remove(folder_ + "/end.json", error);
  write_file_atomic(folder_ + "/config.yaml", config_);
  // What a killed run logged past the checkpoint will be logged again.
  const auto metrics = folder_ + "/metrics.jsonl";
  std::string kept_lines;
  if (std::ifstream in(metrics); in) {
    for (std::string line; std::getline(in, line);) {
      if (written_by(line, progress.step)) kept_lines += line + "\n";
    }
  }
  write_file_atomic(metrics, kept_lines);
  return said;
}

// A copy that followed links has folders in their place. One that is a checkpoint's double goes, one that is the only copy of it takes
// the checkpoint's name; anything else is not ours to touch.
void Checkpoints::mend_copies(std::vector<std::string>& said) const {
  for (const auto& c : checkpoints_in(folder_)) {
    if (c.name != "last" && c.name != "best") continue;
    const auto name = fmt::format("{}-{}", c.average ? "average" : "step", c.step);
    const auto original = folder_ + "/" + name;
    std::error_code error;
    if (c.step >= 0 && !is_there(original)) {
      fs::rename(c.path, original, error);
    } else {
      ATTEND_CHECK(c.step >= 0 && read_file(c.path + "/manifest.json") == read_file(original + "/manifest.json"), kFile,
                   "{}: expected a link to a checkpoint, got a folder that is no copy of one of this run's; move it away", c.path);
      fs::remove_all(c.path, error);
    }
    ATTEND_CHECK(!error, kFile, "{}: cannot be turned into a link: {}", c.path, error.message());
    said.push_back(fmt::format("{} was a folder, as copying makes of links; it is a link to {} again", c.path, name));
    replace_link(c.path, name);
  }
  for (const auto* link : {"best", "last"}) {
    const auto path = folder_ + "/" + link;
    ATTEND_CHECK(!is_there(path) || is_link(path), kFile, "{}: expected a link to a checkpoint or nothing there; move it away", path);
  }
}

std::optional<double> Checkpoints::best_figure() const {
  if (!average_.empty()) return average_figure_;
  return kept_.empty() ? std::nullopt : std::optional(kept_.front().second);
}

void Checkpoints::link_best() const {
  const auto name = !average_.empty() ? average_ : kept_.empty() ? std::string() : fmt::format("step-{}", kept_.front().first);
  const auto link = folder_ + "/best";
  std::error_code error;
  if (name.empty() || (is_link(link) && fs::read_symlink(link, error) == name)) return;
  replace_link(link, name);
}

// `last` is moved at the end: whoever finds it finds `best` beside it, and until then it names a checkpoint that is still there.
std::string Checkpoints::save(Progress& progress, const AnyModel& model, const Optimiser& optimiser) {
  if (progress.validated_step == progress.step) {
    std::erase_if(kept_, [&](const auto& entry) { return entry.first == progress.step; });
    const std::pair<std::int64_t, double> mine{progress.step, progress.validated_figure};
    kept_.insert(
        std::upper_bound(kept_.begin(), kept_.end(), mine, [&](const auto& a, const auto& b) { return is_better(a.second, b.second); }),
        mine);
    if (kept_.size() > keep_) kept_.resize(keep_);
    if (!average_.empty() && is_better(kept_.front().second, average_figure_)) average_.clear();
  }
  progress.kept = kept_;
  const auto folder = folder_of(progress.step);
  write_model(folder, model, config_, [&](const std::string& inside) {
    save_tensors(inside + "/optimiser.safetensors", optimiser.state());
    FileWriter file(inside + "/training.json");
    file.write(to_json(progress));
    file.sync_and_close();
  });
  link_best();
  replace_link(folder_ + "/last", fmt::format("step-{}", progress.step));
  prune(progress.step);
  return folder;
}

void Checkpoints::save_average(const Progress& progress, double figure, const AnyModel& model) {
  const auto name = fmt::format("average-{}", progress.step);
  if (is_there(folder_ + "/" + name)) return;  // made when the run ended here before
  write_model(folder_ + "/" + name, model, config_, [&](const std::string& inside) {
    FileWriter file(inside + "/average.json");
    file.write(ordered_json{{"step", progress.step}, {"figure", figure}, {"larger_is_better", larger_is_better_}}.dump(2) + "\n");
    file.sync_and_close();
  });
  average_ = name;
  average_figure_ = figure;
  link_best();
  prune(progress.step);
}

void Checkpoints::prune(std::int64_t last) const {
  for (const auto& c : checkpoints_in(folder_)) {
    if (c.name == "last" || c.name == "best") continue;
    const bool kept = c.average
                          ? c.name == average_
                          : c.step == last || std::any_of(kept_.begin(), kept_.end(), [&](const auto& k) { return k.first == c.step; });
    std::error_code ignored;  // what cannot be removed now is removed after the next checkpoint
    if (!kept && c.problem.empty()) fs::remove_all(c.path, ignored);
  }
}

void Checkpoints::log(const ValidationReport& report, const Progress& progress) {
  ordered_json line = {{"step", report.step}, {"epoch", report.epoch}, {"seconds", report.seconds}, {"train_loss", report.train_loss}};
  for (const auto& [name, value] : report.figures) line[name] = value;
  line["rate"] = report.rate;
  line["gradient_norm"] = report.gradient_norm;
  if (report.tokens_per_second > 0) line["tokens_per_second"] = report.tokens_per_second;
  if (report.attention_entropy) line["attention_entropy"] = *report.attention_entropy;
  for (const auto& [site, own] : progress.entropies) line["attention_entropies"][site] = own.first / static_cast<double>(own.second);
  line["memory_peak_bytes"] = report.memory_peak;
  line["plateau_factor"] = progress.plateau.factor;
  line["best"] = report.best;
  errno = 0;
  std::ofstream out(folder_ + "/metrics.jsonl", std::ios::app);
  out << line.dump() << '\n';
  out.flush();
  ATTEND_CHECK(out.good(), kFile, "{}/metrics.jsonl: cannot be written: {}", folder_, std::strerror(errno != 0 ? errno : EIO));
  std::string samples;
  for (const auto& sample : report.samples) samples += sample + "\n";
  write_file_atomic(fmt::format("{}/samples/step-{}.txt", folder_, report.step), samples);
}

void Checkpoints::finish(const TrainResult& result) const {
  write_file_atomic(folder_ + "/end.json", ordered_json{{"step", result.steps}, {"reason", result.reason}}.dump(2) + "\n");
}

std::vector<std::string> Checkpoints::best_folders(std::size_t most) const {
  std::vector<std::string> folders;
  for (const auto& [step, figure] : kept_)
    if (folders.size() < most) folders.push_back(folder_of(step));
  return folders;
}

void load_mean(const std::vector<std::string>& folders, const NamedTensors& weights) {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> sums;
  for (const auto& folder : folders) {
    load_tensors(folder + "/weights.safetensors", weights);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (sums.size() <= i) {
        sums.push_back(weights[i].second.detach().clone());
      } else {
        sums[i].add_(weights[i].second);
      }
    }
  }
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i].second.copy_(sums[i] / static_cast<double>(folders.size()));
}

}  // namespace attend
