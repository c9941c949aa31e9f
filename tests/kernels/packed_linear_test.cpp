// Linear layers with packed weights: against a plain computation in float64, for every instruction set that this processor has.
#include "kernels/linear_cases.h"

namespace attend::kernels {
namespace {

// Every number of rows gives rows of the same bits: those of the longest.
TEST(PackedLinear, AgreesOnAwkwardSizesAndRowsDoNotDependOnTheirNumber) {
  for (const auto form : kForms)
    for (const std::int64_t outputs : {1, 31, 32, 33, 64, 97, 1000})
      for (const std::int64_t inputs : {1, 3, 4, 16, 33, 64, 257, 1024}) {
        if (outputs == 1000 && inputs == 1024) continue;
        Layer l{.form = form, .rows = 128, .outputs = outputs, .inputs = inputs};
        const auto in = numbers_of(l);
        const auto right = layer_plainly<double>(l, in);
        const auto most = allowed(l, in, right);
        for (const auto isa : sets_here()) {
          l.rows = 128;
          const auto all = run_layer(l, in, isa);
          EXPECT_LE(apart(all.y, right), most) << told(l, isa);
          EXPECT_EQ(all.isa, set_that_runs(isa, form));
          for (const std::int64_t rows : {1, 2, 3, 5, 8, 12, 13, 33}) {
            l.rows = rows;
            auto some = in;
            some.x.resize(static_cast<std::size_t>(rows * inputs));
            const auto ran = run_layer(l, some, isa);
            EXPECT_TRUE(ran.bits == all.bits.substr(0, ran.bits.size())) << told(l, isa);
          }
        }
      }
}

TEST(PackedLinear, ARowAloneHasTheSameBits) {
  for (const auto form : kForms)
    for (const auto isa : sets_here()) {
      Layer l{.form = form, .rows = 300, .outputs = 161, .inputs = 75, .activation = Activation::kGelu, .bias = true};
      const auto in = numbers_of(l);
      const auto all = run_layer(l, in, isa);
      EXPECT_LE(apart(all.y, layer_plainly<double>(l, in)), 1e-5);
      l.rows = 1;
      for (const std::int64_t row : {0, 11, 99, 100, 299}) {
        auto alone = in;
        alone.x.assign(in.x.begin() + row * 75, in.x.begin() + (row + 1) * 75);
        const auto ran = run_layer(l, alone, isa);
        EXPECT_TRUE(ran.bits == all.bits.substr(static_cast<std::size_t>(row) * ran.bits.size(), ran.bits.size())) << row << told(l, isa);
      }
    }
}

TEST(PackedLinear, AddsAndActivates) {
  for (const auto form : kForms)
    for (const auto activation : kActivations)
      for (const auto added : {0, 1, 2, 4, 7})
        for (const std::int64_t rows : {1, 7})
          expect_layer({.form = form,
                        .rows = rows,
                        .outputs = 71,
                        .inputs = 37,
                        .activation = activation,
                        .bias = (added & 1) != 0,
                        .before = (added & 2) != 0,
                        .after = (added & 4) != 0,
                        .apart = added == 7 ? 3 : 0});
}

TEST(PackedLinear, TakesRowsApartAndTurnedWeights) {
  for (const auto form : kForms)
    for (const bool turned : {false, true})
      for (const std::int64_t outputs : {5, 32, 77})
        expect_layer({.form = form,
                      .rows = 14,
                      .outputs = outputs,
                      .inputs = 41,
                      .bias = true,
                      .before = true,
                      .after = true,
                      .turned = turned,
                      .apart = 5});
}

// dx = dy W, W as the layer itself was given it: by differences, in float64.
TEST(PackedLinear, TurnedWeightsGiveTheGradientOfX) {
  constexpr std::int64_t kRows = 3, kOutputs = 37, kInputs = 18;
  const Layer l{.form = WeightForm::kFloat64, .rows = kRows, .outputs = kOutputs, .inputs = kInputs};
  const auto in = numbers_of(l);
  LayerNumbers back;  // dy, and weights with rows and columns changed, which the run turns again before it packs them
  for (std::int64_t i = 0; i < kRows * kOutputs; ++i) back.x.push_back(std::sin(static_cast<double>(i)));
  for (std::int64_t k = 0; k < kInputs; ++k)
    for (std::int64_t n = 0; n < kOutputs; ++n) back.weights.push_back(in.weights[static_cast<std::size_t>(n * kInputs + k)]);
  const Layer turned{.form = WeightForm::kFloat64, .rows = kRows, .outputs = kInputs, .inputs = kOutputs, .turned = true};
  const auto loss = [&](const LayerNumbers& at) {
    const auto y = run_layer(l, at, Isa::kPortable).y;
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * back.x[i];
    return sum;
  };
  const auto dx = run_layer(turned, back, Isa::kPortable).y;
  for (std::size_t i = 0; i < in.x.size(); ++i) {
    auto more = in, less = in;
    more.x[i] += 1e-3, less.x[i] -= 1e-3;
    EXPECT_NEAR(dx[i], (loss(more) - loss(less)) / 2e-3, 1e-10) << i;
  }
}

TEST(PackedLinear, NothingIsReadBeforeTheFirstNumber) {
  for (const auto form : kForms)
    for (const auto isa : sets_here()) {
      const Layer l{.form = form, .rows = 5, .outputs = 45, .inputs = 21, .bias = true, .before = true, .after = true};
      const auto in = numbers_of(l);
      EXPECT_EQ(run_layer(l, in, isa, 1, false).bits, run_layer(l, in, isa, 1, true).bits);
    }
}

TEST(PackedLinear, BitsDoNotDependOnWorkers) {
  for (const auto form : kForms)
    for (const std::int64_t rows : {1, 3, 40, 140})
      for (const auto isa : sets_here()) {
        const Layer l{.form = form, .rows = rows, .outputs = 1500, .inputs = 200, .activation = Activation::kTanh, .bias = true};
        const auto in = numbers_of(l);
        const auto once = run_layer(l, in, isa);
        for (const int workers : {2, 3, 4}) EXPECT_TRUE(run_layer(l, in, isa, workers).bits == once.bits) << told(l, isa);
      }
}

// What the bytes lose is bounded by half a step of either side.
TEST(PackedLinear, BytesLoseNoMoreThanHalfSteps) {
  const Layer l{.form = WeightForm::kInt8, .rows = 9, .outputs = 50, .inputs = 300};
  const auto in = numbers_of(l);
  auto exact = l;
  exact.form = WeightForm::kFloat64;
  const auto right = layer_plainly<double>(exact, in);
  for (const auto isa : sets_here()) {
    const auto ran = run_layer(l, in, isa);
    double worst = 0;
    for (std::int64_t m = 0; m < l.rows; ++m)
      for (std::int64_t n = 0; n < l.outputs; ++n) {
        const double *x = in.x.data() + m * l.inputs, *w = in.weights.data() + n * l.inputs;
        double most_x = 0, most_w = 0, sum_x = 0, sum_w = 0;
        for (std::int64_t k = 0; k < l.inputs; ++k) {
          most_x = std::max(most_x, std::abs(x[k])), most_w = std::max(most_w, std::abs(w[k]));
          sum_x += std::abs(x[k]), sum_w += std::abs(w[k]);
        }
        const double s = most_w / 127, t = most_x / 127, bound = (s * sum_x + t * sum_w) / 2 + static_cast<double>(l.inputs) * s * t / 4;
        const auto cell = static_cast<std::size_t>(m * l.outputs + n);
        EXPECT_LE(std::abs(ran.y[cell] - right[cell]), 1.001 * bound + 1e-6) << m << " " << n;
        worst = std::max(worst, std::abs(ran.y[cell] - right[cell]) / bound);
      }
    EXPECT_GT(worst, 1e-3);  // bytes they were
  }
}

// The largest products that bytes can have, of one sign, over the most inputs.
TEST(PackedLinear, SumsOfBytesFit) {
  Layer l{.form = WeightForm::kInt8, .rows = 2, .outputs = 33, .inputs = 65536};
  LayerNumbers in;
  in.x.assign(static_cast<std::size_t>(l.rows * l.inputs), 1);
  in.weights.assign(static_cast<std::size_t>(l.outputs * l.inputs), -1);
  for (const auto isa : sets_here())
    for (const auto y : run_layer(l, in, isa).y) EXPECT_NEAR(y, -65536, 0.02);
}

TEST(PackedLinear, NanStaysInItsRowAndItsOutput) {
  for (const auto form : kForms)
    for (const auto isa : sets_here())
      for (const auto activation : kActivations)
        for (const double poison : {std::numeric_limits<double>::quiet_NaN(), kInfinity}) {
          const Layer l{.form = form, .rows = 15, .outputs = 70, .inputs = 19, .activation = activation};
          auto in = numbers_of(l);
          const auto right = run_layer(l, in, isa).y;
          in.x[6 * 19 + 4] = poison;
          in.weights[40 * 19 + 2] = std::numeric_limits<double>::quiet_NaN();
          const auto y = run_layer(l, in, isa).y;
          for (std::size_t cell = 0; cell < y.size(); ++cell) {
            const bool touched = cell / 70 == 6, broken = cell % 70 == 40;
            if (broken || (touched && std::isnan(poison)) || (touched && form == WeightForm::kInt8)) {
              EXPECT_TRUE(std::isnan(y[cell])) << cell << " " << y[cell] << " " << told(l, isa);
            } else if (!touched) {
              EXPECT_EQ(y[cell], right[cell]) << cell << told(l, isa);
            }
          }
        }
}

// Very small and very large numbers: a step for each row and output keeps them.
TEST(PackedLinear, BytesHoldAnyMagnitude) {
  for (const auto isa : sets_here())
    for (const double by : {1e-42, 1e-30, 1e-20, 1e15}) {
      const Layer l{.form = WeightForm::kInt8, .rows = 3, .outputs = 34, .inputs = 21};
      auto in = numbers_of(l);
      const auto right = layer_plainly<double>(l, in);
      for (auto& x : in.x) x = rounded(x * by, Number::kFloat32);
      for (auto& w : in.weights) w = rounded(w / (by < 1e-35 ? 1e-20 : by < 1e-25 ? 1e-10 : by), Number::kFloat32);
      const auto y = run_layer(l, in, isa).y;
      const double scale = by < 1e-35 ? by / 1e-20 : by < 1e-25 ? by / 1e-10 : 1;
      for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i] / scale, right[i], by < 1e-35 ? 0.1 : 0.05) << i << " " << by;
    }
  const Layer zero{.form = WeightForm::kInt8, .rows = 2, .outputs = 3, .inputs = 5, .bias = true};
  auto in = numbers_of(zero);
  in.x.assign(10, 0);
  for (const auto isa : sets_here()) {
    const auto y = run_layer(zero, in, isa).y;
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], in.bias[i % 3]);
  }
}

