#pragma once
// Which words and flags name files, and the promise that nobody writes over a file that was named as an input.
#include <string>
#include <vector>

#include "command.h"

namespace attend::cli {

/// What the value of an option names. Options of one name mean one thing in every verb, but for those of Command::texts.
enum class Place { kNone, kRead, kModel, kWritten, kFolder };
Place place_of(const OptionInfo& option);
Place place_of(const Command& command, const OptionInfo& option);

/// Throws kUsage when one of `outputs` is one of `inputs` under whatever name (same device and inode), is a file of a model or
/// lies in a folder that is read, or when two outputs are one file. What is no regular file is let pass; empty names and `-` too.
struct NamedFile {
  std::string path, who;  ///< "--output"
};
void refuse_to_overwrite(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs);

/// The same of a command line; also that standard input is read once.
void check_places(const Command& command, const Arguments& arguments);

}  // namespace attend::cli
