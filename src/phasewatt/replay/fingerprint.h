#pragma once

#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/study.h"

namespace phasewatt::replay {

/// One clock of the grid. Both absent = stock.
struct PlannedClock {
  std::optional<Mhz> asked;
  std::optional<Mhz> snapped;
};

/// Lower-case SHA-256 over everything that determines the rows of a study: kResultsVersion, the grid with its snapped
/// clocks and baseline, seed, decoding, engine, device (id, spec hash, noise, supported clocks), store_prompts, and
/// every query with its features and token counts. Left out: the study's name, its layout and comments, paths, jobs,
/// host and time. Of a real engine: what it runs (PlanInputs::model_hashes), and on what in which type. `plan` has its
/// queries, token kind, baseline and environment filled in.
std::string fingerprint(const Study& study, const StudyPlan& plan, const std::vector<PlannedClock>& clocks,
                        const PlanInputs& inputs);

}  // namespace phasewatt::replay
