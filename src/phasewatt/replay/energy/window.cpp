#include "phasewatt/replay/energy/window.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "phasewatt/replay/energy/ticks.h"

namespace phasewatt::replay {
namespace {

using device::SensorRead;
using device::SensorTiming;

constexpr double kCounterQuantumJ = 1e-3;
/// Power that scatters less than this share of itself over a second may still be another inside a refresh period.
constexpr double kLeastScatterShare = 0.01;
/// Sensors that repeat themselves for this many periods, and this long, are stuck.
constexpr double kStuckPeriods = 10;
constexpr double kStuckLeastS = 0.5;
/// Real readings of a running card differ by more than this from one refresh to the next; a calibrated noise below it
/// means a sensor that may rightly repeat itself.
constexpr double kLeastNoiseW = 0.05;
constexpr double kMovedShare = 0.05;
/// Cards whose gain was never calibrated agree with their counter to about this (arXiv 2312.02741).
constexpr double kUnknownGainError = 0.05;
/// Jumps are seen through readings that scatter themselves.
constexpr double kEdgeMargin = 1.5;
/// A gain is never known better than this: a load almost in step with the sensor fools any statistics.
constexpr double kLeastGainError = 0.005;
/// 95 % intervals times this are exceeded by a clean window once in some hundred times.
constexpr double kVerdictFactor = 1.5;

double square(double x) { return x * x; }

/// A power reading as what it says: mean power around a moment.
struct Reading {
  double centre_s = 0;
  double watts = 0;
};

std::vector<Reading> readings(const Ticks& ticks, const SensorTiming& timing) {
  std::vector<Reading> out;
  out.reserve(ticks.refreshes.size());
  for (const auto& refresh : ticks.refreshes)
    out.push_back({refresh.at_s - timing.lag_s - 0.5 * timing.window_s, refresh.value});
  return out;
}

/// Mean and scatter of the readings whose middle lies in [from, to].
struct Spread {
  double n = 0;
  double mean = 0;
  double variance = 0;
  [[nodiscard]] double scatter() const { return std::sqrt(variance); }
};

Spread spread_between(std::span<const Reading> all, double from_s, double to_s) {
  Spread out;
  double squares = 0;
  for (auto it = std::ranges::lower_bound(all, from_s, {}, &Reading::centre_s); it != all.end() && it->centre_s <= to_s;
       ++it) {
    out.n += 1;
    const double off = it->watts - out.mean;
    out.mean += off / out.n;
    squares += off * (it->watts - out.mean);
  }
  if (out.n > 1) out.variance = squares / (out.n - 1);
  return out;
}

/// The counter at one moment, with the half width of its 95 % interval; `watts` is the local power.
struct CounterAt {
  double joules = 0;
  double half_width = 0;
  double watts = 0;
};

struct Counter {
  Ticks ticks;
  std::vector<Reading> steps;  ///< mean power between refreshes
  std::vector<Reading>
      readings;  ///< of a power sensor that is fast enough to look inside a refresh period; may be empty
};

/// Power on one side of a moment: mean over the second (or four steps) next to it, and how far power strays from it
/// over three times as long, because what happens once in a second or two may have happened just beyond the moment.
struct Side {
  double watts = 0;
  double scatter_w = 0;
};

Side side_of(const Counter& counter, double edge_s, double direction) {
  const double reach = direction * std::max(1.0, 4 * counter.ticks.period_s);
  const auto within = [&](std::span<const Reading> all, double span) {
    return spread_between(all, std::min(edge_s, edge_s + span), std::max(edge_s, edge_s + span));
  };
  const auto steps = within(counter.steps, reach);
  const auto level = steps.n > 0 ? steps : within(counter.readings, reach);
  Side out{.watts = level.mean};
  for (const auto* list : {&counter.steps, &counter.readings})
    out.scatter_w = std::max(out.scatter_w, within(*list, 3 * reach).scatter());
  if (level.n < 3) out.scatter_w = std::max(out.scatter_w, 0.5 * level.mean);
  return out;
}

/// The counter at a moment as one refresh and the power on its side give it.
struct FromSide {
  double joules = 0;
  double watts = 0;
  double sigma_j = 0;
};

/// Means over less than a period stray further than means over one, by the root of the ratio as for independent parts.
FromSide from_side(const Refresh& refresh, const Side& side, double at_s, double period_s) {
  const double gap = at_s - refresh.at_s;
  const double part = std::max(std::abs(gap), std::sqrt(std::abs(gap) * period_s));
  return {.joules = refresh.value + side.watts * gap,
          .watts = side.watts,
          .sigma_j = part * side.scatter_w + std::abs(gap) * kLeastScatterShare * side.watts + kCounterQuantumJ};
}

/// The counter between two refreshes, or beyond the last: the power before goes on until then, or the power after has
/// begun. A window often begins or ends where power jumps, and then one of the two is steady and knows it: the two
/// are weighted by their scatter.
CounterAt counter_at(const Counter& counter, double at_s) {
  const auto& list = counter.ticks.refreshes;
  const auto after = std::ranges::upper_bound(list, at_s, {}, &Refresh::at_s);
  std::vector<FromSide> found;
  if (after != list.begin()) {
    const Refresh& low = *(after - 1);
    found.push_back(from_side(low, side_of(counter, low.at_s, -1), at_s, counter.ticks.period_s));
  }
  if (after != list.end())
    found.push_back(from_side(*after, side_of(counter, after->at_s, 1), at_s, counter.ticks.period_s));
  // A side of which nothing is known has nothing to say where the other has.
  if (found.size() == 2 && (found[0].watts > 0) != (found[1].watts > 0))
    found.erase(found[0].watts > 0 ? found.begin() + 1 : found.begin());

  CounterAt out;
  double weights = 0;
  for (const auto& side : found) {
    const double weight = 1 / square(side.sigma_j);
    weights += weight;
    out.joules += (side.joules - out.joules) * weight / weights;
    out.watts += (side.watts - out.watts) * weight / weights;
  }
  // Where the sides contradict each other, something happened between the refreshes that one of them does not know: the
  // error grows by the ratio of their distance to what their errors allow.
  double contradiction = 0;
  for (const auto& side : found) contradiction += square((side.joules - out.joules) / side.sigma_j);
  const double half_width = kTwoSided95 * std::sqrt(std::max(1.0, contradiction) / weights);
  double unsure = 0;
  if (found.size() == 2) {
    // A refresh so near may in truth lie on the other side, and then the power of that side is in it.
    const double near = std::min(at_s - (after - 1)->at_s, after->at_s - at_s);
    unsure = std::abs(found[0].watts - found[1].watts) * std::max(0.0, counter.ticks.uncertainty_s - near);
  }
  out.half_width = std::hypot(half_width, unsure);
  return out;
}

std::optional<Estimate> by_counter(const Counter& counter, double length_s, double gain_sigma) {
  const auto begin = counter_at(counter, 0);
  const auto end = counter_at(counter, length_s);
  Estimate out{.value = end.joules - begin.joules};
  out.common = kTwoSided95 * gain_sigma * std::abs(out.value);
  // Where the refreshes lie is not known exactly, but it is the same error at both ends.
  const double shift = (counter.ticks.located ? 1.0 : kTwoSided95 / std::sqrt(3.0)) * counter.ticks.uncertainty_s;
  const double steps =
      counter.ticks.located ? shift * std::abs(end.watts - begin.watts) : shift * std::hypot(end.watts, begin.watts);
  out.half_width = std::sqrt(square(begin.half_width) + square(end.half_width) + square(steps) + square(out.common));
  return out;
}

/// Integral of the line through the readings over [0, length]; constant before the first and after the last.
double trapezoid(std::span<const Reading> all, double length_s) {
  const auto at = [&](double t) {
    const auto after = std::ranges::upper_bound(all, t, {}, &Reading::centre_s);
    if (after == all.begin()) return all.front().watts;
    if (after == all.end()) return all.back().watts;
    const auto& a = *(after - 1);
    return a.watts + (after->watts - a.watts) * (t - a.centre_s) / (after->centre_s - a.centre_s);
  };
  double sum = 0;
  double t = 0;
  double watts = at(0);
  for (const auto& reading : all) {
    if (reading.centre_s <= 0 || reading.centre_s >= length_s) continue;
    sum += 0.5 * (watts + reading.watts) * (reading.centre_s - t);
    t = reading.centre_s;
    watts = reading.watts;
  }
  return sum + 0.5 * (watts + at(length_s)) * (length_s - t);
}

/// Variance per reading of the sum of many: with the covariances of neighbours (Newey and West), because a load that
/// repeats almost in step with the sensor makes neighbours alike.
double long_run_variance(std::span<const Reading> all, double length_s) {
  constexpr std::size_t kLags = 10;
  const auto first = std::ranges::lower_bound(all, 0.0, {}, &Reading::centre_s);
  const auto last = std::ranges::upper_bound(all, length_s, {}, &Reading::centre_s);
  const std::span<const Reading> inside(first, last);
  if (inside.size() < 4 * kLags) return 0;
  const double mean = spread_between(inside, 0.0, length_s).mean;
  double sum = 0;
  for (std::size_t lag = 0; lag <= kLags; ++lag) {
    double products = 0;
    for (std::size_t i = lag; i < inside.size(); ++i)
      products += (inside[i].watts - mean) * (inside[i - lag].watts - mean);
    sum += products * (lag == 0 ? 1.0 : 2.0 * (1.0 - static_cast<double>(lag) / (kLags + 1)));
  }
  return std::max(0.0, sum / static_cast<double>(inside.size()));
}

/// Half width of what an edge adds: power may have jumped there, between two readings or inside the window of one, and
/// where readings end before it the last one is all that is known. Both edges may err to the same side.
double edge_error(std::span<const Reading> all, const SensorTiming& timing, double gap_s, double edge_s) {
  const double reach = std::max(gap_s, timing.window_s);
  const auto before = spread_between(all, edge_s - 3 * reach, edge_s - 0.5 * reach);
  const auto after = spread_between(all, edge_s + 0.5 * reach, edge_s + 3 * reach);
  const double outside = std::max({0.0, all.front().centre_s - edge_s, edge_s - all.back().centre_s});
  const double known = std::max(before.mean, after.mean);
  if (before.n == 0 || after.n == 0) return 0.5 * known * (outside + reach / 8);
  // A line through windows of length `reach` is off by an eighth of the jump times it, when the jump is at the edge.
  return kEdgeMargin * std::abs(after.mean - before.mean) * reach / 8 + 0.5 * outside * known;
}

std::optional<Estimate> by_power(std::span<const Reading> all, const Ticks& ticks, const SensorTiming& timing,
                                 double length_s, const device::Calibration& calibration) {
  double n = 0;
  double squares = 0;
  double least_gap = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].centre_s < 0 || all[i].centre_s > length_s) continue;
    n += 1;
    squares += square(all[i].watts - all[i - 1].watts);
    least_gap += all[i].centre_s - all[i - 1].centre_s;
  }
  if (n < 2) return std::nullopt;
  const double gap = least_gap / n;
  Estimate out{.value = trapezoid(all, length_s)};
  out.common =
      kTwoSided95 * std::hypot(calibration.common_gain_sigma * out.value, calibration.common_offset_sigma_w * length_s);
  // Each reading stands for `gap` seconds and saw `window_s` of them; how much they scatter says how far off that is.
  const double unseen = std::max(0.0, 1 - timing.window_s / gap);
  const double variance =
      std::max(0.5 * squares / n, long_run_variance(all, length_s)) * unseen + square(timing.noise_w);
  const double sampling = kTwoSided95 * gap * std::sqrt(n * variance);
  const double edges = edge_error(all, timing, gap, 0.0) + edge_error(all, timing, gap, length_s);
  const double shift = ticks.uncertainty_s * std::abs(all.back().watts - all.front().watts);
  out.half_width = std::sqrt(square(sampling) + square(edges) + square(shift) + square(out.common));
  return out;
}

