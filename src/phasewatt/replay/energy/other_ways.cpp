// Two ways beside the regression: a phase that was repeated until a slow sensor saw nothing else, and the usual
// slicing.
#include <algorithm>
#include <cmath>

#include "phasewatt/replay/energy/phases.h"
#include "phasewatt/replay/energy/ticks.h"

namespace phasewatt::replay {
namespace {

double with_common(double own, double common) { return std::hypot(own, common); }

/// Power between the first and the last refresh of the counter inside the window.
std::optional<Estimate> by_counter(const device::SensorTrace& trace, TimeSpan window,
                                   const device::Calibration& calibration) {
  if (!calibration.energy) return std::nullopt;
  const auto ticks = find_ticks(trace.energy, *calibration.energy, window.begin);
  if (!ticks) return std::nullopt;
  const Refresh* first = nullptr;
  const Refresh* last = nullptr;
  for (const auto& refresh : ticks->refreshes) {
    const double at = refresh.at_s - calibration.energy->lag_s;
    if (at - ticks->uncertainty_s < 0 || at + ticks->uncertainty_s > window.seconds()) continue;
    if (last != nullptr && refresh.value < last->value) return std::nullopt;
    if (first == nullptr) first = &refresh;
    last = &refresh;
  }
  if (first == nullptr || last->index <= first->index || !(last->value > first->value)) return std::nullopt;
  const double seconds = last->at_s - first->at_s;
  Estimate out{.value = (last->value - first->value) / seconds};
  // The period is known far better than where a single refresh lies; each may be late by the jitter.
  const double edge = ticks->located ? calibration.energy->jitter_s : ticks->uncertainty_s / std::sqrt(3.0);
  const double own = kTwoSided95 * std::hypot(std::sqrt(2.0) * edge * out.value, 1e-3) / seconds;
  out.common = kTwoSided95 * calibration.common_gain_sigma * out.value;
  out.half_width = with_common(own, out.common);
  return out;
}

/// Mean of the readings that saw nothing but the window.
std::optional<Estimate> by_power(std::span<const device::SensorRead> reads,
                                 const std::optional<device::SensorTiming>& timing, TimeSpan window,
                                 const device::Calibration& calibration) {
  if (!timing) return std::nullopt;
  const auto ticks = find_ticks(reads, *timing, window.begin);
  if (!ticks) return std::nullopt;
  double n = 0;
  double sum = 0;
  double squares = 0;
  for (const auto& refresh : ticks->refreshes) {
    const double to = refresh.at_s - timing->lag_s;
    const double slack = ticks->uncertainty_s + 2 * timing->jitter_s;
    if (to - timing->window_s - slack < 0 || to + slack > window.seconds()) continue;
    n += 1;
    sum += refresh.value;
    squares += refresh.value * refresh.value;
  }
  if (n < 3) return std::nullopt;
  const double gain = calibration.gain.value_or(1);
  Estimate out{.value = sum / n / gain};
  // Overlapping windows repeat each other: as many readings are independent as windows fit side by side.
  const double independent = std::max(1.0, n * std::min(1.0, ticks->period_s / std::max(1e-9, timing->window_s)));
  const double variance = std::max(0.0, squares / n - (sum / n) * (sum / n)) * n / (n - 1);
  const double freedom = std::max(1.0, independent - 1);
  const double quantile = kTwoSided95 * (1 + 1.2 / freedom + 2.5 / (freedom * freedom));
  const double own =
      std::hypot(quantile * std::sqrt(variance / independent) / gain, calibration.gain_error * out.value);
  out.common = kTwoSided95 * std::hypot(calibration.common_gain_sigma * out.value, calibration.common_offset_sigma_w);
  out.half_width = with_common(own, out.common);
  return out;
}

}  // namespace

std::optional<Estimate> stacked_power(const device::SensorTrace& trace, TimeSpan window,
                                      const device::Calibration& calibration) {
  if (!(window.seconds() > 0)) return std::nullopt;
  if (auto out = by_counter(trace, window, calibration)) return out;
  if (auto out = by_power(trace.power_instant, calibration.power_instant, window, calibration)) return out;
  return by_power(trace.power_average, calibration.power_average, window, calibration);
}

std::array<double, kPhaseCount> phases_by_slicing(const device::SensorTrace& trace,
                                                  std::span<const PhaseStretch> stretches, double poll_s) {
  std::array<double, kPhaseCount> out{};
  const auto& reads = trace.power_instant.empty() ? trace.power_average : trace.power_instant;
  if (reads.empty() || stretches.empty() || !(poll_s > 0)) return out;
  // Every poll_s the latest value; each is held until the next poll, and whatever part of it lies in a phase is its
  // own.
  const Nanos origin = stretches.front().time.begin;
  const double length = to_seconds(stretches.back().time.end - origin);
  const auto polls = static_cast<std::int64_t>(std::ceil(length / poll_s));
  std::size_t read = 0;
  std::size_t stretch = 0;
  for (std::int64_t i = 0; i < polls; ++i) {
    const double begin = poll_s * static_cast<double>(i);
    const double end = begin + poll_s;
    while (read + 1 < reads.size() && reads[read + 1].end <= origin + from_seconds(begin)) ++read;
    for (std::size_t j = stretch; j < stretches.size(); ++j) {
      const double from = to_seconds(stretches[j].time.begin - origin);
      const double to = to_seconds(stretches[j].time.end - origin);
      if (from >= end) break;
      if (to <= begin) {
        stretch = j;
        continue;
      }
      out[static_cast<std::size_t>(stretches[j].phase)] +=
          reads[read].value * (std::min(to, end) - std::max(from, begin));
    }
  }
  return out;
}

}  // namespace phasewatt::replay
