#pragma once

#include <string>
#include <vector>

#include "phasewatt/analysis/context.h"

namespace phasewatt::analysis {

/// One sentence: which clock, what it saves, what it costs; or why that cannot be said. Begins with "SIMULATED:" when
/// the device or the engine was.
std::string verdict(const Context& context);

/// What a reader must know before trusting the tables; empty when there is nothing to say.
std::vector<std::string> remarks(const Context& context);

/// Why savings cannot be stated; empty when they can.
std::string no_comparison(const Context& context);

}  // namespace phasewatt::analysis
