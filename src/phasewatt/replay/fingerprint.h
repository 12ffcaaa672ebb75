#pragma once

#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/device/device.h"
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
/// host and time. `plan` has its queries, token kind, baseline and environment filled in.
std::string fingerprint(const Study& study, const StudyPlan& plan, const std::vector<PlannedClock>& clocks,
                        const device::DeviceInfo& device);

}  // namespace phasewatt::replay
