#pragma once
// What the tests of packed_linear run on: layers of every form, a plain computation of them, runs between guards.
#include "kernels/fused_cases.h"
#include "kernels/run_packed_linear.h"

namespace attend::kernels {

constexpr WeightForm kForms[] = {WeightForm::kFloat32, WeightForm::kBfloat16, WeightForm::kInt8, WeightForm::kFloat64};
constexpr Activation kActivations[] = {Activation::kNone, Activation::kRelu, Activation::kGelu,   Activation::kGeluTanh,
                                       Activation::kSilu, Activation::kTanh, Activation::kSigmoid};

inline std::string name_of(WeightForm form) {
  switch (form) {
    case WeightForm::kFloat32: return "float32";
    case WeightForm::kBfloat16: return "bfloat16";
    case WeightForm::kInt8: return "int8";
    case WeightForm::kFloat64: return "float64";
  }
  return {};
}

// The strongest set up to `isa` that has loops of its own for a form.
inline Isa set_that_runs(Isa isa, WeightForm form) {
  if (form == WeightForm::kFloat64) return Isa::kPortable;
  if (form == WeightForm::kInt8) return std::min(isa, Isa::kAvx512Vnni);
  return form == WeightForm::kBfloat16 && isa == Isa::kAvx512Bf16 ? isa : std::min(isa, Isa::kAvx512);
}

struct Layer {
  WeightForm form = WeightForm::kFloat32;
  std::int64_t rows = 1, outputs = 1, inputs = 1;
  Activation activation = Activation::kNone;
  bool bias = false, before = false, after = false, turned = false;
  std::int64_t apart = 0;  // numbers between the rows of every array
  Number number() const { return form == WeightForm::kFloat64 ? Number::kFloat64 : Number::kFloat32; }
};

struct LayerNumbers {
  std::vector<double> x, weights, bias, before, after;  // [M, K], [N, K], [N], [M, N], [M, N]
};

inline LayerNumbers numbers_of(const Layer& l) {
  LayerNumbers in;
  const auto fill = [&](std::vector<double>& to, std::int64_t count, double step, double by) {
    for (std::int64_t i = 0; i < count; ++i)
      to.push_back(rounded(by * std::cos(step * static_cast<double>(i) + 0.4 * static_cast<double>(i % 5)), l.number()));
  };
  fill(in.x, l.rows * l.inputs, 0.837, 1.5);
  fill(in.weights, l.outputs * l.inputs, 1.291, 2 / std::sqrt(static_cast<double>(l.inputs)));
  if (l.bias) fill(in.bias, l.outputs, 0.61, 0.5);
  if (l.before) fill(in.before, l.rows * l.outputs, 0.73, 1);
  if (l.after) fill(in.after, l.rows * l.outputs, 0.43, 1);
  return in;
}

// Rows as a form multiplies them: rounded, or whole multiples of the largest number / 127.
inline std::vector<double> as_multiplied(std::vector<double> x, std::int64_t size, WeightForm form) {
  if (form == WeightForm::kBfloat16)
    for (auto& v : x) v = rounded(v, Number::kBfloat16);
  if (form == WeightForm::kInt8)
    for (std::size_t row = 0; row < x.size(); row += static_cast<std::size_t>(size)) {
      float most = 0;
      for (std::size_t k = row; k < row + static_cast<std::size_t>(size); ++k) most = std::max(most, std::abs(static_cast<float>(x[k])));
      for (std::size_t k = row; k < row + static_cast<std::size_t>(size); ++k)
        x[k] = most > 0 ? std::nearbyint(static_cast<float>(x[k]) * (127 / most)) * static_cast<double>(most / 127) : 0;
    }
  return x;
}

template <class T>
T activated_plainly(Activation f, T x) {
  switch (f) {
    case Activation::kNone: return x;
    case Activation::kRelu: return x < 0 ? 0 : x;
    case Activation::kGelu: return x / 2 * (1 + std::erf(x / std::sqrt(T{2})));
    case Activation::kGeluTanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / static_cast<T>(M_PI)) * (x + static_cast<T>(0.044715) * x * x * x)));
    case Activation::kSilu: return x / (1 + std::exp(-x));
    case Activation::kTanh: return std::tanh(x);
    case Activation::kSigmoid: return 1 / (1 + std::exp(-x));
  }
  return x;
}

// [M, N] in numbers T, of x and weights as they are multiplied.
template <class T>
std::vector<double> layer_plainly(const Layer& l, const LayerNumbers& in) {
  const auto x = as_multiplied(in.x, l.inputs, l.form), w = as_multiplied(in.weights, l.inputs, l.form);
  const std::vector<T> a(x.begin(), x.end()), b(w.begin(), w.end());
  std::vector<double> y;
  for (std::int64_t m = 0; m < l.rows; ++m)
    for (std::int64_t n = 0; n < l.outputs; ++n) {
      const T *row = a.data() + m * l.inputs, *weights = b.data() + n * l.inputs;
      T sum = 0;
      for (std::int64_t k = 0; k < l.inputs; ++k) sum += row[k] * weights[k];
      const auto cell = static_cast<std::size_t>(m * l.outputs + n);
      if (l.bias) sum += static_cast<T>(in.bias[static_cast<std::size_t>(n)]);
      if (l.before) sum += static_cast<T>(in.before[cell]);
      sum = activated_plainly(l.activation, sum);
      if (l.after) sum += static_cast<T>(in.after[cell]);
      y.push_back(static_cast<double>(sum));
    }
  return y;
}