/// Reads inside the window and one on either side.
std::span<const SensorRead> around(std::span<const SensorRead> reads, TimeSpan window) {
  auto first = std::ranges::lower_bound(reads, window.begin, {}, &SensorRead::begin);
  auto last = std::ranges::upper_bound(reads, window.end, {}, &SensorRead::begin);
  if (first != reads.begin()) --first;
  if (last != reads.end()) ++last;
  return {first, last};
}

bool ran_backwards(std::span<const SensorRead> reads) {
  return std::ranges::adjacent_find(reads, [](const auto& a, const auto& b) { return b.value < a.value; }) !=
         reads.end();
}

/// Calls `found(first, last)` for every stretch of reads of one value that lasts longer than a stuck sensor's would.
template <class Found>
bool any_long_run(std::span<const SensorRead> reads, double period_s, Found found) {
  const double longest = std::max(kStuckPeriods * period_s, kStuckLeastS);
  for (std::size_t first = 0; first < reads.size();) {
    std::size_t last = first;
    while (last + 1 < reads.size() && reads[last + 1].value == reads[first].value) ++last;
    if (to_seconds(reads[last].begin - reads[first].end) > longest && found(reads[first], reads[last])) return true;
    first = last + 1;
  }
  return false;
}

/// Whether the counter says that power changed, or was not what the sensor claimed, between two reads.
bool counter_moved(std::span<const Reading> steps, double from_s, double to_s, double claimed_w) {
  double least = HUGE_VAL;
  double most = -HUGE_VAL;
  for (const auto& step : steps) {
    if (step.centre_s < from_s || step.centre_s > to_s) continue;
    least = std::min(least, step.watts);
    most = std::max(most, step.watts);
  }
  if (most < least) return false;
  const double allowed = kMovedShare * std::max(most, claimed_w);
  return most - least > allowed || std::abs(0.5 * (most + least) - claimed_w) > 2 * allowed;
}

