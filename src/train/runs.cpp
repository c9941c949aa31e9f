#include "attend/train/runs.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "attend/core/files.h"
#include "attend/core/json.h"
#include "attend/core/options.h"
#include "attend/store/run_folder.h"
#include "train/resume.h"
#include "train/run_lock.h"

namespace attend {
namespace {

std::uint64_t bytes_in(const std::string& folder) {
  namespace fs = std::filesystem;
  std::uint64_t sum = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code none;
    if (!it->is_symlink(none) && it->is_regular_file(none)) sum += it->file_size(none);
  }
  return sum;
}

void gather_runs(const std::string& folder, int depth, FoundRuns& found) {
  namespace fs = std::filesystem;
  if (holds_run(folder)) {
    found.runs.push_back(folder);
    return;
  }
  if (RunLock::is_of_a_run(folder) && fs::exists(folder + "/config.yaml")) {
    found.without_checkpoint.push_back(
        folder + (RunLock::is_held(folder)
                      ? ": its training has not saved a checkpoint yet"
                      : ": its training ended before the first checkpoint; nothing of it can be used, remove the folder"));
    return;
  }
  if (depth == 0) return;
  std::vector<std::string> inside;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code none;
    if (it->is_directory(none) && !it->is_symlink(none) && !it->path().filename().string().starts_with(".")) inside.push_back(it->path());
  }
  std::sort(inside.begin(), inside.end());
  for (const auto& next : inside) gather_runs(next, depth - 1, found);
}

const Checkpoint& newest_of(const std::vector<Checkpoint>& checkpoints, const std::string& path) {
  ATTEND_CHECK(!checkpoints.empty(), kFile, "{}: holds no training run", path);
  const auto* single = newest_single(checkpoints);
  return single ? *single : checkpoints.back();
}

// The checkpoint that `best` names now, else the one that it should name.
std::string best_name(const std::string& path, const std::vector<Checkpoint>& checkpoints) {
  std::error_code error;
  const auto link = std::filesystem::read_symlink(path + "/best", error).string();
  const bool there = std::any_of(checkpoints.begin(), checkpoints.end(), [&](const auto& c) { return c.name == link; });
  return there ? link : best_of(checkpoints);
}

}  // namespace

const char* name_of(RunState state) {
  switch (state) {
    case RunState::kRunning: return "running";
    case RunState::kFinished: return "finished";
    case RunState::kInterrupted: return "interrupted";
    default: return "unknown";
  }
}

RunInfo about_run(const std::string& path) {
  namespace fs = std::filesystem;
  const auto checkpoints = checkpoints_in(path);
  const auto& newest = newest_of(checkpoints, path);
  RunInfo info;
  info.path = path;
  info.updates = newest.step;
  info.resumable = std::any_of(checkpoints.begin(), checkpoints.end(), [](const auto& c) { return c.resumable; });
  info.checkpoints = checkpoints.size();
  info.bytes = bytes_in(path);
  if (fs::exists(newest.path + "/config.yaml")) {
    const auto values = read_config(newest.path + "/config.yaml");
    const auto value = [&](const char* key) {
      const auto found = values.find(key);
      return found == values.end() || found->second.texts.empty() ? std::string() : found->second.texts[0];
    };
    info.task = value("task");
    info.model = value("model.type") + ", " + value("model.attention");
    info.metric = value("train.metric");
  }
  if (const auto figures = figures_in(checkpoints)) {
    if (!figures->average.empty()) {
      info.best = figures->average_figure;
    } else if (!figures->kept.empty()) {
      info.best = figures->kept.front().second;
    }
  }
  for (const auto& c : checkpoints)
    if (!c.problem.empty()) info.damaged = c.name + ": " + c.problem;
  std::error_code error;
  const auto written = fs::last_write_time(newest.path + "/manifest.json", error);
  if (!error) info.age = std::chrono::duration<double>(fs::file_time_type::clock::now() - written).count();
  info.state = RunLock::is_held(path)            ? RunState::kRunning
               : fs::exists(path + "/end.json")  ? RunState::kFinished
               : fs::exists(path + "/train.log") ? RunState::kInterrupted
                                                 : RunState::kUnknown;
  return info;
}

FoundRuns find_runs(const std::vector<std::string>& folders) {
  FoundRuns found;
  for (const auto& folder : folders) {
    ATTEND_CHECK(std::filesystem::is_directory(folder), kFile, "{}: no such folder; give a run, or a folder that holds runs", folder);
    gather_runs(folder, 3, found);
  }
  return found;
}

Removed prune_run(const std::string& path, bool dry) {
  const RunLock lock(path);
  const auto checkpoints = checkpoints_in(path);
  const auto best = best_name(path, checkpoints), last = newest_of(checkpoints, path).name;
  const auto resumed = resume_point(checkpoints).from.name;
  Removed removed;
  for (const auto& c : checkpoints) {
    if (c.name == best || c.name == last || c.name == resumed || c.name == "best" || c.name == "last" || best.empty()) continue;
    if (!c.problem.empty()) continue;  // what is left of it may be of use to its owner
    removed.paths.push_back(c.path);
    removed.bytes += bytes_in(c.path);
    if (!dry) std::filesystem::remove_all(c.path);
  }
  return removed;
}

Removed strip_run(const std::string& path, bool dry) {
  constexpr const char* kState = "optimiser.safetensors";
  const RunLock lock(path);
  Removed removed;
  const auto checkpoints = checkpoints_in(path);
  for (const auto& c : checkpoints)
    ATTEND_CHECK(
        c.problem.empty(), kFile,
        "{}: is damaged ({}), so that the state of an older checkpoint may be the only one to go on from; resume the run, or remove "
        "that checkpoint first",
        c.path, c.problem);
  for (const auto& c : checkpoints) {
    const auto state = c.path + "/" + kState, manifest_path = c.path + "/manifest.json";
    if (!std::filesystem::exists(state)) continue;
    removed.paths.push_back(state);
    removed.bytes += std::filesystem::file_size(state);
    if (dry) continue;
    auto manifest = parse_json(read_file(manifest_path), manifest_path);
    manifest["files"].erase(kState);
    write_file_atomic(manifest_path, manifest.dump(2) + "\n");  // first, so that a kill leaves a folder that agrees with its manifest
    std::filesystem::remove(state);
  }
  return removed;
}

}  // namespace attend
