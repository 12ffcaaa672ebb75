#include "phasewatt/device/nvml/nvml_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "phasewatt/base/text.h"

namespace phasewatt::device::nvml {
namespace {

constexpr std::string_view kMigPrefix = "MIG-";
constexpr std::string_view kOldMigPrefix = "MIG-GPU-";

using TextCall = nvmlReturn_t (*)(nvmlDevice_t, char*, unsigned int);
nvmlReturn_t read_text(TextCall call, nvmlDevice_t gpu, std::string& out) {
  std::array<char, NVML_DEVICE_NAME_V2_BUFFER_SIZE> text{};
  const auto result = call(gpu, text.data(), text.size());
  if (result == NVML_SUCCESS) out = text.data();
  return result;
}

GpuCondition state_of(nvmlReturn_t code) {
  switch (code) {
    case NVML_SUCCESS: return GpuCondition::usable;
    case NVML_ERROR_GPU_IS_LOST: return GpuCondition::lost;
    case NVML_ERROR_NO_PERMISSION: return GpuCondition::not_permitted;
    default: return GpuCondition::failed;
  }
}

/// Reads what the GPU is called; the first failure says what is wrong with it.
nvmlReturn_t identify(const NvmlFunctions& call, NvmlGpu& gpu) {
  if (const auto code = call.device_by_index(gpu.index, &gpu.handle); code != NVML_SUCCESS) {
    gpu.handle = nullptr;
    return code;
  }
  if (call.pci_info != nullptr) {
    nvmlPciInfo_t pci{};
    if (call.pci_info(gpu.handle, &pci) == NVML_SUCCESS)
      gpu.pci_bus_id.assign(std::begin(pci.busId), std::find(std::begin(pci.busId), std::end(pci.busId), '\0'));
  }
  const auto named = read_text(call.name, gpu.handle, gpu.name);
  const auto numbered = read_text(call.uuid, gpu.handle, gpu.uuid);
  return numbered != NVML_SUCCESS ? numbered : named;
}

bool split_by_mig(const NvmlFunctions& call, nvmlDevice_t gpu) {
  unsigned int current = NVML_DEVICE_MIG_DISABLE;
  unsigned int pending = NVML_DEVICE_MIG_DISABLE;
  return call.mig_mode != nullptr && call.mig_mode(gpu, &current, &pending) == NVML_SUCCESS &&
         current == NVML_DEVICE_MIG_ENABLE;
}

std::optional<nvmlGpuVirtualizationMode_t> virtualization(const NvmlFunctions& call, nvmlDevice_t gpu) {
  auto mode = NVML_GPU_VIRTUALIZATION_MODE_NONE;
  if (call.virtualization_mode == nullptr || call.virtualization_mode(gpu, &mode) != NVML_SUCCESS) return std::nullopt;
  return mode;
}

/// A GPU that answers, but whose power is not that of one workload.
void look_for_sharing(const NvmlFunctions& call, NvmlGpu& gpu) {
  if (split_by_mig(call, gpu.handle)) {
    gpu.state = GpuCondition::mig;
    gpu.trouble = Error{
        ErrorCode::unsupported,
        fmt::format("GPU {} is split into MIG instances, and its energy cannot be told apart between them", gpu.index),
        fmt::format("switch MIG off: sudo nvidia-smi -i {} -mig 0", gpu.index)};
    return;
  }
  const auto mode = virtualization(call, gpu.handle);
  if (mode == NVML_GPU_VIRTUALIZATION_MODE_VGPU) {
    gpu.state = GpuCondition::vgpu;
    gpu.trouble =
        Error{ErrorCode::unsupported,
              fmt::format("GPU {} is a virtual GPU: the card's power and clock belong to its host", gpu.index),
              "measure on the host, or have the whole card passed through to this machine"};
  } else if (mode == NVML_GPU_VIRTUALIZATION_MODE_HOST_VGPU || mode == NVML_GPU_VIRTUALIZATION_MODE_HOST_VSGA) {
    gpu.state = GpuCondition::vgpu;
    gpu.trouble =
        Error{ErrorCode::unsupported,
              fmt::format("GPU {} serves virtual GPUs, and its energy cannot be told apart between them", gpu.index),
              "stop the virtual machines that use it and take its vGPU types away"};
  }
}

NvmlGpu look_at(const NvmlFunctions& call, unsigned int index) {
  NvmlGpu gpu;
  gpu.index = index;
  const auto code = identify(call, gpu);
  gpu.state = state_of(code);
  if (code != NVML_SUCCESS) {
    gpu.trouble = nvml_error(code, fmt::format("cannot look at GPU {}", index));
    return gpu;
  }
  auto mode = NVML_FEATURE_DISABLED;
  if (call.persistence_mode != nullptr && call.persistence_mode(gpu.handle, &mode) == NVML_SUCCESS)
    gpu.persistence = mode == NVML_FEATURE_ENABLED;
  look_for_sharing(call, gpu);
  return gpu;
}

std::optional<unsigned int> whole_number(std::string_view text) {
  unsigned int number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Without case and leading zeros of the domain: "00000000:17:00.0" and "0000:17:00.0" become "17:00.0".
std::string short_pci(std::string_view id) {
  std::string text = to_lower_ascii(id);
  if (std::count(text.begin(), text.end(), ':') < 2) return text;
  const auto digit = text.find_first_not_of('0');
  return digit != std::string::npos && text[digit] == ':' ? text.substr(digit + 1) : text.substr(digit);
}

/// Places of the GPUs whose UUID begins so; the comparison is CUDA's, exact.
std::vector<std::size_t> by_uuid(std::span<const NvmlGpu> gpus, std::string_view beginning) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < gpus.size(); ++i)
    if (!gpus[i].uuid.empty() && gpus[i].uuid.starts_with(beginning)) found.push_back(i);
  return found;
}

std::string names_of(std::span<const NvmlGpu> gpus) {
  if (gpus.empty()) return "the driver has no GPU";
  std::vector<std::string> names;
  for (const auto& gpu : gpus) names.push_back(fmt::format("{} ({})", gpu.index, gpu.uuid.empty() ? "?" : gpu.uuid));
  return "GPUs: " + join(names, ", ");
}

/// The place that one entry of CUDA_VISIBLE_DEVICES names.
std::optional<std::size_t> entry(std::span<const NvmlGpu> gpus, std::string_view text) {
  if (const auto number = whole_number(text))
    return *number < gpus.size() ? std::optional<std::size_t>(*number) : std::nullopt;
  if (text.starts_with(kOldMigPrefix)) text = text.substr(kMigPrefix.size(), text.find('/') - kMigPrefix.size());
  if (!text.starts_with("GPU-")) return std::nullopt;
  const auto found = by_uuid(gpus, text);
  return found.size() == 1 ? std::optional(found.front()) : std::nullopt;
}

}  // namespace

