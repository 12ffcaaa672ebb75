#include "phasewatt/analysis/optima.h"

#include <algorithm>
#include <cmath>

#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {
namespace {

struct Candidate {
  std::size_t clock = 0;
  double value = 0;
  std::vector<int> repeats;
  std::vector<double> values;  // by repeat
};

/// Does the candidate tie with the best? Absent when there are too few repeats to say.
std::optional<bool> ties(const Candidate& candidate, const Candidate& best) {
  std::vector<double> here;
  std::vector<double> there;
  for (std::size_t i = 0; i < candidate.values.size(); ++i) {
    for (std::size_t j = 0; j < best.values.size(); ++j) {
      if (candidate.repeats[i] != best.repeats[j]) continue;
      here.push_back(candidate.values[i]);
      there.push_back(best.values[j]);
    }
  }
  if (const auto interval = bootstrap_ratio(here, there)) return interval->low <= 1;
  const auto one = bootstrap_mean(candidate.values);
  const auto other = bootstrap_mean(best.values);
  if (!one || !other) return std::nullopt;
  return one->overlaps(*other);
}

std::vector<Candidate> candidates(const Grid& grid, std::size_t model, std::size_t batch, Objective objective,
                                  const std::vector<std::size_t>& datasets, const Cost& baseline) {
  std::vector<Candidate> result;
  for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
    const auto cost = grid.cost(model, batch, clock, datasets);
    if (!cost) continue;
    const auto value = objective_value(*cost, objective);
    if (!value || !std::isfinite(*value)) continue;
    if (objective == Objective::bounded_latency && cost->latency_s > (1 + kMaxSlowdown) * baseline.latency_s) continue;
    Candidate candidate{clock, *value, {}, {}};
    for (const Sample& sample : grid.by_repeat(model, batch, clock, datasets)) {
      if (const auto one = objective_value(sample.cost, objective)) {
        candidate.repeats.push_back(sample.repeat);
        candidate.values.push_back(*one);
      }
    }
    result.push_back(std::move(candidate));
  }
  return result;
}

}  // namespace

std::string_view to_string(Objective objective) {
  switch (objective) {
    case Objective::energy: return "energy";
    case Objective::edp: return "EDP";
    case Objective::ed2p: return "ED²P";
    case Objective::bounded_latency: return "least energy within 5 % latency";
  }
  return "";
}

std::optional<double> objective_value(const Cost& cost, Objective objective) {
  if (!cost.energy_j) return std::nullopt;
  switch (objective) {
    case Objective::edp: return *cost.energy_j * cost.latency_s;
    case Objective::ed2p: return *cost.energy_j * cost.latency_s * cost.latency_s;
    case Objective::energy:
    case Objective::bounded_latency: break;
  }
  return cost.energy_j;
}

std::optional<Optimum> find_optimum(const Grid& grid, std::size_t model, std::size_t batch, Objective objective) {
  if (!grid.baseline()) return std::nullopt;
  Optimum optimum;
  optimum.datasets = grid.present(model, batch, *grid.baseline(), grid.all_datasets());
  const auto baseline = grid.cost(model, batch, *grid.baseline(), optimum.datasets);
  if (!baseline) return std::nullopt;
  for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
    const auto cost = grid.cost(model, batch, clock, optimum.datasets);
    if (!cost || !cost->energy_j) ++optimum.left_out;
  }
  const auto all = candidates(grid, model, batch, objective, optimum.datasets, *baseline);
  const auto best = std::min_element(all.begin(), all.end(),
                                     [](const Candidate& a, const Candidate& b) { return a.value < b.value; });
  if (best == all.end()) return std::nullopt;
  optimum.clock = best->clock;
  optimum.ties_known = true;
  for (const Candidate& candidate : all) {
    if (candidate.clock == best->clock) continue;
    const auto tie = ties(candidate, *best);
    if (!tie) optimum.ties_known = false;
    if (tie.value_or(false)) optimum.tied.push_back(candidate.clock);
  }
  return optimum;
}

}  // namespace phasewatt::analysis
