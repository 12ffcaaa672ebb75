#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/replay/study.h"

/// What a plan will cost, before anything runs.
namespace phasewatt::replay {

/// One batch to be priced.
struct BatchShape {
  std::string model;
  Task task = Task::generation;
  int batch = 1;                   ///< requests in it
  int prompt_tokens = 1;           ///< mean over the requests, rounded
  std::vector<int> option_tokens;  ///< means over the requests, rounded, when scoring
  Decoding decoding;
  std::optional<Mhz> clock;  ///< absent = stock
};

struct BatchCost {
  double seconds = 0;
  Joules energy{};
};

/// Prices a batch; absent when it cannot be priced (does not fit, for example).
using CostModel = std::function<std::optional<BatchCost>(const BatchShape&)>;

struct PlanEstimate {
  double seconds = 0;  ///< device time, with the least warm-up, without loading and settling; a stop rule
                       ///< at its most repeats
  Joules energy{};
  std::uint32_t points = 0;
  std::uint32_t unpriced = 0;  ///< points that the cost model could not price; not in the totals
  struct Model {
    std::string model;
    std::uint32_t points = 0;
    std::uint32_t unpriced = 0;
    double seconds = 0;
    Joules energy{};
  };
  std::vector<Model> models;  ///< in plan order
};

/// `cost` empty: nothing is priced. Prices every (model, dataset, batch size, clock) once per batch length that occurs
/// in it, with the mean token counts of the dataset: some hundred calls for the paper's grid, a few per cent off the
/// sum over the real batches.
PlanEstimate estimate_plan(const StudyPlan& plan, const Study& study, const CostModel& cost);

}  // namespace phasewatt::replay
