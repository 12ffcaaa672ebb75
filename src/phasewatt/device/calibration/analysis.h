#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/device/calibration.h"
#include "phasewatt/device/calibration/boxcar.h"
#include "phasewatt/device/sensor_trace.h"

/// From what a card's sensors said under a load of known steps to how these sensors behave. Pure functions, without
/// I/O; docs/calibration.md says what each figure means and how well it is recovered.
namespace phasewatt::device {

/// Traces of one calibration, each with what the load did meanwhile. Any may be missing.
struct CalibrationTraces {
  SensorTrace idle;          ///< before there was a context of ours
  bool alone = true;         ///< known: nobody else had a context then
  SensorTrace idle_context;  ///< with the load's context, doing nothing
  SensorTrace power_steps;   ///< power polled fast while the load stepped
  StepEdges power_edges;
  SensorTrace energy_steps;  ///< the same with the counter
  StepEdges energy_edges;
  SensorTrace steady;  ///< power and counter under a load that stayed on
  Stretch steady_load;
};

/// A switch of the clock, with the clock polled fast around it.
struct SwitchTrace {
  Mhz from{};  ///< that was seen before
  Mhz to{};
  Nanos call_begin{};
  Nanos call_end{};
  std::vector<ClockRead> clocks;
};

/// Fills in timings, gain, idle powers and notes; leaves the card's names and the ceilings alone.
void analyse_traces(const CalibrationTraces& traces, Calibration& into);

/// Absent when the clock was not at the target, within `tolerance`, at the end of the trace.
std::optional<SwitchLatency> switch_latency(const SwitchTrace& trace, Mhz tolerance);

struct Gain {
  double ratio = 1;
  double error = 0;  ///< half width of the 95 % interval
};

/// Integral of the power over the counter, under a steady load, over pieces of many refreshes; the interval is
/// Student's over the pieces, widened by what the counter's period is uncertain. Absent with fewer than four pieces.
std::optional<Gain> power_over_counter(const Ticks& power, const SensorTiming& timing, const Ticks& counter,
                                       const Stretch& load);

/// Standard deviation of what the sensor latched around a parabola through it: heat moves slowly. Absent with fewer
/// than eight values.
std::optional<double> noise_around_trend(std::span<const Tick> ticks);

}  // namespace phasewatt::device
