// Rows times packed panels, in register tiles. Included by sources that are compiled once an instruction set, as vectors.h.
//
// A product P says how one kind of weights is multiplied:
//   V, Sum                  vectors of what comes out, and of what is summed up; kLanes outputs each
//   kForm, kScaled          its weights; whether their sums have a step for each output and each row
//   kWidened                whether a vector of weights as they are multiplied takes two registers
//   Given, kGiven           numbers of a row of x as the loops read it, and how many of them a step takes
//   start(tail)             the sums to begin with, from what stands behind the panel
//   Weights weights(p)      one step of kLanes outputs
//   add(given, w, sum)      the sum with the products of one step
//   real(sum)               as V
#include "kernels/cpu/functions.h"
#include "kernels/cpu/packed_linear.h"

namespace {

using attend::kernels::kPanelOutputs;
using attend::kernels::LinearKernels;
using attend::kernels::LinearRows;
using attend::kernels::LinearWeights;
using attend::kernels::LinearWork;
using attend::kernels::PackedLinear;
using attend::kernels::panel_form;
using attend::kernels::PanelForm;
using attend::kernels::WeightForm;

// Rows of the largest tile, and how many vectors of outputs a tile of so many rows takes: the sums fill the registers, and are enough for
// each to be ready when its next product comes. Weights that are widened take registers too.
#if defined(ATTEND_AVX512)
constexpr int most_rows(bool /*widened*/) { return 12; }
constexpr int widest(int rows, bool widened) { return rows <= (widened ? 1 : 3) ? 8 : rows <= (widened ? 5 : 6) ? 4 : 2; }
#elif defined(ATTEND_ISA_avx2)
constexpr int most_rows(bool widened) { return widened ? 4 : 6; }
constexpr int widest(int rows, bool widened) { return rows <= 1 ? 8 : !widened && rows <= 3 ? 4 : 2; }
#else
constexpr int most_rows(bool /*widened*/) { return 4; }
constexpr int widest(int rows, bool /*widened*/) { return rows <= 1 ? 8 : rows <= 2 ? 4 : 2; }
#endif
constexpr int kMostVectors = 24;  // rows times vectors

template <class P>
struct Panels {
  using V = typename P::V;
  using Real = typename V::Real;
  using Given = typename P::Given;
  static constexpr int kLanes = P::kLanes, kPer = kPanelOutputs / kLanes;  // vectors of a panel
  static constexpr int64_t kTogether = kPer <= 8 ? 8 / kPer : 1;           // panels of the widest tile
  static constexpr PanelForm kShape = panel_form(P::kForm);
  static constexpr int64_t kVectorBytes = kLanes * kShape.bytes, kLine = 64 / kVectorBytes, kAhead = 16384,
                           kMostRows = most_rows(P::kWidened), kStepBytes = kPanelOutputs * kShape.bytes;

