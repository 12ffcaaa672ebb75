#include "phasewatt/analysis/stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace phasewatt::analysis {
namespace {

double sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// Σ(x−x̄)(y−ȳ), the second pass of the two-pass algorithm.
double co_deviation(std::span<const double> x, double mean_x, std::span<const double> y, double mean_y) {
  double total = 0;
  for (std::size_t i = 0; i < x.size(); ++i) total += (x[i] - mean_x) * (y[i] - mean_y);
  return total;
}

double sorted_quantile(std::span<const double> sorted, double p) {
  const double position = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = position - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

/// Calls `statistic` with resampled indices; its values' outer quantiles are the interval. The standard fixes the
/// output of mt19937_64 but not of its distributions, so the index is made by hand.
template <class Statistic>
std::optional<Interval> bootstrap(std::size_t n, const Bootstrap& how, Statistic statistic) {
  if (n < 2 || how.resamples < 1 || !(how.confidence > 0 && how.confidence < 1)) return std::nullopt;
  std::mt19937_64 generator(how.seed);
  std::vector<std::size_t> drawn(n);
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(how.resamples));
  for (int i = 0; i < how.resamples; ++i) {
    for (auto& index : drawn) index = static_cast<std::size_t>((generator() >> 32) * n >> 32);
    const double value = statistic(drawn);
    if (!std::isfinite(value)) return std::nullopt;
    values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  const double tail = (1 - how.confidence) / 2;
  return Interval{sorted_quantile(values, tail), sorted_quantile(values, 1 - tail)};
}

}  // namespace

std::optional<double> mean(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  return sum(values) / static_cast<double>(values.size());
}

std::optional<double> standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return std::nullopt;
  const double centre = *mean(values);
  return std::sqrt(co_deviation(values, centre, values, centre) / static_cast<double>(values.size() - 1));
}

std::optional<double> population_standard_deviation(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  const double centre = *mean(values);
  return std::sqrt(co_deviation(values, centre, values, centre) / static_cast<double>(values.size()));
}

std::optional<double> coefficient_of_variation(std::span<const double> values) {
  const auto deviation = standard_deviation(values);
  if (!deviation || *mean(values) == 0) return std::nullopt;
  return *deviation / std::abs(*mean(values));
}

std::optional<double> minimum(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  return *std::min_element(values.begin(), values.end());
}

std::optional<double> maximum(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  return *std::max_element(values.begin(), values.end());
}

std::optional<double> quantile(std::span<const double> values, double p) {
  if (values.empty() || !(p >= 0 && p <= 1)) return std::nullopt;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted_quantile(sorted, p);
}

std::optional<double> median(std::span<const double> values) { return quantile(values, 0.5); }

std::optional<double> pearson(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size() || x.size() < 2) return std::nullopt;
  // Equal values may leave a rounding residue in Σ(x−x̄)², so whether a side varies is asked of the values themselves.
  if (*minimum(x) == *maximum(x) || *minimum(y) == *maximum(y)) return std::nullopt;
  const double mean_x = *mean(x);
  const double mean_y = *mean(y);
  const double r = co_deviation(x, mean_x, y, mean_y) / std::sqrt(co_deviation(x, mean_x, x, mean_x)) /
                   std::sqrt(co_deviation(y, mean_y, y, mean_y));
  if (!std::isfinite(r)) return std::nullopt;
  return std::clamp(r, -1.0, 1.0);
}

std::optional<Interval> correlation_interval(double r, std::size_t n) {
  if (n <= 3 || !(r >= -1 && r <= 1)) return std::nullopt;
  if (std::abs(r) == 1) return Interval{r, r};
  const double z = std::atanh(r);
  const double half = kNormal975 / std::sqrt(static_cast<double>(n - 3));
  return Interval{std::tanh(z - half), std::tanh(z + half)};
}

std::optional<double> partial_correlation(double r_xy, double r_xz, double r_yz) {
  const double rest = (1 - r_xz * r_xz) * (1 - r_yz * r_yz);
  if (!(rest > 1e-12)) return std::nullopt;
  return std::clamp((r_xy - r_xz * r_yz) / std::sqrt(rest), -1.0, 1.0);
}

std::optional<Interval> bootstrap_mean(std::span<const double> values, const Bootstrap& how) {
  return bootstrap(values.size(), how, [&](const std::vector<std::size_t>& drawn) {
    double total = 0;
    for (const std::size_t i : drawn) total += values[i];
    return total / static_cast<double>(drawn.size());
  });
}

std::optional<Interval> bootstrap_ratio(std::span<const double> numerators, std::span<const double> denominators,
                                        const Bootstrap& how) {
  if (numerators.size() != denominators.size()) return std::nullopt;
  return bootstrap(numerators.size(), how, [&](const std::vector<std::size_t>& drawn) {
    double above = 0;
    double below = 0;
    for (const std::size_t i : drawn) {
      above += numerators[i];
      below += denominators[i];
    }
    return above / below;
  });
}

}  // namespace phasewatt::analysis
