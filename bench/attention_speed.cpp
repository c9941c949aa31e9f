// Speed of the fused attention beside libtorch's own, in one process, in turns; a line of JSON for each case. bench/attention.py runs it
// and keeps what it prints.
#include "attend/ops/memory.h"

#include "additive_speed.h"
#include "cache_speed.h"
#include "map_speed.h"
#include "mask_speed.h"
#include "mechanism_speed.h"
#include "product_speed.h"
#include "program.h"

namespace attend::bench {
namespace {

void run(const BenchOptions& o) {
  keep_freed_memory();
  at::manual_seed(1);
  Bench bench(o);
  compare_products(bench);
  compare_masks(bench);
  compare_maps(bench);
  compare_caches(bench);
  compare_additives(bench);
  compare_mechanisms(bench);
}

}  // namespace
}  // namespace attend::bench

int main(int argc, char** argv) { return attend::bench::run_program("attention_speed", argc, argv, attend::bench::run); }
