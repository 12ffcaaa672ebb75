#pragma once

#include "phasewatt/analysis/context.h"

namespace phasewatt::analysis {

/// Table IX: shares of the scaling patterns and the mean features of their queries. Without rows when no query was
/// answered by all models of the rule.
Table patterns_table(const Context& context);

}  // namespace phasewatt::analysis
