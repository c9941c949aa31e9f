// attend: parse, call, print.
#include "help.h"
#include "verbs.h"

int main(int argc, char** argv) {
  using namespace attend::cli;
  std::vector<Command> commands{
#define VERB(name, source) name##_command(),
#include "verbs.def"
#undef VERB
  };
  add_help_commands(commands);
  return run_program(commands, argc, argv);
}
