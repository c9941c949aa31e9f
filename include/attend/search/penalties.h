#pragma once
// What a hypothesis is ranked by beside its log-probability. Search, re-ranking and traces all take these.
#include <cstddef>
#include <span>
#include <string>

namespace attend {

/// lp(Y) = ((5 + |Y|)/6)^α, </s> counted (Wu et al. 2016, eq. 14). Log-probabilities are divided by it; α = 0 gives 1.
double length_penalty(double alpha, std::size_t length);

/// How coverage is judged: C_s = Σ_t w[t, s] is what source token s received from all rows of a hypothesis, that of </s> counted.
enum class CoverageTerm {
  kWu,      ///< Σ_s ln min(C_s, 1), C_s clamped at 1e-6 from below (Wu et al. 2016, eq. 14): what is passed over costs
  kSummary  ///< −(Σ_s max(C_s, 1) − S) (Gehrmann, Deng & Rush 2018, §4.1): what is read twice costs
};
/// By its name: wu or summary. Throws kUnknownName.
CoverageTerm parse_coverage_term(const std::string& name);
/// cp(X; Y) with β = 1, −∞ < cp ≤ 0.
double coverage_term(std::span<const double> coverage, CoverageTerm kind = CoverageTerm::kWu);

}  // namespace attend