// Activations far out, where 1 − and sums of exponentials lose their digits.
TEST(PackedLinear, ActivationsKeepTheirDigits) {
  for (const auto isa : sets_here())
    for (const auto activation : kActivations) {
      const Layer l{.rows = 1, .outputs = 4001, .inputs = 1, .activation = activation};
      LayerNumbers in;
      in.x = {1};
      for (int i = 0; i <= 4000; ++i) in.weights.push_back(rounded((i - 2000) * 0.006 * std::abs(std::sin(i)), Number::kFloat32));
      for (const double x : {-90., -40., 40., 90., -1e-6, 1e-6, -1e30}) in.weights[static_cast<std::size_t>(std::abs(x)) % 4001] = x;
      in.weights[7] = -1e-30;
      const auto y = run_layer(l, in, isa).y;
      for (std::size_t i = 0; i < y.size(); ++i) {
        const double x = rounded(in.weights[i], Number::kFloat32);
        double right = activated_plainly<double>(activation, x);
        if (activation == Activation::kGelu) right = x / 2 * std::erfc(-x / std::sqrt(2.));
        if (activation == Activation::kGeluTanh) right = x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        const double far = std::max(1., std::min(x * x, 90.));  // an exponent of that size has so much larger last bits
        // A power below 2^−126 may be 0.
        EXPECT_NEAR(y[i], right, 5e-7 * far * std::abs(right) + 1e-36) << x << " " << told(l, isa);
      }
    }
}

