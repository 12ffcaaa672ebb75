// Clocks: what they are, what a lock may ask for, and the lock itself.
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "apps/nvml_sim/exports.h"
#include "apps/nvml_sim/session.h"

// NOLINTBEGIN(readability-identifier-naming): names of the interface.
namespace phasewatt::device::nvml {
namespace {

using sim::live::EventKind;
using sim::live::Permission;

template <class F>
nvmlReturn_t read(nvmlDevice_t device, Feature feature, const void* out, F f) {
  if (out == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  return on_device(device, [&](LiveGpu& gpu, GpuState& state, std::int64_t) {
    return gpu.config().lacks(feature) ? NVML_ERROR_NOT_SUPPORTED : f(gpu, state);
  });
}

bool is_sm(nvmlClockType_t type) { return type == NVML_CLOCK_GRAPHICS || type == NVML_CLOCK_SM; }

nvmlReturn_t bad_type(nvmlClockType_t type) {
  // The video clock is not simulated.
  return type == NVML_CLOCK_VIDEO ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t highest(nvmlDevice_t device, nvmlClockType_t type, unsigned int* mhz) {
  return read(device, Feature::clocks, mhz, [&](LiveGpu& gpu, GpuState&) {
    if (is_sm(type)) return put(mhz, whole(gpu.spec().clocks.sm_max_mhz));
    if (type == NVML_CLOCK_MEM) return put(mhz, whole(gpu.spec().clocks.mem_mhz));
    return bad_type(type);
  });
}

/// Whether this process may change the card's clocks.
nvmlReturn_t may_change(const LiveGpu& gpu, const GpuState& state) {
  const auto& config = gpu.config();
  // A guest's clocks are the host's business.
  if (config.lacks(Feature::locked_clocks) || config.virtualization == NVML_GPU_VIRTUALIZATION_MODE_VGPU)
    return NVML_ERROR_NOT_SUPPORTED;
  if (gpu.active(state, EventKind::permission_denied) != nullptr || config.permission == Permission::none ||
      (config.permission == Permission::root && geteuid() != 0))
    return NVML_ERROR_NO_PERMISSION;
  return NVML_SUCCESS;
}

/// A clock of a request; the symbolic limits stand for clocks of the card.
double mhz_of(const LiveGpu& gpu, unsigned int asked) {
  if (asked == NVML_CLOCK_LIMIT_ID_UNLIMITED) return gpu.spec().clocks.sm_max_mhz;
  if (asked == NVML_CLOCK_LIMIT_ID_TDP) return gpu.spec().clocks.sm_rated_mhz;
  return asked;
}

double switch_cost(const sim::GpuSpec& spec) { return spec.clock_switch.call_s; }

/// Copies a list into a caller's array of `*count` places; `*count` becomes the number there are.
nvmlReturn_t put_list(const std::vector<unsigned int>& list, unsigned int* count, unsigned int* out) {
  const unsigned int room = *count;
  *count = static_cast<unsigned int>(list.size());
  if (list.size() > room) return NVML_ERROR_INSUFFICIENT_SIZE;
  if (out == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  std::copy(list.begin(), list.end(), out);
  return NVML_SUCCESS;
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int* mhz) {
  return read(device, Feature::clocks, mhz, [&](LiveGpu& gpu, GpuState& state) {
    if (is_sm(type)) return put(mhz, whole(gpu.doing(state).mhz));
    if (type == NVML_CLOCK_MEM) return put(mhz, whole(gpu.spec().clocks.mem_mhz));
    return bad_type(type);
  });
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int* mhz) {
  return highest(device, type, mhz);
}
nvmlReturn_t nvmlDeviceGetMaxCustomerBoostClock(nvmlDevice_t device, nvmlClockType_t type, unsigned int* mhz) {
  return highest(device, type, mhz);
}
nvmlReturn_t nvmlDeviceGetApplicationsClock(nvmlDevice_t device, nvmlClockType_t type, unsigned int* mhz) {
  return highest(device, type, mhz);
}
nvmlReturn_t nvmlDeviceGetDefaultApplicationsClock(nvmlDevice_t device, nvmlClockType_t type, unsigned int* mhz) {
  return highest(device, type, mhz);
}
nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t device, nvmlClockType_t type, nvmlClockId_t id, unsigned int* mhz) {
  return id == NVML_CLOCK_ID_CURRENT ? nvmlDeviceGetClockInfo(device, type, mhz) : highest(device, type, mhz);
}

nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t device, unsigned int* count, unsigned int* mhz) {
  return read(device, Feature::supported_clocks, count,
              [&](LiveGpu& gpu, GpuState&) { return put_list({whole(gpu.spec().clocks.mem_mhz)}, count, mhz); });
}

nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t device, unsigned int memory_mhz, unsigned int* count,
                                                  unsigned int* mhz) {
  return read(device, Feature::supported_clocks, count, [&](LiveGpu& gpu, GpuState&) {
    if (memory_mhz != whole(gpu.spec().clocks.mem_mhz)) return NVML_ERROR_NOT_FOUND;
    std::vector<unsigned int> list;
    for (const Mhz clock : gpu.supported_clocks()) list.push_back(whole(clock.value()));
    std::reverse(list.begin(), list.end());  // the highest first
    return put_list(list, count, mhz);
  });
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return read(device, Feature::throttle, reasons,
              [&](LiveGpu& gpu, GpuState& state) { return put(reasons, gpu.doing(state).throttle_mask); });
}
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}

nvmlReturn_t nvmlDeviceGetSupportedClocksEventReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return read(device, Feature::throttle, reasons, [&](LiveGpu&, GpuState&) {
    return put(reasons, nvmlClocksEventReasonGpuIdle | nvmlClocksEventReasonApplicationsClocksSetting |
                            nvmlClocksEventReasonSwPowerCap | nvmlClocksThrottleReasonHwSlowdown |
                            nvmlClocksEventReasonSwThermalSlowdown | nvmlClocksThrottleReasonHwThermalSlowdown);
  });
}
nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return nvmlDeviceGetSupportedClocksEventReasons(device, reasons);
}

nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, nvmlPstates_t* out) {
  return read(device, Feature::clocks, out, [&](LiveGpu& gpu, GpuState& state) {
    return put(out, gpu.doing(state).mhz > gpu.spec().clocks.sm_min_mhz ? NVML_PSTATE_0 : NVML_PSTATE_8);
  });
}
nvmlReturn_t nvmlDeviceGetPowerState(nvmlDevice_t device, nvmlPstates_t* state) {
  return nvmlDeviceGetPerformanceState(device, state);
}

nvmlReturn_t nvmlDeviceSetGpuLockedClocks(nvmlDevice_t device, unsigned int least_mhz, unsigned int most_mhz) {
  return on_device(
      device,
      [&](LiveGpu& gpu, GpuState& state, std::int64_t now) {
        const double least = mhz_of(gpu, least_mhz);
        const double most = mhz_of(gpu, most_mhz);
        if (const auto refused = may_change(gpu, state); refused != NVML_SUCCESS) return refused;
        if (least > most) return NVML_ERROR_INVALID_ARGUMENT;
        gpu.lock(state, {least, most}, getpid(), now);
        return NVML_SUCCESS;
      },
      switch_cost);
}

nvmlReturn_t nvmlDeviceResetGpuLockedClocks(nvmlDevice_t device) {
  return on_device(
      device,
      [&](LiveGpu& gpu, GpuState& state, std::int64_t now) {
        if (const auto refused = may_change(gpu, state); refused != NVML_SUCCESS) return refused;
        gpu.reset_lock(state, getpid(), now);
        return NVML_SUCCESS;
      },
      switch_cost);
}

}  // extern "C"
}  // namespace phasewatt::device::nvml
// NOLINTEND(readability-identifier-naming)
