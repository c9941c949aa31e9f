#pragma once
// How every program here begins and ends.
#include <ATen/Parallel.h>

#include <initializer_list>
#include <string_view>

#include "attend/core/options.h"
#include "attend/ops/memory.h"

namespace attend::bench {

/// Runs `body` with the options that the arguments give, over those of `usual`, on as many threads as they say. Returns the exit code: 1
/// after an error, which is printed.
template <OptionStruct Options>
int run_program(std::string_view name, int argc, char** argv, void (*body)(const Options&), std::initializer_list<const char*> usual = {}) {
  try {
    GivenValues given;
    for (const auto* value : usual) set_given(given, value, "default");
    for (int i = 1; i < argc; ++i) set_given(given, argv[i], "argument");
    Options options;
    assign(options, given);
    at::set_num_threads(static_cast<int>(options.threads));
    body(options);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}: {}\n", name, error_text(e));
    return 1;
  }
}

}  // namespace attend::bench
