#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/device/nvml/nvml_device.h"

/// The NVIDIA GPUs of this machine, as the commands see them.
namespace phasewatt::cli {

struct Gpus {
  std::shared_ptr<const device::nvml::Nvml> nvml;  ///< null when NVML cannot be used
  std::optional<Error> trouble;                    ///< then: why, and what to do
  std::vector<device::nvml::NvmlGpu> all;
  device::nvml::VisibleGpus visible;  ///< under CUDA_VISIBLE_DEVICES
};

/// Loads NVML and lists the GPUs. That there are none, or no driver, is no error here.
Gpus look_for_gpus();

/// Places in `all` of the GPUs that --device names; without any, those that CUDA would see, in its order.
Result<std::vector<std::size_t>> choose_gpus(const Gpus& gpus, const std::vector<std::string>& selectors);

/// "libnvidia-ml.so.1, driver 580.65.06, CUDA 13.0 (SIMULATED)".
std::string nvml_words(const device::nvml::Nvml& nvml);

/// Names of the signals that a device has (`there`) or lacks.
std::vector<std::string> readings_of(const device::DeviceInfo& info, bool there);

}  // namespace phasewatt::cli