  // Sums of Rows rows and Vectors vectors of outputs, to[Rows][Vectors]. The vectors begin at the vector `first` of `panel` and go on in
  // the panels behind it. Every sum is taken in the order of the steps, so that its bits are those of any other tile.
  template <int Rows, int Vectors>
  __attribute__((noinline)) static void tile(const Given* x, int64_t x_row, const char* panel, int64_t first, int64_t steps, int64_t ahead,
                                             Real* to) {
    const int64_t panel_bytes = steps * kStepBytes + kShape.tail;
    typename P::Sum sums[Rows][Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) {
      const auto start = P::start(panel + j / kPer * panel_bytes + steps * kStepBytes, first + j % kPer);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) sums[i][j] = start;
    }
    const char* from = panel + first * kVectorBytes;
    const Given* every_third[(Rows + 2) / 3];  // three rows share a base, so that pointers do not fill the registers
#pragma GCC unroll 4
    for (int i = 0; i < (Rows + 2) / 3; ++i) every_third[i] = x + 3 * i * x_row;
    const auto multiply_step = [&]() __attribute__((always_inline)) {
      typename P::Weights w[Vectors];
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) w[j] = P::weights(from + j / kPer * panel_bytes + j % kPer * kVectorBytes);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        const auto factor = P::factor(every_third[i / 3] + i % 3 * x_row);
#pragma GCC unroll 8
        for (int j = 0; j < Vectors; ++j) sums[i][j] = P::add(factor, w[j], sums[i][j]);
      }
      from += kStepBytes;
#pragma GCC unroll 4
      for (int i = 0; i < (Rows + 2) / 3; ++i) every_third[i] += P::kGiven;
    };
    int64_t step = 0;
    if constexpr (Rows > 3)  // the others read several panels, and the processor fetches ahead by itself
      for (; ahead && step < steps; ++step) {
#pragma GCC unroll 8
        for (int j = 0; j < Vectors; j += kLine) __builtin_prefetch(from + j / kPer * panel_bytes + j % kPer * kVectorBytes + ahead);
        multiply_step();
      }
    for (; step < steps; ++step) multiply_step();
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) P::real(sums[i][j]).store(to + (i * Vectors + j) * kLanes);
  }

  template <int Rows = most_rows(P::kWidened)>
  static void any_tile(int rows, int vectors, const Given* x, int64_t x_row, const char* panel, int64_t first, int64_t steps, int64_t ahead,
                       Real* to) {
    if (rows == Rows) {
      if constexpr (widest(Rows, P::kWidened) >= 8)
        if (vectors == 8) return tile<Rows, 8>(x, x_row, panel, first, steps, ahead, to);
      if constexpr (widest(Rows, P::kWidened) >= 4)
        if (vectors == 4) return tile<Rows, 4>(x, x_row, panel, first, steps, ahead, to);
      return tile<Rows, 2>(x, x_row, panel, first, steps, ahead, to);
    }
    if constexpr (Rows > 1) any_tile<Rows - 1>(rows, vectors, x, x_row, panel, first, steps, ahead, to);
  }

  // The step of a row of bytes stands behind its numbers.
  static float row_step(const LinearWork& w, int64_t row) {
    float step;
    memcpy(&step, static_cast<const char*>(w.rows) + (row + 1) * w.row_bytes - 4, 4);
    return step;
  }

  // What becomes of the sums of `rows` rows and `vectors` vectors of outputs from `output` on.
  template <Activation F>
  static void finish(const LinearWork& w, const Real* sums, int64_t row, int rows, int64_t output, int vectors, const char* panel,
                     int64_t first, int64_t steps) {
    const PackedLinear& c = w.call;
    const int64_t panel_bytes = steps * kStepBytes + kShape.tail;
    const auto place = [&](const LinearRows& x, int64_t i) { return static_cast<const Real*>(x.data) + (row + i) * x.row + output; };
    for (int i = 0; i < rows; ++i) {
      Real* y = static_cast<Real*>(c.y) + (row + i) * c.y_row + output;
      for (int j = 0; j < vectors; ++j) {
        const int64_t at = j * kLanes;
        const int there = static_cast<int>(c.weights.outputs - output - at < kLanes ? c.weights.outputs - output - at : kLanes);
        if (there <= 0) break;
        const auto load = [&](const Real* p) { return there == kLanes ? V::load(p + at) : V::load_part(p + at, there); };
        V sum = V::load(sums + (i * vectors + j) * kLanes);
        if constexpr (P::kScaled) {
          const char* steps_of = panel + j / kPer * panel_bytes + steps * kStepBytes;
          sum = sum * V::all(row_step(w, row + i)) * V::load(reinterpret_cast<const Real*>(steps_of) + (first + j % kPer) * kLanes);
        }
        if (c.bias) sum = sum + load(static_cast<const Real*>(c.bias) + output);
        if (c.before.data) sum = sum + load(place(c.before, i));
        sum = activated<F>(sum);
        if (c.after.data) sum = sum + load(place(c.after, i));
        if (there == kLanes)
          sum.store(y + at);
        else
          sum.store_part(y + at, there);
      }
    }
  }
  using Finish = void (*)(const LinearWork&, const Real*, int64_t, int, int64_t, int, const char*, int64_t, int64_t);
  static constexpr Finish kFinish[] = {finish<Activation::kNone>,     finish<Activation::kRelu>, finish<Activation::kGelu>,
                                       finish<Activation::kGeluTanh>, finish<Activation::kSilu>, finish<Activation::kTanh>,
                                       finish<Activation::kSigmoid>};  // by Activation

  static void multiply(const LinearWork& w, int64_t first, int64_t last, int64_t row, int64_t rows) {
    const PackedLinear& c = w.call;
    const int64_t steps = kShape.steps(c.weights.inputs), panel_bytes = steps * kStepBytes + kShape.tail;
    const int64_t blocks = (rows + kMostRows - 1) / kMostRows, least = rows / blocks, more = rows % blocks;
    const int most_vectors = widest(static_cast<int>(least + (more > 0)), P::kWidened);
    const Finish finish = kFinish[static_cast<int>(c.activation)];
    // Vectors that hold an output, in pairs.
    const int64_t outputs = c.weights.outputs < last * kPanelOutputs ? c.weights.outputs : last * kPanelOutputs;
    const int64_t end = (outputs + 2 * kLanes - 1) / (2 * kLanes) * 2;
    int vectors = most_vectors;
    for (int64_t v = first * kPer; v < end; v += vectors) {
      while (v + vectors > end) vectors /= 2;
      const char* panel = static_cast<const char*>(c.weights.data) + v / kPer * panel_bytes;
      int64_t i = row;
      for (int64_t block = 0; block < blocks; ++block) {
        const int there = static_cast<int>(least + (block < more));
        const Given* x;
        int64_t x_row;
        if (w.rows)
          x = reinterpret_cast<const Given*>(static_cast<const char*>(w.rows) + i * w.row_bytes),
          x_row = w.row_bytes / static_cast<int64_t>(sizeof(Given));
        else
          x = static_cast<const Given*>(c.x.data) + i * c.x.row, x_row = c.x.row;
        alignas(64) Real sums[kMostVectors * kLanes];
        any_tile(there, vectors, x, x_row, panel, v % kPer, steps, blocks == 1 ? kAhead / vectors : block == 0 ? panel_bytes : 0, sums);
        finish(w, sums, i, there, v * kLanes, vectors, panel, v % kPer, steps);
        i += there;
      }
    }
  }
};

}  // namespace
