#pragma once

#include <memory>

#include "phasewatt/device/device.h"
#include "phasewatt/device/nvml/nvml_devices.h"

namespace phasewatt::device::nvml {

/// Where a reading of power comes from.
enum class PowerSource {
  none,
  field,  ///< nvmlDeviceGetFieldValues, NVML_FI_DEV_POWER_INSTANT or _AVERAGE, scope GPU
  /// nvmlDeviceGetPowerUsage. NVML API reference: an average over 1 s on Ampere (except GA100) and newer, the power of
  /// the moment before that and on GA100.
  usage,
};

/// A GPU read through NVML. What it can tell is found out once, at opening; functions that a card lacks are not called
/// again. Thread-safe, as NVML is: a sampler and a window's edge may read at the same time.
class NvmlDevice final : public Device {
 public:
  /// Opens one of list_gpus(), in whatever state: a GPU split by MIG can be looked at too, so whoever measures calls
  /// check_usable() before. An error when it has no handle.
  static Result<std::unique_ptr<NvmlDevice>> open(std::shared_ptr<const Nvml> nvml, const NvmlGpu& gpu);

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  /// Errors: GPU lost or in need of a reset, NVML shut down or its driver gone.
  Result<Readings> read(const ReadMask& what) override;
  void wait(Nanos span) override;

  [[nodiscard]] PowerSource power_instant_source() const { return instant_; }
  [[nodiscard]] PowerSource power_average_source() const { return average_; }

 private:
  NvmlDevice(std::shared_ptr<const Nvml> nvml, const NvmlGpu& gpu);
  Status find_capabilities();
  nvmlReturn_t read_fields(bool instant, bool average, Readings& out) const;
  nvmlReturn_t read_usage(const ReadMask& what, Readings& out) const;
  nvmlReturn_t read_power(const ReadMask& what, Readings& out) const;
  nvmlReturn_t read_energy(Readings& out) const;
  nvmlReturn_t read_clocks(Readings& out) const;
  nvmlReturn_t read_temperature(Readings& out) const;
  nvmlReturn_t read_throttle(Readings& out) const;
  nvmlReturn_t read_utilization(Readings& out) const;
  nvmlReturn_t read_processes(Readings& out) const;

  std::shared_ptr<const Nvml> nvml_;
  nvmlDevice_t gpu_;
  unsigned int index_;
  DeviceInfo info_;
  PowerSource instant_ = PowerSource::none;
  PowerSource average_ = PowerSource::none;
};

}  // namespace phasewatt::device::nvml
