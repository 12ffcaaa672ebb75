#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/device/device.h"
#include "phasewatt/replay/study.h"

/// Study file + what is really there → points. Pure functions: the same inputs give the same plan everywhere.
namespace phasewatt::replay {

/// Raised by hand whenever a change to the program alters the results of an unchanged study; part of the fingerprint,
/// so that such a study is not resumed with another program's numbers.
inline constexpr int kResultsVersion = 3;

/// One dataset of the study after loading.
struct DatasetInput {
  std::string name;                 ///< as in the study
  std::string sample;               ///< a sentence: what was drawn, from where
  std::vector<StudyQuery> queries;  ///< features, prompt_tokens and option_tokens are filled in
  /// By model, each as `queries`: for models whose tokens are others than those.
  std::map<std::string, std::vector<QueryTokens>> model_tokens{};
};

/// What the study meets: loaded by the caller, so that a plan can be made without a GPU.
struct PlanInputs {
  device::DeviceInfo device;
  Environment environment;  ///< `seed` is set by make_plan
  TokenKind token_kind = TokenKind::word;
  std::vector<std::string> models;     ///< ids the engine accepts; empty = anything
  std::vector<DatasetInput> datasets;  ///< one per dataset of the study, in any order
  /// What a real engine runs, in words or hashes: part of the fingerprint. Empty for a simulated one.
  std::vector<std::string> model_hashes{};
  bool clock_control = true;  ///< false: only stock points are planned, and a note says what was left out
};

/// The plan in canonical order: model, dataset, batch, clock, repeat, each in the order of the study file; then the
/// reference points by model (its first dataset and batch size at the stock clock). Clocks are
/// snapped to the supported ones; two that snap to one become one point, with a note. Errors: not_found for an unknown
/// model; bad_input for a clock more than half a step outside the range, a baseline that is not among the clocks, an
/// empty dataset, or more than a million points; unsupported when a clock is asked of a device that lists none.
Result<StudyPlan> make_plan(const Study& study, PlanInputs inputs);

/// Half of the larger gap between `clock` and its neighbours among `supported` (ascending); 0 when it has none.
Mhz half_step(const std::vector<Mhz>& supported, Mhz clock);

/// The order in which points are run, as indices into plan.points: models in plan order (so that a real engine loads
/// each once), within them repeats, within them shuffled by the seed. Each model's reference points lie evenly between
/// its others, one at the begin and one at the end. Fisher–Yates with std::mt19937_64 and a bounded
/// draw by rejection: unlike std::shuffle it is the same with every standard library.
std::vector<std::uint32_t> execution_order(const StudyPlan& plan);

/// Half-open range of plan.queries that belongs to `dataset`.
struct QueryRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};
QueryRange queries_of(const StudyPlan& plan, const std::string& dataset);

/// The batches of a point: consecutive queries of one task, at most `batch` of them. Ranges of plan.queries.
std::vector<QueryRange> batches_of(const StudyPlan& plan, QueryRange queries, int batch);

}  // namespace phasewatt::replay
