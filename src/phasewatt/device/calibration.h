#pragma once

#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"

/// What is known of a card's sensors and ceilings: measured by `phasewatt calibrate`, or assumed and said so. Plain
/// values; how they are measured and where they are kept: docs/calibration.md.
namespace phasewatt::device {

/// A span of the monotonic clock.
struct Stretch {
  Nanos begin{};
  Nanos end{};
};

/// How one sensor behaves.
struct SensorTiming {
  double update_s = 0;    ///< period of its refresh
  double jitter_s = 0;    ///< standard deviation of a refresh around its regular time
  double window_s = 0;    ///< over which a power reading averages; 0 for the counter
  double lag_s = 0;       ///< from the end of that window to the refresh that shows it
  double read_s = 0;      ///< median time of one read, that of the calling thread
  double read_max_s = 0;  ///< longest read seen
  double noise_w = 0;     ///< standard deviation of a reading at constant power; of the counter, per update period
};

/// How long the card takes from one clock to another, from the call.
struct SwitchLatency {
  Mhz from{};
  Mhz to{};
  double call_s = 0;          ///< until the call returns
  double first_effect_s = 0;  ///< until the clock first moves
  double stable_s = 0;        ///< until it stays at the target
};

using phasewatt::Ceilings;

struct Calibration {
  std::string device_id;  ///< GPU UUID
  std::string device_name;
  std::string driver;
  std::string made_utc;  ///< ISO 8601; empty when assumed
  std::string program_version;
  bool simulated = false;
  bool assumed = true;  ///< nothing was measured: these are the defaults

  std::optional<SensorTiming> power_instant;  ///< absent when the card has no such sensor
  std::optional<SensorTiming> power_average;
  std::optional<SensorTiming> energy;

  /// Integral of the instant power / counter over the same windows, and the half width of its 95 % interval.
  std::optional<double> gain;
  double gain_error = 0;
  /// Prior of the gain that all sensors of the card share and nothing here can see: standard deviation, relative.
  double common_gain_sigma = 0;
  /// Prior of an offset that all power readings of the card share and its counter does not: standard deviation, W. It
  /// matters where there is no counter.
  double common_offset_sigma_w = 0;

  std::optional<Watts> idle;          ///< without a context
  std::optional<Watts> idle_context;  ///< with a context, doing nothing
  std::vector<SwitchLatency> switches;
  Ceilings ceilings;
  std::vector<std::string> notes;  ///< what could not be found out and why, and what looked odd; whole sentences
};

/// Sensors of a card that was never calibrated: refresh every 100 ms, instant power over 25 ms, average over 1 s, as
/// measured on A100, H100 and H200 (arXiv 2312.02741 and docs/measurements); common gain 2.5 % and common offset of
/// power readings 2.5 W, since that paper found cards within ±5 % or ±5 W.
Calibration assumed_calibration();

/// Shortest window whose energy by the counter has an edge error below `relative` (half width of the 95 % interval),
/// seconds: the two edges are uniform within one refresh period each (docs/calibration.md derives it). Without a
/// counter the same for power, whose averaging window blurs the edges as well.
double shortest_window_s(const Calibration& calibration, double relative = 0.05);

}  // namespace phasewatt::device
