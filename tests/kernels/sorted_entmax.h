#pragma once
// Sparsemax and entmax-1.5 as their papers compute them: by sorting the scores.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace attend::kernels {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

// The weights of α = 1 + 1/power by sorting (Martins & Astudillo 2016, algorithm 1; Peters, Niculae & Martins 2019, algorithm 2).
struct SortedWeights {
  std::vector<double> weights, above;  // above: by how much (x − max) / power exceeds τ
};
template <class Real>
SortedWeights sorted_weights(const std::vector<Real>& given, int power) {
  SortedWeights reference;
  reference.weights.assign(given.size(), 0), reference.above.assign(given.size(), kHidden);
  std::vector<long double> x(given.begin(), given.end()), sorted;
  const auto largest = *std::max_element(x.begin(), x.end());
  if (largest == kHidden) return reference;
  for (auto& v : x) v = (v - largest) / power;
  sorted = x;
  std::sort(sorted.rbegin(), sorted.rend());
  long double sum = 0, squares = 0, tau = 0, k = 0;
  for (const auto v : sorted) {
    if (v <= -1) break;
    sum += v, squares += v * v, k += 1;
    const auto mean = sum / k, spread = squares - k * mean * mean;
    if (power == 1 ? 1 + k * v > sum : spread <= 1 && mean - std::sqrt((1 - spread) / k) <= v)
      tau = power == 1 ? (sum - 1) / k : mean - std::sqrt((1 - spread) / k);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    reference.above[i] = static_cast<double>(x[i] - tau);
    reference.weights[i] = x[i] > tau ? static_cast<double>(std::pow(x[i] - tau, power)) : 0;
  }
  return reference;
}

}  // namespace attend::kernels
