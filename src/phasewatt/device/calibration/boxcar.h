#pragma once

#include <optional>
#include <span>
#include <vector>

#include "phasewatt/base/units.h"
#include "phasewatt/device/calibration/ticks.h"

/// Over what span of the past a power sensor averages, fitted to what it said while a load went on and off at known
/// instants. Pure functions.
namespace phasewatt::device {

/// A load that is on from on[i] until off[i], in the order of time.
struct StepEdges {
  std::vector<Nanos> on;
  std::vector<Nanos> off;
};

struct Boxcar {
  double window_s = 0;
  double lag_s = 0;      ///< from the window's end to the refresh
  double step_w = 0;     ///< power that the load adds
  double rest_w = 0;     ///< standard deviation of what the fit leaves over
  double explained = 0;  ///< share of the variance that it explains
};

/// Least squares over (window, lag): reading = base + step · share of the window in which the load was on, both with a
/// linear drift (leakage grows with heat). A grid finds the valley, a compass search its bottom. Absent when the load
/// did not change the readings, or there are too few.
std::optional<Boxcar> fit_boxcar(std::span<const Tick> ticks, const StepEdges& edges);

/// The same with a known window: for a counter, whose increments average exactly one period.
std::optional<Boxcar> fit_lag(std::span<const Tick> ticks, const StepEdges& edges, double window_s);

}  // namespace phasewatt::device
