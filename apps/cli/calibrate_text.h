#pragma once

#include <string>

#include "phasewatt/device/calibration.h"

namespace phasewatt::cli {

/// The table that `phasewatt calibrate` prints.
std::string calibration_text(const device::Calibration& calibration);

/// "shortest window 0.8 s" and when it was made, for doctor.
std::string calibration_line(const device::Calibration& calibration);

}  // namespace phasewatt::cli
