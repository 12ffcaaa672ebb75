#pragma once

#include "phasewatt/analysis/workload_view.h"

namespace phasewatt::analysis {

/// Table IX: shares of the scaling patterns and the mean features of their queries. Without rows when no query was
/// answered by all models of the rule.
Table patterns_table(const WorkloadView& workload);

}  // namespace phasewatt::analysis
