#pragma once

#include "phasewatt/analysis/context.h"

/// The tables of the paper's Section VI, on the rows of a study. docs/tables.md defines every column.
namespace phasewatt::analysis {

/// Per model and batch: the best clock under EDP, what it saves, what it costs. One row each.
Table headline(const Context& context);

/// Table XI: the lowest clock against the baseline, by model and batch, with averages per batch.
Table dvfs_table(const Context& context);

/// Table XII: the EDP-optimal clock with its ties.
Table edp_optima_table(const Context& context);

/// Beyond Table XII: the optimal clock under each objective.
Table optima_table(const Context& context);

/// Table XIII: the lowest clock at the first batch size, by dataset and by model size.
Table groups_table(const Context& context);

/// Table XIV: ranges and means of the above.
Table summary_table(const Context& context);

/// Table XVI: joules by model at the first batch size; the denominator of each column is in its name.
Table joules_table(const Context& context);

/// Like Table XVIII: energy and quality of each model at the baseline, the EDP-optimal and the lowest clock.
Table operating_points_table(const Context& context);

/// Where time and energy go, by phase, at the baseline and the lowest clock; scoring is a phase of its own here.
Table phases_table(const Context& context);

/// Every model × batch × clock.
Table sweep_table(const Context& context);

}  // namespace phasewatt::analysis
