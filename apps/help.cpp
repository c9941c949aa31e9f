#include "help.h"

#include <algorithm>
#include <filesystem>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/core/version.h"
#include "parse.h"
#include "places.h"

namespace attend::cli {
namespace {

constexpr const char* kSentence = "Attend trains sequence models with every attention mechanism, runs them, and shows what they attend to.";
constexpr const char* kFooter =
    "attend VERB --help tells more of each. Results go to standard output, progress and messages to standard error. A flag takes one\n"
    "value, and the last of several counts; a list is given by repeating its flag; -- ends the flags. Where a file is named, - is\n"
    "standard input or output.";
constexpr std::size_t kColumn = 34;

const char* placeholder(const Command& command, const OptionInfo& option) {
  if (option.type == "integer") return "N";
  if (option.type == "number") return "X";
  switch (place_of(command, option)) {
    case Place::kRead:
    case Place::kWritten: return "FILE";
    case Place::kModel: return "MODEL";
    case Place::kFolder: return "FOLDER";
    default: return "TEXT";
  }
}

std::string help_of(const OptionInfo& info) {
  std::string text = info.help;
  if (!info.range.empty()) text += fmt::format(" ({})", info.range);
  if (info.type == "list") text += "; may be repeated";
  const bool plain = info.fallback.empty() || info.fallback == "[]" || info.type == "flag";
  return plain ? text : fmt::format("{} [{}]", text, info.fallback);
}

// "--beam N"; of what is on by itself, the flag that turns it off.
std::string flag_with_value(const Command& command, const OptionInfo& option) {
  const auto flag = flag_of(option.key);
  if (option.type == "flag") return option.fallback == "true" ? "--no-" + flag.substr(2) : flag;
  return flag + " " + placeholder(command, option);
}

std::string row(const std::string& left, const std::string& right) {
  const auto text = "  " + left;
  return text.size() + 2 > kColumn ? fmt::format("{}\n{:{}}{}\n", text, "", kColumn, right)
                                   : fmt::format("{:{}}{}\n", text, kColumn, right);
}

std::string usage_of(const Command& command) {
  return fmt::format("attend {}{}{} [flags]", command.name, command.words.empty() ? "" : " ", command.words);
}

int help(const std::vector<Command>& commands, const Arguments& arguments) {
  const auto text = arguments.words.empty() ? help_of_program(commands) : help_of_verb(find_command(commands, arguments.words[0]));
  fmt::print("{}", text);
  return 0;
}

struct ManualFlags {
  std::string out;
  ManualFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) { v(out, "out", "", "write every page into this folder: attend.1 and attend-VERB.1"); }
};

int manual(const std::vector<Command>& commands, const Arguments& arguments) {
  const auto flags = arguments.read<ManualFlags>();
  if (flags.out.empty()) {
    fmt::print("{}", arguments.words.empty() ? manual_of_program(commands) : manual_of_verb(find_command(commands, arguments.words[0])));
    return 0;
  }
  ATTEND_CHECK(arguments.words.empty(), kUsage, "man: --out writes every page; leave out {}", arguments.words[0]);
  std::error_code error;
  std::filesystem::create_directories(flags.out, error);
  ATTEND_CHECK(!error, kFile, "{}: the folder cannot be made: {}; choose another --out", flags.out, error.message());
  write_file_atomic(flags.out + "/attend.1", manual_of_program(commands));
  for (const auto& command : commands) write_file_atomic(fmt::format("{}/attend-{}.1", flags.out, command.name), manual_of_verb(command));
  return 0;
}

int completion(const std::vector<Command>& commands, const Arguments& arguments) {
  const auto& shell = arguments.words[0];
  const std::vector<std::string> shells{"bash", "zsh"};
  if (std::find(shells.begin(), shells.end(), shell) == shells.end()) fail_unknown_name("completion", shell, shells);
  fmt::print("{}", shell == "bash" ? bash_completion(commands) : zsh_completion(commands));
  return 0;
}

}  // namespace

std::string help_of_program(const std::vector<Command>& commands) {
  auto text = fmt::format("{}\nUsage: attend VERB [words] [flags]\n\nVerbs:\n", kSentence);
  for (const auto& command : commands) text += row(command.name, command.sentence);
  return text + "\nFlags:\n" + row("-h, --help", "this help; attend help VERB tells of one verb") + row("--version", "the version") + "\n" +
         kFooter + "\n";
}

