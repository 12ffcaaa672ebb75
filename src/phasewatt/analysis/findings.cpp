#include "phasewatt/analysis/findings.h"

#include <array>
#include <iterator>

#include "phasewatt/analysis/drift.h"
#include "phasewatt/analysis/dvfs_tables.h"
#include "phasewatt/analysis/figures.h"
#include "phasewatt/analysis/health_tables.h"
#include "phasewatt/analysis/phase_tables.h"
#include "phasewatt/analysis/repeat_tables.h"
#include "phasewatt/analysis/stats.h"
#include "phasewatt/analysis/study_workload.h"
#include "phasewatt/analysis/verdict.h"

namespace phasewatt::analysis {
namespace {

/// Mean generated tokens per request over the models and clocks with valid points.
std::optional<double> generated_tokens(const Grid& grid, std::size_t dataset) {
  std::vector<double> tokens;
  const std::array among{dataset};
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
      if (const auto cost = grid.cost(model, grid.first_batch(), clock, among)) tokens.push_back(cost->output_tokens);
    }
  }
  return mean(tokens);
}

WorkloadNames workload_names(const Grid& grid) {
  const StudyPlan& plan = grid.data().plan;
  WorkloadNames names;
  names.token_kind = plan.token_kind;
  names.samples = plan.samples;
  names.models = grid.models();
  names.simulated = plan.environment.engine_simulated;
  names.simulated_qualities = plan.environment.engine_simulated;
  for (const std::size_t dataset : grid.generating()) {
    if (const auto tokens = generated_tokens(grid, dataset)) names.output_tokens[grid.datasets()[dataset]] = *tokens;
  }
  return names;
}

template <class T>
void append(std::vector<T>& to, std::vector<T> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void append(Findings& to, WorkloadFindings from) {
  append(to.tables, std::move(from.tables));
  append(to.figures, std::move(from.figures));
  append(to.sentences, std::move(from.sentences));
}

void drop_empty(Findings& findings) {
  std::erase_if(findings.tables, [](const Table& table) { return table.rows.empty(); });
  std::erase_if(findings.figures, [](const Figure& figure) { return figure.data.rows.empty(); });
}

}  // namespace

Findings analyse(const StudyData& data) {
  const Grid grid(data);
  const Context context(grid);
  Findings findings;
  findings.study = data.plan.name;
  findings.environment = data.plan.environment;
  findings.verdict_sentence = verdict(context);
  findings.sentences = remarks(context);
  append(findings.sentences, drift_sentences(context));
  if (grid.baseline() && grid.clocks().size() > 1) {
    findings.tables = {
        headline(context),     dvfs_table(context),    edp_optima_table(context), optima_table(context),
        groups_table(context), summary_table(context), joules_table(context),     operating_points_table(context)};
    findings.figures = {energy_per_token_figure(context), savings_curve_figure(context), batch_figure(context)};
  }
  WorkloadData workload = workload_of(data.plan.queries, workload_names(grid));
  add_qualities(workload, data.qualities, grid.models());
  append(findings.tables, {phases_table(context), bounds_table(context), phase_energy_table(context)});
  append(findings, describe_difficulty(workload));
  append(findings.tables,
         {validity_table(context), outliers_table(context), clocks_table(context), drift_table(context)});
  append(findings.tables, describe_queries(workload).tables);
  append(findings.tables, {sweep_table(context), paired_table(context), spread_table(context)});
  drop_empty(findings);
  return findings;
}

}  // namespace phasewatt::analysis
