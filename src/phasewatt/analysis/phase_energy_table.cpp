#include <fmt/format.h>

#include <set>

#include "phasewatt/analysis/phase_tables.h"
#include "phasewatt/analysis/stats.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

std::optional<double> value(const std::optional<Joules>& energy) {
  return energy ? std::optional(energy->value()) : std::nullopt;
}

/// Records of a cell by dataset, with the dataset's number of queries.
struct DatasetPoints {
  double queries = 1;
  std::vector<const RunRecord*> records;
};

std::vector<DatasetPoints> points_of(const Grid& grid, std::size_t model, std::size_t batch, std::size_t clock) {
  std::vector<DatasetPoints> points;
  for (std::size_t dataset = 0; dataset < grid.datasets().size(); ++dataset) {
    DatasetPoints one{static_cast<double>(grid.queries(dataset)), {}};
    for (const Sample& sample : grid.samples(model, dataset, batch, clock)) one.records.push_back(sample.record);
    if (!one.records.empty()) points.push_back(std::move(one));
  }
  return points;
}

/// Mean over the records of each dataset, then over the datasets; absent when absent in any record.
template <class Field>
std::optional<double> mean_over(const std::vector<DatasetPoints>& points, bool per_request, Field field) {
  std::vector<double> means;
  for (const DatasetPoints& dataset : points) {
    std::vector<double> values;
    for (const RunRecord* record : dataset.records) {
      const std::optional<double> one = field(*record);
      if (!one) return std::nullopt;
      values.push_back(per_request ? *one / dataset.queries : *one);
    }
    means.push_back(*mean(values));
  }
  return mean(means);
}

std::optional<double> percent(std::optional<double> share) {
  return share ? std::optional(100 * *share) : std::nullopt;
}

std::optional<double> sum_of_parts(const RunRecord& record) {
  auto total = value(record.idle_energy);
  if (!total && record.idle_s == 0) total = 0;
  for (const PhaseTotals& phase : record.phases) {
    if (!total || (phase.seconds > 0 && !phase.energy)) return std::nullopt;
    *total += value(phase.energy).value_or(0);
  }
  return total;
}

bool measured(const PhaseTotals& phase) {
  return phase.energy && phase.method && *phase.method != EnergyMethod::sim_truth;
}

bool anything_measured(const Grid& grid) {
  for (const RunRecord* record : grid.records()) {
    for (const PhaseTotals& phase : record->phases) {
      if (measured(phase) || phase.stacked_energy) return true;
    }
  }
  return false;
}

/// Σ stacked / Σ in place − 1 over the records that have both.
std::optional<double> stacked_difference_pct(const std::vector<DatasetPoints>& points, std::size_t phase) {
  double stacked = 0;
  double in_place = 0;
  for (const DatasetPoints& dataset : points) {
    for (const RunRecord* record : dataset.records) {
      const PhaseTotals& totals = record->phases[phase];
      if (!totals.stacked_energy || !totals.energy) continue;
      stacked += totals.stacked_energy->value();
      in_place += totals.energy->value();
    }
  }
  return change_pct(in_place, stacked);
}

/// "counter_delta, stacked", or an empty cell.
Cell names_cell(const std::set<std::string>& names) {
  if (names.empty()) return {};
  return cell(join(std::vector<std::string>(names.begin(), names.end()), ", "));
}

Cell methods_of(const std::vector<DatasetPoints>& points, std::size_t phase) {
  std::set<std::string> names;
  for (const DatasetPoints& dataset : points) {
    for (const RunRecord* record : dataset.records) {
      if (const auto& method = record->phases[phase].method) names.emplace(to_string(*method));
    }
  }
  return names_cell(names);
}