struct LayerRan {
  std::vector<double> y;  // [M, N]
  std::string bits;
  Isa isa;
};

inline LayerRan run_layer(const Layer& l, const LayerNumbers& in, Isa isa, int workers = 1, bool at_page = true) {
  const auto number = l.number();
  const auto wide = bytes_of(number);
  const auto bytes = [&](std::int64_t rows, std::int64_t size) {
    return rows == 0 ? 0 : static_cast<std::size_t>((rows - 1) * (size + l.apart) + size) * wide;
  };
  const auto put = [&](const std::vector<double>& from, const Bytes& to, std::int64_t size) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      write(to.data() + static_cast<std::size_t>(at / size * (size + l.apart) + at % size) * wide, from[i], number);
    }
  };
  auto weights = in.weights;
  if (l.turned)
    for (std::int64_t n = 0; n < l.outputs; ++n)
      for (std::int64_t k = 0; k < l.inputs; ++k)
        weights[static_cast<std::size_t>(k * l.outputs + n)] = in.weights[static_cast<std::size_t>(n * l.inputs + k)];
  const auto w_rows = l.turned ? l.inputs : l.outputs, w_size = l.turned ? l.outputs : l.inputs;
  const Bytes x(bytes(l.rows, l.inputs), at_page), w(bytes(w_rows, w_size), at_page),
      packed(static_cast<std::size_t>(packed_linear_bytes(l.form, l.outputs, l.inputs)), at_page),
      bias(static_cast<std::size_t>(l.outputs) * wide, at_page), before(bytes(l.rows, l.outputs), at_page),
      after(bytes(l.rows, l.outputs), at_page), y(bytes(l.rows, l.outputs), at_page);
  put(in.x, x, l.inputs), put(weights, w, w_size), put(in.bias, bias, l.outputs);
  put(in.before, before, l.outputs), put(in.after, after, l.outputs);

  Crew crew(workers);
  OneWorker one;
  Workers& some = workers > 1 ? static_cast<Workers&>(crew) : one;
  const LinearWeights given{w.data(), l.outputs, l.inputs, w_size + l.apart, l.turned};
  PackedLinear call;
  call.weights = run_pack_linear(isa, l.form, given, packed.data(), some, "test");
  call.rows = l.rows;
  call.x = {x.data(), l.inputs + l.apart};
  if (l.bias) call.bias = bias.data();
  if (l.before) call.before = {before.data(), l.outputs + l.apart};
  if (l.after) call.after = {after.data(), l.outputs + l.apart};
  call.activation = l.activation;
  call.y = y.data(), call.y_row = l.outputs + l.apart;
  const auto guards = std::string(y.data(), bytes(l.rows, l.outputs));
  LayerRan ran;
  ran.isa = run_packed_linear(isa, call, some, "test");
  for (const auto* guarded : {&x, &w, &packed, &bias, &before, &after, &y}) EXPECT_TRUE(guarded->guarded());
  for (std::int64_t m = 0; m < l.rows; ++m) {
    const auto row = static_cast<std::size_t>(m * call.y_row) * wide, end = row + static_cast<std::size_t>(l.outputs) * wide;
    for (auto at = row; at < end; at += wide) ran.y.push_back(read(y.data() + at, number));
    ran.bits.append(y.data() + row, y.data() + end);
    if (m + 1 < l.rows) {
      const auto between = static_cast<std::size_t>(l.apart) * wide;
      EXPECT_EQ(std::string(y.data() + end, between), guards.substr(end, between)) << "written behind row " << m;
    }
  }
  return ran;
}

// Twice what plain float32 loops err, and the last bits of the largest number.
inline double allowed(const Layer& l, const LayerNumbers& in, const std::vector<double>& right) {
  double largest = 1;
  for (const auto y : right) largest = std::max(largest, std::abs(y));
  if (l.form == WeightForm::kFloat64) return 1e-14 * largest * std::sqrt(static_cast<double>(l.inputs));
  return 2 * apart(layer_plainly<float>(l, in), right) + 2.4e-7 * largest;
}

inline std::string told(const Layer& l, Isa isa) {
  return name_of(l.form) + " " + std::string(isa_name(isa)) + " M=" + std::to_string(l.rows) + " N=" + std::to_string(l.outputs) +
         " K=" + std::to_string(l.inputs) + " f=" + std::to_string(static_cast<int>(l.activation)) + (l.turned ? " turned" : "");
}

inline void expect_layer(const Layer& l) {
  const auto in = numbers_of(l);
  const auto right = layer_plainly<double>(l, in);
  const auto most = allowed(l, in, right);
  for (const auto isa : sets_here()) EXPECT_LE(apart(run_layer(l, in, isa).y, right), most) << told(l, isa);
}

}  // namespace attend::kernels
