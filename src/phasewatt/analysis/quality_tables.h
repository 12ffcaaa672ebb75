#pragma once

#include "phasewatt/analysis/context.h"

/// The paper's tables of answer quality, on the rows of a study. Without qualities they have no rows.
namespace phasewatt::analysis {

/// Table VII: mean quality by dataset and model, with averages.
Table quality_table(const Context& context);

/// Table X: mean quality of easy and hard queries by model. Easy: entity density < 0.20 and causal question < 0.05.
Table difficulty_table(const Context& context);

}  // namespace phasewatt::analysis
