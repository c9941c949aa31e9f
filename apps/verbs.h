#pragma once
// The verbs of the program, each in a file of its name.
#include "command.h"

namespace attend::cli {

Command data_command();
Command train_command();
Command translate_command();
Command summarise_command();
Command transliterate_command();
Command generate_command();
Command classify_command();
Command answer_command();
Command caption_command();
Command score_command();
Command evaluate_command();
Command rerank_command();
Command draw_command();
Command trace_command();
Command runs_command();
Command info_command();
Command keys_command();

}  // namespace attend::cli
