#pragma once

#include <string>

#include "apps/cli/console.h"

namespace phasewatt::cli {

/// What a model folder, or `synthetic:ID`, is, and what is wrong with it. bad_input after it was printed when it cannot
/// be run.
Status print_model(const std::string& model, const Console& console);

}  // namespace phasewatt::cli
