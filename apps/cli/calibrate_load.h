#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "phasewatt/device/calibration/step_load.h"
#include "phasewatt/sim/live/rig.h"

/// What keeps a card busy while it is calibrated.
namespace phasewatt::cli {

/// A command of the user's, by the protocol of docs/calibration.md. Its process group is ended with the object. `stop`
/// ends any wait for its answers.
std::unique_ptr<device::StepLoad> command_load(std::string command, const std::atomic<bool>& stop);

/// Plain watts on a card of the simulated NVML library; its ceilings are those of the spec file.
std::unique_ptr<device::StepLoad> simulated_load(std::shared_ptr<sim::live::LiveRig> rig, std::size_t card);

}  // namespace phasewatt::cli
