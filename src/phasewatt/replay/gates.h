#pragma once

#include <span>

#include "phasewatt/base/records.h"
#include "phasewatt/device/calibration.h"
#include "phasewatt/device/sensor_trace.h"
#include "phasewatt/replay/energy/phases.h"
#include "phasewatt/replay/validity.h"

/// What a trace says against a point. Pure functions, thread-safe.
namespace phasewatt::replay {

/// Share of a sensor's refresh periods inside `window` in which it was never read; 0 for a sensor that is not there.
double unseen_share(std::span<const device::SensorRead> reads, TimeSpan window, double update_s);

/// Fills in the clock, the throttle reasons and the temperatures that were seen inside `window`, blames the record for
/// whatever speaks against it, and judges it. `energy` is that of the window. Thresholds: docs/study-file.md.
void apply_gates(const device::SensorTrace& trace, TimeSpan window, std::span<const PhaseStretch> stretches,
                 const WindowEnergy& energy, const device::Calibration& calibration, const ClockLimits& limits,
                 RunRecord& record);

}  // namespace phasewatt::replay
