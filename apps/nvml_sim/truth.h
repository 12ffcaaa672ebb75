#pragma once

#include <string>

#include "phasewatt/base/result.h"
#include "phasewatt/sim/live/rig.h"

namespace phasewatt::nvml_sim {

/// The true state of all cards as JSON, whatever their sensors say. Instants are CLOCK_MONOTONIC in ns. The shape is
/// described in docs/nvml-sim.md.
Result<std::string> truth(sim::live::LiveRig& rig);

}  // namespace phasewatt::nvml_sim
