// Any bytes as the configuration of the simulated NVML: an error or cards that can be started and run, never a crash.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "phasewatt/sim/live/gpu.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phasewatt::sim::live;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.find(".toml") != std::string_view::npos) return 0;  // would read files of this machine
  const auto config = parse_live_config(text, "fuzz");
  if (!config) return 0;
  static const auto state = std::make_unique<GpuState>();
  for (const auto& each : config->gpus) {
    LiveGpu gpu(each, config->seed, config->noise);
    std::int64_t now = 1'000'000'000'000;
    gpu.start(*state, now);
    for (int i = 0; i < 4; ++i) gpu.advance(*state, now += 61'300'000);
    if (!std::isfinite(state->joules) || state->joules < 0 || !std::isfinite(gpu.power_average_w(*state))) std::abort();
  }
  return 0;
}
