#pragma once
// The verbs of the program, each in a file of its name.
#include "command.h"

namespace attend::cli {

#define VERB(name, source) Command name##_command();
#include "verbs.def"
#undef VERB

}  // namespace attend::cli
