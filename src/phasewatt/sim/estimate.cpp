#include "phasewatt/sim/estimate.h"

#include <algorithm>

namespace phasewatt::sim {

RequestCost estimate(const GpuSpec& spec, const RuntimeSpec& runtime, const ArchSpec& arch, const BatchShape& shape,
                     std::optional<Mhz> clock) {
  const double mhz = clock ? clock->value() : spec.clocks.sm_max_mhz;
  RequestCost cost;
  const auto add = [&](const PassIn& in, double times) {
    const PassOut out = eval(spec, runtime, arch, in, mhz);
    cost.seconds += out.t_s * times;
    cost.energy += Joules(out.energy_j * times);
  };
  const double prompt = std::max(1.0, shape.prompt_tokens);
  add({Phase::prefill, shape.batch, prompt, prompt / 2, 1}, 1);
  cost.prefill_s = cost.seconds;
  cost.prefill_energy = cost.energy;
  if (shape.new_tokens > 0) add({Phase::decode, shape.batch, 1, prompt + shape.new_tokens / 2, 1}, shape.new_tokens);
  for (const double tokens : shape.option_tokens) {
    const double length = std::max(1.0, tokens);
    add({Phase::score, shape.batch, length, prompt, length}, 1);
  }
  return cost;
}

}  // namespace phasewatt::sim
