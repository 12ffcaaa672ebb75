// Any bytes as a GPU, model or host file: an error or a spec, never a crash; a spec that reads can be evaluated.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "phasewatt/sim/gpu_model.h"
#include "phasewatt/sim/spec_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phasewatt;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)sim::parse_runtime(text, "fuzz", "eager");
  const auto arch = sim::parse_arch(text, "fuzz");
  if (arch && !(arch->params() > 0)) std::abort();
  if (const auto gpu = sim::parse_gpu(text, "fuzz")) {
    static const auto model = sim::find_arch("llama-3.2-1b").value();
    const auto out = sim::eval(*gpu, {}, model, {Phase::decode, 1, 1, 100, 1}, gpu->clocks.sm_max_mhz);
    if (std::isnan(out.energy_j)) std::abort();
  }
  return 0;
}
