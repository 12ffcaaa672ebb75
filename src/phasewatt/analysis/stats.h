#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

/// Statistics as free functions on spans. An undefined result is `std::nullopt`, never NaN: each function says when.
/// Values must be finite. Pure and thread-safe.
namespace phasewatt::analysis {

/// 97.5 % quantile of the standard normal distribution.
inline constexpr double kNormal975 = 1.959963984540054;

/// Arithmetic mean; undefined for no values.
std::optional<double> mean(std::span<const double> values);

/// Sample standard deviation, √(Σ(x−x̄)²/(n−1)); undefined for fewer than two values.
std::optional<double> standard_deviation(std::span<const double> values);

/// Standard deviation of the values themselves, √(Σ(x−x̄)²/n), when they are all there is and not a sample; undefined
/// for no values.
std::optional<double> population_standard_deviation(std::span<const double> values);

/// Standard deviation / |mean|; undefined for fewer than two values or a mean of 0.
std::optional<double> coefficient_of_variation(std::span<const double> values);

/// Smallest value; undefined for no values.
std::optional<double> minimum(std::span<const double> values);

/// Largest value; undefined for no values.
std::optional<double> maximum(std::span<const double> values);

/// Quantile by linear interpolation between order statistics at position p·(n−1) (Hyndman and Fan's type 7, the
/// "inclusive" method of Python's `statistics.quantiles`); undefined for no values or p outside [0, 1].
std::optional<double> quantile(std::span<const double> values, double p);

/// quantile(values, 0.5).
std::optional<double> median(std::span<const double> values);

/// Product-moment correlation; undefined for spans of different length, fewer than two pairs, or when either side does
/// not vary.
std::optional<double> pearson(std::span<const double> x, std::span<const double> y);

/// A closed interval.
struct Interval {
  double low = 0;
  double high = 0;
  [[nodiscard]] bool overlaps(const Interval& other) const { return low <= other.high && other.low <= high; }
  [[nodiscard]] bool contains(double value) const { return low <= value && value <= high; }
};

/// 95 % interval of a correlation by Fisher's z: tanh(atanh(r) ± 1.959964/√(n−3)). For |r| = 1 it is [r, r]; undefined
/// for n ≤ 3 or |r| > 1.
std::optional<Interval> correlation_interval(double r, std::size_t n);

/// Correlation of x and y given z: (r_xy − r_xz·r_yz) / √((1 − r_xz²)(1 − r_yz²)); undefined where |r_xz| or |r_yz| is
/// 1. Its interval is that of a correlation with one pair fewer.
std::optional<double> partial_correlation(double r_xy, double r_xz, double r_yz);

/// How a bootstrap draws. The generator is seeded anew in each call, so that equal input gives equal output everywhere.
struct Bootstrap {
  int resamples = 2000;
  double confidence = 0.95;
  std::uint64_t seed = 20250108;
};

/// Percentile bootstrap interval of the mean; undefined for fewer than two values, because one value says nothing about
/// its spread.
std::optional<Interval> bootstrap_mean(std::span<const double> values, const Bootstrap& how = {});

/// Percentile bootstrap interval of mean(numerators) / mean(denominators), drawing pairs; undefined for spans of
/// different length, fewer than two pairs, or when a drawn denominator sums to 0.
std::optional<Interval> bootstrap_ratio(std::span<const double> numerators, std::span<const double> denominators,
                                        const Bootstrap& how = {});

}  // namespace phasewatt::analysis
