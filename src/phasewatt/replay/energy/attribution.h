#pragma once

#include <array>
#include <span>
#include <vector>

#include "phasewatt/base/records.h"

/// Who pays for a batch (docs/energy.md). Pure functions, thread-safe.
namespace phasewatt::replay {

/// What one request of a batch asked for and got, in tokens.
struct RequestTokens {
  double prompt = 0;
  double output = 0;
  double options = 0;  ///< of all options that were scored, summed
};

/// A batch's energy, J.
struct BatchEnergy {
  std::array<double, kPhaseCount> phases{};
  double idle = 0;
};

/// J of each request: prefill by prompt tokens, decode by output tokens (a sequence that has ended takes no more),
/// score by option tokens, idle in equal parts; a phase in which nobody has tokens in equal parts too. The sum in order
/// of the requests is the batch's energy to the last rounding. Empty for no requests.
std::vector<double> attribute(const BatchEnergy& energy, std::span<const RequestTokens> requests);

}  // namespace phasewatt::replay
