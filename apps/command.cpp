#include "command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "attend/core/error.h"
#include "attend/core/memory.h"
#include "attend/core/printable.h"
#include "attend/core/version.h"
#include "failure.h"
#include "attend/store/run_folder.h"
#include "threads.h"

namespace attend::cli {
namespace {

std::string flag_of(const std::string& option) {
  std::string flag = "--" + option;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string help_of(const OptionInfo& info) {
  std::string text = info.help;
  if (!info.range.empty()) text += fmt::format(" ({})", info.range);
  const bool plain = info.fallback.empty() || info.fallback == "[]" || info.fallback == "false";
  return plain ? text : fmt::format("{} [{}]", text, info.fallback);
}

const char* placeholder(const std::string& type) {
  return type == "integer" ? "N" : type == "number" ? "X" : type == "list" ? "TEXT..." : "TEXT";
}

// The usage line in our own words; the rest is CLI11's.
class UsageFormatter final : public CLI::Formatter {
 public:
  explicit UsageFormatter(std::string usage) : usage_(std::move(usage)) { column_width(34); }
  std::string make_usage(const CLI::App*, std::string) const override { return "Usage: " + usage_ + "\n"; }

 private:
  std::string usage_;
};

// One flag's values as CLI11 collects them.
struct Collected {
  OptionInfo info;
  std::vector<std::string> texts;
  CLI::Option* option = nullptr;
};

void add_flag(CLI::App& app, Collected& flag) {
  const auto name = flag_of(flag.info.key);
  if (flag.info.type == "flag") {
    const bool on = flag.info.fallback == "true";
    const auto names = on ? "!--no-" + name.substr(2) + "," + name : name;
    flag.option = app.add_flag(names, flag.texts, help_of(flag.info));
  } else {
    flag.option = app.add_option(name, flag.texts, help_of(flag.info))->type_name(placeholder(flag.info.type));
    if (flag.info.type != "list") {
      flag.option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    } else {
      flag.option->expected(1, 1 << 20)->allow_extra_args(false);
    }
  }
}

void collect(const std::vector<std::unique_ptr<Collected>>& flags, GivenValues& values) {
  for (const auto& flag : flags) {
    if (flag->option->count() == 0) continue;
    auto texts = flag->texts;
    if (flag->info.type == "flag") texts = {texts.back() == "false" ? "false" : "true"};
    values[flag->info.key] = {texts, flag->info.type == "list", flag_of(flag->info.key), false};
  }
}

// A MODEL that is a run without its best checkpoint is read from another one: the user should know.
void say_which_checkpoint(const Command& command, const Arguments& arguments) {
  if (command.words.find("MODEL") == std::string::npos || arguments.words.empty() || arguments.common.quiet) return;
  if (!std::filesystem::exists(arguments.words[0])) return;  // the verb says so
  try {
    if (const auto note = locate_model(arguments.words[0]).note; !note.empty()) fmt::print(stderr, "{}\n", note);
  } catch (const Error&) {  // the verb says that too
  }
}

int usage_error(const std::string& text, const std::string& verb) {
  fmt::print(stderr, "attend: {}\nTry: attend{}{} --help\n", printable(text), verb.empty() ? "" : " ", verb);
  return 2;
}

}  // namespace

void CommonOptions::visit(OptionVisitor& v) {
  v(threads, "threads", 0, "processor threads; 0 is one a core", between(0, 1024));
  v(seed, "seed", 1, "of everything random", at_least(0));
  v(quiet, "quiet", false, "results and errors only");
  v(verify, "verify", true, "compare a model's files with their checksums before they are used");
}

int run_program(const std::vector<Command>& commands, int argc, char** argv) try {
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error to report like a full disk, not a reason to die
  CLI::App app("Attend trains sequence models with every attention mechanism, runs them, and shows what they attend to.", "attend");
  app.set_version_flag("--version", std::string("attend ") + kVersion);
  app.require_subcommand(1);
  app.footer("attend VERB --help tells more of each. Results go to standard output, progress and messages to standard error.");
  app.formatter(std::make_shared<UsageFormatter>("attend VERB [words] [flags]"));
  std::vector<std::vector<std::unique_ptr<Collected>>> flags(commands.size()), common(commands.size());
  std::vector<std::vector<std::string>> words(commands.size());
  std::vector<CLI::App*> verbs;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto& command = commands[i];
    auto* verb = app.add_subcommand(command.name, command.sentence);
    verb->formatter(std::make_shared<UsageFormatter>(
        fmt::format("attend {}{}{} [flags]", command.name, command.words.empty() ? "" : " ", command.words)));
    if (!command.details.empty()) verb->footer(command.details);
    if (command.most_words > 0) verb->add_option("words", words[i], "")->group("");
    auto add = [verb](std::vector<std::unique_ptr<Collected>>& to, const std::vector<OptionInfo>& infos) {
      for (const auto& info : infos) {
        to.push_back(std::make_unique<Collected>(Collected{info, {}, nullptr}));
        add_flag(*verb, *to.back());
      }
    };
    add(flags[i], command.options);
    std::vector<OptionInfo> shared;
    for (const auto& info : flags_of<CommonOptions>()) {
      const bool own = std::any_of(command.options.begin(), command.options.end(), [&](const auto& o) { return o.key == info.key; });
      const bool of_models = info.key == "verify";  // where no model is read there is nothing to compare
      const bool reads_model = command.words.find("MODEL") != std::string::npos || command.name == "train";
      if (!own && (!of_models || reads_model)) shared.push_back(info);
    }
    add(common[i], shared);
    verbs.push_back(verb);
  }
  std::vector<std::string> names;
  for (const auto& command : commands) names.push_back(command.name);
  std::string verb_name;
  if (argc > 1 && argv[1][0] != '-') {
    verb_name = argv[1];
    if (std::find(names.begin(), names.end(), verb_name) == names.end()) {
      const auto near = nearest_name(verb_name, names);
      return usage_error(fmt::format("unknown verb '{}'{}; verbs: {}", verb_name,
                                     near.empty() ? "" : fmt::format(", did you mean '{}'?", near), fmt::join(names, ", ")),
                         "");
    }
  }
  if (argc == 1) {
    fmt::print("{}", app.help());
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::vector<std::string> known;
    std::string text = e.what();
    for (std::size_t i = 0; i < commands.size(); ++i)
      if (commands[i].name == verb_name) {
        for (const auto& flag : flags[i]) known.push_back(flag_of(flag->info.key));
        for (const auto& flag : common[i]) known.push_back(flag_of(flag->info.key));
      }
    for (int i = 2; i < argc; ++i) {  // CLI11 names the flag it does not know; add the one it resembles
      const std::string typed = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
      if (!typed.starts_with("--") || std::find(known.begin(), known.end(), typed) != known.end()) continue;
      if (text.find(typed) == std::string::npos) continue;
      const auto near = nearest_name(typed, known);
      text = fmt::format("unknown flag {}{}", typed, near.empty() ? "" : fmt::format(", did you mean {}?", near));
      break;
    }
    return usage_error(text, verb_name);
  }
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (!verbs[i]->parsed()) continue;
    const auto& command = commands[i];
    Arguments arguments;
    arguments.words = words[i];
    if (arguments.words.size() < command.fewest_words || arguments.words.size() > command.most_words)
      return usage_error(fmt::format("{} takes {}, got {} word{}", command.name, command.words.empty() ? "no words" : command.words,
                                     arguments.words.size(), arguments.words.size() == 1 ? "" : "s"),
                         command.name);
    collect(flags[i], arguments.values);
    GivenValues shared;
    collect(common[i], shared);
    for (const auto& info : flags_of<CommonOptions>())
      if (arguments.values.contains(info.key)) shared[info.key] = arguments.values.at(info.key);
    assign(arguments.common, shared);
    arguments.common_values = shared;
    keep_freed_memory();
    set_threads(arguments.common.threads);
    set_safeguards(arguments.common.verify);
    say_which_checkpoint(command, arguments);
    return command.run(arguments);
  }
  return 2;
} catch (...) {
  return report_failure();
}

}  // namespace attend::cli
