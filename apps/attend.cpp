// attend: parse, call, print.
#include "help.h"
#include "verbs.h"

int main(int argc, char** argv) {
  using namespace attend::cli;
  std::vector<Command> commands{data_command(),     train_command(),    translate_command(), summarise_command(), transliterate_command(),
                                generate_command(), classify_command(), answer_command(),    caption_command(),   score_command(),
                                evaluate_command(), rerank_command(),   draw_command(),      trace_command(),     runs_command(),
                                info_command(),     keys_command()};
  add_help_commands(commands);
  return run_program(commands, argc, argv);
}
