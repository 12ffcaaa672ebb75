#pragma once

#include "phasewatt/analysis/context.h"

/// The paper's tables of answer quality, on the rows of a study. Without qualities they have no rows.
namespace phasewatt::analysis {

/// An empty table about quality. It is marked by the engine alone, since a real engine's answers are real on any
/// device; a simulated one's say in the title that they are calibrated to the published table.
Table quality_marked(const Context& context, std::string id, std::string title, std::string note,
                     std::vector<Column> columns);

/// Table VII: mean quality by dataset and model, with averages.
Table quality_table(const Context& context);

/// Table X: mean quality of easy and hard queries by model. Easy: entity density < 0.20 and causal question < 0.05.
Table difficulty_table(const Context& context);

}  // namespace phasewatt::analysis
