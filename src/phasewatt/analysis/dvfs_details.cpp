#include <fmt/format.h>

#include <algorithm>

#include "phasewatt/analysis/dvfs_tables.h"
#include "phasewatt/analysis/optima.h"
#include "phasewatt/analysis/quality.h"
#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {
namespace {

struct OperatingPoint {
  std::size_t model = 0;
  std::string name;
  Comparison at;
};

std::vector<OperatingPoint> operating_points(const Grid& grid) {
  std::vector<OperatingPoint> points;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    const auto add = [&](const char* name, std::optional<std::size_t> clock) {
      if (!clock) return;
      if (auto one = compare(grid, model, grid.first_batch(), *clock)) points.push_back({model, name, *std::move(one)});
    };
    add("baseline", grid.baseline());
    const auto best = find_optimum(grid, model, grid.first_batch(), Objective::edp);
    add("EDP optimum", best ? std::optional(best->clock) : std::nullopt);
    add("lowest clock", grid.lowest());
  }
  return points;
}

/// Unweighted mean over the scored datasets, which is what the paper's Table XVIII calls quality.
std::optional<double> classification_quality(const Grid& grid, const std::string& model) {
  std::vector<std::string> scored;
  for (std::size_t i = 0; i < grid.datasets().size(); ++i) {
    if (grid.queries(i) > 0 && grid.task(i) == Task::classification) scored.push_back(grid.datasets()[i]);
  }
  return mean_quality(grid.data(), model, scored);
}

/// The paper's name of a strategy in Table XVIII: two models, two clocks.
std::optional<std::string> paper_strategy(const Context& context, const OperatingPoint& point) {
  if (!context.comparable(point.at.datasets) || context.batch(point.at.batch) != 1) return std::nullopt;
  const auto size = paper_model_size(context.model(point.model));
  const bool low = point.at.clock == *context.grid.lowest();
  const bool high = point.at.clock == *context.grid.baseline();
  if (size == "32B" && high) return "Baseline (32B, 2842 MHz)";
  if (size == "32B" && low) return "DVFS only (32B, 180 MHz)";
  if (size == "3B" && high) return "Routing only (3B, 2842 MHz)";
  if (size == "3B" && low) return "Combined (3B, 180 MHz)";
  return std::nullopt;
}

std::optional<double> phase_s(const Cost& cost, Phase phase) { return cost.seconds(phase); }

}  // namespace

Table operating_points_table(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table("table_18_operating_points",
                              "Like Table XVIII: energy and quality at each model's operating points",
                              "At the first batch size. Saving: against the model with the highest energy per request "
                              "at the baseline, when every "
                              "query goes to the row's model. Classification quality: mean accuracy over the scored "
                              "datasets, the paper's measure. "
                              "The paper's J fit only per generated token.",
                              {column("model", "Model"),
                               column("point", "Point"),
                               column("clock_mhz", "Clock MHz", context.clock_digits),
                               column("joules_per_request", "J/request", 3),
                               column("saving_pct", "Saving %"),
                               paper_column("saving_pct"),
                               column("quality", "Quality", 3),
                               column("classification_quality_pct", "Classification %"),
                               paper_column("classification_quality_pct"),
                               {"joules_unclear_published", "paper J", 2, true}});
  const auto points = operating_points(grid);
  std::optional<double> costliest;
  for (const OperatingPoint& point : points) {
    if (point.name == "baseline" && point.at.now.energy_j) {
      costliest = std::max(costliest.value_or(0), *point.at.now.energy_j);
    }
  }
  for (const OperatingPoint& point : points) {
    const auto strategy = paper_strategy(context, point);
    const auto paper = [&](const char* key) { return strategy ? cell(published("XVIII", {*strategy}, key)) : Cell(); };
    const auto more = change_pct(costliest, point.at.now.energy_j);
    const auto accuracy = classification_quality(grid, context.model(point.model));
    table.rows.push_back({cell(context.model(point.model)), cell(point.name), context.clock(point.at.clock),
                          cell(point.at.now.energy_j), more ? Cell(-*more) : Cell(), paper("est_saving_pct"),
                          cell(mean_quality(grid.data(), context.model(point.model), grid.datasets())),
                          accuracy ? Cell(100 * *accuracy) : Cell(), paper("quality_pct"), paper("energy_J")});
  }
  return table;
}

