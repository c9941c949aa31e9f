#pragma once
// What the program says of itself, all from the verbs' declarations: help, manual pages, completion.
#include <string>
#include <vector>

#include "command.h"

namespace attend::cli {

std::string help_of_program(const std::vector<Command>& commands);
std::string help_of_verb(const Command& command);

/// A page for man(1): attend(1), or with a verb attend-VERB(1).
std::string manual_of_program(const std::vector<Command>& commands);
std::string manual_of_verb(const Command& command);

/// A script to be sourced by bash or put where zsh finds its completions: verbs, flags, choices, files.
std::string bash_completion(const std::vector<Command>& commands);
std::string zsh_completion(const std::vector<Command>& commands);

/// The verb of this name; throws kUsage naming the nearest one.
const Command& find_command(const std::vector<Command>& commands, const std::string& name);

/// help, man and completion, which tell of `commands`, themselves included; the vector must stay where it is.
void add_help_commands(std::vector<Command>& commands);

}  // namespace attend::cli