TEST(PackedLinear, NothingIsMadeOfNothing) {
  for (const auto form : kForms)
    for (const auto isa : sets_here()) {
      EXPECT_TRUE(run_layer({.form = form, .rows = 0, .outputs = 5, .inputs = 3}, {}, isa).y.empty());
      EXPECT_TRUE(run_layer({.form = form, .rows = 2, .outputs = 0, .inputs = 3}, {}, isa).y.empty());
    }
}

TEST(PackedLinear, YMayBeWhatIsAdded) {
  OneWorker one;
  alignas(64) float packed[32 * 2];
  const float w[4] = {1, 2, 3, 4}, x[2] = {10, 100};
  float y[2] = {0.5f, 0.25f};
  PackedLinear call;
  call.weights = pack_linear(WeightForm::kFloat32, {w, 2, 2, 2}, packed, one);
  call.rows = 1, call.x = {x, 2}, call.y = y, call.y_row = 2;
  call.after = {y, 2};
  packed_linear(call, one);
  EXPECT_EQ(y[0], 210.5f);
  EXPECT_EQ(y[1], 430.25f);
}

TEST(PackedLinear, SaysWhatDoesNotFit) {
  OneWorker one;
  alignas(64) float packed[32 * 2];
  float x[8] = {};
  PackedLinear call;
  call.weights = pack_linear(WeightForm::kFloat32, {x, 2, 2, 2}, packed, one);
  call.rows = 2, call.x = {x, 2}, call.y = x + 4, call.y_row = 2;
  const auto refuses = [&](const PackedLinear& wrong, ErrorKind kind, const std::vector<std::string>& words) {
    const auto said = error_of(kind, [&] { packed_linear(wrong, one, "cell"); });
    for (const auto& word : words) EXPECT_NE(said.find(word), std::string::npos) << said;
  };
  auto wrong = call;
  wrong.rows = -1;
  refuses(wrong, ErrorKind::kShape, {"cell", "M >= 0", "-1"});
  wrong = call;
  wrong.y_row = 1;
  refuses(wrong, ErrorKind::kShape, {"cell", "N=2", "got 1"});
  wrong = call;
  wrong.weights.inputs = 0;
  refuses(wrong, ErrorKind::kShape, {"cell", "K >= 1", "K=0"});
  wrong = call;
  wrong.weights.data = packed + 1;
  refuses(wrong, ErrorKind::kValue, {"packed weights", "multiple of 64"});
  wrong = call;
  wrong.x.data = nullptr;
  refuses(wrong, ErrorKind::kValue, {"x is missing"});
  const auto said = error_of(ErrorKind::kShape, [&] { packed_linear_bytes(WeightForm::kInt8, 4, 65537, "cell"); });
  EXPECT_NE(said.find("65536 inputs at most, got K=65537"), std::string::npos) << said;
  EXPECT_EQ(packed_linear_bytes(WeightForm::kFloat32, 33, 5), 2 * 32 * 5 * 4);
  EXPECT_EQ(packed_linear_bytes(WeightForm::kBfloat16, 33, 5), 2 * 32 * 6 * 2);
  EXPECT_EQ(packed_linear_bytes(WeightForm::kInt8, 33, 5), 2 * 32 * (8 + 4 + 4));
}

}  // namespace
}  // namespace attend::kernels
