#pragma once

#include <optional>
#include <span>
#include <vector>

#include "phasewatt/device/calibration.h"
#include "phasewatt/device/sensor_trace.h"
#include "phasewatt/replay/energy/window.h"

/// Refreshes of a sensor as what they say of a stretch of time. Internal to replay/energy. Pure functions, thread-safe.
namespace phasewatt::replay {

/// What one sensor said: mean power, W, over [from, to].
struct Look {
  double from = 0;
  double to = 0;
  double watts = 0;
};

struct Sensor {
  std::vector<Look> looks{};
  bool counter = false;
  double jitter_s = 0;
  double shift_prior_s = 0;  ///< standard deviation of what is not known of the looks' place
  double uncertainty_s = 0;
  double shift_s = 0;    ///< found
  double stretch_s = 0;  ///< found, at the ends of the window
  double sigma_w = 1;    ///< of a residual
};

/// Readings of a power sensor whose windows lie inside `window`, divided by the calibrated gain. Absent when their
/// moments are not known. Seconds count from the window's begin.
std::optional<Sensor> power_sensor(std::span<const device::SensorRead> reads,
                                   const std::optional<device::SensorTiming>& timing, double gain, TimeSpan window);

/// Steps of the counter between refreshes inside `window`.
std::optional<Sensor> counter_sensor(std::span<const device::SensorRead> reads,
                                     const std::optional<device::SensorTiming>& timing, TimeSpan window);

}  // namespace phasewatt::replay
