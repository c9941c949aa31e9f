// Functions over one row: against references that sort, in long double, for every instruction set that this processor has.
#include <algorithm>
#include <numeric>

#include "kernels/cpu/row_functions.h"
#include "kernels/fused_cases.h"
#include "kernels/sorted_entmax.h"

namespace attend::kernels {
namespace {

template <class Real>
const RowFunctions<Real>* functions_of(Isa isa) {
  if constexpr (std::is_same_v<Real, double>) return isa == Isa::kPortable ? &row_float64_portable : nullptr;
#if defined(__x86_64__)
  else if (isa == Isa::kAvx2)
    return &row_float32_avx2;
  else if (isa == Isa::kAvx512)
    return &row_float32_avx512;
#endif
  else
    return isa == Isa::kPortable ? &row_float32_portable : nullptr;
}

template <class Real>
struct Row {
  std::string name;
  std::vector<Real> x;
};

// Rows of n numbers, among them those that a search by parts, by thresholds or by sums may stumble over.
template <class Real>
std::vector<Row<Real>> rows_of(std::int64_t n) {
  std::vector<Row<Real>> rows;
  const auto add = [&](const std::string& name, auto&& value) {
    rows.push_back({name + ", n = " + std::to_string(n), {}});
    for (std::int64_t i = 0; i < n; ++i) rows.back().x.push_back(static_cast<Real>(value(static_cast<double>(i))));
  };
  const auto noise = [](double i) { return std::sin(i * 12.9898) * 43758.5453 - std::floor(std::sin(i * 12.9898) * 43758.5453); };
  const auto size = static_cast<double>(n);
  add("noise", [&](double i) { return 4 * noise(i); });
  add("wave", [](double i) { return 2 * std::cos(0.731 * i); });
  add("sharp", [&](double i) { return 1000 * noise(i); });
  add("flat", [&](double i) { return 1e-4 * noise(i); });
  add("far from 0", [&](double i) { return 1e4 + 4 * noise(i); });
  add("tiny", [&](double i) { return 1e-39 * noise(i); });
  add("equal", [](double) { return 0.7; });
  add("rising", [](double i) { return 0.37 * i; });
  add("falling", [](double i) { return -0.37 * i; });
  add("slowly falling", [&](double i) { return -i / size; });
  add("geometric", [](double i) { return std::exp2(-i); });
  add("one live", [&](double i) { return i == std::floor(size / 2) ? -3 : -kInfinity; });
  add("none live", [](double) { return -kInfinity; });
  add("the last half hidden", [&](double i) { return i < size / 2 ? noise(i) : -kInfinity; });
  add("every third hidden", [&](double i) { return std::fmod(i, 3) == 1 ? -kInfinity : 3 * noise(i); });
  add("ties", [](double i) { return std::fmod(i, 3); });
  add("signed zeros", [](double i) { return std::fmod(i, 2) == 0 ? -0.0 : 0.0; });
  add("the large ones a vector apart, rising", [](double i) { return std::fmod(i, 16) == 0 ? i : -1e9; });
  add("many just above the threshold", [&](double i) { return i == std::floor(size / 2) ? 0 : -0.9999; });
  add("many at the threshold", [&](double i) { return i == std::floor(size / 3) ? 0 : -1; });
  add("many just below the threshold",
      [&](double i) { return i == std::floor(size / 3) ? 5 : 3.9999995 - (std::fmod(i, 7) == 0 ? 1 : 0); });
  add("lowest and largest", [](double i) { return (std::fmod(i, 2) == 0 ? 1 : -1) * 3e38; });
  return rows;
}

// A row in memory that ends with its padding, where an unreadable page begins.
template <class Real>
class Padded {
 public:
  Padded(const std::vector<Real>& x, std::int64_t lanes, bool at_page = true)
      : size_((static_cast<std::int64_t>(x.size()) + lanes - 1) / lanes * lanes),
        bytes_(static_cast<std::size_t>(size_) * sizeof(Real), at_page) {
    std::fill(data(), data() + size_, static_cast<Real>(-kInfinity));
    std::copy(x.begin(), x.end(), data());
  }
  Real* data() const { return reinterpret_cast<Real*>(bytes_.data()); }
  std::int64_t size() const { return size_; }
  bool guarded() const { return bytes_.guarded(); }

