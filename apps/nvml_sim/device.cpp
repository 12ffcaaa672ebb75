// What a card is: constant over its life.
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <string_view>

#include "apps/nvml_sim/exports.h"
#include "apps/nvml_sim/session.h"

// NOLINTBEGIN(readability-identifier-naming): names of the interface.
namespace phasewatt::device::nvml {
namespace {

/// What NVML tells of a card and a spec file does not hold.
struct Facts {
  std::string_view spec;
  unsigned int pci_device_id;
  unsigned int architecture;
  int major;
  int minor;
  nvmlBrandType_t brand;
};
constexpr std::array kFacts{
    Facts{"h200-sxm", 0x233510de, NVML_DEVICE_ARCH_HOPPER, 9, 0, NVML_BRAND_NVIDIA},
    Facts{"rtx-pro-6000-blackwell-ws", 0x2bb110de, NVML_DEVICE_ARCH_BLACKWELL, 12, 0, NVML_BRAND_NVIDIA_RTX},
};
/// Of a card described by the user: the vendor and nothing else.
constexpr Facts kUnknown{"", 0x000010de, NVML_DEVICE_ARCH_UNKNOWN, 0, 0, NVML_BRAND_UNKNOWN};

const Facts& facts(const LiveGpu& gpu) {
  for (const auto& each : kFacts) {
    if (each.spec == gpu.spec().id) return each;
  }
  return kUnknown;
}

template <std::size_t N>
void fill(char (&out)[N], const std::string& text) {
  std::memset(out, 0, N);
  text.copy(out, N - 1);
}

std::string place(const LiveGpu& gpu, int domain_digits) {
  const auto& config = gpu.config();
  return fmt::format("{:0{}X}:{:02X}:{:02X}.0", config.pci_domain, domain_digits, config.pci_bus, config.pci_device);
}

/// A call that only looks at what never changes.
template <class F>
nvmlReturn_t about(nvmlDevice_t device, const void* out, F f) {
  if (out == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return on_device(device, [&](LiveGpu& gpu, GpuState&, std::int64_t) { return f(gpu); });
}

nvmlReturn_t milliwatts(nvmlDevice_t device, unsigned int* out, double sim::GpuSpec::Power::*which) {
  return about(device, out, [&](LiveGpu& gpu) { return put(out, whole(gpu.spec().power.*which * 1e3)); });
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int* index) {
  return about(device, index, [&](LiveGpu&) { return put(index, index_of(device)); });
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int* minor) {
  return nvmlDeviceGetIndex(device, minor);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned int length) {
  return about(device, name, [&](LiveGpu& gpu) { return put_text(gpu.spec().name, name, length); });
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned int length) {
  return about(device, uuid, [&](LiveGpu& gpu) { return put_text(gpu.config().uuid, uuid, length); });
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char* serial, unsigned int length) {
  return about(device, serial, [&](LiveGpu& gpu) { return put_text(gpu.config().uuid.substr(4, 8), serial, length); });
}

nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char* version, unsigned int length) {
  return about(device, version, [&](LiveGpu&) { return put_text("SIMULATED", version, length); });
}

nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t device, unsigned int* id) {
  return about(device, id, [&](LiveGpu& gpu) { return put(id, gpu.config().pci_bus << 8); });
}

nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, nvmlBrandType_t* brand) {
  return about(device, brand, [&](LiveGpu& gpu) { return put(brand, facts(gpu).brand); });
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  return about(device, pci, [&](LiveGpu& gpu) {
    fill(pci->busIdLegacy, place(gpu, 4));
    fill(pci->busId, place(gpu, 8));
    pci->domain = gpu.config().pci_domain;
    pci->bus = gpu.config().pci_bus;
    pci->device = gpu.config().pci_device;
    pci->pciDeviceId = facts(gpu).pci_device_id;
    pci->pciSubSystemId = 0;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_v2_t* pci) {
  return about(device, pci, [&](LiveGpu& gpu) {
    *pci = {};
    fill(pci->busId, place(gpu, 4));
    pci->domain = gpu.config().pci_domain;
    pci->bus = gpu.config().pci_bus;
    pci->device = gpu.config().pci_device;
    pci->pciDeviceId = facts(gpu).pci_device_id;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned int* architecture) {
  return about(device, architecture, [&](LiveGpu& gpu) { return put(architecture, facts(gpu).architecture); });
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int* major, int* minor) {
  if (minor == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return about(device, major, [&](LiveGpu& gpu) {
    if (facts(gpu).major == 0) return NVML_ERROR_NOT_SUPPORTED;
    *major = facts(gpu).major;
    return put(minor, facts(gpu).minor);
  });
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int* limit) {
  return milliwatts(device, limit, &sim::GpuSpec::Power::cap_w);
}
nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned int* limit) {
  return milliwatts(device, limit, &sim::GpuSpec::Power::cap_w);
}
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int* limit) {
  return milliwatts(device, limit, &sim::GpuSpec::Power::cap_w);
}
nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int* least,
                                                          unsigned int* most) {
  const auto result = milliwatts(device, least, &sim::GpuSpec::Power::cap_min_w);
  return result == NVML_SUCCESS ? milliwatts(device, most, &sim::GpuSpec::Power::cap_w) : result;
}

nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, nvmlEnableState_t* mode) {
  return about(device, mode, [&](LiveGpu&) { return put(mode, NVML_FEATURE_ENABLED); });
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int* current, unsigned int* pending) {
  if (pending == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return about(device, current, [&](LiveGpu& gpu) {
    *pending = gpu.config().mig ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE;
    return put(current, *pending);
  });
}

nvmlReturn_t nvmlDeviceGetVirtualizationMode(nvmlDevice_t device, nvmlGpuVirtualizationMode_t* mode) {
  return about(device, mode, [&](LiveGpu& gpu) { return put(mode, gpu.config().virtualization); });
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, nvmlEnableState_t* mode) {
  return about(device, mode, [&](LiveGpu& gpu) {
    return put(mode, gpu.config().persistence ? NVML_FEATURE_ENABLED : NVML_FEATURE_DISABLED);
  });
}

nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, nvmlComputeMode_t* mode) {
  return about(device, mode, [&](LiveGpu&) { return put(mode, NVML_COMPUTEMODE_DEFAULT); });
}

nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t device, nvmlEnableState_t* mode) {
  return about(device, mode, [&](LiveGpu&) { return put(mode, NVML_FEATURE_DISABLED); });
}

nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t device, nvmlEnableState_t* active) {
  return nvmlDeviceGetDisplayMode(device, active);
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, nvmlEnableState_t* current, nvmlEnableState_t* pending) {
  if (pending == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return about(device, current, [&](LiveGpu&) {
    *pending = NVML_FEATURE_ENABLED;
    return put(current, NVML_FEATURE_ENABLED);
  });
}

}  // extern "C"
}  // namespace phasewatt::device::nvml
// NOLINTEND(readability-identifier-naming)
