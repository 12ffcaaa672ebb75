#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "phasewatt/base/records.h"

/// What the sensors of one device said over a stretch of time: plain values that estimators work on. Times are of the
/// monotonic clock (virtual time on the simulated GPU), the same as those of phase spans.
namespace phasewatt::device {

/// One value as it was read: the call began at `begin` and was over at `end`, and the sensor answered somewhere in
/// between. The value is what the sensor last latched, so that most reads of a slow sensor repeat the one before.
struct SensorRead {
  Nanos begin{};
  Nanos end{};
  double value = 0;  ///< W for power, J for the counter, degrees C for temperature; finite
  [[nodiscard]] Nanos middle() const { return begin + (end - begin) / 2; }
};

/// Clock and throttle reasons at one instant.
struct ClockRead {
  Nanos at{};
  std::optional<Mhz> sm_clock;
  std::uint64_t throttle_mask = 0;
};

struct SensorTrace {
  std::vector<SensorRead> power_instant;  ///< each in the order of time
  std::vector<SensorRead> power_average;
  std::vector<SensorRead> energy;
  std::vector<SensorRead> temperature;
  std::vector<ClockRead> clocks;
  std::vector<SensorRead> utilization;         ///< 0..1
  std::vector<std::uint32_t> other_processes;  ///< that were there at any look, ascending

  std::uint64_t reads = 0;    ///< that were made
  std::uint64_t missed = 0;   ///< deadlines that passed while something else was read, or while the thread slept
  std::uint64_t dropped = 0;  ///< reads for which the ring had no place
  std::uint64_t failed = 0;   ///< reads whose value was absent although the device has the signal
  std::uint64_t bad = 0;      ///< values left out: no number, or impossible (power below 0 or above 10 kW)
  double cpu_s = 0;           ///< processor time of the sampling thread; 0 in virtual time
  double driver_s = 0;        ///< time inside the device's calls, wall
};

}  // namespace phasewatt::device
