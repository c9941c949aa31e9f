// The loops of additive scores as their test calls them, compiled once an instruction set. C headers only.
#include "additive_kernels.h"

#include "kernels/cpu/packing.h"

#include "kernels/cpu/additive.h"

namespace {

using attend::kernels::AdditiveBack;
using attend::kernels::AdditiveKernels;
using attend::kernels::AdditivePlan;
using attend::kernels::AdditiveRange;
using attend::kernels::AdditiveTable;

// V: vectors of the sums; Stored: numbers as they lie in memory.
template <class V, class Stored>
struct Additive {
  using Real = typename V::Real;
  using Loops = AdditiveLoops<V>;
  static const Stored* stored(const void* p) { return static_cast<const Stored*>(p); }
  static const Real* real(const void* p) { return static_cast<const Real*>(p); }
  static Real* real(void* p) { return static_cast<Real*>(p); }

  static void take_range(const void* from, int64_t row, int64_t rows, int64_t size, AdditiveRange& range) {
    Loops::take_range(stored(from), row, rows, size, range);
  }
  static AdditivePlan plan(bool relu, const AdditiveRange& keys, const void* v, int64_t size, void* weights) {
    return Loops::plan(relu, keys, real(v), size, real(weights));
  }
  static void prepare_query(const AdditivePlan& p, const void* from, const void* weights, int64_t size, void* to) {
    Loops::prepare_query(p, stored(from), real(weights), size, real(to));
  }
  static void prepare_panel(const AdditivePlan& p, const void* from, int64_t row, int64_t there, int64_t size, void* to) {
    Loops::prepare_panel(p, stored(from), row, there, size, real(to));
  }
  static void score(const AdditivePlan& p, const void* queries, int64_t rows, const void* panel, int64_t there, const void* weights,
                    int64_t size, void* scores, int64_t scores_row) {
    Loops::score(p, real(queries), rows, real(panel), there, real(weights), size, real(scores), scores_row);
  }
  static void prepare_query_row(const AdditivePlan& p, const void* from, int64_t size, int64_t i, const AdditiveTable& to) {
    Loops::prepare_query_row(p, stored(from), size, i, to);
  }
  static void prepare_key_row(const AdditivePlan& p, const void* from, int64_t size, int64_t i, const AdditiveTable& to) {
    Loops::prepare_key_row(p, stored(from), size, i, to);
  }

  static constexpr AdditiveKernels kTable{V::kLanes,     Loops::kPanel, sizeof(Real),      take_range,      plan,           prepare_query,
                                          prepare_panel, score,         prepare_query_row, prepare_key_row, Loops::backward};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
extern const AdditiveKernels additive_float32_avx512, additive_bfloat16_avx512;
const AdditiveKernels additive_float32_avx512 = Additive<Floats, float>::kTable,
                      additive_bfloat16_avx512 = Additive<Floats, Half16>::kTable;
#elif defined(ATTEND_ISA_avx2)
extern const AdditiveKernels additive_float32_avx2, additive_bfloat16_avx2;
const AdditiveKernels additive_float32_avx2 = Additive<Floats, float>::kTable, additive_bfloat16_avx2 = Additive<Floats, Half16>::kTable;
#else
const AdditiveKernels additive_float32_portable = Additive<Floats, float>::kTable,
                      additive_bfloat16_portable = Additive<Floats, Half16>::kTable,
                      additive_float64_portable = Additive<Doubles, double>::kTable;
#endif

}  // namespace attend::kernels
