#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/analysis/stats.h"
#include "phasewatt/base/student.h"

/// What few repeats can say: comparisons by Student's t of log ratios, and outliers by the median. Why not the
/// bootstrap, and how often each interval holds the truth: docs/statistics.md. Pure and thread-safe.
namespace phasewatt::analysis {

/// Values above 0 of one clock, each with the repeat it belongs to.
struct Series {
  std::vector<int> repeats;
  std::vector<double> values;
};

/// log(value here / value there), mean over repeats.
struct LogRatio {
  double mean = 0;
  double standard_error = 0;
  std::size_t df = 1;     ///< degrees of freedom behind the standard error
  std::size_t pairs = 0;  ///< repeats that both have; 0 when the two could not be paired

  /// Two-sided interval of the ratio itself.
  [[nodiscard]] std::optional<Interval> ratio_interval(double confidence = 0.95) const;
  /// Lower end of a one-sided interval of the log ratio; Bonferroni's share of `confidence` for `comparisons` at once.
  [[nodiscard]] std::optional<double> low(double confidence = 0.95, std::size_t comparisons = 1) const;
};

/// Compares the series of one set with each other. Noise is a factor on the value, so it is looked at in logarithms,
/// and its size is taken from all series together: the residuals of log value = series + repeat, over the repeats that
/// all have. Three repeats of two clocks leave two degrees of freedom, three repeats of seven leave twelve. A pair
/// whose own differences scatter more than that is given its own scatter.
class LogRatios {
 public:
  /// A series with a value that is not above 0 takes part in nothing.
  explicit LogRatios(std::span<const Series> all);

  /// Over the repeats that both have, when there are two or more; else unpaired (Welch's standard error, with the fewer
  /// degrees of freedom of the two), when each has two or more values; else undefined.
  [[nodiscard]] std::optional<LogRatio> of(std::size_t here, std::size_t there) const;

 private:
  std::vector<Series> logs_;    // natural logarithms; empty where a series takes no part
  double pooled_variance_ = 0;  // of one value
  std::size_t pooled_df_ = 0;   // 0 = no pooled variance
};

/// Median of |value − median|; undefined for no values.
std::optional<double> median_absolute_deviation(std::span<const double> values);

/// Repeats that are needed before one of them can be called an outlier.
inline constexpr std::size_t kOutlierRepeats = 5;
/// A modified z-score beyond this marks an outlier (Iglewicz and Hoaglin, 1993).
inline constexpr double kOutlierScore = 3.5;

/// Modified z-scores, 0.6745·(x − median)/MAD. Where more than half of the values are equal, so that the MAD is 0, the
/// mean absolute deviation times 1.2533 stands for MAD/0.6745. Deviations below a millionth of the median count as
/// none. Empty for fewer than kOutlierRepeats values.
std::vector<double> modified_z_scores(std::span<const double> values);

}  // namespace phasewatt::analysis
