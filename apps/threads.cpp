#include "threads.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/headeronly/version.h>

#include <thread>

#include "attend/ops/products.h"
#include "attend/ops/waiting.h"

namespace attend::cli {

void set_threads(std::int64_t wanted) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  at::set_num_threads(static_cast<int>(wanted > 0 ? wanted : cores));
  give_way_when_busy(at::get_num_threads());
  choose_products("auto");
}
int threads() { return at::get_num_threads(); }
std::string torch_version() { return TORCH_VERSION; }
std::string torch_instruction_set() { return at::get_cpu_capability(); }

}  // namespace attend::cli
