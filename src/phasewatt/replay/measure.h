#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/replay/energy/attribution.h"
#include "phasewatt/replay/phase_sums.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/run.h"
#include "phasewatt/replay/validity.h"

namespace phasewatt::replay {

/// What every point of a run shares; constant while workers read it.
struct RunContext {
  const StudyPlan* plan = nullptr;
  const Study* study = nullptr;
  ClockLimits limits;
  std::vector<Request> requests;  ///< one per plan.queries; `index` counts within the dataset
  /// The same with a model's own lengths (StudyPlan::model_tokens).
  std::map<std::string, std::vector<Request>> model_requests;

  [[nodiscard]] std::span<const Request> requests_of(const std::string& model) const {
    const auto own = model_requests.find(model);
    return own == model_requests.end() ? requests : own->second;
  }
};
/// Borrows `plan` and `study`, which must outlive the context. `supported`: the rig's device's clocks.
RunContext make_context(const StudyPlan& plan, const Study& study, std::vector<Mhz> supported);

/// Carries out one point whose model is loaded: state, clock, settling, batches, verdict. Absent when `stop` was seen.
/// An engine's error becomes a void record; an error is returned for a device or clock that fails.
Result<std::optional<RunRecord>> measure_point(const RunContext& context, const RunPoint& point, Rig& rig,
                                               const std::atomic<bool>& stop, const std::atomic<bool>& abandoned);

/// The record of one of requests_of(model) without its energy: what it asked, got, and how long its batch took.
RequestRecord request_record(const RunContext& context, const std::string& model, const Request& request,
                             const Outcome& outcome, const PhaseSums::Batch& took);

/// What a request processed in each phase, for its share of its batch's energy.
RequestTokens tokens_of(const Request& request, const Outcome& outcome);

/// The reason that stands for an engine's error.
Reason reason_of(const Error& error);

}  // namespace phasewatt::replay
