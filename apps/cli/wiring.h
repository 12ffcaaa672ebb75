#pragma once

#include <memory>

#include "apps/cli/datasets.h"
#include "phasewatt/device/lease/lease_connection.h"
#include "phasewatt/replay/estimate.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/run.h"
#include "phasewatt/replay/study.h"

/// The one place where a study's names become engines, devices and clocks.
namespace phasewatt::cli {

/// May clocks be changed, and by whom.
struct ClockConsent {
  bool given = false;  ///< --allow-clock-control: without it nothing is ever locked on a GPU that others can see
  device::lease::LeaseOptions lease;
};

/// A study with all it needs to run.
struct PreparedStudy {
  replay::Study study;
  StudyPlan plan;
  replay::RigFactory make_rig;
  replay::CostModel cost;
  std::string clocks_by;  ///< who will change clocks on a GPU that others can see; empty = nobody
  std::string observe;    ///< why nobody will although they were asked for; empty otherwise
};

/// Loads datasets and device files and makes the plan. `data_dir` absent = the shipped samples. `calibrations`: with
/// which the study began, if it did (StudyPlan::calibrations); other GPUs have those on file.
Result<PreparedStudy> prepare_study(replay::Study study, const DataDir& data_dir, const ClockConsent& consent,
                                    const std::vector<std::string>& calibrations = {});

}  // namespace phasewatt::cli
