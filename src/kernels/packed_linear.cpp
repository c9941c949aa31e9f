#include "attend/kernels/packed_linear.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>

#include "attend/core/error.h"
#include "kernels/cpu/packed_linear.h"
#include "kernels/run_packed_linear.h"

namespace attend::kernels {
namespace {

// By instruction set, then by form; null where a set has no loops for a form, and the next lower one is taken.
constexpr std::array<std::array<const LinearKernels*, 4>, 5> kLinearTables = {{
    {&linear_float32_portable, &linear_bfloat16_portable, &linear_int8_portable, &linear_float64_portable},
#if defined(__x86_64__)
    {&linear_float32_avx2, &linear_bfloat16_avx2, &linear_int8_avx2, nullptr},
    {&linear_float32_avx512, &linear_bfloat16_avx512, &linear_int8_avx512, nullptr},
    {nullptr, nullptr, &linear_int8_avx512_vnni, nullptr},
    {nullptr, &linear_bfloat16_avx512_bf16, nullptr, nullptr},
#endif
}};

// The strongest set up to `isa` that has loops for a form; the portable one has them for all.
Isa set_of_weights(Isa isa, WeightForm form) {
  auto at = static_cast<std::size_t>(isa);
  while (!kLinearTables.at(at).at(static_cast<std::size_t>(form))) --at;
  return static_cast<Isa>(at);
}
const LinearKernels& kernels_of(Isa isa, WeightForm form) {
  return *kLinearTables.at(static_cast<std::size_t>(isa)).at(static_cast<std::size_t>(form));
}

constexpr std::int64_t kMostBytesInputs = std::int64_t{1} << 16;  // so that sums of products of bytes fit into int32
constexpr std::int64_t kMostNumbers = std::int64_t{1} << 56;      // of any array, so that no size overflows

void check_sizes(WeightForm form, std::int64_t outputs, std::int64_t inputs, const char* who) {
  ATTEND_CHECK(outputs >= 0 && inputs >= 1 && outputs <= kMostNumbers / inputs, kShape,
               "{}: weights must have N >= 0 outputs and K >= 1 inputs, got N={}, K={}", who, outputs, inputs);
  ATTEND_CHECK(form != WeightForm::kInt8 || inputs <= kMostBytesInputs, kShape,
               "{}: weights as bytes may have {} inputs at most, got K={}; pack them as bfloat16, or split K", who, kMostBytesInputs,
               inputs);
}
void check_place(const void* place, std::int64_t numbers, const char* what, const char* who) {
  ATTEND_CHECK(numbers == 0 || (place && reinterpret_cast<std::uintptr_t>(place) % 64 == 0), kValue,
               "{}: {} must begin at a multiple of 64 bytes, got {}; take them from std::aligned_alloc(64, ...) or a tensor", who, what,
               place);
}
void check_rows(const void* data, std::int64_t row, std::int64_t rows, const char* what, const char* who) {
  ATTEND_CHECK(data || rows == 0, kValue, "{}: {} is missing", who, what);
  ATTEND_CHECK(std::abs(row) <= kMostNumbers / std::max<std::int64_t>(rows, 1), kShape, "{}: rows of {} cannot lie {} numbers apart", who,
               what, row);
}

void check_product(const PackedLinear& c, const char* who) {
  check_sizes(c.weights.form, c.weights.outputs, c.weights.inputs, who);
  check_place(c.weights.data, c.weights.outputs, "packed weights", who);
  ATTEND_CHECK(c.rows >= 0, kShape, "{}: x must have M >= 0 rows, got {}", who, c.rows);
  check_rows(c.x.data, c.x.row, c.rows, "x", who);
  if (c.weights.outputs > 0) check_rows(c.y, c.y_row, c.rows, "y", who);
  if (c.before.data) check_rows(c.before.data, c.before.row, c.rows, "before", who);
  if (c.after.data) check_rows(c.after.data, c.after.row, c.rows, "after", who);
  ATTEND_CHECK(c.rows <= 1 || c.y_row >= c.weights.outputs, kShape, "{}: rows of y must lie at least N={} numbers apart, got {}", who,
               c.weights.outputs, c.y_row);
}

// Runs the tasks on the calling thread where waking others takes longer than the work.
void run_tasks(Workers& workers, bool small, std::int64_t tasks, const std::function<void(std::int64_t)>& body) {
  if (small || tasks == 1 || workers.count() == 1) {
    for (std::int64_t task = 0; task < tasks; ++task) body(task);
  } else {
    workers.run(tasks, [&](std::int64_t task, int /*worker*/) { body(task); });
  }
}

}  // namespace

std::int64_t packed_linear_bytes(WeightForm form, std::int64_t outputs, std::int64_t inputs, const char* who) {
  check_sizes(form, outputs, inputs, who);
  return (outputs + kPanelOutputs - 1) / kPanelOutputs * panel_form(form).panel_bytes(inputs);
}

PackedWeights pack_linear(WeightForm form, const LinearWeights& weights, void* to, Workers& workers, const char* who) {
  return run_pack_linear(active_isa(), form, weights, to, workers, who);
}

PackedWeights run_pack_linear(Isa isa, WeightForm form, const LinearWeights& weights, void* to, Workers& workers, const char* who) {
  check_sizes(form, weights.outputs, weights.inputs, who);
  check_place(to, weights.outputs, "the place for packed weights", who);
  check_rows(weights.data, weights.row, weights.turned ? weights.inputs : weights.outputs, "W", who);
  const auto& kernels = kernels_of(set_of_weights(isa, form), form);
  const auto panels = (weights.outputs + kPanelOutputs - 1) / kPanelOutputs;
  run_tasks(workers, weights.outputs * weights.inputs < 1 << 16, panels, [&](std::int64_t panel) { kernels.pack(weights, panel, to); });
  return {.form = form, .outputs = weights.outputs, .inputs = weights.inputs, .data = to};
}

Isa packed_linear(const PackedLinear& call, Workers& workers, const char* who) {
  return run_packed_linear(active_isa(), call, workers, who);
}

Isa run_packed_linear(Isa isa, const PackedLinear& call, Workers& workers, const char* who) {
  check_product(call, who);
  const auto form = call.weights.form;
  isa = set_of_weights(isa, form);
  if (call.rows == 0 || call.weights.outputs == 0) return isa;
  const auto& kernels = kernels_of(isa, form);
  const auto outputs = call.weights.outputs, inputs = call.weights.inputs, rows = call.rows;
  const auto panels = (outputs + kPanelOutputs - 1) / kPanelOutputs;
  const bool small = panels * kPanelOutputs * inputs <= (1 << 20) / std::max<std::int64_t>(rows, 4);

  LinearWork work;
  work.call = call;
  work.row_bytes = kernels.row_bytes(inputs);
  const auto free = [](void* p) { std::free(p); };
  std::unique_ptr<void, decltype(free)> place(nullptr, free);
  if (work.row_bytes > 0) {
    place.reset(std::aligned_alloc(64, static_cast<std::size_t>(rows * work.row_bytes)));
    if (!place) throw std::bad_alloc();
    work.rows = place.get();
    run_tasks(workers, rows * inputs < 1 << 15, rows, [&](std::int64_t row) { kernels.prepare(work, row); });
  }

  // Whole tiles of few rows, and more tasks than workers, so that the last do not keep the others waiting.
  const auto tasks_wanted = std::int64_t{4} * workers.count();
  const auto together = rows < 4 ? kernels.together : 1;
  const auto piece = workers.count() == 1 ? panels : ((panels + tasks_wanted - 1) / tasks_wanted + together - 1) / together * together;
  const auto pieces = (panels + piece - 1) / piece;
  constexpr std::int64_t kRowsTogether = 132;  // of many rows: those that stay in the cache while the panels pass
  const auto parts = (rows + kRowsTogether - 1) / kRowsTogether;
  run_tasks(workers, small, pieces * parts, [&](std::int64_t task) {
    const auto part = task % parts, first = task / parts * piece, row = part * rows / parts;
    kernels.multiply(work, first, std::min(first + piece, panels), row, (part + 1) * rows / parts - row);
  });
  return isa;
}

}  // namespace attend::kernels
