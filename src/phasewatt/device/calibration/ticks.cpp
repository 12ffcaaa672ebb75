#include "phasewatt/device/calibration/ticks.h"

#include <algorithm>
#include <cmath>

namespace phasewatt::device {
namespace {

constexpr std::size_t kFewestChanges = 8;
/// A stretch without a change of so many periods may hold one period more or less than its length tells.
constexpr double kLongGap = 20;
/// A change that was seen so much later than usual (the reader slept) tells its time badly.
constexpr double kLateRead = 3;

/// A change of the value, which lies between two reads.
struct Change {
  double at_s = 0;
  double width_s = 0;
  double value = 0;
  std::int64_t nth = 0;
  std::size_t stretch = 0;
};

std::vector<Change> find_changes(std::span<const SensorRead> reads) {
  std::vector<Change> changes;
  for (std::size_t i = 1; i < reads.size(); ++i) {
    if (reads[i].value == reads[i - 1].value) continue;
    const double before = to_seconds(reads[i - 1].middle());
    const double after = to_seconds(reads[i].middle());
    changes.push_back({(before + after) / 2, after - before, reads[i].value});
  }
  return changes;
}

double quantile_of(std::vector<double> values, double share) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

/// From the short gaps: longer ones hold refreshes that changed nothing.
double guess_period(const std::vector<Change>& changes) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < changes.size(); ++i) gaps.push_back(changes[i].at_s - changes[i - 1].at_s);
  const double base = quantile_of(gaps, 0.2);
  std::erase_if(gaps, [&](double gap) { return gap < 0.6 * base || gap > 1.5 * base; });
  double sum = 0;
  for (const double gap : gaps) sum += gap;
  return sum / static_cast<double>(gaps.size());
}

void count(std::vector<Change>& changes, double period) {
  for (std::size_t i = 1; i < changes.size(); ++i) {
    const double gap = (changes[i].at_s - changes[i - 1].at_s) / period;
    changes[i].nth = changes[i - 1].nth + std::llround(gap);
    changes[i].stretch = changes[i - 1].stretch + (gap > kLongGap ? 1 : 0);
  }
}

/// A line per stretch through the well-timed changes, all of one slope.
struct Lines {
  double slope = 0;
  double leverage = 0;      ///< sum of the squared distances from the mean counts
  std::vector<double> at;   ///< mean time of each stretch
  std::vector<double> nth;  ///< mean count of each stretch
  [[nodiscard]] double time(const Change& c) const {
    return at[c.stretch] + slope * (static_cast<double>(c.nth) - nth[c.stretch]);
  }
};

std::optional<Lines> fit_lines(const std::vector<Change>& changes) {
  const std::size_t stretches = changes.back().stretch + 1;
  Lines lines;
  lines.at.assign(stretches, 0);
  lines.nth.assign(stretches, 0);
  std::vector<double> number(stretches, 0);
  for (const auto& c : changes) {
    lines.at[c.stretch] += c.at_s;
    lines.nth[c.stretch] += static_cast<double>(c.nth);
    number[c.stretch] += 1;
  }
  for (std::size_t i = 0; i < stretches; ++i) {
    if (number[i] == 0) continue;
    lines.at[i] /= number[i];
    lines.nth[i] /= number[i];
  }
  double xx = 0;
  double xy = 0;
  for (const auto& c : changes) {
    const double x = static_cast<double>(c.nth) - lines.nth[c.stretch];
    xx += x * x;
    xy += x * (c.at_s - lines.at[c.stretch]);
  }
  if (xx <= 0) return std::nullopt;
  lines.slope = xy / xx;
  lines.leverage = xx;
  return lines;
}

struct Spread {
  double jitter = 0;  ///< variances, s²
  double polling = 0;
};

/// What scatters around the regular times beyond what polling explains. A timer that drifts has large residuals but
/// regular gaps, so the smaller of the two counts.
Spread spread_of(const std::vector<Change>& changes, const Lines& lines) {
  double residuals = 0;
  double gaps = 0;
  double number = 0;
  Spread spread;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const double off = changes[i].at_s - lines.time(changes[i]);
    residuals += off * off;
    spread.polling += changes[i].width_s * changes[i].width_s / 12;
    if (i == 0 || changes[i].stretch != changes[i - 1].stretch) continue;
    const double step = off - (changes[i - 1].at_s - lines.time(changes[i - 1]));
    gaps += step * step / 2;
    number += 1;
  }
  const auto all = static_cast<double>(changes.size());
  spread.polling /= all;
  spread.jitter = std::max(0.0, std::min(residuals / all, number > 0 ? gaps / number : 0.0) - spread.polling);
  return spread;
}

}  // namespace

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::optional<Ticks> find_ticks(std::span<const SensorRead> reads) {
  auto changes = find_changes(reads);
  if (changes.size() < kFewestChanges) return std::nullopt;
  std::vector<double> widths;
  widths.reserve(changes.size());
  for (const auto& c : changes) widths.push_back(c.width_s);
  const double usual = median_of(std::move(widths));

  double period = guess_period(changes);
  const bool bounded = period < 2.2 * usual;
  std::erase_if(changes, [&](const Change& c) { return c.width_s > kLateRead * usual; });
  if (changes.size() < kFewestChanges) return std::nullopt;
  std::optional<Lines> lines;
  for (int round = 0; round < 3; ++round) {
    count(changes, period);
    lines = fit_lines(changes);
    if (!lines || !(lines->slope > 0)) return std::nullopt;
    period = lines->slope;
  }
  const Spread spread = spread_of(changes, *lines);
  // Between the time that was seen and the regular one, by how much each is to be trusted.
  const double trust = spread.jitter / std::max(spread.jitter + spread.polling, 1e-18);
  const double error = std::sqrt((spread.jitter + spread.polling) / lines->leverage);
  Ticks out{period, error, std::sqrt(spread.jitter), bounded, {}};
  for (const auto& c : changes) {
    const double regular = lines->time(c);
    // Two changes within one period are one refresh that was caught halfway.
    if (!out.ticks.empty() && out.ticks.back().nth == c.nth)
      out.ticks.back().value = c.value;
    else
      out.ticks.push_back({regular + trust * (c.at_s - regular), c.value, c.nth});
  }
  return out;
}

std::optional<ReadCost> read_cost(std::span<const SensorRead> reads) {
  if (reads.empty()) return std::nullopt;
  std::vector<double> costs;
  costs.reserve(reads.size());
  for (const auto& read : reads) costs.push_back(to_seconds(read.end - read.begin));
  const double longest = *std::max_element(costs.begin(), costs.end());
  return ReadCost{median_of(std::move(costs)), longest};
}

}  // namespace phasewatt::device
