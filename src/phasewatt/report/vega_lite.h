#pragma once

#include <string>

#include "phasewatt/analysis/table.h"

namespace phasewatt::report {

/// The figure as a Vega-Lite 5 specification (JSON) with its data inside, for web/page.js and any Vega viewer. Rows
/// whose `published` cell starts with "paper" become a layer of their own: hollow diamonds, joined by dashes when the
/// figure has lines. Title, SIMULATED, note (as description) and units (the columns' titles) are part of it. Pure and
/// thread-safe.
std::string to_vega_lite(const analysis::Figure& figure);

/// True for a value of Figure::published that means the paper's layer.
bool is_published(const analysis::Cell& cell);

}  // namespace phasewatt::report
