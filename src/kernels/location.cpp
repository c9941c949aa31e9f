#include "attend/kernels/location.h"

#include <array>

#include "attend/core/error.h"
#include "kernels/cpu/location.h"
#include "kernels/memory.h"
#include "kernels/run_location.h"

namespace attend::kernels {
namespace {

// By instruction set; null where a set has no loops for these numbers, and the next lower one is taken.
constexpr std::array<const LocationKernels*, 5> kLocationFloat32 = {&location_float32_portable,
#if defined(__x86_64__)
                                                                    &location_float32_avx2, &location_float32_avx512
#endif
};
constexpr std::array<const LocationKernels*, 5> kLocationFloat64 = {&location_float64_portable};

void check(const LocationFilters& c, const char* who) {
  ATTEND_CHECK(c.number != Number::kBfloat16, kValue, "{}: numbers must be float32 or float64", who);
  ATTEND_CHECK(c.batch >= 0 && c.heads >= 1 && c.queries >= 0 && c.keys >= 0 && c.channels >= 1 && c.filters >= 1, kShape,
               "{}: sizes must be at least 0, and heads, channels and filters at least 1, got B={}, H={}, R={}, S={}, C={}, F={}", who,
               c.batch, c.heads, c.queries, c.keys, c.channels, c.filters);
  ATTEND_CHECK(c.width >= 1 && c.width % 2 == 1, kShape, "{}: the width of filters must be odd, got W={}", who, c.width);
}

const LocationKernels& loops_of(const LocationFilters& call, Isa& isa) {
  const auto& tables = call.number == Number::kFloat64 ? kLocationFloat64 : kLocationFloat32;
  auto at = static_cast<std::size_t>(isa);
  while (!tables.at(at)) --at;
  isa = static_cast<Isa>(at);
  return *tables.at(at);
}

Room prepared(LocationWork& work, const LocationKernels& kernels) {
  Room room(work.call.heads * kernels.weight_bytes(work.call));
  work.weights = room.data();
  for (std::int64_t h = 0; h < work.call.heads; ++h) kernels.prepare(work, h);
  return room;
}

}  // namespace

Isa location_filters(const LocationFilters& call, const void* x, void* f, Workers& workers, const char* who) {
  return run_location(active_isa(), call, x, f, workers, who);
}

Isa run_location(Isa isa, const LocationFilters& call, const void* x, void* f, Workers& workers, const char* who) {
  check(call, who);
  const auto& kernels = loops_of(call, isa);
  LocationWork work{.call = call};
  const auto weights = prepared(work, kernels);
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(call));
  workers.run(call.batch * call.heads * call.queries,
              [&](std::int64_t row, int worker) { kernels.forward(work, row, x, f, scratch[static_cast<std::size_t>(worker)].data()); });
  return isa;
}

Isa location_filters_backward(const LocationFilters& call, const void* x, const void* f_gradient, void* x_gradient, void* weight_gradient,
                              Workers& workers, const char* who) {
  return run_location_backward(active_isa(), call, x, f_gradient, x_gradient, weight_gradient, workers, who);
}

Isa run_location_backward(Isa isa, const LocationFilters& call, const void* x, const void* f_gradient, void* x_gradient,
                          void* weight_gradient, Workers& workers, const char* who) {
  check(call, who);
  const auto& kernels = loops_of(call, isa);
  LocationWork work{.call = call};
  const auto weights = prepared(work, kernels);
  const auto rows = call.batch * call.heads * call.queries;
  const Room parts(weight_gradient ? rows * kernels.weight_bytes(call) : 0);
  work.parts = parts.data();
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(call));
  workers.run(rows, [&](std::int64_t row, int worker) {
    kernels.backward(work, row, x, f_gradient, x_gradient, scratch[static_cast<std::size_t>(worker)].data());
  });
  if (weight_gradient) workers.run(call.heads, [&](std::int64_t h, int /*worker*/) { kernels.add_parts(work, h, weight_gradient); });
  return isa;
}

}  // namespace attend::kernels
