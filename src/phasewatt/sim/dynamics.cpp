#include "phasewatt/sim/dynamics.h"

#include <algorithm>
#include <cmath>

#include "phasewatt/base/records.h"
#include "phasewatt/sim/random.h"

namespace phasewatt::sim {

double approach(double x) {
  // Passes are short against every time constant here, where a short series is exact and cheap.
  if (x < 1e-3) return x * (1.0 - x * (0.5 - x * (1.0 / 6.0 - x * (1.0 / 24.0 - x * (1.0 / 120.0)))));
  return -std::expm1(-x);
}

Mhz nearest_clock(const std::vector<Mhz>& supported, Mhz clock) {
  const auto above =
      std::lower_bound(supported.begin(), supported.end(), clock, [](Mhz a, Mhz b) { return a.value() < b.value(); });
  if (above == supported.begin()) return supported.front();
  if (above == supported.end()) return supported.back();
  const Mhz below = *(above - 1);
  return (clock - below).value() <= (*above - clock).value() ? below : *above;
}

double switch_delay_s(const GpuSpec::ClockSwitch& spec, std::uint64_t key, std::uint32_t repeat, std::uint32_t nth) {
  double delay = spec.median_s;
  for (std::uint32_t attempt = 0; attempt < 16; ++attempt) {
    const auto words = philox(key, {repeat, nth, attempt, static_cast<std::uint32_t>(Stream::clock_switch)});
    delay = spec.median_s * std::exp(spec.log_sigma * normals(words[0], words[1])[0]);
    if (delay >= spec.min_s && delay <= spec.max_s) break;
  }
  return std::clamp(delay, spec.min_s, spec.max_s);
}

bool Warmth::spend(const GpuSpec& spec, Nanos now, double seconds, double watts) {
  const auto& heat = spec.thermal;
  const double target_c = heat.ambient_c + heat.r_c_per_w * watts;
  die_c += (target_c - die_c) * approach(seconds / heat.tau_s);
  const double window = spec.power.cap_window_s;
  average_w = window > 0 ? average_w + (watts - average_w) * approach(seconds / window) : watts;
  if (now < heat_at) return false;

  // One step down for each period above the limit, one back up for each below.
  const std::int64_t before = heat_steps;
  const auto periods = (now - heat_at) / kHeatPeriod + 1;
  heat_at += kHeatPeriod * periods;
  const auto& clocks = spec.clocks;
  const auto most = static_cast<std::int64_t>((clocks.sm_max_mhz - clocks.sm_min_mhz) / clocks.sm_step_mhz);
  const std::int64_t change = die_c > heat.slow_c ? periods : -periods;
  heat_steps = die_c >= heat.shutdown_c ? most : std::clamp<std::int64_t>(heat_steps + change, 0, most);
  return heat_steps != before;
}

bool Warmth::over_cap(const GpuSpec& spec, double seconds, double watts) const {
  const double cap = spec.power.cap_w;
  if (watts <= cap) return false;
  const double window = spec.power.cap_window_s;
  const double weight = window > 0 ? approach(seconds / window) : 1.0;
  return average_w + (watts - average_w) * weight > cap;
}

double Warmth::allowed_mhz(const GpuSpec& spec, double asked) const {
  const double cooled =
      std::max(asked, spec.clocks.lock_floor_mhz) - static_cast<double>(heat_steps) * spec.clocks.sm_step_mhz;
  return std::clamp(cooled, spec.clocks.sm_min_mhz, spec.clocks.sm_max_mhz);
}

std::uint64_t Warmth::throttle_mask(const GpuSpec& spec) const {
  std::uint64_t mask = 0;
  if (heat_steps > 0) mask |= throttle_sw_thermal;
  if (die_c >= spec.thermal.shutdown_c) mask |= throttle_hw_slowdown | throttle_hw_thermal;
  return mask;
}

}  // namespace phasewatt::sim
