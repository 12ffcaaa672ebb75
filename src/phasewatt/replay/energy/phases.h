#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/replay/energy/window.h"

/// Energy of each phase of a run from sensors that are slow against it (docs/energy.md). Pure functions, thread-safe.
namespace phasewatt::replay {

/// A stretch in one phase, neighbouring steps merged. Ordered by time, no overlaps; what lies between is idle.
struct PhaseStretch {
  Phase phase = Phase::prefill;
  TimeSpan time;
  /// New tokens of the stretch, summed over the batch, where they are known: tells stretches of one length apart.
  std::optional<double> tokens{};
};

/// Energy of the phases and of the idle time of a window. They sum to the window's total.
struct PhaseEnergies {
  std::array<std::optional<Estimate>, kPhaseCount> phases;  ///< J; absent for a phase that did not occur
  std::optional<Estimate> idle;
  double total = 0;  ///< J: the counter's where there is one, to which the parts are scaled; else the parts' own sum
  /// (sum of the parts before they were scaled) / (the window's energy by the counter, else by the integral) − 1
  double closure = 0;
  std::optional<EnergyMethod> total_method;  ///< counter_delta or window_regression
};

/// In place (rule 3b): non-negative least squares over all refreshes of the sensors within `window` (of the average
/// power only where there is neither counter nor instant power),
/// E_refresh = Σ_phase P_phase · t_phase, 95 % intervals by a block bootstrap. Absent where the sensors cannot tell the
/// phases apart: columns alike, fewer than six blocks, or an interval wider than the value. Stretches of the same phase
/// should carry their tokens: without them a power limit that slows some prefills down biases what a 1 s average says.
std::optional<PhaseEnergies> phases_in_place(const device::SensorTrace& trace, TimeSpan window,
                                             std::span<const PhaseStretch> stretches,
                                             const device::Calibration& calibration);

/// Shortest window that phases_in_place may have an answer for: its blocks must be long against a sensor's look and
/// there must be some.
double least_in_place_window_s(const device::Calibration& calibration);

/// Stacked (rule 3a): mean power, W, while one phase was repeated back to back over `window`.
std::optional<Estimate> stacked_power(const device::SensorTrace& trace, TimeSpan window,
                                      const device::Calibration& calibration);

/// The usual way, for comparison: power polled every `poll_s`, integrated and sliced at the phases' ends, J by phase.
std::array<double, kPhaseCount> phases_by_slicing(const device::SensorTrace& trace,
                                                  std::span<const PhaseStretch> stretches, double poll_s);

}  // namespace phasewatt::replay
