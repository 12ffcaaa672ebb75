// Any bytes as a safetensors file, whole or only its front: an error, or tensors inside the file, one behind the other.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "phasewatt/engine/model/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phasewatt::engine::model;
  const auto file = std::as_bytes(std::span(data, size));
  // A file that is larger than what is looked at must not be read beyond it.
  (void)parse_safetensors(file, size + 1000, "front");
  const auto entries = parse_safetensors(file, size, "whole");
  if (!entries) {
    if (entries.error().what.empty()) std::abort();
    return 0;
  }
  std::uint64_t last = 0;
  unsigned sum = 0;
  for (const auto& entry : *entries) {
    if (entry.begin < last || entry.end < entry.begin || entry.end > size) std::abort();
    last = entry.end;
    std::uint64_t bytes = size_of(entry.dtype);
    for (const auto dimension : entry.shape) bytes *= static_cast<std::uint64_t>(dimension);
    if (bytes != entry.end - entry.begin) std::abort();
    for (const auto byte : file.subspan(entry.begin, bytes)) sum += std::to_integer<unsigned>(byte);
  }
  if (!entries->empty() && last != size) std::abort();
  return sum == 0xFFFFFFFFU ? 1 : 0;
}