std::string help_of_verb(const Command& command) {
  auto text = fmt::format("{}\nUsage: {}\n\nFlags:\n", command.sentence, usage_of(command));
  text += row("-h, --help", "this help");
  for (const auto& option : all_options(command)) text += row(flag_with_value(command, option), help_of(option));
  return command.details.empty() ? text : fmt::format("{}\n{}\n", text, command.details);
}

const Command& find_command(const std::vector<Command>& commands, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& command : commands) {
    if (command.name == name) return command;
    names.push_back(command.name);
  }
  const auto near = nearest_name(name, names);
  fail(ErrorKind::kUsage, "unknown verb '{}'{}; verbs: {}", name, near.empty() ? "" : fmt::format(", did you mean '{}'?", near),
       fmt::join(names, ", "));
}

namespace {

// Text for roff: its escape character, and what begins a request at the start of a line. A hyphen is to be copied as one.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string manual_head(const std::string& name, const std::string& sentence, const std::string& usage) {
  auto told = sentence;
  while (told.ends_with('.')) told.pop_back();
  auto title = name;
  for (char& c : title) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return fmt::format(".TH {} 1 \"\" \"attend {}\" \"Attend manual\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n", roff(title), kVersion,
                     roff(name), roff(told), roff(usage));
}

std::string lines_as_they_are(std::string_view text) { return fmt::format(".nf\n{}\n.fi\n", roff(text)); }

std::string entry(const std::string& term, const std::string& text) { return fmt::format(".TP\n.B {}\n{}\n", roff(term), roff(text)); }

}  // namespace

std::string manual_of_program(const std::vector<Command>& commands) {
  auto text = manual_head("attend", "sequence models with every attention mechanism, seen and measured", "attend VERB [words] [flags]");
  text += fmt::format(".SH DESCRIPTION\n{}\n.PP\n{}\n.SH VERBS\n", roff(kSentence), roff(kFooter));
  std::string also;
  for (const auto& command : commands) {
    text += entry(command.name, command.sentence);
    also += fmt::format("{}.BR attend\\-{} (1)", also.empty() ? "" : ",\n", roff(command.name));
  }
  text += ".SH OPTIONS\n" + entry("-h, --help", "Help, of the program or of a verb.") + entry("--version", "The version.");
  text += ".SH EXIT STATUS\n" + entry("0", "Done.") + entry("1", "Failure; the message tells what was expected, what came and the cure.") +
          entry("2", "The command line is wrong.") + entry("130", "Interrupted; what was done is saved.");
  return text + ".SH SEE ALSO\n" + also + "\n";
}

std::string manual_of_verb(const Command& command) {
  auto text = manual_head("attend-" + command.name, command.sentence, usage_of(command));
  text += fmt::format(".SH DESCRIPTION\n{}\n", roff(command.sentence));
  if (!command.details.empty()) text += ".PP\n" + lines_as_they_are(command.details);
  text += ".SH OPTIONS\n" + entry("-h, --help", "this help");
  for (const auto& option : all_options(command)) text += entry(flag_with_value(command, option), help_of(option));
  return text + ".SH SEE ALSO\n.BR attend (1)\n";
}

void add_help_commands(std::vector<Command>& commands) {
  std::vector<std::string> verbs;
  for (const auto& command : commands) verbs.push_back(command.name);
  for (const char* own : {"help", "man", "completion"}) verbs.emplace_back(own);
  commands.push_back({.name = "help",
                      .sentence = "What the program or one verb does.",
                      .words = "[VERB]",
                      .details = "Example:\n  attend help translate",
                      .choices = verbs,
                      .most_words = 1,
                      .run = [&commands](const Arguments& arguments) { return help(commands, arguments); }});
  commands.push_back({.name = "man",
                      .sentence = "Manual pages, of the program or of one verb.",
                      .words = "[VERB]",
                      .details = "Examples:\n  attend man translate | man -l -\n  attend man --out share/man/man1",
                      .choices = verbs,
                      .most_words = 1,
                      .options = flags_of<ManualFlags>(),
                      .run = [&commands](const Arguments& arguments) { return manual(commands, arguments); }});
  commands.push_back({.name = "completion",
                      .sentence = "Completion of verbs, flags and their values for a shell.",
                      .words = "bash|zsh",
                      .details = "Examples:\n"
                                 "  source <(attend completion bash)                in ~/.bashrc\n"
                                 "  attend completion zsh > ~/.zfunc/_attend        with fpath+=~/.zfunc before compinit",
                      .choices = {"bash", "zsh"},
                      .fewest_words = 1,
                      .most_words = 1,
                      .run = [&commands](const Arguments& arguments) { return completion(commands, arguments); }});
}

}  // namespace attend::cli
