// Contexts of steps over one source and their way back, for one instruction set. A vector holds numbers of one value.
#include "kernels/cpu/additive_steps.h"

#include "kernels/cpu/sight.h"

namespace {

using attend::kernels::kSourceChannels;
using attend::kernels::StepValues;
using attend::kernels::value_record_size;

template <class V>
struct Values {
  using Real = typename V::Real;
  static constexpr int kLanes = V::kLanes, kVectors = 4;

  // What is mixed: the places of numbers that are not 0 and these numbers.
  struct Scratch {
    const Real** from;
    Real* by;
    int64_t bytes;
    Scratch(int64_t count, void* base) {
      Layout layout{static_cast<char*>(base)};
      layout.take(from, count);
      layout.take(by, count);
      bytes = layout.bytes;
    }
    void add(const Real* row, Real number, int64_t& count) const {
      from[count] = row;
      by[count] = number;
      count += number != 0;
    }
  };
  static int64_t scratch_bytes(const StepValues& c, int64_t records) { return Scratch(most(c.keys, records * c.queries), nullptr).bytes; }

  static ATTEND_INLINE V part(const Real* p, int64_t left) { return left >= kLanes ? V::load(p) : V::load_part(p, static_cast<int>(left)); }
  // Σ by · from of the numbers [first, end) of all rows.
  static void sum_rows(const Scratch& s, int64_t count, int64_t first, int64_t end, Real* to) {
    int64_t d = first;
    for (; d + kVectors * kLanes <= end; d += kVectors * kLanes) {
      V sums[kVectors];
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[j] = V::all(0);
      for (int64_t i = 0; i < count; ++i) {
        const V by = V::all(s.by[i]);
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) sums[j] = fma(by, V::load(s.from[i] + d + j * kLanes), sums[j]);
      }
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[j].store(to + d + j * kLanes);
    }
    for (; d < end; d += kLanes) {
      V sum = V::all(0);
      for (int64_t i = 0; i < count; ++i) sum = fma(V::all(s.by[i]), part(s.from[i] + d, end - d), sum);
      put_part(to + d, sum, end - d);
    }
  }

  static void mix(const StepValues& c, int64_t row, const void* weights, void* contexts, void* scratch) {
    const int64_t b = row / c.queries / c.heads, h = row / c.queries % c.heads;
    const Real* w = static_cast<const Real*>(weights) + row * c.keys;
    const Scratch s(most(c.keys, 1), scratch);
    int64_t live = 0;
    for (int64_t k = 0; k < c.keys; ++k) s.add(row_of<Real>(c.value, b, h, k), w[k], live);
    sum_rows(s, live, 0, c.value_size, static_cast<Real*>(contexts) + row * c.value_size);
  }

  template <int Keys>
  static ATTEND_INLINE void products(const Real* g, const Real* const* values, int64_t size, Real* sums) {
    V totals[Keys];
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) totals[i] = V::all(0);
    for (int64_t d = 0; d < size; d += kLanes) {
      const V x = part(g + d, size - d);
#pragma GCC unroll 4
      for (int i = 0; i < Keys; ++i) totals[i] = fma(x, part(values[i] + d, size - d), totals[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) sums[i] = sum(totals[i]);
  }
  static void backward(const StepValues& c, int64_t row, const void* weights, attend::kernels::Rows context_gradient, void* weight_gradient,
                       void* record) {
    constexpr int kTogether = 4;
    const int64_t b = row / c.queries / c.heads, h = row / c.queries % c.heads, r = row % c.queries;
    const Real *w = static_cast<const Real*>(weights) + row * c.keys, *g = row_of<Real>(context_gradient, b, h, r);
    Real* to = static_cast<Real*>(weight_gradient) + row * c.keys;
    // Keys of weight 0 are passed over; the others are taken together.
    const Real* values[kTogether];
    int64_t places[kTogether], waiting = 0;
    Real sums[kTogether];
    for (int64_t k = 0; k < c.keys; ++k) {
      to[k] = 0;
      if (w[k] == 0) continue;
      values[waiting] = row_of<Real>(c.value, b, h, k);
      places[waiting++] = k;
      if (waiting < kTogether) continue;
      products<kTogether>(g, values, c.value_size, sums);
      for (int i = 0; i < kTogether; ++i) to[places[i]] = sums[i];
      waiting = 0;
    }
    for (int64_t i = 0; i < waiting; ++i) products<1>(g, values + i, c.value_size, to + places[i]);
    if (!record) return;
    Real* kept = static_cast<Real*>(record) + row * value_record_size(c.keys, c.value_size);
    memcpy(kept, w, static_cast<size_t>(c.keys) * sizeof(Real));
    memcpy(kept + c.keys, g, static_cast<size_t>(c.value_size) * sizeof(Real));
  }

  // Channels from `first` to less than first + kSourceChannels of the gradients of a head of B·H.
  static void source(const StepValues& c, int64_t head, int64_t first, const void* const* records, int64_t count,
                     attend::kernels::MutableRows gradient, void* scratch) {
    const int64_t record = value_record_size(c.keys, c.value_size), end = least(first + kSourceChannels, c.value_size);
    const Scratch s(most(count * c.queries, 1), scratch);
    for (int64_t k = 0; k < c.keys; ++k) {
      int64_t live = 0;
      for (int64_t i = 0; i < count; ++i)
        for (int64_t r = 0; r < c.queries; ++r) {
          const Real* row = static_cast<const Real*>(records[i]) + (head * c.queries + r) * record;
          s.add(row + c.keys, row[k], live);
        }
      sum_rows(s, live, first, end, mutable_row_of<Real>(gradient, head / c.heads, head % c.heads, k));
    }
  }

  static constexpr attend::kernels::ValueKernels kTable{
      .real_bytes = sizeof(Real), .scratch_bytes = scratch_bytes, .mix = mix, .backward = backward, .source = source};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
const ValueKernels values_float32_avx512 = Values<Floats>::kTable;
#elif defined(ATTEND_ISA_avx2)
const ValueKernels values_float32_avx2 = Values<Floats>::kTable;
#else
const ValueKernels values_float32_portable = Values<Floats>::kTable, values_float64_portable = Values<Doubles>::kTable;
#endif

}  // namespace attend::kernels
