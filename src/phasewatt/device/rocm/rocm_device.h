#pragma once

#include <memory>
#include <string>
#include <vector>

#include "phasewatt/device/device.h"
#include "phasewatt/device/rocm/rsmi_library.h"

namespace phasewatt::device::rocm {

/// An AMD GPU, read through ROCm SMI. What the card or its driver does not offer is absent:
///
///   power_instant   the current socket power (MI300 and newer)
///   power_average   the driver's short average (older cards)
///   energy          count × resolution since the driver was loaded; absent while the counter shows less than before
///   sm_clock, memory_clock   the marked level of the shader and of the memory clock
///   temperature     edge, where the card has that sensor; else junction
///   gpu_utilization, memory_utilization   the shares of the last period in which the card and its memory were busy
///
/// Always absent: throttle_mask, because ROCm SMI has no reasons that mean what NVML's bits mean; other_processes.
///
/// What a card has is found out once, at opening. A call that another program's lock on the card keeps from answering
/// (ROCm SMI waits some seconds for it) leaves its reading absent. Errors: card gone, permission taken away, library in
/// trouble.
///
/// Not thread-safe; several devices may be read from several threads.
class RocmDevice final : public Device {
 public:
  /// `index` counts the library's devices from 0. Errors as those of read(), and a card that another program holds.
  static Result<std::unique_ptr<RocmDevice>> open(std::shared_ptr<const RsmiLibrary> library, std::uint32_t index);

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  Result<Readings> read(const ReadMask& what) override;
  void wait(Nanos span) override;

 private:
  RocmDevice(std::shared_ptr<const RsmiLibrary> library, std::uint32_t index)
      : library_(std::move(library)), index_(index) {}

  Status identify();
  Status find_capabilities();
  /// Calls an entry point. True: it filled its arguments; false: the value is absent.
  template <class Function, class... Arguments>
  Result<bool> fetch(const char* what, Function function, Arguments... arguments) const;
  Result<std::optional<Watts>> current_power() const;
  Result<std::optional<Watts>> average_power() const;
  Result<std::optional<Joules>> energy();
  Result<std::optional<Mhz>> clock(rsmi_clk_type_t type) const;
  Result<std::optional<double>> utilization(decltype(RsmiApi::busy_percent) function) const;
  Result<std::optional<Celsius>> temperature() const;

  std::shared_ptr<const RsmiLibrary> library_;
  std::uint32_t index_;
  rsmi_temperature_type_t sensor_ = RSMI_TEMP_TYPE_EDGE;
  std::uint64_t last_count_ = 0;  ///< of the energy counter
  bool opened_ = false;
  DeviceInfo info_;
};

/// All AMD GPUs of this machine, in ROCm SMI's order. On a machine without any: not_found, which says whether the
/// library, the driver or the card is missing. Other errors as RsmiLibrary::open(); `library` likewise.
Result<std::vector<std::unique_ptr<RocmDevice>>> open_rocm_devices(const std::string& library = {});

/// What they say of themselves.
Result<std::vector<DeviceInfo>> list_rocm_devices(const std::string& library = {});

}  // namespace phasewatt::device::rocm