 private:
  std::int64_t size_;
  Bytes bytes_;
};

const std::int64_t kSizes[] = {1, 2, 3, 15, 16, 17, 23, 31, 33, 64, 65, 97, 255, 257, 511, 1000, 1025, 4096, 4113, 9001, 16384};

template <class Real>
void expect_top(const RowFunctions<Real>& f, const Row<Real>& row, int k) {
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < row.x.size(); ++i)
    if (row.x[i] > static_cast<Real>(-kInfinity)) order.push_back(static_cast<std::int64_t>(i));
  const auto at = [&](std::int64_t i) { return row.x[static_cast<std::size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return at(a) > at(b); });
  order.resize(static_cast<std::size_t>(k), -1);
  const Padded<Real> x(row.x, f.lanes);
  std::vector<std::int64_t> keys(static_cast<std::size_t>(k) + 1, 77);
  std::vector<Real> values(static_cast<std::size_t>(k) + 1, 77);
  f.top_k(x.data(), static_cast<std::int64_t>(row.x.size()), k, keys.data(), values.data());
  EXPECT_EQ(keys.back(), 77);
  EXPECT_EQ(values.back(), 77);
  keys.pop_back();
  ASSERT_EQ(keys, order) << row.name << ", k = " << k;
  for (std::size_t i = 0; i < order.size(); ++i)
    ASSERT_EQ(values[i], order[i] < 0 ? static_cast<Real>(-kInfinity) : at(order[i])) << row.name << ", k = " << k;
  EXPECT_TRUE(x.guarded());
}

template <class Real>
void expect_tops(Isa isa) {
  const auto* f = functions_of<Real>(isa);
  if (!f) return;
  SCOPED_TRACE(std::string(isa_name(isa)) + ", bytes of a number: " + std::to_string(sizeof(Real)));
  for (const auto n : kSizes)
    for (auto& row : rows_of<Real>(n)) {
      for (const int k : {1, 2, 5, 8, 9, 16}) expect_top(*f, row, k);
      for (std::size_t i = 1; i < row.x.size(); i += 5) row.x[i] = std::numeric_limits<Real>::quiet_NaN();
      row.name += ", every fifth NaN";
      expect_top(*f, row, 8);
      row.x[row.x.size() / 2] = static_cast<Real>(kInfinity);
      expect_top(*f, row, 4);
    }
}

TEST(Rows, TheLargestAreThoseOfASort) {
  for (const auto isa : sets_here()) {
    expect_tops<float>(isa);
    expect_tops<double>(isa);
  }
}

template <class Real>
void expect_weights(const RowFunctions<Real>& f, const Row<Real>& row, int power) {
  SCOPED_TRACE(row.name + ", power " + std::to_string(power));
  const auto n = static_cast<std::int64_t>(row.x.size());
  const auto right = sorted_weights(row.x, power);
  const Padded<Real> x(row.x, f.lanes);
  const auto threshold = (power == 1 ? f.sparsemax_threshold : f.entmax15_threshold)(x.data(), n);
  for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(x.data()[i], row.x[static_cast<std::size_t>(i)]);
  const auto made = (power == 1 ? f.sparsemax_weights : f.entmax15_weights)(x.data(), n);
  EXPECT_EQ(std::memcmp(&threshold, &made, sizeof made), 0);
  EXPECT_TRUE(x.guarded());
  for (std::int64_t i = n; i < x.size(); ++i) EXPECT_EQ(x.data()[i], 0);
  const double unit = std::is_same_v<Real, float> ? 1e-6 : 1e-12;
  // A threshold in float64 has no second number behind it.
  const double unit_of_sum = std::is_same_v<Real, float> ? 1e-6 : 1e-13 + 1.2e-16 * static_cast<double>(n);
  long double sum = 0;
  double slopes = 0, doubtful = 0;  // doubtful: numbers that lie nearer to the threshold than their last digit, and may fall to either side
  bool live = false;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const auto w = static_cast<double>(x.data()[i]);
    sum += w, slopes += power == 1 ? w > 0 : std::sqrt(w);
    live = live || row.x[at] > static_cast<Real>(-kInfinity);
    ASSERT_NEAR(w, right.weights[at], unit * (right.weights[at] + 0.25)) << i;
    if (std::abs(right.above[at]) <= unit / 4) {
      ++doubtful;
    } else {
      ASSERT_EQ(w > 0, right.above[at] > 0) << i << ' ' << right.above[at];
    }
    const Real from = ((row.x[at] - made.maximum) / static_cast<Real>(power) - made.tau) - made.rest;
    ASSERT_NEAR(static_cast<double>(std::pow(std::max(from, static_cast<Real>(0)), static_cast<Real>(power))), w, unit * w) << i;
  }
  EXPECT_NEAR(static_cast<double>(sum), live ? 1 : 0, unit_of_sum);
  EXPECT_NEAR(static_cast<double>(made.slopes), slopes, power == 1 ? doubtful : 1e-5 * slopes);
  if (!live) {
    EXPECT_EQ(static_cast<double>(made.tau), kInfinity);
  }
}

