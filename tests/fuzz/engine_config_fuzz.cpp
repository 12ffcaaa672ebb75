// Any bytes as config.json, and what follows a zero byte as generation_config.json: an error, or a shape within bounds
// whose tensors, frequencies and counts can be computed.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "phasewatt/engine/model/counts.h"
#include "phasewatt/engine/model/safetensors.h"
#include "phasewatt/engine/model/tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phasewatt::engine::model;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_index(text, "index");
  const auto zero = text.find('\0');
  const auto config = zero == std::string_view::npos
                          ? parse_config(text, "config.json")
                          : parse_config(text.substr(0, zero), "config.json", text.substr(zero + 1));
  if (!config) {
    if (config.error().what.empty()) std::abort();
    return 0;
  }
  if (needed_tensors(*config).size() < static_cast<std::size_t>(config->layers)) std::abort();
  for (const float frequency : rope_frequencies(*config))
    if (!std::isfinite(frequency) || frequency < 0) std::abort();
  const SequencePass pass{3, 5, 1, false};
  const auto count = count_pass(*config, {&pass, 1}, {});
  if (!(count.flops > 0) || !(count.bytes() > 0) || !(config->parameters() > 0)) std::abort();
  return 0;
}
