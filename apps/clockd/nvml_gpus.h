#pragma once

#include <memory>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/device/lease/lease_table.h"
#include "phasewatt/device/nvml/nvml_types.h"

namespace phasewatt::clockd {

/// The allowed range, on top of what each GPU supports. MHz, ends included.
struct ClockRange {
  std::uint32_t least = 0;
  std::uint32_t most = device::lease::kHighestMhz;
};

/// The GPUs of this machine through NVML: the one place of the project where a clock is set. Not thread-safe.
class NvmlGpus {
 public:
  /// Loads the library by name or path and lists the GPUs. unsupported: no library, no driver, or one that cannot lock.
  static Result<std::unique_ptr<NvmlGpus>> load(const std::string& library, ClockRange range);

  [[nodiscard]] const std::vector<device::lease::LeaseGpu>& list() const { return list_; }
  /// nvmlReturn_t; 0 for success.
  int lock(std::size_t gpu, std::uint32_t mhz);
  int reset(std::size_t gpu);
  device::lease::GpuLook look(std::size_t gpu);

 private:
  struct Api;
  void enumerate(unsigned int count, ClockRange range);
  [[nodiscard]] std::vector<std::uint32_t> clocks_of(device::nvml::nvmlDevice_t gpu, ClockRange range) const;

  std::shared_ptr<const Api> api_;
  std::vector<device::nvml::nvmlDevice_t> handles_;
  std::vector<device::lease::LeaseGpu> list_;
};

}  // namespace phasewatt::clockd
