#pragma once

#include <atomic>
#include <functional>
#include <string_view>
#include <vector>

#include "phasewatt/device/calibration.h"
#include "phasewatt/device/calibration/step_load.h"
#include "phasewatt/device/clock_control.h"
#include "phasewatt/device/device.h"

/// The measuring of a card in real time: its sensors are polled while a load steps. docs/calibration.md describes it.
namespace phasewatt::device {

/// How long each part takes, seconds.
struct CalibrationPlan {
  double idle_s = 6;
  double settle_s = 3;  ///< after the context is made: what its making drew must have left a sensor of 1 s
  double idle_context_s = 6;
  double power_steps_s = 36;
  double energy_steps_s = 14;
  double steady_s = 16;
  double switch_s = 0.8;  ///< per target clock
  double shortest_half_s = 0.35;
  double longest_half_s = 1.7;
  std::size_t clocks = 6;  ///< how many target clocks, spread over the supported ones

  static CalibrationPlan quick();
  [[nodiscard]] double total_s(bool load, bool switches) const;
};

struct CalibrationParts {
  Device& device;
  StepLoad* load = nullptr;                 ///< null: only what an idle card tells
  ClockControl* clock = nullptr;            ///< null: clocks are left alone
  std::vector<Mhz> clocks = {};             ///< that may be locked, ascending; targets are spread over them
  const std::atomic<bool>* stop = nullptr;  ///< set: stop soon; may be null
  /// Share that is done, and what is being done; may be empty.
  std::function<void(double, std::string_view)> progress = {};
};

/// Measures; fills in everything but program_version and made_utc. interrupted: `stop` was set. The clock is given back
/// before it returns, and the load has ended or ends with its object. An error of the load or the device is the
/// result's.
Result<Calibration> calibrate(const CalibrationPlan& plan, const CalibrationParts& parts);

}  // namespace phasewatt::device