bool power_stuck(std::span<const SensorRead> reads, const std::optional<SensorTiming>& timing, TimeSpan window,
                 const std::optional<Counter>& counter) {
  if (!timing || !(timing->update_s > 0)) return false;
  return any_long_run(around(reads, window), timing->update_s, [&](const SensorRead& first, const SensorRead& last) {
    if (timing->noise_w > kLeastNoiseW && to_seconds(last.begin - first.end) > 2 * kStuckPeriods * timing->update_s)
      return true;
    return counter && counter_moved(counter->steps, to_seconds(first.begin - window.begin),
                                    to_seconds(last.end - window.begin), first.value);
  });
}

/// Refreshes of one sensor as the window's origin sees them; absent without timing.
std::optional<Ticks> ticks_of(std::span<const SensorRead> reads, const std::optional<SensorTiming>& timing,
                              TimeSpan window) {
  if (!timing) return std::nullopt;
  return find_ticks(reads, *timing, window.begin);
}

std::optional<Counter> make_counter(std::span<const SensorRead> reads, const std::optional<SensorTiming>& timing,
                                    TimeSpan window) {
  auto ticks = ticks_of(reads, timing, window);
  if (!ticks || ticks->refreshes.size() < 2) return std::nullopt;
  // What a refresh shows is the energy of a moment before it.
  for (auto& refresh : ticks->refreshes) refresh.at_s -= timing->lag_s;
  Counter out;
  for (std::size_t i = 1; i < ticks->refreshes.size(); ++i) {
    const auto& a = ticks->refreshes[i - 1];
    const auto& b = ticks->refreshes[i];
    if (b.at_s > a.at_s) out.steps.push_back({0.5 * (a.at_s + b.at_s), (b.value - a.value) / (b.at_s - a.at_s)});
  }
  out.ticks = std::move(*ticks);
  if (out.steps.empty()) return std::nullopt;
  return out;
}