template <class Real>
void expect_all_weights(Isa isa) {
  const auto* f = functions_of<Real>(isa);
  if (!f) return;
  SCOPED_TRACE(std::string(isa_name(isa)) + ", bytes of a number: " + std::to_string(sizeof(Real)));
  for (const auto n : kSizes)
    for (const auto& row : rows_of<Real>(n))
      for (const int power : {1, 2}) expect_weights(*f, row, power);
  for (const auto& row : rows_of<Real>(70001))
    for (const int power : {1, 2}) expect_weights(*f, row, power);
}

TEST(Rows, WeightsAreThoseOfASort) {
  for (const auto isa : sets_here()) {
    expect_all_weights<float>(isa);
    expect_all_weights<double>(isa);
  }
}

template <class Real>
void expect_nan_spreads(Isa isa) {
  const auto* f = functions_of<Real>(isa);
  if (!f) return;
  for (const auto weights : {f->sparsemax_weights, f->entmax15_weights})
    for (const auto n : {1, 17, 300, 2000})
      for (const double poison : {std::numeric_limits<double>::quiet_NaN(), kInfinity})
        for (const double other : {0.5, -kInfinity}) {
          std::vector<Real> x(static_cast<std::size_t>(n), static_cast<Real>(other));
          x[x.size() / 2] = static_cast<Real>(poison);
          const Padded<Real> row(x, f->lanes);
          EXPECT_TRUE(std::isnan(weights(row.data(), n).tau));
          for (int i = 0; i < n; ++i) ASSERT_TRUE(std::isnan(row.data()[i])) << n << ' ' << i;
        }
}

TEST(Rows, NotANumberIsNotPassedOverInSilence) {
  for (const auto isa : sets_here()) {
    expect_nan_spreads<float>(isa);
    expect_nan_spreads<double>(isa);
  }
}

template <class Real>
void expect_gradients(Isa isa) {
  const auto* f = functions_of<Real>(isa);
  if (!f) return;
  SCOPED_TRACE(std::string(isa_name(isa)) + ", bytes of a number: " + std::to_string(sizeof(Real)));
  for (const auto n : kSizes)
    for (const auto& row : rows_of<Real>(n))
      for (const int power : {1, 2})
        for (const bool at_page : {true, false}) {
          const auto weights = sorted_weights(row.x, power).weights;
          const auto size = row.x.size();
          const Bytes w(size * sizeof(Real), at_page), g(size * sizeof(Real), at_page), dx(size * sizeof(Real), at_page);
          auto *pw = reinterpret_cast<Real*>(w.data()), *pg = reinterpret_cast<Real*>(g.data()), *pd = reinterpret_cast<Real*>(dx.data());
          double slopes = 0, flow = 0, largest = 0;
          const auto slope = [&](std::size_t i) { return power == 1 ? pw[i] > 0 : std::sqrt(static_cast<double>(pw[i])); };
          for (std::size_t i = 0; i < size; ++i) {
            pw[i] = static_cast<Real>(weights[i]);
            // What flows to a number without weight is nothing, whatever it is.
            pg[i] = pw[i] > 0 ? static_cast<Real>(std::cos(1.7 * static_cast<double>(i))) : std::numeric_limits<Real>::quiet_NaN();
            if (pw[i] > 0) slopes += slope(i), flow += slope(i) * static_cast<double>(pg[i]);
          }
          (power == 1 ? f->sparsemax_backward : f->entmax15_backward)(pw, pg, n, pd);
          double total = 0;
          for (std::size_t i = 0; i < size; ++i) {
            const double right = pw[i] > 0 ? slope(i) * (static_cast<double>(pg[i]) - flow / slopes) : 0;
            ASSERT_NEAR(static_cast<double>(pd[i]), right, pw[i] > 0 ? (std::is_same_v<Real, float> ? 1e-6 : 1e-13) : 0)
                << row.name << ' ' << i;
            total += static_cast<double>(pd[i]), largest = std::max(largest, slope(i));
          }
          EXPECT_NEAR(total, 0, (std::is_same_v<Real, float> ? 1e-6 : 1e-13) * (1 + slopes));  // a shift of the scores moves nothing
          EXPECT_TRUE(w.guarded() && g.guarded() && dx.guarded());
          (power == 1 ? f->sparsemax_backward : f->entmax15_backward)(pw, pg, n, pg);
          EXPECT_EQ(std::memcmp(pg, pd, size * sizeof(Real)), 0);
        }
}

TEST(Rows, GradientsFollowTheirFormula) {
  for (const auto isa : sets_here()) {
    expect_gradients<float>(isa);
    expect_gradients<double>(isa);
  }
}

}  // namespace
}  // namespace attend::kernels
