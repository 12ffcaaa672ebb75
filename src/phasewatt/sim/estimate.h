#pragma once

#include <optional>
#include <vector>

#include "phasewatt/base/units.h"
#include "phasewatt/sim/gpu_model.h"

namespace phasewatt::sim {

/// One batch of requests, by its means.
struct BatchShape {
  double batch = 1;
  double prompt_tokens = 1;
  double new_tokens = 0;              ///< generated per request; 0 when scoring
  std::vector<double> option_tokens;  ///< tokens of each option when scoring; below 1 counts as 1
};

struct RequestCost {
  double seconds = 0;  ///< of the whole batch
  Joules energy{};     ///< of the whole batch
  double prefill_s = 0;
  Joules prefill_energy{};
};

/// What a batch costs in the steady state, in closed form: decode steps at their mean context, no noise, die at
/// kReferenceDieC, no clock switch. `clock` absent = stock. Pure; thread-safe. Does not look at memory (check_memory).
RequestCost estimate(const GpuSpec& spec, const RuntimeSpec& runtime, const ArchSpec& arch, const BatchShape& shape,
                     std::optional<Mhz> clock);

}  // namespace phasewatt::sim
