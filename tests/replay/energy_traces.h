#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "phasewatt/device/calibration.h"
#include "phasewatt/device/sensor_trace.h"
#include "phasewatt/replay/energy/phases.h"

/// Traces by hand: a load as power over time, seen through exact sensors.
namespace phasewatt::replay::by_hand {

/// J used from time 0 until t, s.
using Used = std::function<double(double)>;

inline Used constant(double watts) {
  return [watts](double t) { return watts * t; };
}

/// `low` until `from`, `high` until `to`, `low` again.
inline Used pulse(double low, double high, double from_s, double to_s) {
  return [=](double t) { return low * t + (high - low) * (std::clamp(t, from_s, to_s) - from_s); };
}

struct Sight {
  double poll_s = 0.01;
  double update_s = 0.1;
  double phase_s = 0.037;
  double window_s = 0;  ///< 0: a counter, else a power reading
  double noise_w = 0;   ///< alternates, so that readings differ
};

inline std::vector<device::SensorRead> see(const Used& used, double until_s, const Sight& sight) {
  std::vector<device::SensorRead> out;
  for (int i = 0; i * sight.poll_s < until_s; ++i) {
    const double at = i * sight.poll_s;
    const double k = std::floor((at - sight.phase_s) / sight.update_s);
    const double tick = sight.phase_s + k * sight.update_s;
    double value = 1000 + used(tick);
    if (sight.window_s > 0) {
      value = (used(tick) - used(tick - sight.window_s)) / sight.window_s;
      value = std::round(1e3 * (value + sight.noise_w * std::cos(2.1 * k))) * 1e-3;  // whole milliwatts
    }
    out.push_back({from_seconds(at), from_seconds(at + 2e-5), value});
  }
  return out;
}

inline device::Calibration calibration() {
  device::Calibration c;
  c.assumed = false;
  c.power_instant = device::SensorTiming{.update_s = 0.1, .window_s = 0.025};
  c.power_average = device::SensorTiming{.update_s = 0.1, .window_s = 1.0};
  c.energy = device::SensorTiming{.update_s = 0.1};
  c.gain = 1.0;
  return c;
}

inline TimeSpan span(double from_s, double to_s) { return {from_seconds(from_s), from_seconds(to_s)}; }

/// Prefill and decode in turns without gaps, with the energy they use.
struct Load {
  std::vector<PhaseStretch> stretches;
  std::vector<double> begin_s;
  std::vector<double> used_j;  ///< until begin_s
  std::vector<double> watts;
  double end_s = 0;

  void add(Phase phase, double seconds, double power_w) {
    begin_s.push_back(end_s);
    used_j.push_back(used_j.empty() ? 0
                                    : used_j.back() + watts.back() * (begin_s.back() - begin_s[begin_s.size() - 2]));
    watts.push_back(power_w);
    stretches.push_back({phase, span(end_s, end_s + seconds)});
    end_s += seconds;
  }
  [[nodiscard]] double used(double t) const {
    if (t <= 0) return watts.front() * t;
    const auto at = static_cast<std::size_t>(std::ranges::upper_bound(begin_s, t) - begin_s.begin()) - 1;
    return used_j[at] + watts[at] * (t - begin_s[at]);
  }
  [[nodiscard]] double joules(Phase phase) const {
    double sum = 0;
    for (std::size_t i = 0; i < stretches.size(); ++i)
      if (stretches[i].phase == phase) sum += watts[i] * stretches[i].time.seconds();
    return sum;
  }
};

}  // namespace phasewatt::replay::by_hand