/// The counter and the integral differ by more than both errors explain. The gain they share does not excuse it.
bool disagree(const WindowEnergy& energy, const device::Calibration& calibration, double length_s) {
  if (!energy.counter || !energy.integral) return false;
  const double gain_error = calibration.gain ? std::max(kLeastGainError, calibration.gain_error) : kUnknownGainError;
  const double counted = energy.counter->value;
  const double integrated = energy.integral->value;  // divided by the gain already
  const double allowed = square(energy.counter->half_width) - square(energy.counter->common) +
                         square(energy.integral->half_width) - square(energy.integral->common) +
                         square(gain_error * counted) +
                         square(kTwoSided95 * calibration.common_offset_sigma_w * length_s);
  return std::abs(counted - integrated) > kVerdictFactor * std::sqrt(std::max(0.0, allowed));
}

}  // namespace

WindowEnergy window_energy(const device::SensorTrace& trace, TimeSpan window, const device::Calibration& calibration) {
  WindowEnergy out;
  const double length = window.seconds();
  if (!(length > 0)) return out;

  const auto counter_reads = around(trace.energy, window);
  out.counter_reset = ran_backwards(counter_reads);
  out.counter_stuck = calibration.energy && any_long_run(counter_reads, calibration.energy->update_s,
                                                         [](const auto&, const auto&) { return true; });
  // Before a reset and after it the counter is two counters.
  auto counter = out.counter_reset ? std::optional<Counter>() : make_counter(trace.energy, calibration.energy, window);

  const auto instant = ticks_of(trace.power_instant, calibration.power_instant, window);
  if (instant && counter && instant->located) counter->readings = readings(*instant, *calibration.power_instant);
  if (counter && !out.counter_stuck) out.counter = by_counter(*counter, length, calibration.common_gain_sigma);

  if (instant) {
    const auto list = readings(*instant, *calibration.power_instant);
    out.integral = by_power(list, *instant, *calibration.power_instant, length, calibration);
  }
  if (!out.integral) {
    if (const auto average = ticks_of(trace.power_average, calibration.power_average, window))
      out.integral = by_power(readings(*average, *calibration.power_average), *average, *calibration.power_average,
                              length, calibration);
  }
  if (const double gain = calibration.gain.value_or(1); out.integral && gain > 0)
    for (double* part : {&out.integral->value, &out.integral->half_width, &out.integral->common}) *part /= gain;
  out.power_stuck = power_stuck(trace.power_instant, calibration.power_instant, window, counter) ||
                    power_stuck(trace.power_average, calibration.power_average, window, counter);
  out.disagree = disagree(out, calibration, length);
  return out;
}

}  // namespace phasewatt::replay
