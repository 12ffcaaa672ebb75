#pragma once

#include "phasewatt/device/rocm/rsmi_types.h"

/// The ROCm SMI functions that phasewatt calls, once; all of them only read. From this list come the struct of function
/// pointers that the loader fills and the declarations against which the simulated library of the tests is compiled.
///
///   X(need, member, result, parameters, symbol)
///
///   need     required: without it there is no ROCm SMI; optional: without it a reading is absent
///   member   name in the struct of function pointers
// One function a row.
// clang-format off
#define PHASEWATT_RSMI(X) \
  X(required, init, rsmi_status_t, (std::uint64_t flags), rsmi_init) \
  X(required, shut_down, rsmi_status_t, (), rsmi_shut_down) \
  X(required, device_count, rsmi_status_t, (std::uint32_t* count), rsmi_num_monitor_devices) \
  X(optional, status_string, rsmi_status_t, (rsmi_status_t status, const char** text), rsmi_status_string) \
  X(optional, version, rsmi_status_t, (rsmi_version_t* version), rsmi_version_get) \
  X(optional, component_version, rsmi_status_t, (rsmi_sw_component_t component, char* version, std::uint32_t length), rsmi_version_str_get) \
  X(optional, name, rsmi_status_t, (std::uint32_t device, char* name, std::size_t length), rsmi_dev_name_get) \
  X(optional, unique_id, rsmi_status_t, (std::uint32_t device, std::uint64_t* id), rsmi_dev_unique_id_get) \
  X(optional, pci_id, rsmi_status_t, (std::uint32_t device, std::uint64_t* bdf), rsmi_dev_pci_id_get) \
  X(optional, memory_total, rsmi_status_t, (std::uint32_t device, rsmi_memory_type_t type, std::uint64_t* bytes), rsmi_dev_memory_total_get) \
  X(optional, power_cap, rsmi_status_t, (std::uint32_t device, std::uint32_t sensor, std::uint64_t* microwatts), rsmi_dev_power_cap_get) \
  X(optional, power_average, rsmi_status_t, (std::uint32_t device, std::uint32_t sensor, std::uint64_t* microwatts), rsmi_dev_power_ave_get) \
  X(optional, power, rsmi_status_t, (std::uint32_t device, std::uint64_t* microwatts, RSMI_POWER_TYPE* type), rsmi_dev_power_get) \
  X(optional, energy_count, rsmi_status_t, (std::uint32_t device, std::uint64_t* count, float* resolution, std::uint64_t* timestamp), rsmi_dev_energy_count_get) \
  X(optional, clock_frequencies, rsmi_status_t, (std::uint32_t device, rsmi_clk_type_t clock, rsmi_frequencies_room_t* frequencies), rsmi_dev_gpu_clk_freq_get) \
  X(optional, temperature, rsmi_status_t, (std::uint32_t device, std::uint32_t sensor, rsmi_temperature_metric_t metric, std::int64_t* millidegrees), rsmi_dev_temp_metric_get) \
  X(optional, busy_percent, rsmi_status_t, (std::uint32_t device, std::uint32_t* percent), rsmi_dev_busy_percent_get) \
  X(optional, memory_busy_percent, rsmi_status_t, (std::uint32_t device, std::uint32_t* percent), rsmi_dev_memory_busy_percent_get)
// clang-format on