std::vector<Cell> phase_cells(const std::vector<DatasetPoints>& points, std::size_t phase) {
  const auto of = [&](std::optional<Joules> PhaseTotals::*field) {
    return mean_over(points, true, [&](const RunRecord& record) -> std::optional<double> {
      const PhaseTotals& totals = record.phases[phase];
      return totals.seconds > 0 ? value(totals.*field) : std::optional(0.0);
    });
  };
  // A dataset without this phase (one that only scores, say) has no error to average.
  std::vector<DatasetPoints> with_phase;
  for (const DatasetPoints& dataset : points) {
    if (dataset.records.front()->phases[phase].seconds > 0) with_phase.push_back(dataset);
  }
  const auto half = [&](std::optional<double> PhaseTotals::*field) {
    return percent(mean_over(with_phase, false, [&](const RunRecord& record) { return record.phases[phase].*field; }));
  };
  const auto in_place = of(&PhaseTotals::energy);
  const auto truth = of(&PhaseTotals::energy_truth);
  return {cell(in_place),
          cell(half(&PhaseTotals::energy_rel_error)),
          cell(of(&PhaseTotals::stacked_energy)),
          cell(half(&PhaseTotals::stacked_rel_error)),
          cell(stacked_difference_pct(points, phase)),
          cell(truth),
          cell(change_pct(truth, in_place)),
          methods_of(points, phase),
          Cell()};
}

bool has_phase(const std::vector<DatasetPoints>& points, std::size_t phase) {
  for (const DatasetPoints& dataset : points) {
    for (const RunRecord* record : dataset.records) {
      if (record->phases[phase].seconds > 0) return true;
    }
  }
  return false;
}

void add_rows(Table& table, const std::vector<Cell>& head, const std::vector<DatasetPoints>& points) {
  const auto add = [&](std::string_view part, const std::vector<Cell>& cells) {
    std::vector<Cell> row = head;
    row.push_back(cell(std::string(part)));
    row.insert(row.end(), cells.begin(), cells.end());
    table.rows.push_back(std::move(row));
  };
  for (std::size_t phase = 0; phase < kPhaseCount; ++phase) {
    if (has_phase(points, phase)) add(to_string(kPhases[phase]), phase_cells(points, phase));
  }
  const auto idle = mean_over(points, true, [](const RunRecord& record) {
    return record.idle_s == 0 ? std::optional(value(record.idle_energy).value_or(0)) : value(record.idle_energy);
  });
  add("idle", {cell(idle), {}, {}, {}, {}, {}, {}, {}, {}});
  const auto whole = mean_over(points, true, [](const RunRecord& record) { return value(record.energy); });
  const auto parts = mean_over(points, true, sum_of_parts);
  std::set<std::string> methods;
  for (const DatasetPoints& dataset : points) {
    for (const RunRecord* record : dataset.records) {
      if (record->method) methods.emplace(to_string(*record->method));
    }
  }
  add("whole",
      {cell(whole),
       cell(percent(mean_over(points, false, [](const RunRecord& record) { return record.energy_rel_error; }))),
       {},
       {},
       {},
       {},
       {},
       names_cell(methods),
       cell(change_pct(whole, parts))});
}

}  // namespace

Table phase_energy_table(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table(
      "phase_energy", "Energy of each phase, with its error",
      "J per request by the more certain method (window_regression: from the sensors' windows of the run itself; "
      "stacked: from the phase repeated back to back), made to sum to the whole. ± is half of the 95 % interval, the "
      "mean of the points' "
      "own: it does not shrink with repeats, because the gain of a card's sensors is common to them. Closure: phases + "
      "idle against the whole. Truth: the simulated GPU's own, where there is one.",
      {column("model", "Model"), column("batch", "Batch", 0), column("clock_mhz", "Clock MHz", context.clock_digits),
       column("phase", "Phase"), column("joules", "J", 3), column("half_width_pct", "± %", 2),
       column("joules_stacked", "J stacked", 3), column("stacked_half_width_pct", "± %", 2),
       column("stacked_difference_pct", "Stacked − J %", 2), column("joules_truth", "J truth", 3),
       column("error_pct", "J − truth %", 2), column("method", "Method"), column("closure_pct", "Closure %", 3)});
  if (!anything_measured(grid)) return table;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
        const auto points = points_of(grid, model, batch, clock);
        if (!points.empty())
          add_rows(table, {cell(context.model(model)), context.batch(batch), context.clock(clock)}, points);
      }
    }
  }
  return table;
}

}  // namespace phasewatt::analysis
