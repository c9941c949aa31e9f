#pragma once
// The command line, read exactly: a flag takes one value, everything else is a word, and no argument is interpreted.
#include <span>
#include <string>

#include "command.h"

namespace attend::cli {

/// "--n-best" of the option n_best.
std::string flag_of(const std::string& option);
/// What the verb accepts: its own options, then those of every verb.
std::vector<OptionInfo> all_options(const Command& command);

/// `--name VALUE`, `--name=VALUE`; of a yes-or-no option `--name`, `--no-name`. A list is given by naming its flag again; of
/// anything else the last one counts. `--` ends the flags, `-` is a word. Throws kUsage, naming the flag and the nearest one.
struct ParsedLine {
  std::vector<std::string> words;
  GivenValues values;
  bool help = false;  ///< --help or -h
};
ParsedLine parse_line(const Command& command, std::span<const std::string> arguments);

}  // namespace attend::cli
