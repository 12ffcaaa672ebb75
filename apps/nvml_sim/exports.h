#pragma once

#include "phasewatt/device/nvml/nvml_entry_points.h"

/// The symbols of the library: those of the two lists, so that a definition with another signature does not compile,
/// and those that other people's clients look up. Everything else is hidden.
// NOLINTBEGIN(readability-identifier-naming): names of the interface.
namespace phasewatt::device::nvml {

#define PHASEWATT_NVML_EXPORT __attribute__((visibility("default")))

extern "C" {
#define PHASEWATT_DECLARE(need, member, result, parameters, newest, older) \
  PHASEWATT_NVML_EXPORT result newest parameters;                          \
  PHASEWATT_NVML_EXPORT result older parameters;
PHASEWATT_NVML_READ(PHASEWATT_DECLARE)
PHASEWATT_NVML_WRITE(PHASEWATT_DECLARE)
#undef PHASEWATT_DECLARE

// By this one a client knows that nothing here is real, whatever the library's file is called. Returns its version.
PHASEWATT_NVML_EXPORT const char* nvmlPhasewattSimulated();

// What phasewatt does not call, but others do.
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned int flags);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_v2_t* pci);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int* minor);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char* serial, unsigned int length);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char* version, unsigned int length);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, nvmlBrandType_t* brand);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t device, unsigned int* id);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t device, unsigned int* generation);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t device, unsigned int* lanes);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t device, unsigned int* generation);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t device, unsigned int* lanes);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, unsigned int counter,
                                                               unsigned int* kilobytes_per_s);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t* memory);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t device, nvmlClockType_t type, nvmlClockId_t id,
                                                      unsigned int* mhz);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetMaxCustomerBoostClock(nvmlDevice_t device, nvmlClockType_t type,
                                                                      unsigned int* mhz);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetApplicationsClock(nvmlDevice_t device, nvmlClockType_t type,
                                                                  unsigned int* mhz);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetDefaultApplicationsClock(nvmlDevice_t device, nvmlClockType_t type,
                                                                         unsigned int* mhz);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetPowerState(nvmlDevice_t device, nvmlPstates_t* state);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, nvmlEnableState_t* mode);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_v1_t* temperature);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t device, unsigned int* per_cent);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned int* per_cent,
                                                                   unsigned int* period_us);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t device, unsigned int* per_cent,
                                                                   unsigned int* period_us);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t device, nvmlEnableState_t* mode);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t device, nvmlEnableState_t* active);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, nvmlEnableState_t* current,
                                                        nvmlEnableState_t* pending);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int* count,
                                                                           nvmlProcessInfo_t* infos);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int* count,
                                                                            nvmlProcessInfo_t* infos);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, unsigned int* count,
                                                                            nvmlProcessInfo_t* infos);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned int* count,
                                                                         nvmlProcessInfo_v1_t* infos);
PHASEWATT_NVML_EXPORT nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count,
                                                                              nvmlProcessInfo_t* infos);
}

}  // namespace phasewatt::device::nvml
// NOLINTEND(readability-identifier-naming)
