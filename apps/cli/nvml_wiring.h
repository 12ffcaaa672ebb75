#pragma once

#include <memory>

#include "apps/cli/engine_wiring.h"
#include "apps/cli/wiring.h"

/// A study on a GPU that is read through NVML, with its clock through phasewatt-clockd.
namespace phasewatt::cli {

/// Everything such a study needs besides its queries.
struct NvmlStudy {
  device::DeviceInfo device;
  std::string runtime;         ///< id of the engine's runtime
  bool clock_control = false;  ///< consent was given, and there is somebody who may change clocks
  std::string no_control;      ///< why not, when clocks are asked for and will not be changed; a note for the plan
  std::string how;             ///< through whom: "phasewatt-clockd at /run/…", "a helper of our own (root)"
  Ceilings ceilings;
  std::vector<std::string> calibrations;  ///< as StudyPlan has them
  std::vector<std::string> notes;         ///< for the plan
  replay::RigFactory make_rig;
  replay::CostModel cost;
};

/// Opens the GPU and finds out what can be done; changes nothing. `engine` empty: the simulated one, whose card must be
/// simulated too (otherwise unsupported), because it has nothing for a real one to do. For a real one `runtime`
/// stays empty, and `cost` too where no simulated card is like this one. `calibrations`: see prepare_study.
Result<NvmlStudy> open_nvml_study(const replay::Study& study, const ClockConsent& consent, const EngineMaker& engine,
                                  const std::vector<std::string>& calibrations);

}  // namespace phasewatt::cli
