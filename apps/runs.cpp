// attend runs
#include <algorithm>
#include <filesystem>

#include "attend/core/memory.h"
#include "attend/core/printable.h"
#include "attend/train/runs.h"
#include "attend/train/texts.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct RunsFlags {
  bool yes, dry_run;
  RunsFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(yes, "yes", false, "prune and strip: remove it");
    v(dry_run, "dry_run", false, "prune and strip: say what would be removed");
  }
};

std::string age_text(double seconds) {
  return seconds < 48 * 3600 ? attend::duration_text(std::max(0.0, seconds)) : fmt::format("{:.0f} days", seconds / 86400);
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.at(0).size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    fmt::print("{}\n", line);
  }
}

int list(const std::vector<std::string>& runs) {
  std::vector<std::vector<std::string>> rows{{"run", "task", "model", "updates", "best", "size", "age", "state"}};
  for (const auto& path : runs) {
    const auto r = about_run(path);
    rows.push_back({printable(r.path), r.task, r.model, std::to_string(r.updates),
                    r.best ? fmt::format("{} {:.4g}", r.metric, *r.best) : "-", size_text(r.bytes), age_text(r.age),
                    fmt::format("{}{}{}", name_of(r.state), r.resumable ? "" : ", stripped",
                                r.damaged.empty() ? "" : fmt::format(", damaged ({})", r.damaged))});
  }
  print_table(rows);
  return 0;
}

int clear(const std::string& action, const std::vector<std::string>& runs, const RunsFlags& flags, bool quiet) {
  if (flags.yes && flags.dry_run) fail(ErrorKind::kUsage, "runs {}: --yes and --dry-run were both given; give one of them", action);
  if (!flags.yes && !flags.dry_run)
    fail(ErrorKind::kUsage, "runs {}: removes files for good; say --yes to do so, or --dry-run to see what it would remove", action);
  std::uint64_t bytes = 0;
  for (const auto& path : runs) {
    const auto removed = action == "prune" ? prune_run(path, flags.dry_run) : strip_run(path, flags.dry_run);
    for (const auto& gone : removed.paths) fmt::print("{}\n", printable(gone));
    bytes += removed.bytes;
    if (action == "strip" && !removed.paths.empty() && !quiet)
      say("{}: {}without the optimiser's state: the model stays, --resume is not possible\n", path, flags.dry_run ? "would be " : "");
  }
  if (!quiet) say("{} {}\n", flags.dry_run ? "would free" : "freed", size_text(bytes));
  return 0;
}

int runs(const Arguments& arguments) {
  const auto flags = arguments.read<RunsFlags>();
  auto folders = arguments.words;
  std::string action = "list";
  if (!folders.empty() && (folders[0] == "list" || folders[0] == "prune" || folders[0] == "strip")) {
    action = folders[0];
    folders.erase(folders.begin());
  }
  if (folders.empty()) {
    if (action != "list") fail(ErrorKind::kUsage, "runs {}: name the runs, or the folder that holds them", action);
    folders.emplace_back(std::filesystem::is_directory("runs") ? "runs" : ".");
  }
  const auto found = find_runs(folders);
  const auto& begun = found.without_checkpoint;
  if (found.runs.empty() && !begun.empty()) fail(ErrorKind::kFile, "{}", fmt::join(begun, "\n"));
  ATTEND_CHECK(!found.runs.empty(), kFile, "{}: holds no training run; give the folder that `attend train --out` made, or one above it",
               folders[0]);
  tell(begun, arguments.common.quiet);
  return action == "list" ? list(found.runs) : clear(action, found.runs, flags, arguments.common.quiet);
}

}  // namespace

Command runs_command() {
  return {.name = "runs",
          .sentence = "List training runs; remove what they no longer need.",
          .words = "[list | prune | strip] [FOLDER...]",
          .details =
              "Examples:\n"
              "  attend runs                        those in runs/, else in the folders here\n"
              "  attend runs prune runs --dry-run   all but the best, the last and the one to resume from\n"
              "  attend runs strip runs/a --yes     the optimiser's state: half of a run or more; it cannot be resumed then",
          .most_words = 1 << 20,
          .options = flags_of<RunsFlags>(),
          .run = runs};
}

}  // namespace attend::cli
