#pragma once

#include "phasewatt/analysis/context.h"

/// The paper's Figures 3 to 5 on the rows of a study. The column "source" tells "ours" from "paper".
namespace phasewatt::analysis {

/// Figure 3: joules per generated token against the clock, at the first batch size, over the generating datasets; one
/// facet for all energy and one for the decode phase's.
Figure energy_per_token_figure(const Context& context);

/// Figure 4: energy saving against the clock, at the first batch size, by model.
Figure savings_curve_figure(const Context& context);

/// Figure 5: energy saving and latency change at the lowest clock, by batch size, mean over the models.
Figure batch_figure(const Context& context);

}  // namespace phasewatt::analysis
