#include "phasewatt/analysis/repeat_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "phasewatt/analysis/inference.h"

namespace phasewatt::analysis {
namespace {

using CostField = std::optional<double> (*)(const Cost&);

struct Measure {
  const char* name;
  CostField field;
};
constexpr std::array kMeasures{
    Measure{"energy", [](const Cost& cost) { return cost.energy_j; }},
    Measure{"latency", [](const Cost& cost) -> std::optional<double> { return cost.latency_s; }}};

struct CellValues {
  std::vector<const RunRecord*> records;
  std::vector<double> values;
};

/// Of the samples that have the value.
CellValues values_of(const std::vector<Sample>& samples, CostField field) {
  CellValues result;
  for (const Sample& sample : samples) {
    const auto value = field(sample.cost);
    if (!value || !std::isfinite(*value)) continue;
    result.records.push_back(sample.record);
    result.values.push_back(*value);
  }
  return result;
}

/// Calls `visit(model, dataset, batch, clock, samples)` for each cell that has a sample.
template <class Visit>
void for_each_cell(const Grid& grid, Visit visit) {
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t dataset = 0; dataset < grid.datasets().size(); ++dataset) {
      for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
        for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
          const auto& samples = grid.samples(model, dataset, batch, clock);
          if (!samples.empty()) visit(model, dataset, batch, clock, samples);
        }
      }
    }
  }
}

/// What the interval of a change says, where more is better or less is.
Cell verdict_of(const std::optional<Interval>& change, bool more_is_better) {
  if (!change) return {};
  if (change->contains(0)) return cell(std::string("cannot be told"));
  return cell(std::string((change->low > 0) == more_is_better ? "better" : "worse"));
}

void append(std::vector<Cell>& row, const std::optional<Interval>& interval) {
  row.push_back(cell(interval ? std::optional(interval->low) : std::nullopt));
  row.push_back(cell(interval ? std::optional(interval->high) : std::nullopt));
}

}  // namespace

std::vector<Outlier> outliers(const Grid& grid) {
  std::vector<Outlier> found;
  for_each_cell(grid, [&](std::size_t, std::size_t, std::size_t, std::size_t, const std::vector<Sample>& samples) {
    for (const Measure& measure : kMeasures) {
      const CellValues cell_values = values_of(samples, measure.field);
      const auto scores = modified_z_scores(cell_values.values);
      for (std::size_t i = 0; i < scores.size(); ++i) {
        if (std::abs(scores[i]) <= kOutlierScore) continue;
        found.push_back(
            {cell_values.records[i], measure.name, cell_values.values[i], *median(cell_values.values), scores[i]});
      }
    }
  });
  return found;
}

std::size_t outlier_points(const std::vector<Outlier>& found) {
  std::set<const RunRecord*> points;
  for (const Outlier& one : found) points.insert(one.record);
  return points.size();
}

Table outliers_table(const Context& context) {
  Table table = context.table(
      "outliers", "Repeats that lie apart from the others of their cell",
      fmt::format("Modified z-score 0.6745·(x − median)/MAD beyond ±{:g}, in cells of {} repeats or more. Flagged, not "
                  "dropped: they are in every table. Energy in J per request, latency in s.",
                  kOutlierScore, kOutlierRepeats),
      {column("model", "Model"), column("dataset", "Dataset"), column("batch", "Batch", 0),
       column("clock_mhz", "Clock MHz", context.clock_digits), column("repeat", "Repeat", 0),
       column("measure", "Measure"), column("value", "Value", 4), column("median", "Median of cell", 4),
       column("modified_z", "Modified z")});
  for (const Outlier& one : outliers(context.grid)) {
    const RunPoint& point = one.record->point;
    table.rows.push_back({cell(point.model), cell(point.dataset), Cell(static_cast<double>(point.batch)),
                          point.clock ? Cell(point.clock->value()) : cell(std::string("stock")),
                          Cell(static_cast<double>(point.repeat)), cell(one.measure), Cell(one.value), Cell(one.median),
                          Cell(one.score)});
  }
  return table;
}

Table spread_table(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table(
      "spread", "How repeats scatter",
      "Per cell: mean (the paper's), median, 95 % percentile bootstrap interval of the mean, and coefficient of "
      "variation (standard deviation / mean). Of few repeats that interval is too narrow: of three it is about their "
      "range, "
      "which holds the true mean in 75 % of cases; comparisons therefore use Student's t.",
      {column("model", "Model"), column("dataset", "Dataset"), column("batch", "Batch", 0),
       column("clock_mhz", "Clock MHz", context.clock_digits), column("repeats", "Repeats", 0),
       column("joules_per_request_mean", "J/request, mean", 3), column("joules_per_request_median", "median", 3),
       column("joules_per_request_low", "from", 3), column("joules_per_request_high", "to", 3),
       column("energy_cv_pct", "CV %", 2), column("latency_mean_s", "Latency s, mean", 4),
       column("latency_median_s", "median", 4), column("latency_low_s", "from", 4), column("latency_high_s", "to", 4),
       column("latency_cv_pct", "CV %", 2)});
  if (grid.repeats() < 2) return table;
  for_each_cell(grid, [&](std::size_t model, std::size_t dataset, std::size_t batch, std::size_t clock,
                          const std::vector<Sample>& samples) {
    std::vector<Cell> row{cell(context.model(model)), cell(grid.datasets()[dataset]), context.batch(batch),
                          context.clock(clock), cell(samples.size())};
    for (const Measure& measure : kMeasures) {
      const auto values = values_of(samples, measure.field).values;
      const auto interval = bootstrap_mean(values);
      const auto cv = coefficient_of_variation(values);
      row.insert(row.end(), {cell(mean(values)), cell(median(values)), interval ? Cell(interval->low) : Cell(),
                             interval ? Cell(interval->high) : Cell(), cv ? Cell(100 * *cv) : Cell()});
    }
    table.rows.push_back(std::move(row));
  });
  return table;
}

Table paired_table(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table(
      "paired", "Each clock against " + context.baseline_text() + ", over paired repeats",
      "95 % interval of each clock by itself, by Student's t of log ratios with the scatter of all clocks taken "
      "together; better or worse when it excludes no change. It holds what repeats can show; an error that all points "
      "of a card share, such as the gain of its sensors, cancels in a ratio.",
      {column("model", "Model"), column("batch", "Batch", 0), column("clock_mhz", "Clock MHz", context.clock_digits),
       column("pairs", "Pairs", 0), column("energy_saving_pct", "Energy saving %", 2),
       column("energy_saving_low_pct", "from %", 2), column("energy_saving_high_pct", "to %", 2),
       column("energy_verdict", "Energy"), column("latency_delta_pct", "Latency change %", 2),
       column("latency_delta_low_pct", "from %", 2), column("latency_delta_high_pct", "to %", 2),
       column("latency_verdict", "Latency")});
  if (!grid.baseline() || grid.repeats() < 2) return table;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
        if (clock == *grid.baseline()) continue;
        const auto at = compare(grid, model, batch, clock);
        if (!at) continue;
        std::vector<Cell> row{cell(context.model(model)), context.batch(batch), context.clock(clock),
                              at->latency_ratio ? cell(at->latency_ratio->pairs) : Cell(),
                              cell(at->change.energy_saving_pct)};
        append(row, at->saving_interval);
        row.push_back(verdict_of(at->saving_interval, true));
        row.push_back(cell(at->change.latency_pct));
        append(row, at->latency_interval);
        row.push_back(verdict_of(at->latency_interval, false));
        table.rows.push_back(std::move(row));
      }
    }
  }
  return table;
}

}  // namespace phasewatt::analysis
