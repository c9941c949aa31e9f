#include "attend/kernels/entmax.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "attend/core/error.h"
#include "kernels/cpu/row_functions.h"
#include "kernels/memory.h"
#include "kernels/run_entmax.h"

namespace attend::kernels {
namespace {

// By instruction set; null where a set has no loops of its own, and the next lower one is taken.
template <class Real>
struct RowTables;
template <>
struct RowTables<float> {
  static constexpr std::array<const RowFunctions<float>*, 5> kAll = {
    &row_float32_portable,
#if defined(__x86_64__)
    &row_float32_avx2,
    &row_float32_avx512
#endif
  };
};
template <>
struct RowTables<double> {
  static constexpr std::array<const RowFunctions<double>*, 5> kAll = {&row_float64_portable};
};

template <class Real>
Isa row_set_for(Isa isa) {
  auto at = static_cast<std::size_t>(isa);
  while (!RowTables<Real>::kAll.at(at)) --at;
  return static_cast<Isa>(at);
}

void check_rows(const EntmaxRows& c, const char* who) {
  ATTEND_CHECK(c.rows >= 0 && c.size >= 0, kShape, "{}: sizes must be at least 0, got R={}, n={}", who, c.rows, c.size);
  ATTEND_CHECK(c.alpha == 1.5 || c.alpha == 2, kValue, "{}: alpha must be 1.5 or 2, got {}", who, c.alpha);
  ATTEND_CHECK(c.number == Number::kFloat32 || c.number == Number::kFloat64, kValue, "{}: numbers must be float32 or float64", who);
}

// body(row, worker) for every row, those of a task one after another.
template <class Body>
void for_rows(const EntmaxRows& c, Workers& workers, const Body& body) {
  constexpr std::int64_t kNumbers = 16384;  // of a task
  const auto together = std::max<std::int64_t>(1, kNumbers / c.size), tasks = (c.rows + together - 1) / together;
  workers.run(tasks, [&](std::int64_t task, int worker) {
    for (auto row = task * together; row < std::min(c.rows, (task + 1) * together); ++row) body(row, worker);
  });
}

template <class Real>
Isa rows_forward(Isa isa, const EntmaxRows& c, const Real* scores, Real* weights, Workers& workers) {
  isa = row_set_for<Real>(isa);
  const auto& f = *RowTables<Real>::kAll.at(static_cast<std::size_t>(isa));
  if (c.rows == 0 || c.size == 0) return isa;
  const auto padded = (c.size + f.lanes - 1) / f.lanes * f.lanes;
  const auto rooms = room_for_each(workers, padded * static_cast<std::int64_t>(sizeof(Real)));
  const auto bytes = static_cast<std::size_t>(c.size) * sizeof(Real);
  const auto weigh = c.alpha == 2 ? f.sparsemax_weights : f.entmax15_weights;
  for_rows(c, workers, [&](std::int64_t at, int worker) {
    auto* row = static_cast<Real*>(rooms[static_cast<std::size_t>(worker)].data());
    std::memcpy(row, scores + at * c.size, bytes);
    std::fill(row + c.size, row + padded, -std::numeric_limits<Real>::infinity());
    weigh(row, c.size);
    std::memcpy(weights + at * c.size, row, bytes);
  });
  return isa;
}

template <class Real>
Isa rows_backward(Isa isa, const EntmaxRows& c, const Real* weights, const Real* flow, Real* to, Workers& workers) {
  isa = row_set_for<Real>(isa);
  const auto& f = *RowTables<Real>::kAll.at(static_cast<std::size_t>(isa));
  if (c.rows == 0 || c.size == 0) return isa;
  const auto flow_back = c.alpha == 2 ? f.sparsemax_backward : f.entmax15_backward;
  for_rows(c, workers,
           [&](std::int64_t at, int /*worker*/) { flow_back(weights + at * c.size, flow + at * c.size, c.size, to + at * c.size); });
  return isa;
}

}  // namespace

Isa entmax_rows(const EntmaxRows& call, const void* scores, void* weights, Workers& workers, const char* who) {
  return run_entmax_rows(active_isa(), call, scores, weights, workers, who);
}

Isa run_entmax_rows(Isa isa, const EntmaxRows& call, const void* scores, void* weights, Workers& workers, const char* who) {
  check_rows(call, who);
  if (call.number == Number::kFloat64)
    return rows_forward(isa, call, static_cast<const double*>(scores), static_cast<double*>(weights), workers);
  return rows_forward(isa, call, static_cast<const float*>(scores), static_cast<float*>(weights), workers);
}

Isa entmax_rows_backward(const EntmaxRows& call, const void* weights, const void* weights_gradient, void* scores_gradient, Workers& workers,
                         const char* who) {
  return run_entmax_rows_backward(active_isa(), call, weights, weights_gradient, scores_gradient, workers, who);
}

Isa run_entmax_rows_backward(Isa isa, const EntmaxRows& call, const void* weights, const void* weights_gradient, void* scores_gradient,
                             Workers& workers, const char* who) {
  check_rows(call, who);
  if (call.number == Number::kFloat64)
    return rows_backward(isa, call, static_cast<const double*>(weights), static_cast<const double*>(weights_gradient),
                         static_cast<double*>(scores_gradient), workers);
  return rows_backward(isa, call, static_cast<const float*>(weights), static_cast<const float*>(weights_gradient),
                       static_cast<float*>(scores_gradient), workers);
}

}  // namespace attend::kernels
