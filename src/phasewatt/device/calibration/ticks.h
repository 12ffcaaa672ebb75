#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/device/sensor_trace.h"

/// When a sensor was refreshed, found in a trace that polls it faster than that: most reads repeat a latched value, and
/// where the value changes lies a refresh. Pure functions.
namespace phasewatt::device {

/// One refresh that was seen.
struct Tick {
  double at_s = 0;       ///< monotonic time, best estimate
  double value = 0;      ///< what the sensor latched then
  std::int64_t nth = 0;  ///< refreshes since the first one, those included that changed nothing
};

struct Ticks {
  double update_s = 0;
  double update_error_s = 0;  ///< standard error of the period
  double jitter_s = 0;        ///< standard deviation of a refresh around its regular time
  bool bounded = false;  ///< the value changed with almost every read: it is refreshed at least as often as update_s
  std::vector<Tick> ticks;
};

/// Absent when the value changed fewer than eight times. The period is the slope of a line through the changes, counted
/// with those that left the value as it was; stretches in which nothing changed for long are counted apart.
std::optional<Ticks> find_ticks(std::span<const SensorRead> reads);

/// Median and longest time of a call, seconds; absent without reads.
struct ReadCost {
  double median_s = 0;
  double max_s = 0;
};
std::optional<ReadCost> read_cost(std::span<const SensorRead> reads);

/// The middle value (the upper one of two); `values` must not be empty.
double median_of(std::vector<double> values);

}  // namespace phasewatt::device
