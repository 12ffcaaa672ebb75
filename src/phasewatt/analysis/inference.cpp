#include "phasewatt/analysis/inference.h"

#include <algorithm>
#include <cmath>

namespace phasewatt::analysis {
namespace {

/// The values of two series at the repeats that both have.
struct Pairs {
  std::vector<double> here;
  std::vector<double> there;
};

Pairs pair_up(const Series& here, const Series& there) {
  Pairs pairs;
  for (std::size_t i = 0; i < here.values.size(); ++i) {
    const auto same = std::find(there.repeats.begin(), there.repeats.end(), here.repeats[i]);
    if (same == there.repeats.end()) continue;
    pairs.here.push_back(here.values[i]);
    pairs.there.push_back(there.values[static_cast<std::size_t>(same - there.repeats.begin())]);
  }
  return pairs;
}

bool has(const Series& series, int repeat) {
  return std::find(series.repeats.begin(), series.repeats.end(), repeat) != series.repeats.end();
}

double at(const Series& series, int repeat) {
  const auto found = std::find(series.repeats.begin(), series.repeats.end(), repeat);
  return series.values[static_cast<std::size_t>(found - series.repeats.begin())];
}

double square(double x) { return x * x; }

}  // namespace

std::optional<Interval> LogRatio::ratio_interval(double confidence) const {
  const auto t = student_quantile(0.5 * (1 + confidence), df);
  if (!t) return std::nullopt;
  return Interval{std::exp(mean - *t * standard_error), std::exp(mean + *t * standard_error)};
}

std::optional<double> LogRatio::low(double confidence, std::size_t comparisons) const {
  const auto t =
      student_quantile(1 - (1 - confidence) / static_cast<double>(std::max<std::size_t>(comparisons, 1)), df);
  if (!t) return std::nullopt;
  return mean - *t * standard_error;
}

LogRatios::LogRatios(std::span<const Series> all) {
  for (const Series& series : all) {
    Series logs;
    const bool usable = std::all_of(series.values.begin(), series.values.end(),
                                    [](double value) { return value > 0 && std::isfinite(value); });
    if (usable) {
      logs.repeats = series.repeats;
      for (const double value : series.values) logs.values.push_back(std::log(value));
    }
    logs_.push_back(std::move(logs));
  }
  std::vector<const Series*> used;
  for (const Series& series : logs_) {
    if (!series.values.empty()) used.push_back(&series);
  }
  if (used.size() < 2) return;
  std::vector<int> complete;
  for (const int repeat : used.front()->repeats) {
    if (std::all_of(used.begin(), used.end(), [&](const Series* s) { return has(*s, repeat); })) {
      complete.push_back(repeat);
    }
  }
  if (complete.size() < 2) return;
  // Two-way residuals: what neither the series nor the repeat explains.
  const auto rows = static_cast<double>(used.size());
  const auto columns = static_cast<double>(complete.size());
  std::vector<double> repeat_means(complete.size());
  double grand = 0;
  for (std::size_t r = 0; r < complete.size(); ++r) {
    for (const Series* series : used) repeat_means[r] += at(*series, complete[r]) / rows;
    grand += repeat_means[r] / columns;
  }
  double squares = 0;
  for (const Series* series : used) {
    double own = 0;
    for (const int repeat : complete) own += at(*series, repeat) / columns;
    for (std::size_t r = 0; r < complete.size(); ++r) {
      squares += square(at(*series, complete[r]) - own - repeat_means[r] + grand);
    }
  }
  pooled_df_ = (used.size() - 1) * (complete.size() - 1);
  pooled_variance_ = squares / static_cast<double>(pooled_df_);
}

std::optional<LogRatio> LogRatios::of(std::size_t here, std::size_t there) const {
  const Series& one = logs_[here];
  const Series& other = logs_[there];
  const Pairs pairs = pair_up(one, other);
  const std::size_t n = pairs.here.size();
  if (here == there && n >= 2) return LogRatio{0, 0, n - 1, n};
  if (n >= 2) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < n; ++i) differences.push_back(pairs.here[i] - pairs.there[i]);
    const double own = square(*standard_deviation(differences));
    const double variance = pooled_df_ == 0 ? own : std::max(own, 2 * pooled_variance_);
    return LogRatio{*mean(differences), std::sqrt(variance / static_cast<double>(n)),
                    pooled_df_ == 0 ? n - 1 : std::max(pooled_df_, n - 1), n};
  }
  const std::size_t fewer = std::min(one.values.size(), other.values.size());
  if (fewer < 2) return std::nullopt;
  const double variance = square(*standard_deviation(one.values)) / static_cast<double>(one.values.size()) +
                          square(*standard_deviation(other.values)) / static_cast<double>(other.values.size());
  return LogRatio{*mean(one.values) - *mean(other.values), std::sqrt(variance), fewer - 1, 0};
}

std::optional<double> median_absolute_deviation(std::span<const double> values) {
  const auto centre = median(values);
  if (!centre) return std::nullopt;
  std::vector<double> deviations;
  for (const double value : values) deviations.push_back(std::abs(value - *centre));
  return median(deviations);
}

std::vector<double> modified_z_scores(std::span<const double> values) {
  constexpr double kMadToSigma = 0.6745;         // MAD of a normal distribution of standard deviation 1
  constexpr double kMeanToSigma = 1.2533141373;  // √(π/2): the same for the mean absolute deviation
  if (values.size() < kOutlierRepeats) return {};
  const double centre = *median(values);
  double scale = *median_absolute_deviation(values) / kMadToSigma;
  if (scale <= 1e-9 * std::abs(centre)) {
    scale = 0;
    for (const double value : values)
      scale += kMeanToSigma * std::abs(value - centre) / static_cast<double>(values.size());
  }
  std::vector<double> scores;
  for (const double value : values) {
    const double deviation = value - centre;
    scores.push_back(std::abs(deviation) <= 1e-6 * std::abs(centre) ? 0 : deviation / scale);
  }
  return scores;
}

}  // namespace phasewatt::analysis
