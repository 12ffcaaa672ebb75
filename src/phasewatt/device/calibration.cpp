#include "phasewatt/device/calibration.h"

namespace phasewatt::device {
namespace {

constexpr double kUpdateS = 0.1;
constexpr double kInstantWindowS = 0.025;
constexpr double kAverageWindowS = 1.0;
constexpr double kCommonGainSigma = 0.025;

}  // namespace

Calibration assumed_calibration() {
  Calibration c;
  c.power_instant = SensorTiming{.update_s = kUpdateS, .window_s = kInstantWindowS, .noise_w = 1.0};
  c.power_average = SensorTiming{.update_s = kUpdateS, .window_s = kAverageWindowS, .noise_w = 1.0};
  c.energy = SensorTiming{.update_s = kUpdateS};
  c.common_gain_sigma = kCommonGainSigma;
  return c;
}

double shortest_window_s(const Calibration& calibration, double relative) {
  const double update = calibration.energy          ? calibration.energy->update_s
                        : calibration.power_instant ? calibration.power_instant->update_s
                                                    : kUpdateS;
  return 2 * update / relative;
}

}  // namespace phasewatt::device
