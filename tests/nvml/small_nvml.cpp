// An NVML with the functions that phasewatt requires and no other, by their oldest names: one nameless old card.
#include <cstring>

#include "phasewatt/device/nvml/nvml_types.h"

// NOLINTBEGIN(readability-identifier-naming): names of the interface.
namespace phasewatt::device::nvml {

struct nvmlDevice_st {
  char place = 0;
};

namespace {
nvmlDevice_st card;
int depth = 0;
}  // namespace

extern "C" {
nvmlReturn_t nvmlInit() {
  ++depth;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlShutdown() { return depth-- > 0 ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED; }
const char* nvmlErrorString(nvmlReturn_t) { return "?"; }
nvmlReturn_t nvmlDeviceGetCount(unsigned int* count) {
  *count = 1;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t* device) {
  *device = &card;
  return index == 0 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t, char* name, unsigned int length) {
  std::strncpy(name, "Old card", length);
  return NVML_SUCCESS;
}
#ifndef WITHOUT_UUID
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t, char* uuid, unsigned int length) {
  std::strncpy(uuid, "GPU-00000000-old", length);
  return NVML_SUCCESS;
}
#endif
/// How many initialisations are open.
int small_nvml_depth() { return depth; }
}
}  // namespace phasewatt::device::nvml
// NOLINTEND(readability-identifier-naming)
