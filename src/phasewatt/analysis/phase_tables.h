#pragma once

#include "phasewatt/analysis/context.h"

/// What is known of each phase beyond its share of the whole: its energy with its error, and its bound.
namespace phasewatt::analysis {

/// Energy of each phase in place and stacked, with half widths, the simulator's truth beside, and whether the parts sum
/// to the whole. Without rows unless some phase's energy was measured (by another method than the simulator's truth).
Table phase_energy_table(const Context& context);

/// Which limit held, per model × batch × clock × phase. Without rows unless some point counted bytes, flops or the
/// GPU's busy time.
Table bounds_table(const Context& context);

}  // namespace phasewatt::analysis
