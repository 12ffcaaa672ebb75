#pragma once

#include "phasewatt/device/nvml/nvml_types.h"

/// The NVML functions that phasewatt calls, once. From these lists come the struct of function pointers that a loader
/// fills, the declarations against which the simulated library is compiled, and a trace.
///
///   X(need, member, result, parameters, newest, older)
///
///   need        required: without it there is no NVML; optional: without it a reading is absent
///   member      name in a struct of function pointers
///   newest      symbol to look up first
///   older       symbol of the same signature and layout to look up next; the newest again where there is none
///
/// Functions whose older form has another layout have a member of their own (`..._v1`). Example:
///
///   struct NvmlApi {
///   #define PHASEWATT_MEMBER(need, member, result, parameters, newest, older) result(*member) parameters = nullptr;
///     PHASEWATT_NVML_READ(PHASEWATT_MEMBER)
///   #undef PHASEWATT_MEMBER
///   };
// One function a row.
// clang-format off

/// Everything that only reads. Safe without privilege.
#define PHASEWATT_NVML_READ(X) \
  X(required, init, nvmlReturn_t, (), nvmlInit_v2, nvmlInit) \
  X(required, shutdown, nvmlReturn_t, (), nvmlShutdown, nvmlShutdown) \
  X(required, error_string, const char*, (nvmlReturn_t result), nvmlErrorString, nvmlErrorString) \
  X(optional, system_driver_version, nvmlReturn_t, (char* version, unsigned int length), nvmlSystemGetDriverVersion, nvmlSystemGetDriverVersion) \
  X(optional, system_nvml_version, nvmlReturn_t, (char* version, unsigned int length), nvmlSystemGetNVMLVersion, nvmlSystemGetNVMLVersion) \
  X(optional, system_cuda_driver_version, nvmlReturn_t, (int* version), nvmlSystemGetCudaDriverVersion_v2, nvmlSystemGetCudaDriverVersion) \
  X(optional, system_process_name, nvmlReturn_t, (unsigned int pid, char* name, unsigned int length), nvmlSystemGetProcessName, nvmlSystemGetProcessName) \
  X(required, device_count, nvmlReturn_t, (unsigned int* count), nvmlDeviceGetCount_v2, nvmlDeviceGetCount) \
  X(required, device_by_index, nvmlReturn_t, (unsigned int index, nvmlDevice_t* device), nvmlDeviceGetHandleByIndex_v2, nvmlDeviceGetHandleByIndex) \
  X(optional, device_by_uuid, nvmlReturn_t, (const char* uuid, nvmlDevice_t* device), nvmlDeviceGetHandleByUUID, nvmlDeviceGetHandleByUUID) \
  X(optional, device_by_pci_bus_id, nvmlReturn_t, (const char* bus_id, nvmlDevice_t* device), nvmlDeviceGetHandleByPciBusId_v2, nvmlDeviceGetHandleByPciBusId) \
  X(optional, index, nvmlReturn_t, (nvmlDevice_t device, unsigned int* index), nvmlDeviceGetIndex, nvmlDeviceGetIndex) \
  X(required, name, nvmlReturn_t, (nvmlDevice_t device, char* name, unsigned int length), nvmlDeviceGetName, nvmlDeviceGetName) \
  X(required, uuid, nvmlReturn_t, (nvmlDevice_t device, char* uuid, unsigned int length), nvmlDeviceGetUUID, nvmlDeviceGetUUID) \
  X(optional, pci_info, nvmlReturn_t, (nvmlDevice_t device, nvmlPciInfo_t* pci), nvmlDeviceGetPciInfo_v3, nvmlDeviceGetPciInfo_v3) \
  X(optional, architecture, nvmlReturn_t, (nvmlDevice_t device, unsigned int* architecture), nvmlDeviceGetArchitecture, nvmlDeviceGetArchitecture) \
  X(optional, cuda_capability, nvmlReturn_t, (nvmlDevice_t device, int* major, int* minor), nvmlDeviceGetCudaComputeCapability, nvmlDeviceGetCudaComputeCapability) \
  X(optional, power_usage, nvmlReturn_t, (nvmlDevice_t device, unsigned int* milliwatts), nvmlDeviceGetPowerUsage, nvmlDeviceGetPowerUsage) \
  X(optional, total_energy, nvmlReturn_t, (nvmlDevice_t device, unsigned long long* millijoules), nvmlDeviceGetTotalEnergyConsumption, nvmlDeviceGetTotalEnergyConsumption) \
  X(optional, field_values, nvmlReturn_t, (nvmlDevice_t device, int count, nvmlFieldValue_t* values), nvmlDeviceGetFieldValues, nvmlDeviceGetFieldValues) \
  X(optional, clock_info, nvmlReturn_t, (nvmlDevice_t device, nvmlClockType_t type, unsigned int* mhz), nvmlDeviceGetClockInfo, nvmlDeviceGetClockInfo) \
  X(optional, max_clock_info, nvmlReturn_t, (nvmlDevice_t device, nvmlClockType_t type, unsigned int* mhz), nvmlDeviceGetMaxClockInfo, nvmlDeviceGetMaxClockInfo) \
  X(optional, supported_memory_clocks, nvmlReturn_t, (nvmlDevice_t device, unsigned int* count, unsigned int* mhz), nvmlDeviceGetSupportedMemoryClocks, nvmlDeviceGetSupportedMemoryClocks) \
  X(optional, supported_graphics_clocks, nvmlReturn_t, (nvmlDevice_t device, unsigned int memory_mhz, unsigned int* count, unsigned int* mhz), nvmlDeviceGetSupportedGraphicsClocks, nvmlDeviceGetSupportedGraphicsClocks) \
  X(optional, clocks_event_reasons, nvmlReturn_t, (nvmlDevice_t device, unsigned long long* reasons), nvmlDeviceGetCurrentClocksEventReasons, nvmlDeviceGetCurrentClocksThrottleReasons) \
  X(optional, supported_clocks_event_reasons, nvmlReturn_t, (nvmlDevice_t device, unsigned long long* reasons), nvmlDeviceGetSupportedClocksEventReasons, nvmlDeviceGetSupportedClocksThrottleReasons) \
  X(optional, performance_state, nvmlReturn_t, (nvmlDevice_t device, nvmlPstates_t* state), nvmlDeviceGetPerformanceState, nvmlDeviceGetPerformanceState) \
  X(optional, temperature, nvmlReturn_t, (nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int* celsius), nvmlDeviceGetTemperature, nvmlDeviceGetTemperature) \
  X(optional, temperature_threshold, nvmlReturn_t, (nvmlDevice_t device, nvmlTemperatureThresholds_t threshold, unsigned int* celsius), nvmlDeviceGetTemperatureThreshold, nvmlDeviceGetTemperatureThreshold) \
  X(optional, utilization, nvmlReturn_t, (nvmlDevice_t device, nvmlUtilization_t* utilization), nvmlDeviceGetUtilizationRates, nvmlDeviceGetUtilizationRates) \
  X(optional, memory_info, nvmlReturn_t, (nvmlDevice_t device, nvmlMemory_t* memory), nvmlDeviceGetMemoryInfo, nvmlDeviceGetMemoryInfo) \
  X(optional, compute_processes, nvmlReturn_t, (nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_t* infos), nvmlDeviceGetComputeRunningProcesses_v3, nvmlDeviceGetComputeRunningProcesses_v2) \
  X(optional, compute_processes_v1, nvmlReturn_t, (nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v1_t* infos), nvmlDeviceGetComputeRunningProcesses, nvmlDeviceGetComputeRunningProcesses) \
  X(optional, power_limit, nvmlReturn_t, (nvmlDevice_t device, unsigned int* milliwatts), nvmlDeviceGetPowerManagementLimit, nvmlDeviceGetPowerManagementLimit) \
  X(optional, default_power_limit, nvmlReturn_t, (nvmlDevice_t device, unsigned int* milliwatts), nvmlDeviceGetPowerManagementDefaultLimit, nvmlDeviceGetPowerManagementDefaultLimit) \
  X(optional, enforced_power_limit, nvmlReturn_t, (nvmlDevice_t device, unsigned int* milliwatts), nvmlDeviceGetEnforcedPowerLimit, nvmlDeviceGetEnforcedPowerLimit) \
  X(optional, power_limit_range, nvmlReturn_t, (nvmlDevice_t device, unsigned int* least, unsigned int* most), nvmlDeviceGetPowerManagementLimitConstraints, nvmlDeviceGetPowerManagementLimitConstraints) \
  X(optional, mig_mode, nvmlReturn_t, (nvmlDevice_t device, unsigned int* current, unsigned int* pending), nvmlDeviceGetMigMode, nvmlDeviceGetMigMode) \
  X(optional, virtualization_mode, nvmlReturn_t, (nvmlDevice_t device, nvmlGpuVirtualizationMode_t* mode), nvmlDeviceGetVirtualizationMode, nvmlDeviceGetVirtualizationMode) \
  X(optional, persistence_mode, nvmlReturn_t, (nvmlDevice_t device, nvmlEnableState_t* mode), nvmlDeviceGetPersistenceMode, nvmlDeviceGetPersistenceMode) \
  X(optional, compute_mode, nvmlReturn_t, (nvmlDevice_t device, nvmlComputeMode_t* mode), nvmlDeviceGetComputeMode, nvmlDeviceGetComputeMode)

/// What changes a card. Only apps/clockd calls these, and the simulated library answers them; the programs and rooms
/// never load them.
#define PHASEWATT_NVML_WRITE(X) \
  X(optional, set_locked_clocks, nvmlReturn_t, (nvmlDevice_t device, unsigned int least_mhz, unsigned int most_mhz), nvmlDeviceSetGpuLockedClocks, nvmlDeviceSetGpuLockedClocks) \
  X(optional, reset_locked_clocks, nvmlReturn_t, (nvmlDevice_t device), nvmlDeviceResetGpuLockedClocks, nvmlDeviceResetGpuLockedClocks)

// clang-format on
