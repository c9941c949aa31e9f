#include "command.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include "attend/core/error.h"
#include "attend/core/memory.h"
#include "attend/core/version.h"
#include "attend/store/run_folder.h"
#include "failure.h"
#include "help.h"
#include "output.h"
#include "parse.h"
#include "places.h"
#include "terminal.h"
#include "threads.h"

namespace attend::cli {
namespace {

// A MODEL that is a run without its best checkpoint is read from another one: the user should know.
void say_which_checkpoint(const Command& command, const Arguments& arguments) {
  if (!command.model_first || arguments.words.empty() || arguments.common.quiet) return;
  std::error_code error;
  if (!std::filesystem::exists(arguments.words[0], error)) return;  // the verb says so
  try {
    if (const auto note = locate_model(arguments.words[0]).note; !note.empty()) say("{}\n", note);
  } catch (const Error&) {  // the verb says that too
  }
}

Arguments read_arguments(const Command& command, ParsedLine line) {
  Arguments arguments;
  arguments.words = std::move(line.words);
  const auto count = arguments.words.size();
  ATTEND_CHECK(count >= command.fewest_words && count <= command.most_words, kUsage, "{} takes {}, got {} word{}{}", command.name,
               command.words.empty() ? "no words" : command.words, count, count == 1 ? "" : "s",
               count > command.most_words ? fmt::format(": {}", fmt::join(arguments.words, " ")) : "");
  for (auto& [key, value] : line.values) {
    const auto is_named = [&](const OptionInfo& option) { return option.key == key; };
    const auto shared = flags_of<CommonOptions>();
    if (std::any_of(shared.begin(), shared.end(), is_named)) arguments.common_values[key] = value;
    if (std::any_of(command.options.begin(), command.options.end(), is_named)) arguments.values[key] = std::move(value);
  }
  assign(arguments.common, arguments.common_values);
  return arguments;
}

int run_verb(const Command& command, std::span<const std::string> typed) {
  Arguments arguments;
  try {
    auto line = parse_line(command, typed);
    if (line.help) {
      fmt::print("{}", help_of_verb(command));
      return 0;
    }
    arguments = read_arguments(command, std::move(line));
    check_places(command, arguments);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kUsage) throw;
    fail(ErrorKind::kUsage, "{}\nTry: attend {} --help", e.what(), command.name);
  }
  keep_freed_memory();
  set_threads(arguments.common.threads);
  set_safeguards(arguments.common.verify);
  say_which_checkpoint(command, arguments);
  return command.run(arguments);
}

int run_typed(const std::vector<Command>& commands, const std::vector<std::string>& typed) {
  if (typed.empty()) {
    fmt::print("{}", help_of_program(commands));
    return 2;
  }
  const auto& first = typed[0];
  if (first == "--version") {
    fmt::print("attend {}\n", kVersion);
    return 0;
  }
  if (first == "--help" || first == "-h") {
    fmt::print("{}", help_of_program(commands));
    return 0;
  }
  ATTEND_CHECK(!first.starts_with('-'), kUsage, "a verb comes first, got {}\nTry: attend --help", first);
  const Command* command = nullptr;
  try {
    command = &find_command(commands, first);
  } catch (const Error& e) {
    fail(ErrorKind::kUsage, "{}\nTry: attend --help", e.what());
  }
  return run_verb(*command, std::span(typed).subspan(1));
}

}  // namespace

void CommonOptions::visit(OptionVisitor& v) {
  v(threads, "threads", 0, "processor threads; 0 is one a core", between(0, 1024));
  v(seed, "seed", 1, "of everything random", at_least(0));
  v(quiet, "quiet", false, "results and errors only");
  // The help shows it as --no-verify.
  v(verify, "verify", true, "read a model's files without comparing them with their checksums");
}

int run_program(const std::vector<Command>& commands, int argc, char** argv) try {
  hold_standard_streams();
  watch_signals();
  const int code = run_typed(commands, {argv + 1, argv + argc});
  flush_standard_output();
  return code;
} catch (...) {
  return report_failure();
}

}  // namespace attend::cli