std::string_view to_string(GpuCondition state) {
  switch (state) {
    case GpuCondition::usable: return "usable";
    case GpuCondition::mig: return "mig";
    case GpuCondition::vgpu: return "vgpu";
    case GpuCondition::lost: return "lost";
    case GpuCondition::not_permitted: return "not_permitted";
    case GpuCondition::failed: return "failed";
  }
  return "failed";
}

Result<std::vector<NvmlGpu>> list_gpus(const Nvml& nvml) {
  unsigned int count = 0;
  if (const auto code = nvml.call().device_count(&count); code != NVML_SUCCESS)
    return nvml_error(code, "cannot count the GPUs");
  std::vector<NvmlGpu> gpus;
  for (unsigned int i = 0; i < count; ++i) gpus.push_back(look_at(nvml.call(), i));
  return gpus;
}

Result<std::size_t> find_gpu(std::span<const NvmlGpu> gpus, std::string_view selector) {
  if (const auto number = whole_number(selector); number && *number < gpus.size()) return std::size_t{*number};
  if (selector.starts_with("GPU-")) {
    const auto found = by_uuid(gpus, selector);
    if (found.size() == 1) return found.front();
    if (found.size() > 1)
      return Error{ErrorCode::usage, fmt::format("'{}' is the beginning of {} GPUs' UUIDs", selector, found.size()),
                   "give more of it; " + names_of(gpus)};
  }
  if (selector.find(':') != std::string_view::npos) {
    const std::string wanted = short_pci(selector);
    for (std::size_t i = 0; i < gpus.size(); ++i)
      if (short_pci(gpus[i].pci_bus_id) == wanted) return i;
  }
  return Error{ErrorCode::not_found, fmt::format("there is no GPU '{}'", selector), names_of(gpus)};
}

Status check_usable(const NvmlGpu& gpu) { return gpu.trouble ? Status(*gpu.trouble) : ok(); }

VisibleGpus visible_gpus(std::span<const NvmlGpu> gpus, std::optional<std::string_view> value) {
  VisibleGpus out;
  if (!value) {
    for (std::size_t i = 0; i < gpus.size(); ++i) out.gpus.push_back(i);
    return out;
  }
  std::string_view rest = trim(*value);
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view text = trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    const bool mig = text.starts_with(kMigPrefix);
    out.mig_instance = out.mig_instance || mig;
    const auto place = entry(gpus, text);
    if (!place) {
      // A MIG instance by its own UUID does exist, but NVML's list of whole GPUs does not say on which card.
      if (!mig) out.cut_at = std::string(text);
      return out;
    }
    if (std::find(out.gpus.begin(), out.gpus.end(), *place) != out.gpus.end()) {
      out.gpus.clear();
      out.duplicate = true;
      return out;
    }
    out.gpus.push_back(*place);
    // CUDA enumerates one MIG instance and nothing after it.
    if (mig) return out;
  }
  return out;
}

VisibleGpus visible_gpus(std::span<const NvmlGpu> gpus) {
  const char* value = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible_gpus(gpus, value != nullptr ? std::optional<std::string_view>(value) : std::nullopt);
}

}  // namespace phasewatt::device::nvml
