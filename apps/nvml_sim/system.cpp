// Library, driver, and how to get at a card.
#include <fmt/format.h>

#include <array>

#include "apps/nvml_sim/exports.h"
#include "apps/nvml_sim/session.h"
#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"

// NOLINTBEGIN(readability-identifier-naming): names of the interface.
namespace phasewatt::device::nvml {
namespace {

struct ErrorText {
  nvmlReturn_t code;
  const char* text;
};
constexpr std::array kErrorTexts{
    ErrorText{NVML_SUCCESS, "Success"},
    ErrorText{NVML_ERROR_UNINITIALIZED, "Uninitialized"},
    ErrorText{NVML_ERROR_INVALID_ARGUMENT, "Invalid Argument"},
    ErrorText{NVML_ERROR_NOT_SUPPORTED, "Not Supported"},
    ErrorText{NVML_ERROR_NO_PERMISSION, "Insufficient Permissions"},
    ErrorText{NVML_ERROR_ALREADY_INITIALIZED, "Already Initialized"},
    ErrorText{NVML_ERROR_NOT_FOUND, "Not Found"},
    ErrorText{NVML_ERROR_INSUFFICIENT_SIZE, "Insufficient Size"},
    ErrorText{NVML_ERROR_INSUFFICIENT_POWER, "Insufficient External Power"},
    ErrorText{NVML_ERROR_DRIVER_NOT_LOADED, "Driver Not Loaded"},
    ErrorText{NVML_ERROR_TIMEOUT, "Timeout"},
    ErrorText{NVML_ERROR_IRQ_ISSUE, "Interrupt Request Issue"},
    ErrorText{NVML_ERROR_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found"},
    ErrorText{NVML_ERROR_FUNCTION_NOT_FOUND, "Function Not Found"},
    ErrorText{NVML_ERROR_CORRUPTED_INFOROM, "Corrupted infoROM"},
    ErrorText{NVML_ERROR_GPU_IS_LOST, "GPU is lost"},
    ErrorText{NVML_ERROR_RESET_REQUIRED, "GPU requires restart"},
    ErrorText{NVML_ERROR_OPERATING_SYSTEM, "The operating system has blocked the request."},
    ErrorText{NVML_ERROR_LIB_RM_VERSION_MISMATCH, "Driver/library version mismatch"},
    ErrorText{NVML_ERROR_IN_USE, "In Use"},
    ErrorText{NVML_ERROR_MEMORY, "Insufficient Memory"},
    ErrorText{NVML_ERROR_NO_DATA, "No Data"},
    ErrorText{NVML_ERROR_INSUFFICIENT_RESOURCES, "Insufficient Resources"},
    ErrorText{NVML_ERROR_FREQ_NOT_SUPPORTED, "Frequency Not Supported"},
    ErrorText{NVML_ERROR_ARGUMENT_VERSION_MISMATCH, "Argument Version Mismatch"},
    ErrorText{NVML_ERROR_DEPRECATED, "Deprecated"},
    ErrorText{NVML_ERROR_NOT_READY, "Not Ready"},
    ErrorText{NVML_ERROR_GPU_NOT_FOUND, "GPU Not Found"},
    ErrorText{NVML_ERROR_INVALID_STATE, "Invalid State"},
};

/// A handle is given out by a call about the card, so that a lost one is an error here already.
nvmlReturn_t give_handle(std::size_t index, nvmlDevice_t* device) {
  const nvmlDevice_t handle = handle_of(index);
  return on_device(handle, [&](LiveGpu&, GpuState&, std::int64_t) { return put(device, handle); });
}

}  // namespace

extern "C" {

const char* nvmlPhasewattSimulated() { return "nvml-sim/1"; }

nvmlReturn_t nvmlInit_v2() { return open_session(); }
nvmlReturn_t nvmlInit() { return open_session(); }
nvmlReturn_t nvmlInitWithFlags(unsigned int) { return open_session(); }
nvmlReturn_t nvmlShutdown() { return close_session(); }

const char* nvmlErrorString(nvmlReturn_t result) {
  for (const auto& each : kErrorTexts) {
    if (each.code == result) return each.text;
  }
  return "Unknown Error";
}

nvmlReturn_t nvmlSystemGetDriverVersion(char* version, unsigned int length) {
  const auto rig = session();
  return rig ? put_text(rig->config().driver_version, version, length) : NVML_ERROR_UNINITIALIZED;
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char* version, unsigned int length) {
  const auto rig = session();
  if (!rig) return NVML_ERROR_UNINITIALIZED;
  const auto& config = rig->config();
  return put_text(fmt::format("{}.{}", config.cuda_version / 1000, config.driver_version), version, length);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int* version) {
  const auto rig = session();
  if (version == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  // The interface wants no initialisation for this one; without it we do not know which driver is played.
  return rig ? put(version, rig->config().cuda_version) : NVML_ERROR_UNINITIALIZED;
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int* version) { return nvmlSystemGetCudaDriverVersion_v2(version); }

nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char* name, unsigned int length) {
  const auto line = read_file(fmt::format("/proc/{}/cmdline", pid));
  if (!line) return NVML_ERROR_NOT_FOUND;
  return put_text(line->substr(0, line->find('\0')), name, length);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* count) {
  const auto rig = session();
  if (!rig) return NVML_ERROR_UNINITIALIZED;
  return count != nullptr ? put(count, rig->gpu_count()) : NVML_ERROR_INVALID_ARGUMENT;
}
nvmlReturn_t nvmlDeviceGetCount(unsigned int* count) { return nvmlDeviceGetCount_v2(count); }

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) {
  const auto rig = session();
  if (!rig) return NVML_ERROR_UNINITIALIZED;
  if (device == nullptr || index >= rig->gpu_count()) return NVML_ERROR_INVALID_ARGUMENT;
  return give_handle(index, device);
}
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByIndex_v2(index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) {
  const auto rig = session();
  if (!rig) return NVML_ERROR_UNINITIALIZED;
  if (uuid == nullptr || device == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  for (std::size_t i = 0; i < rig->gpu_count(); ++i) {
    if (rig->config().gpus[i].uuid == uuid) return give_handle(i, device);
  }
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, nvmlDevice_t* device) {
  const auto rig = session();
  if (!rig) return NVML_ERROR_UNINITIALIZED;
  if (bus_id == nullptr || device == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  const std::string wanted = to_lower_ascii(bus_id);
  for (std::size_t i = 0; i < rig->gpu_count(); ++i) {
    const auto& gpu = rig->config().gpus[i];
    const std::string place = fmt::format("{:02x}:{:02x}.0", gpu.pci_bus, gpu.pci_device);
    // The domain may have eight digits, four, or be left out.
    if (wanted == fmt::format("{:08x}:{}", gpu.pci_domain, place) ||
        wanted == fmt::format("{:04x}:{}", gpu.pci_domain, place) || wanted == place)
      return give_handle(i, device);
  }
  return NVML_ERROR_NOT_FOUND;
}
nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char* bus_id, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByPciBusId_v2(bus_id, device);
}

}  // extern "C"
}  // namespace phasewatt::device::nvml
// NOLINTEND(readability-identifier-naming)
