// What a card's sensors and counters say, and who uses it.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "apps/nvml_sim/exports.h"
#include "apps/nvml_sim/session.h"
#include "phasewatt/sim/live/claim.h"

// NOLINTBEGIN(readability-identifier-naming): names of the interface.
namespace phasewatt::device::nvml {
namespace {

using sim::live::EventKind;

double average_cost(const sim::GpuSpec& spec) { return spec.sensor.power_avg.call_s; }
double instant_cost(const sim::GpuSpec& spec) { return spec.sensor.power_inst.call_s; }
double energy_cost(const sim::GpuSpec& spec) { return spec.sensor.energy.call_s; }

/// A call that reads something the card may have been told to lack.
template <class F>
nvmlReturn_t read(nvmlDevice_t device, Feature feature, const void* out, F f, const CallCost& cost = {}) {
  if (out == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return on_device(
      device,
      [&](LiveGpu& gpu, GpuState& state, std::int64_t) {
        return gpu.config().lacks(feature) ? NVML_ERROR_NOT_SUPPORTED : f(gpu, state);
      },
      cost);
}

unsigned long long millijoules(LiveGpu& gpu, GpuState& state) {
  return static_cast<unsigned long long>(std::llround(gpu.energy_j(state) * 1e3));
}

void set_value(nvmlFieldValue_t& field, unsigned int value) {
  field.valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
  field.value.uiVal = value;
  field.nvmlReturn = NVML_SUCCESS;
}

bool is_energy(unsigned int field) {
  return field == NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION || field == NVML_FI_DEV_ENERGY;
}

/// Fills one field; its result says whether the card has it.
void read_field(LiveGpu& gpu, GpuState& state, nvmlFieldValue_t& field) {
  const auto& config = gpu.config();
  const auto& power = gpu.spec().power;
  field.nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
  if (field.scopeId != NVML_POWER_SCOPE_GPU) return;
  switch (field.fieldId) {
    case NVML_FI_DEV_POWER_INSTANT:
      if (!config.lacks(Feature::power_instant)) set_value(field, whole(gpu.power_instant_w(state) * 1e3));
      return;
    case NVML_FI_DEV_POWER_AVERAGE:
      if (!config.lacks(Feature::power_average)) set_value(field, whole(gpu.power_average_w(state) * 1e3));
      return;
    case NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION:
    case NVML_FI_DEV_ENERGY:
      if (config.lacks(Feature::energy)) return;
      field.valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
      field.value.ullVal = millijoules(gpu, state);
      field.nvmlReturn = NVML_SUCCESS;
      return;
    case NVML_FI_DEV_POWER_MIN_LIMIT: set_value(field, whole(power.cap_min_w * 1e3)); return;
    case NVML_FI_DEV_POWER_MAX_LIMIT:
    case NVML_FI_DEV_POWER_DEFAULT_LIMIT:
    case NVML_FI_DEV_POWER_CURRENT_LIMIT:
    case NVML_FI_DEV_POWER_REQUESTED_LIMIT: set_value(field, whole(power.cap_w * 1e3)); return;
    default: return;
  }
}

long long epoch_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

/// Pid → bytes of every process with a context; a foreign one does not say how much.
std::map<std::int32_t, unsigned long long> processes(const LiveGpu& gpu, const GpuState& state) {
  std::map<std::int32_t, unsigned long long> out;
  for (const auto& each : state.processes) {
    if (each.pid != 0) out[each.pid] += static_cast<unsigned long long>(each.bytes);
  }
  for (const auto& event : state.events) {
    if (event.kind == EventKind::foreign_process && event.begin <= state.now && state.now < event.end)
      out.emplace(event.pid != 0 ? event.pid : 1, NVML_VALUE_NOT_AVAILABLE);
  }
  (void)gpu;
  return out;
}

template <class Info>
nvmlReturn_t list_processes(nvmlDevice_t device, unsigned int* count, Info* infos) {
  return read(device, Feature::processes, count, [&](LiveGpu& gpu, GpuState& state) {
    const auto found = processes(gpu, state);
    const unsigned int room = *count;
    *count = static_cast<unsigned int>(found.size());
    if (found.size() > room) return NVML_ERROR_INSUFFICIENT_SIZE;
    if (!found.empty() && infos == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
    for (const auto& [pid, bytes] : found) {
      *infos = {};
      infos->pid = static_cast<unsigned int>(pid);
      infos->usedGpuMemory = bytes;
      if constexpr (requires { infos->gpuInstanceId; })
        infos->gpuInstanceId = infos->computeInstanceId = NVML_NO_INSTANCE;
      ++infos;
    }
    return NVML_SUCCESS;
  });
}

/// No graphics and no MPS on these cards: an empty list.
nvmlReturn_t no_processes(nvmlDevice_t device, unsigned int* count) {
  return read(device, Feature::processes, count, [&](LiveGpu&, GpuState&) { return put(count, 0); });
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int* milliwatts) {
  return read(
      device, Feature::power_average, milliwatts,
      [&](LiveGpu& gpu, GpuState& state) { return put(milliwatts, whole(gpu.power_average_w(state) * 1e3)); },
      average_cost);
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long* out) {
  return read(
      device, Feature::energy, out, [&](LiveGpu& gpu, GpuState& state) { return put(out, millijoules(gpu, state)); },
      energy_cost);
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t* values) {
  if (count <= 0 || values == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  const auto cost = [&](const sim::GpuSpec& spec) {
    double seconds = 0;
    for (int i = 0; i < count; ++i) {
      const unsigned int id = values[i].fieldId;
      if (is_energy(id)) seconds += energy_cost(spec);
      if (id == NVML_FI_DEV_POWER_INSTANT) seconds += instant_cost(spec);
      if (id == NVML_FI_DEV_POWER_AVERAGE) seconds += average_cost(spec);
    }
    return seconds;
  };
  return on_device(
      device,
      [&](LiveGpu& gpu, GpuState& state, std::int64_t) {
        for (int i = 0; i < count; ++i) {
          values[i].timestamp = epoch_us();
          values[i].latencyUsec = 0;
          read_field(gpu, state, values[i]);
        }
        return NVML_SUCCESS;
      },
      cost);
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int* celsius) {
  if (sensor != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
  return read(device, Feature::temperature, celsius,
              [&](LiveGpu& gpu, GpuState& state) { return put(celsius, std::max(0, gpu.temperature_c(state))); });
}

nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, nvmlTemperatureThresholds_t threshold,
                                               unsigned int* celsius) {
  return read(device, Feature::temperature, celsius, [&](LiveGpu& gpu, GpuState&) {
    const auto& heat = gpu.spec().thermal;
    if (threshold == NVML_TEMPERATURE_THRESHOLD_SHUTDOWN) return put(celsius, whole(heat.shutdown_c));
    if (threshold == NVML_TEMPERATURE_THRESHOLD_SLOWDOWN || threshold == NVML_TEMPERATURE_THRESHOLD_GPU_MAX)
      return put(celsius, whole(heat.slow_c));
    return NVML_ERROR_NOT_SUPPORTED;
  });
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* utilization) {
  return read(device, Feature::utilization, utilization, [&](LiveGpu& gpu, GpuState& state) {
    if (gpu.config().mig) return NVML_ERROR_NOT_SUPPORTED;
    const auto share = gpu.utilization(state);
    *utilization = {whole(share.gpu * 100), whole(share.memory * 100)};
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  return read(device, Feature::processes, memory, [&](LiveGpu& gpu, GpuState& state) {
    memory->total = static_cast<unsigned long long>(gpu.spec().silicon.mem_bytes);
    memory->used = static_cast<unsigned long long>(sim::live::used_bytes(state));
    memory->free = memory->total - memory->used;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t* memory) {
  if (memory != nullptr && memory->version != nvmlMemory_v2) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  return read(device, Feature::processes, memory, [&](LiveGpu& gpu, GpuState& state) {
    memory->total = static_cast<unsigned long long>(gpu.spec().silicon.mem_bytes);
    memory->reserved = static_cast<unsigned long long>(sim::live::kReservedBytes);
    memory->used = static_cast<unsigned long long>(sim::live::used_bytes(state)) - memory->reserved;
    memory->free = memory->total - memory->reserved - memory->used;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count,
                                                     nvmlProcessInfo_t* infos) {
  return list_processes(device, count, infos);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int* count,
                                                     nvmlProcessInfo_t* infos) {
  return list_processes(device, count, infos);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned int* count,
                                                  nvmlProcessInfo_v1_t* infos) {
  return list_processes(device, count, infos);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_t*) {
  return no_processes(device, count);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_t*) {
  return no_processes(device, count);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v1_t*) {
  return no_processes(device, count);
}
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_t*) {
  return no_processes(device, count);
}

nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t device, unsigned int* per_cent) {
  // Fans are not simulated.
  return read(device, Feature::temperature, per_cent, [](LiveGpu&, GpuState&) { return NVML_ERROR_NOT_SUPPORTED; });
}
nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned int* per_cent, unsigned int* period_us) {
  if (period_us == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return read(device, Feature::utilization, per_cent, [&](LiveGpu&, GpuState&) {
    *period_us = 1'000'000;
    return put(per_cent, 0);
  });
}
nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t device, unsigned int* per_cent, unsigned int* period_us) {
  return nvmlDeviceGetEncoderUtilization(device, per_cent, period_us);
}

}  // extern "C"
}  // namespace phasewatt::device::nvml
// NOLINTEND(readability-identifier-naming)
