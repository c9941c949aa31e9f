#pragma once
// How a verb of the program declares itself: flags, help and checks all come from the options' one declaration.
#include <functional>
#include <string>
#include <vector>

#include "attend/core/options.h"

namespace attend::cli {

/// Flags of every verb.
struct CommonOptions {
  std::int64_t threads, seed;
  bool quiet, verify;
  CommonOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// What was typed: words without a flag, and flags by option name.
struct Arguments {
  std::vector<std::string> words;
  GivenValues values;  ///< of the verb's own options
  CommonOptions common;
  GivenValues common_values;  ///< those of `common` that were typed
  bool has(const std::string& name) const { return values.contains(name); }
  template <class Options>
  Options read(Options options = {}) const {
    assign(options, values);
    return options;
  }
};

inline constexpr std::size_t kAllWords = static_cast<std::size_t>(-1);  ///< Command::paths where each word names a file

struct Command {
  std::string name, sentence;
  std::string words;                      ///< how its words are written in the usage line: "MODEL [FILE...]"
  std::string details;                    ///< examples and what else the help should say
  std::vector<std::string> choices = {};  ///< what its first word may be, when that is one of a few names
  bool model_first = false;               ///< the first word is a model, or may be one
  std::size_t paths = 0;                  ///< how many of its words, from the first on, name what is read (kAllWords)
  std::size_t fewest_words = 0, most_words = 0;
  std::vector<OptionInfo> options;
  std::vector<std::string> texts = {};       ///< exceptions: options whose value is a text here, though it is a file in other verbs
  std::function<int(const Arguments&)> run;  ///< returns the exit code
};

template <class Options>
std::vector<OptionInfo> flags_of() {
  return list_options<Options>().fields;
}

/// Parses the command line, runs the verb, turns errors into messages and exit codes: 0, 1 failure, 2 usage, 130 interrupted.
/// Standard output is on its way when it returns, or that it could not be written is the failure. A reader that has gone ends
/// the program quietly with 0.
int run_program(const std::vector<Command>& commands, int argc, char** argv);

}  // namespace attend::cli
