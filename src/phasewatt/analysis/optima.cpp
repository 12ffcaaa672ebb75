#include "phasewatt/analysis/optima.h"

#include <algorithm>
#include <cmath>

#include "phasewatt/analysis/inference.h"

namespace phasewatt::analysis {
namespace {

struct Candidate {
  std::size_t clock = 0;
  double value = 0;
  Series series;  // its values by repeat
};

std::vector<Candidate> candidates(const Grid& grid, std::size_t model, std::size_t batch, Objective objective,
                                  const std::vector<std::size_t>& datasets, const Cost& baseline) {
  std::vector<Candidate> result;
  for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
    const auto cost = grid.cost(model, batch, clock, datasets);
    if (!cost) continue;
    const auto value = objective_value(*cost, objective);
    if (!value || !std::isfinite(*value)) continue;
    if (objective == Objective::bounded_latency && cost->latency_s > (1 + kMaxSlowdown) * baseline.latency_s) continue;
    Candidate candidate{clock, *value, {}};
    for (const Sample& sample : grid.by_repeat(model, batch, clock, datasets)) {
      if (const auto one = objective_value(sample.cost, objective)) {
        candidate.series.repeats.push_back(sample.repeat);
        candidate.series.values.push_back(*one);
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
  std::vector<Series> series;
  series.reserve(all.size());
  for (const Candidate& candidate : all) series.push_back(candidate.series);
  const LogRatios ratios(series);
  const auto chosen = static_cast<std::size_t>(best - all.begin());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == chosen) continue;
    const auto ratio = ratios.of(i, chosen);
    const auto low = ratio ? ratio->low(kTieConfidence, all.size() - 1) : std::nullopt;
    if (!low) optimum.ties_known = false;
    if (low.value_or(1) <= 0) optimum.tied.push_back(all[i].clock);
  }
  return optimum;
}

}  // namespace phasewatt::analysis
