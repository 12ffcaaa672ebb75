#pragma once

#include <memory>

#include "apps/cli/datasets.h"
#include "phasewatt/replay/estimate.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/run.h"
#include "phasewatt/replay/study.h"

/// The one place where a study's names become engines, devices and clocks.
namespace phasewatt::cli {

/// A study with all it needs to run.
struct PreparedStudy {
  replay::Study study;
  StudyPlan plan;
  replay::RigFactory make_rig;
  replay::CostModel cost;
};

/// Loads datasets and device files and makes the plan. `data_dir` absent = the shipped samples.
Result<PreparedStudy> prepare_study(replay::Study study, const DataDir& data_dir);

}  // namespace phasewatt::cli
