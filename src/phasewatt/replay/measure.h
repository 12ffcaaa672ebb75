#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/run.h"
#include "phasewatt/replay/validity.h"

namespace phasewatt::replay {

/// What every point of a run shares; constant while workers read it.
struct RunContext {
  const StudyPlan* plan = nullptr;
  Decoding decoding;
  ClockLimits limits;
  std::vector<Request> requests;  ///< one per plan.queries; `index` counts within the dataset
};
/// The requests borrow from `plan`, which must outlive the context. `supported`: the rig's device's clocks.
RunContext make_context(const StudyPlan& plan, const Decoding& decoding, std::vector<Mhz> supported);

/// Carries out one point whose model is loaded: state, clock, settling, batches, verdict. Absent when `stop` was seen.
/// An engine's error becomes a void record; an error is returned for a device or clock that fails.
Result<std::optional<RunRecord>> measure_point(const RunContext& context, const RunPoint& point, Rig& rig,
                                               const std::atomic<bool>& stop, const std::atomic<bool>& abandoned);

/// The reason that stands for an engine's error.
Reason reason_of(const Error& error);

}  // namespace phasewatt::replay
