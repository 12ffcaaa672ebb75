#include "phasewatt/analysis/dvfs_tables.h"

#include <fmt/format.h>

#include "phasewatt/analysis/optima.h"
#include "phasewatt/analysis/quality.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

struct Field {
  const char* key;
  const char* title;
  std::optional<double> Change::*value;
};
constexpr std::array kChangeFields{
    Field{"energy_saving_pct", "Energy saving %", &Change::energy_saving_pct},
    Field{"latency_delta_pct", "Latency change %", &Change::latency_pct},
    Field{"prefill_delta_pct", "Prefill change %", &Change::prefill_pct},
    Field{"decode_delta_pct", "Decode change %", &Change::decode_pct},
    Field{"prefill_share_pct", "Prefill share %", &Change::prefill_share_pct},
    Field{"decode_share_pct", "Decode share %", &Change::decode_share_pct},
};

std::vector<Cell> change_row(const std::string& name, double batch, const Change& change,
                             const std::optional<std::string>& paper_name) {
  std::vector<Cell> row{cell(name), batch};
  for (const Field& field : kChangeFields) {
    row.push_back(cell(change.*field.value));
    row.push_back(paper_name ? cell(published("XI", {*paper_name, batch}, field.key)) : Cell());
  }
  return row;
}

Cell tied_cell(const Grid& grid, const Optimum& optimum) {
  if (!optimum.ties_known) return {};
  std::vector<std::string> clocks;
  for (const std::size_t clock : optimum.tied) clocks.push_back(grid.clock_text(clock));
  return cell(clocks.empty() ? std::string("none") : join(clocks, ", "));
}

std::string tie_note(const Grid& grid) {
  if (grid.repeats() < 2) return "One repeat only: no interval can be stated and no tie be seen.";
  return "Ties: clocks that the repeats cannot tell from the best; with them the best is among the clocks named in "
         "95 % of cases.";
}

/// Calls `row(model, batch, optimum, comparison)` for each model and batch that has an optimum.
template <class Row>
std::size_t for_each_optimum(const Grid& grid, Objective objective, Row row) {
  std::size_t left_out = 0;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      const auto optimum = find_optimum(grid, model, batch, objective);
      if (!optimum) continue;
      left_out += optimum->left_out;
      const auto comparison = compare(grid, model, batch, optimum->clock, optimum->datasets);
      if (comparison) row(*optimum, *comparison);
    }
  }
  return left_out;
}

std::string left_out_note(std::size_t left_out) {
  if (left_out == 0) return "";
  return fmt::format(" {} clocks could not compete, because a dataset has no valid point there.", left_out);
}

}  // namespace

Table headline(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table(
      "headline", "Best clock under EDP, what it saves and what it costs, against " + context.baseline_text(),
      "EDP = energy × latency per request. Interval: 95 %, Student's t of log ratios over paired repeats. Quality: "
      "mean over datasets "
      "of the "
      "means over queries; one value per model, because the clock does not enter it. " +
          tie_note(grid),
      {column("model", "Model"), column("batch", "Batch", 0),
       column("best_clock_mhz", "Best clock MHz", context.clock_digits), column("tied_clocks_mhz", "Tied with MHz"),
       column("energy_saving_pct", "Energy saving %"), column("energy_saving_low_pct", "from %"),
       column("energy_saving_high_pct", "to %"), column("latency_delta_pct", "Latency change %"),
       column("joules_per_request", "J per request", 2), column("quality", "Quality", 3),
       column("validity", "Validity")});
  const std::size_t left_out = for_each_optimum(grid, Objective::edp, [&](const Optimum& best, const Comparison& at) {
    const auto& interval = at.saving_interval;
    table.rows.push_back(
        {cell(context.model(at.model)), context.batch(at.batch), context.clock(best.clock), tied_cell(grid, best),
         cell(at.change.energy_saving_pct), interval ? Cell(interval->low) : Cell(),
         interval ? Cell(interval->high) : Cell(), cell(at.change.latency_pct), cell(at.now.energy_j),
         cell(mean_quality(grid.data(), context.model(at.model), grid.datasets())), context.validity(at)});
  });
  table.note += left_out_note(left_out);
  return table;
}