Table phases_table(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table(
      "phases", "Where time and energy go, by phase",
      "Shares of a batch's wall time and of its energy. Score: passes that score given options. Idle: time in no "
      "phase.",
      {column("model", "Model"), column("batch", "Batch", 0), column("clock_mhz", "Clock MHz", context.clock_digits),
       column("time_prefill_pct", "Time: prefill %"), column("time_decode_pct", "decode %"),
       column("time_score_pct", "score %"), column("time_idle_pct", "idle %"),
       column("energy_prefill_pct", "Energy: prefill %"), column("energy_decode_pct", "decode %"),
       column("energy_score_pct", "score %"), column("energy_idle_pct", "idle %")});
  std::vector<std::size_t> clocks;
  if (grid.baseline()) clocks.push_back(*grid.baseline());
  if (grid.lowest()) clocks.push_back(*grid.lowest());
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      for (const std::size_t clock : clocks) {
        const auto one = compare(grid, model, batch, clock);
        if (!one) continue;
        const Cost& cost = one->now;
        std::vector<Cell> row{cell(context.model(model)), context.batch(batch), context.clock(clock)};
        for (const Phase phase : kPhases) row.push_back(cell(share_pct(phase_s(cost, phase), cost.latency_s)));
        row.push_back(cell(share_pct(cost.idle_s, cost.latency_s)));
        for (const Phase phase : kPhases) row.push_back(cell(share_pct(cost.joules(phase), cost.energy_j)));
        row.push_back(cell(share_pct(cost.idle_j, cost.energy_j)));
        table.rows.push_back(std::move(row));
      }
    }
  }
  return table;
}

Table sweep_table(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table(
      "sweep", "Every model, batch and clock",
      "Per request; latency is the wall time of its batch. Datasets: how many of the study's have valid points both "
      "here and "
      "at the baseline; the changes are over these.",
      {column("model", "Model"), column("batch", "Batch", 0), column("clock_mhz", "Clock MHz", context.clock_digits),
       column("datasets", "Datasets", 0), column("joules_per_request", "J/request", 3),
       column("joules_per_output_token", "J/output token", 4), column("latency_s", "Latency s", 4),
       column("energy_saving_pct", "Energy saving %"), column("energy_saving_low_pct", "from %"),
       column("energy_saving_high_pct", "to %"), column("latency_delta_pct", "Latency change %"),
       column("latency_delta_low_pct", "from %"), column("latency_delta_high_pct", "to %"),
       column("edp_change_pct", "EDP change %"), column("validity", "Validity")});
  const auto low = [](const std::optional<Interval>& i) { return i ? Cell(i->low) : Cell(); };
  const auto high = [](const std::optional<Interval>& i) { return i ? Cell(i->high) : Cell(); };
  const auto generating = grid.generating();
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
        const auto one = compare(grid, model, batch, clock);
        if (!one) continue;
        const auto text = compare(grid, model, batch, clock, generating);
        table.rows.push_back({cell(context.model(model)), context.batch(batch), context.clock(clock),
                              cell(one->datasets.size()), cell(one->now.energy_j),
                              text ? cell(joules_per_output_token(text->now)) : Cell(), Cell(one->now.latency_s),
                              cell(one->change.energy_saving_pct), low(one->saving_interval),
                              high(one->saving_interval), cell(one->change.latency_pct), low(one->latency_interval),
                              high(one->latency_interval),
                              cell(change_pct(objective_value(one->baseline, Objective::edp),
                                              objective_value(one->now, Objective::edp))),
                              context.validity(*one)});
      }
    }
  }
  return table;
}

}  // namespace phasewatt::analysis
