#include "phasewatt/replay/energy/looks.h"

#include "phasewatt/replay/energy/ticks.h"

namespace phasewatt::replay {
namespace {

using device::SensorRead;
using device::SensorTiming;

/// A counter step over more refreshes than this says little about phases.
constexpr std::int64_t kMostMissed = 10;
}  // namespace

std::optional<Sensor> power_sensor(std::span<const SensorRead> reads, const std::optional<SensorTiming>& timing,
                                   double gain, TimeSpan window) {
  if (!timing || !(timing->window_s > 0)) return std::nullopt;
  const auto ticks = find_ticks(reads, *timing, window.begin);
  if (!ticks || !ticks->located) return std::nullopt;
  Sensor out{.jitter_s = timing->jitter_s, .uncertainty_s = ticks->uncertainty_s};
  for (const auto& refresh : ticks->refreshes) {
    const double to = refresh.at_s - timing->lag_s;
    if (to - timing->window_s < 0 || to > window.seconds()) continue;
    out.looks.push_back({to - timing->window_s, to, refresh.value / gain});
  }
  return out;
}

std::optional<Sensor> counter_sensor(std::span<const SensorRead> reads, const std::optional<SensorTiming>& timing,
                                     TimeSpan window) {
  if (!timing) return std::nullopt;
  const auto ticks = find_ticks(reads, *timing, window.begin);
  if (!ticks || !ticks->located) return std::nullopt;
  Sensor out{.counter = true, .jitter_s = timing->jitter_s, .uncertainty_s = ticks->uncertainty_s};
  for (std::size_t i = 1; i < ticks->refreshes.size(); ++i) {
    const auto& a = ticks->refreshes[i - 1];
    const auto& b = ticks->refreshes[i];
    const double from = a.at_s - timing->lag_s;
    const double to = b.at_s - timing->lag_s;
    if (from < 0 || to > window.seconds() || b.index - a.index > kMostMissed || b.value < a.value) continue;
    out.looks.push_back({from, to, (b.value - a.value) / (to - from)});
  }
  return out;
}

}  // namespace phasewatt::replay
