#pragma once

#include <atomic>
#include <optional>

#include "phasewatt/replay/measure.h"

namespace phasewatt::replay {

/// How long a point's window must be, at least: as the study asks, else as the card's sensors need.
double needed_window_s(const MeasureRules& rules, const device::Calibration& calibration);

/// Carries out one point by sensors (docs/energy.md): warm-up under the point's own load until the temperature is
/// steady, the queries as often as the sensors need, each phase repeated back to back, then gates and estimators over
/// what the recorder saw. The clock is set and the engine's point begun already; the rig has a recorder. Results as
/// those of measure_point.
Result<std::optional<RunRecord>> measure_by_sensors(const RunContext& context, const RunPoint& point, Rig& rig,
                                                    const std::atomic<bool>& stop, const std::atomic<bool>& abandoned);

}  // namespace phasewatt::replay
