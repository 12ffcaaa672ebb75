#include "phasewatt/replay/estimate.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "phasewatt/device/calibration.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/sensor_measure.h"

namespace phasewatt::replay {
namespace {

/// Batches of one dataset and batch size that are alike, with the mean lengths of their requests.
struct Kind {
  BatchShape shape;
  double count = 0;
};

int rounded_mean(double sum, double n) { return std::max(1, static_cast<int>(std::lround(sum / n))); }

/// Mean lengths over the queries of one task, as a shape without model, batch size and clock.
BatchShape mean_shape(const StudyPlan& plan, QueryRange queries, Task task) {
  double n = 0;
  double prompt = 0;
  double scored = 0;  // options over all requests
  double option_tokens = 0;
  for (std::uint32_t i = queries.begin; i < queries.end; ++i) {
    const StudyQuery& q = plan.queries[i];
    if (q.query.task != task) continue;
    n += 1;
    prompt += q.prompt_tokens;
    scored += static_cast<double>(q.option_tokens.size());
    for (const int tokens : q.option_tokens) option_tokens += tokens;
  }
  BatchShape shape;
  shape.task = task;
  shape.prompt_tokens = rounded_mean(prompt, n);
  if (scored > 0)
    shape.option_tokens.assign(static_cast<std::size_t>(rounded_mean(scored, n)), rounded_mean(option_tokens, scored));
  return shape;
}

/// The batches of one dataset and batch size, grouped by task and length.
std::vector<Kind> kinds_of(const StudyPlan& plan, const std::string& dataset, int batch) {
  const QueryRange queries = queries_of(plan, dataset);
  std::map<std::pair<Task, int>, double> counts;
  for (const auto& range : batches_of(plan, queries, batch))
    counts[{plan.queries[range.begin].query.task, static_cast<int>(range.end - range.begin)}] += 1;
  std::vector<Kind> kinds;
  for (const auto& [key, count] : counts) {
    Kind kind{mean_shape(plan, queries, key.first), count};
    kind.shape.batch = key.second;
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

std::optional<BatchCost> price(std::vector<Kind> kinds, const RunPoint& point, const Decoding& decoding,
                               const CostModel& cost) {
  if (!cost) return std::nullopt;
  BatchCost total;
  for (auto& kind : kinds) {
    kind.shape.model = point.model;
    kind.shape.clock = point.clock;
    kind.shape.decoding = decoding;
    const auto one = cost(kind.shape);
    if (!one) return std::nullopt;
    total.seconds += one->seconds * kind.count;
    total.energy += one->energy * kind.count;
  }
  return total;
}

}  // namespace

namespace {

/// What measuring by sensors adds to the queries themselves: the least warm-up, whole passes until the window is long
/// enough, and each of the two phases repeated. At the point's mean power, the idle share of which is small.
BatchCost with_sensors(BatchCost once, const Study& study) {
  if (!study.by_sensors() || once.seconds <= 0) return once;
  const MeasureRules& rules = study.measure;
  const double needed = needed_window_s(rules, device::assumed_calibration());
  const double seconds =
      rules.warmup_s + std::max(1.0, std::ceil(needed / once.seconds)) * once.seconds + 2 * rules.stacked_s;
  return {seconds, once.energy * (seconds / once.seconds)};
}

}  // namespace

PlanEstimate estimate_plan(const StudyPlan& plan, const Study& study, const CostModel& cost) {
  PlanEstimate estimate;
  std::map<std::pair<std::string, int>, std::vector<Kind>> kinds;
  std::optional<BatchCost> priced;
  for (const auto& point : plan.points) {
    auto at_model = std::find_if(estimate.models.begin(), estimate.models.end(),
                                 [&](const auto& model) { return model.model == point.model; });
    if (at_model == estimate.models.end()) {
      at_model = estimate.models.emplace(at_model);
      at_model->model = point.model;
    }
    // Repeats follow each other in canonical order and cost the same.
    if (point.repeat == 0) {
      const auto [at, fresh] = kinds.try_emplace({point.dataset, point.batch});
      if (fresh) at->second = kinds_of(plan, point.dataset, point.batch);
      priced = price(at->second, point, study.decoding, cost);
      if (priced) priced = with_sensors(*priced, study);
    }
    PlanEstimate::Model& model = *at_model;
    ++model.points;
    if (priced) {
      model.seconds += priced->seconds;
      model.energy += priced->energy;
    } else {
      ++model.unpriced;
    }
  }
  for (const auto& model : estimate.models) {
    estimate.points += model.points;
    estimate.unpriced += model.unpriced;
    estimate.seconds += model.seconds;
    estimate.energy += model.energy;
  }
  return estimate;
}

}  // namespace phasewatt::replay
