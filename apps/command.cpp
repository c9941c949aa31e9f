#include "command.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>
#include <span>
#include <system_error>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/core/memory.h"
#include "attend/core/version.h"
#include "help.h"
#include "output.h"
#include "parse.h"
#include "places.h"
#include "terminal.h"
#include "threads.h"

namespace attend::cli {
namespace {

constexpr const char* kNoMemory = "out of memory; use smaller batches (train.batch_size) or a smaller model";

int exit_code(const Error& e) {
  switch (e.kind()) {
    case ErrorKind::kUsage: return 2;
    case ErrorKind::kInterrupted: return 130;
    default: return 1;
  }
}

// The error is the last word: results that came before it stand before it, and one message is enough when they cannot be written.
int tell(int code, const std::string& text) {
  std::fflush(stdout);
  say("attend: {}\n", text);
  return code;
}

// What another library threw, without its stack trace: the first line up to what libtorch says of the place.
std::string first_sentence(std::string text) {
  for (const char* mark : {"\n", " Exception raised from", "(most recent call first)"})
    if (const auto at = text.find(mark); at != std::string::npos) text.resize(at);
  // "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried to allocate ..."
  if (text.find("can't allocate memory") != std::string::npos || text.find("not enough memory") != std::string::npos) return kNoMemory;
  return text;
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
}

int run_program(const std::vector<Command>& commands, int argc, char** argv) try {
  hold_standard_streams();
  watch_signals();
  const int code = run_typed(commands, {argv + 1, argv + argc});
  flush_standard_output();
  return code;
} catch (const PipeClosed&) {
  return 0;  // whoever read has seen enough
} catch (const Error& e) {
  return tell(exit_code(e), e.what());
} catch (const std::bad_alloc&) {
  return tell(1, kNoMemory);
} catch (const std::system_error& e) {  // as fmt::print throws it
  return e.code().value() == EPIPE ? 0 : tell(1, fmt::format("standard output: {}", e.what()));
} catch (const std::exception& e) {
  return tell(1, first_sentence(e.what()));
}

}  // namespace attend::cli
