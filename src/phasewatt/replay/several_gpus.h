#pragma once

#include <vector>

#include "phasewatt/base/records.h"

namespace phasewatt::replay {

/// The record of a point whose model is shared out between GPUs, from one record for each of them (at least one), all
/// of the same work. Energies are added, and absent where one GPU's is; half widths are added too, because what is
/// wrong with one sensor is likely wrong with the other, of the same make. Reasons are those of any, the validity is
/// the worst, the clock seen the lowest, temperatures are the highest; times, tokens and counts are the work's.
RunRecord sum_of_gpus(std::vector<RunRecord> records);

/// The ceilings of GPUs that work at the same time, of one or more: rates are added, and absent where one GPU's is.
/// The clock of the GEMM is the one at which GPUs whose rates go with their clocks would reach that sum; a launch is
/// the first one's; what the source says of each is kept.
Ceilings sum_of_ceilings(const std::vector<Ceilings>& each);

}  // namespace phasewatt::replay
