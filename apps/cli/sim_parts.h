#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "phasewatt/engine/sim/quality.h"
#include "phasewatt/replay/estimate.h"
#include "phasewatt/replay/study.h"
#include "phasewatt/sim/gpu_spec.h"

namespace phasewatt::cli {

/// What every simulated engine of a study shares; immutable.
struct SimParts {
  sim::GpuSpec gpu;
  sim::RuntimeSpec runtime;
  engine::QualityModel quality;
  std::string workload;
  std::uint64_t seed = 1;
  bool noise = true;
};

Result<std::shared_ptr<const SimParts>> sim_parts(const replay::Study& study, sim::GpuSpec gpu);

/// What a batch costs by the simulator's equations.
replay::CostModel sim_cost(std::shared_ptr<const SimParts> parts);

/// Prices a real engine's synthetic models on the card called `gpu_name`, by the equations of its simulated twin. Empty
/// where there is none.
replay::CostModel twin_cost(const replay::Study& study, std::string_view gpu_name);

}  // namespace phasewatt::cli
