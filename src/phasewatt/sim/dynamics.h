#pragma once

#include <cstdint>
#include <vector>

#include "phasewatt/base/units.h"
#include "phasewatt/sim/gpu_spec.h"

/// How a card changes with time, apart from any clock of its own: shared by the GPU in virtual time (sim_gpu.h) and the
/// one in real time (live/). Pure functions and plain values; thread-safe.
namespace phasewatt::sim {

/// 1 − e^(−x) for x ≥ 0, exact and cheap where x is small.
double approach(double x);

/// The supported clock nearest to `clock`, the lower one on a tie. `supported` is ascending and not empty.
Mhz nearest_clock(const std::vector<Mhz>& supported, Mhz clock);

/// Time from a successful request to the new clock: log-normal, drawn again until it lies within the spec's limits. The
/// draw belongs to the `nth` request of (key, repeat).
double switch_delay_s(const GpuSpec::ClockSwitch& spec, std::uint64_t key, std::uint32_t repeat, std::uint32_t nth);

/// Heat of the die, and the moving average that the power limit looks at.
struct Warmth {
  double average_w = 0;
  double die_c = 0;
  std::int64_t heat_steps = 0;  ///< clock steps taken off because of heat
  Nanos heat_at{};              ///< when the thermal governor looks next

  /// Lets `seconds` pass that end at `now` and draw `watts`. True when the thermal governor changed its steps.
  bool spend(const GpuSpec& spec, Nanos now, double seconds, double watts);

  /// Whether the power limit forbids `watts` for the next `seconds`: it holds the moving average (an exponential one,
  /// which needs no history) under the cap, so that a short burst above may pass.
  [[nodiscard]] bool over_cap(const GpuSpec& spec, double seconds, double watts) const;

  /// The clock left of `asked` (a lock or the highest clock): not below the spec's lock floor, less what heat takes.
  [[nodiscard]] double allowed_mhz(const GpuSpec& spec, double asked) const;

  /// Thermal bits of the throttle mask.
  [[nodiscard]] std::uint64_t throttle_mask(const GpuSpec& spec) const;
};

/// How often the thermal governor looks.
inline constexpr Nanos kHeatPeriod = std::chrono::milliseconds(100);

}  // namespace phasewatt::sim
