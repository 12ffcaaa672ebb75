#include "phasewatt/device/calibration.h"

#include <cmath>
#include <numbers>

namespace phasewatt::device {
namespace {

constexpr double kUpdateS = 0.1;
constexpr double kInstantWindowS = 0.025;
constexpr double kAverageWindowS = 1.0;
constexpr double kCommonGainSigma = 0.025;
constexpr double kCommonOffsetSigmaW = 2.5;

}  // namespace

Calibration assumed_calibration() {
  Calibration c;
  c.power_instant = SensorTiming{.update_s = kUpdateS, .window_s = kInstantWindowS, .noise_w = 1.0};
  c.power_average = SensorTiming{.update_s = kUpdateS, .window_s = kAverageWindowS, .noise_w = 1.0};
  c.energy = SensorTiming{.update_s = kUpdateS};
  c.common_gain_sigma = kCommonGainSigma;
  c.common_offset_sigma_w = kCommonOffsetSigmaW;
  return c;
}

double shortest_window_s(const Calibration& calibration, double relative) {
  // The difference of two edges that are uniform within u each is triangular over (-u, u): beyond h lies the share
  // (1 - h/u)^2, which is 5 % at h = u (1 - sqrt(0.05)).
  const double triangular = 1 - std::sqrt(0.05);
  constexpr double kNormal95 = 1.96;
  const auto edges_s = [&](const SensorTiming& sensor) {
    // Jitter of both refreshes, and where within the two calls the sensor answered.
    const double jitter = kNormal95 * std::numbers::sqrt2 * sensor.jitter_s;
    return triangular * (sensor.update_s + sensor.window_s + sensor.read_s) + jitter;
  };
  const auto& sensor = calibration.energy          ? calibration.energy
                       : calibration.power_instant ? calibration.power_instant
                                                   : calibration.power_average;
  return edges_s(sensor.value_or(SensorTiming{.update_s = kUpdateS})) / relative;
}

}  // namespace phasewatt::device
