#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/device/sensor_trace.h"
#include "phasewatt/replay/energy/phases.h"
#include "phasewatt/replay/measure.h"
#include "phasewatt/replay/phase_sums.h"

namespace phasewatt::replay {

/// One batch of a point: what it answered and took in the first pass, and its times over all passes.
struct BatchWork {
  std::span<const Request> requests;
  std::vector<Outcome> outcomes;
  PhaseSums::Batch first;
  std::array<double, kPhaseCount> phase_s{};  ///< summed over the passes
  double wall_s = 0;                          ///< the same
};

/// A phase repeated back to back.
struct StackedWork {
  TimeSpan window;
  double seconds = 0;     ///< in the phase
  double expected_s = 0;  ///< what the same passes took in place
};

/// What the engine did over one point; times on the trace's clock.
struct PointWork {
  TimeSpan window;  ///< all passes over the queries
  std::vector<PhaseStretch> stretches;
  PhaseSums sums;
  int passes = 0;
  std::vector<BatchWork> batches;
  std::array<std::optional<StackedWork>, kPhaseCount> stacked{};
  std::optional<double> unsettled_c;  ///< by so much the card still warmed when it began
};

/// Which point it was, and what its numbers rest on.
struct PointBasis {
  const RunPoint& point;
  const RunContext& context;
  const device::Calibration& calibration;
};

/// The record of a point from what engine and sensors did: window and phase energies with their errors, the requests'
/// shares, and the verdict of the gates. Pure and thread-safe.
RunRecord evaluate(const device::SensorTrace& trace, const PointWork& work, const PointBasis& basis);

}  // namespace phasewatt::replay
