#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/base/units.h"
#include "phasewatt/device/calibration.h"
#include "phasewatt/device/sensor_trace.h"

/// When a latched sensor was refreshed, from reads that repeat its value (docs/energy.md). Internal to replay/energy.
/// Pure functions, thread-safe.
namespace phasewatt::replay {

/// A moment at which the sensor took a new value, whether or not it differed from the one before.
struct Refresh {
  std::int64_t index = 0;  ///< refreshes counted from the first change that was seen; may be negative
  double at_s = 0;         ///< since the origin
  double value = 0;        ///< that the sensor shows from then on
};

/// Refreshes lie at phase_s + index · period_s, ± the sensor's jitter.
struct Ticks {
  double period_s = 0;
  double phase_s = 0;        ///< since the origin
  double uncertainty_s = 0;  ///< half width of what the reads leave open about phase_s
  /// False when reads were too rare to see when the value changed: then `at_s` of each refresh is the middle of where
  /// it may lie, and uncertainty_s half of that stretch.
  bool located = false;
  std::vector<Refresh> refreshes{};  ///< that were seen, by index; a lost one is missing
};

/// Absent when fewer than eight changes of value were seen, or when no period near the calibrated one fits.
std::optional<Ticks> find_ticks(std::span<const device::SensorRead> reads, const device::SensorTiming& timing,
                                Nanos origin);

}  // namespace phasewatt::replay
