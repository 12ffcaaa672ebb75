#include "apps/cli/gpus.h"

#include <fmt/format.h>

#include <filesystem>

#include "phasewatt/device/signals.h"

namespace phasewatt::cli {

using namespace device::nvml;

Gpus look_for_gpus() {
  Gpus out;
  auto nvml = Nvml::open();
  if (!nvml) {
    out.trouble = std::move(nvml).error();
    return out;
  }
  auto listed = list_gpus(**nvml);
  if (!listed) {
    out.trouble = std::move(listed).error();
    return out;
  }
  out.nvml = *std::move(nvml);
  out.all = *std::move(listed);
  out.visible = visible_gpus(out.all);
  return out;
}

Result<std::vector<std::size_t>> choose_gpus(const Gpus& gpus, const std::vector<std::string>& selectors) {
  if (gpus.trouble) return *gpus.trouble;
  std::vector<std::size_t> chosen;
  for (const auto& selector : selectors) {
    PHASEWATT_ASSIGN(const auto place, find_gpu(gpus.all, selector));
    chosen.push_back(place);
  }
  if (!selectors.empty()) return chosen;
  if (gpus.all.empty())
    return Error{ErrorCode::not_found, "the NVIDIA driver is there, but it has no GPU",
                 "see lspci | grep -i nvidia, and sudo dmesg | grep -i nvrm"};
  if (gpus.visible.gpus.empty())
    return Error{ErrorCode::not_found, "CUDA_VISIBLE_DEVICES hides every GPU",
                 "unset CUDA_VISIBLE_DEVICES, or name a GPU with --device"};
  return gpus.visible.gpus;
}

std::string nvml_words(const Nvml& nvml) {
  return fmt::format("{}, driver {}, CUDA {}{}", std::filesystem::path(nvml.library()).filename().string(),
                     nvml.driver_version().value_or("unknown"), nvml.cuda_version().value_or("unknown"),
                     nvml.simulated() ? " (SIMULATED)" : "");
}

std::vector<std::string> readings_of(const device::DeviceInfo& info, bool there) {
  std::vector<std::string> names;
  for (const auto& signal : device::signals())
    if (info.readable.*signal.flag == there) names.emplace_back(signal.name);
  return names;
}

}  // namespace phasewatt::cli
