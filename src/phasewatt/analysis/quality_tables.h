#pragma once

#include "phasewatt/analysis/difficulty.h"
#include "phasewatt/analysis/workload_view.h"

/// The paper's tables of answer quality and its correlation with the features. Without qualities they have no rows.
namespace phasewatt::analysis {

/// Table VII: mean quality by dataset and model, with averages.
Table quality_table(const WorkloadView& workload);

/// Table VIII in long form: r of each feature, and of the length, with each model's quality, and given the length.
Table correlations_table(const WorkloadView& workload);

/// Which features the paper's rules keep as predictors of difficulty, and why not the others.
Table selection_table(const WorkloadView& workload);

/// Table X: mean quality of easy and hard queries by model, easy as WorkloadData::easy_below says. Without rows when a
/// feature of the rule is not there.
Table thresholds_table(const WorkloadView& workload);

/// Figure 2: mean quality over the models against length; easy where `normalised`, the mean normalised quality, is
/// above 0.5. Of more than 1,000 queries every k-th.
Figure length_quality_figure(const WorkloadView& workload, const std::vector<std::optional<double>>& normalised);

}  // namespace phasewatt::analysis