Table dvfs_table(const Context& context) {
  const Grid& grid = context.grid;
  std::vector<Column> columns{column("model", "Model"), column("batch", "Batch", 0)};
  for (const Field& field : kChangeFields) {
    columns.push_back(column(field.key, field.title));
    columns.push_back(paper_column(field.key));
  }
  Table table = context.table(
      "table_11_dvfs", "Table XI: DVFS at " + context.lowest_text() + " against " + context.baseline_text(),
      "Changes against the baseline; shares of the baseline's time in phases; scoring passes count "
      "as decode, as in the paper. Avg: unweighted mean of the rows.",
      std::move(columns));
  if (!grid.lowest()) return table;
  const auto comparisons = compare_all(grid, *grid.lowest());
  for (const Comparison& one : comparisons) {
    table.rows.push_back(
        change_row(context.model(one.model), context.batch(one.batch), one.change, context.paper_row(one)));
  }
  for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
    std::vector<Change> changes;
    std::size_t paper_rows = 0;
    for (const Comparison& one : comparisons) {
      if (one.batch != batch) continue;
      changes.push_back(one.change);
      if (context.paper_row(one)) ++paper_rows;
    }
    if (changes.empty()) continue;
    const bool same_models = paper_rows == kPaperModels && changes.size() == kPaperModels;
    table.rows.push_back(change_row("Avg", context.batch(batch), average(changes),
                                    same_models ? std::optional<std::string>("Avg") : std::nullopt));
  }
  return table;
}

Table edp_optima_table(const Context& context) {
  const Grid& grid = context.grid;
  const int digits = context.clock_digits;
  Table table = context.table(
      "table_12_edp_optimum", "Table XII: EDP-optimal clock by model and batch, against " + context.baseline_text(),
      "EDP = energy × latency per request. " + tie_note(grid),
      {column("model", "Model"), column("batch", "Batch", 0), column("clock_mhz", "Clock MHz", digits),
       paper_column("clock_mhz", 0), column("tied_clocks_mhz", "Tied with MHz"),
       column("energy_saving_pct", "Energy saving %"), paper_column("energy_saving_pct"),
       column("latency_delta_pct", "Latency change %"), paper_column("latency_delta_pct"),
       column("edp_change_pct", "EDP change %")});
  const std::size_t left_out = for_each_optimum(grid, Objective::edp, [&](const Optimum& best, const Comparison& at) {
    const auto name = context.paper_row(at);
    const double batch = context.batch(at.batch);
    const auto paper = [&](const char* key) { return name ? cell(published("XII", {*name, batch}, key)) : Cell(); };
    table.rows.push_back(
        {cell(context.model(at.model)), batch, context.clock(best.clock), paper("freq_mhz"), tied_cell(grid, best),
         cell(at.change.energy_saving_pct), paper("energy_saving_pct"), cell(at.change.latency_pct),
         paper("latency_delta_pct"),
         cell(change_pct(objective_value(at.baseline, Objective::edp), objective_value(at.now, Objective::edp)))});
  });
  table.note += left_out_note(left_out);
  return table;
}

Table optima_table(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table(
      "table_12b_optima", "Optimal clock under each objective, against " + context.baseline_text(),
      fmt::format("energy: least energy per request. EDP: energy × latency. ED²P: energy × latency². The last: least "
                  "energy among the clocks with at most {:.0f} % more latency than the baseline. ",
                  100 * kMaxSlowdown) +
          tie_note(grid),
      {column("objective", "Objective"), column("model", "Model"), column("batch", "Batch", 0),
       column("clock_mhz", "Clock MHz", context.clock_digits), column("tied_clocks_mhz", "Tied with MHz"),
       column("energy_saving_pct", "Energy saving %"), column("latency_delta_pct", "Latency change %")});
  std::size_t left_out = 0;
  for (const Objective objective : kObjectives) {
    left_out = for_each_optimum(grid, objective, [&](const Optimum& best, const Comparison& at) {
      table.rows.push_back({cell(std::string(to_string(objective))), cell(context.model(at.model)),
                            context.batch(at.batch), context.clock(best.clock), tied_cell(grid, best),
                            cell(at.change.energy_saving_pct), cell(at.change.latency_pct)});
    });
  }
  table.note += left_out_note(left_out);
  return table;
}

}  // namespace phasewatt::analysis
