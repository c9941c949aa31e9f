#include "places.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string_view>
#include <tuple>

#include "attend/core/error.h"
#include "attend/core/files.h"

namespace attend::cli {
namespace {

namespace fs = std::filesystem;

struct Identity {
  dev_t device;
  ino_t inode;
  bool operator==(const Identity&) const = default;
};

Identity identity_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

std::optional<Identity> regular_file(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return identity_of(status);
}

std::optional<Identity> regular_stream(int descriptor) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return identity_of(status);
}

/// Where a path leads, as far as it exists.
fs::path real_path(const fs::path& path) {
  std::error_code error;
  auto at = fs::absolute(path, error);
  // weakly_canonical stops at a link to what is not there yet, which is what would be made.
  for (int links = 0; links < 40 && fs::is_symlink(fs::symlink_status(at, error)) && !fs::exists(at, error); ++links)
    at = at.parent_path() / fs::read_symlink(at, error);
  auto real = fs::weakly_canonical(at, error);
  return error ? fs::path() : real;
}

bool lies_in(const fs::path& file, const fs::path& folder) {
  const auto [end, at] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end == folder.end() && at != file.end();
}

/// A file that exists in a folder that is read. Figures may be kept beside a model or a run's checkpoints and be written again.
bool belongs_to(const fs::path& file, const fs::path& folder) {
  if (!lies_in(file, folder)) return false;
  std::error_code error;
  const auto name = file.filename();
  if (file.parent_path() != folder) return true;
  if (fs::exists(folder / "manifest.json", error))
    return name == "manifest.json" || read_file(folder / "manifest.json").find('"' + name.string() + '"') != std::string::npos;
  const bool run = fs::exists(folder / "last", error) || fs::exists(folder / "best", error);
  return !run || name == "config.yaml" || name == "metrics.jsonl";
}

}  // namespace

Place place_of(const OptionInfo& option) {
  using namespace std::literals;
  constexpr std::array kRead{"source"sv, "target"sv, "tsv"sv,      "text"sv, "answers"sv,
                             "images"sv, "labels"sv, "captions"sv, "list"sv, "links"sv};
  constexpr std::array kModel{"init_from"sv, "reverse"sv, "language_model"sv};
  constexpr std::array kWritten{"output"sv, "record"sv, "png"sv, "svg"sv, "html"sv, "json"sv, "csv"sv, "per_sentence"sv};
  if (option.type != "text") return Place::kNone;
  const auto one_of_them = [&](const auto& names) { return std::find(names.begin(), names.end(), option.key) != names.end(); };
  if (one_of_them(kRead)) return Place::kRead;
  if (one_of_them(kModel)) return Place::kModel;
  if (one_of_them(kWritten)) return Place::kWritten;
  return option.key == "out" ? Place::kFolder : Place::kNone;
}

Place place_of(const Command& command, const OptionInfo& option) {
  const bool text = std::find(command.texts.begin(), command.texts.end(), option.key) != command.texts.end();
  return text ? Place::kNone : place_of(option);
}

void refuse_to_overwrite(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& output = outputs[i];
    const auto file = regular_file(output.path);
    for (const auto& input : inputs) {
      std::error_code error;
      const auto same = file && file == regular_file(input.path);
      const bool inside = file && fs::is_directory(input.path, error) && belongs_to(real_path(output.path), real_path(input.path));
      ATTEND_CHECK(!same, kUsage, "{} {} would overwrite the input {}; name another file", output.who, output.path, input.path);
      ATTEND_CHECK(!inside, kUsage, "{} {} would overwrite a file of {}, which is read; name another file", output.who, output.path,
                   input.path);
    }
    for (std::size_t k = 0; k < i; ++k) {
      std::error_code error;
      const bool same =
          file ? file == regular_file(outputs[k].path)
               : !fs::exists(output.path, error) && !real_path(output.path).empty() && real_path(output.path) == real_path(outputs[k].path);
      ATTEND_CHECK(!same, kUsage, "{} and {} both name {}; name two files", outputs[k].who, output.who, output.path);
    }
  }
}

void check_places(const Command& command, const Arguments& arguments) {
  std::vector<NamedFile> inputs, outputs;
  std::vector<std::string> from_standard_input, to_standard_output;
  const auto add_input = [&](const std::string& path, const std::string& who) {
    if (path == "-")
      from_standard_input.push_back(who);
    else
      inputs.push_back({path, who});
  };
  const auto check_named = [](const std::string& path, const std::string& who) {
    ATTEND_CHECK(!path.empty(), kUsage, "{} names nothing: it is empty; is a variable not set?", who);
  };
  for (std::size_t i = 0; i < std::min(command.paths, arguments.words.size()); ++i) {
    const auto who = fmt::format("word {}", i + 1);
    check_named(arguments.words[i], who);
    add_input(arguments.words[i], who);
  }
  for (const auto& option : command.options) {
    const auto place = place_of(command, option);
    const auto given = arguments.values.find(option.key);
    if (given == arguments.values.end() || place == Place::kNone) continue;
    const auto& [path, who] = std::tie(given->second.texts.at(0), given->second.where);
    check_named(path, who);
    if (place == Place::kFolder) continue;
    if (place != Place::kWritten) {
      add_input(path, who);
    } else if (path != "-") {
      outputs.push_back({path, who});
    } else {
      to_standard_output.push_back(who);
      // A record is no text that other results could stand beside.
      const auto output = arguments.values.find("output");
      if (option.key == "record" && (output == arguments.values.end())) to_standard_output.emplace_back("the results");
    }
  }
  ATTEND_CHECK(from_standard_input.size() < 2, kUsage, "standard input (-) can be read once, and is named by {}; save one to a file",
               fmt::join(from_standard_input, " and "));
  ATTEND_CHECK(to_standard_output.size() < 2, kUsage, "standard output (-) is named by {}; send one to a file",
               fmt::join(to_standard_output, " and "));
  refuse_to_overwrite(inputs, outputs);
  for (const auto& output : outputs) {  // now, and not after hours of work
    const auto folder = fs::path(output.path).parent_path();
    std::error_code error;
    ATTEND_CHECK(folder.empty() || fs::is_directory(folder, error), kFile, "{} {}: cannot be written, there is no folder {}; make it first",
                 output.who, output.path, folder.string());
  }
  // The shell's own names: `attend translate M in.txt >> in.txt` would read what it writes.
  const auto output = regular_stream(STDOUT_FILENO);
  for (const auto& input : inputs)
    ATTEND_CHECK(!output || output != regular_file(input.path), kUsage, "standard output is the input {}; send it to another file",
                 input.path);
  const auto input = regular_stream(STDIN_FILENO);
  ATTEND_CHECK(!input || input != output, kUsage, "standard output is the file that standard input reads; send it to another file");
  for (const auto& written : outputs)
    ATTEND_CHECK(!input || input != regular_file(written.path), kUsage, "{} {} would overwrite standard input; name another file",
                 written.who, written.path);
}

}  // namespace attend::cli
