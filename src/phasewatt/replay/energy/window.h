#pragma once

#include <optional>

#include "phasewatt/base/records.h"
#include "phasewatt/device/calibration.h"
#include "phasewatt/device/sensor_trace.h"

/// Energy of a stretch of time from what slow sensors said (docs/energy.md). Pure functions, thread-safe.
namespace phasewatt::replay {

/// Of the standard normal distribution: a half-width of 95 % over a standard deviation.
inline constexpr double kTwoSided95 = 1.96;

struct TimeSpan {
  Nanos begin{};
  Nanos end{};
  [[nodiscard]] double seconds() const { return to_seconds(end - begin); }
};

/// A value and the half width of its 95 % interval, in its own unit. `common` is the part of that half width that all
/// sensors of the card share (the gain's prior): it is in `half_width`, and cancels in comparisons on one card.
struct Estimate {
  double value = 0;
  double half_width = 0;
  double common = 0;
};

/// A window's energy by the counter and by the integral of power readings; absent where a sensor lacks the readings.
struct WindowEnergy {
  std::optional<Estimate> counter;  ///< J
  /// J, of the instant reading; of the average one when there is no other. Divided by the calibrated gain.
  std::optional<Estimate> integral;
  /// |counter − integral| exceeds what both errors (without the common gain) and the calibrated gain's error allow.
  bool disagree = false;
  bool counter_reset = false;  ///< the counter ran backwards inside the window
  bool power_stuck = false;  ///< power repeated one value for far longer than its period while the counter's mean moved
  bool counter_stuck = false;  ///< the counter stood still for far longer than its period
};

/// Needs reads of a refresh period or more beyond both ends of `window`, else the edges widen the interval.
WindowEnergy window_energy(const device::SensorTrace& trace, TimeSpan window, const device::Calibration& calibration);

}  // namespace phasewatt::replay
