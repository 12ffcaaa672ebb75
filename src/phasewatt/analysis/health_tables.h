#pragma once

#include "phasewatt/analysis/context.h"

/// How far the numbers may be trusted: what was void and why, and whether the clocks held.
namespace phasewatt::analysis {

/// Points by validity, then by reason. A point with two reasons counts under both.
Table validity_table(const Context& context);

/// Per clock: asked, snapped, and the range seen under load.
Table clocks_table(const Context& context);

}  // namespace phasewatt::analysis
