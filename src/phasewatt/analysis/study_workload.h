#pragma once

#include <vector>

#include "phasewatt/analysis/workload.h"
#include "phasewatt/base/quality_score.h"
#include "phasewatt/base/records.h"

/// From the records of a study, or of prepared queries, to the input of the workload analysis.
namespace phasewatt::analysis {

/// The five features of the paper as columns, with its thresholds (entity density < 0.20, causal question < 0.05).
/// Lengths are words for token kind `word`, else prompt tokens.
WorkloadData workload_of(const std::vector<StudyQuery>& queries, WorkloadNames names);

/// Fills `data.qualities` for those of `models` that have a row, in this order. Rows of other models or of no query
/// enter nothing.
void add_qualities(WorkloadData& data, const std::vector<QualityRow>& rows, const std::vector<std::string>& models);

/// The same from scores that name queries by their id, as a file does; models by their size where all tell it, else in
/// order of first appearance. Returns how many scores name no query of `data`.
std::size_t add_qualities(WorkloadData& data, const std::vector<QualityScore>& scores);

}  // namespace phasewatt::analysis
