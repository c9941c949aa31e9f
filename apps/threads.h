#pragma once
#include <cstdint>
#include <string>

namespace attend::cli {

/// Threads of libtorch; 0 is one a core. Also chooses the fastest float32 products.
void set_threads(std::int64_t threads);
int threads();
std::string torch_version();
/// The widest instruction set libtorch uses here: "AVX512", "AVX2", ...
std::string torch_instruction_set();

}  // namespace attend::cli
