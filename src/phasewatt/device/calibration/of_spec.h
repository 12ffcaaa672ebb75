#pragma once

#include "phasewatt/device/calibration.h"
#include "phasewatt/sim/gpu_spec.h"

/// What is known of a simulated card without measuring: its spec file says it.
namespace phasewatt::device {

/// Timings of the spec's sensors, exactly; the prior of the common gain is the spec's. Ceilings by ceilings_of_spec.
Calibration calibration_of_spec(const sim::GpuSpec& spec);

/// At the highest clock: copy and stream = bandwidth · eta, GEMM = peak · util_max · clock / rated clock, launch =
/// fixed time + cycles / clock. `source` names the spec file.
Ceilings ceilings_of_spec(const sim::GpuSpec& spec);

}  // namespace phasewatt::device
