#include "attend/search/penalties.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "attend/core/error.h"

namespace attend {

double length_penalty(double alpha, std::size_t length) { return std::pow((5.0 + static_cast<double>(length)) / 6.0, alpha); }

CoverageTerm parse_coverage_term(const std::string& name) {
  if (name == "wu") return CoverageTerm::kWu;
  if (name == "summary") return CoverageTerm::kSummary;
  fail_unknown_name("coverage term", name, std::vector<std::string>{"wu", "summary"});
}

double coverage_term(std::span<const double> coverage, CoverageTerm kind) {
  constexpr double kLeast = 1e-6;  // a token that nothing attended to costs ln 1e-6 and not all there is
  double sum = 0;
  for (const double c : coverage) {
    if (kind == CoverageTerm::kWu) {
      sum += std::log(std::clamp(c, kLeast, 1.0));
    } else {
      sum -= std::max(c, 1.0) - 1.0;
    }
  }
  return sum;
}

}  // namespace attend
