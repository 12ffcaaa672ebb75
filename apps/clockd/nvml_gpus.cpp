#include "apps/clockd/nvml_gpus.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>

#include "phasewatt/device/nvml/nvml_entry_points.h"

namespace phasewatt::clockd {

using namespace device::nvml;
using device::lease::GpuLook;

/// NVML's functions, by the shared list of entry points; null where the library lacks one.
struct NvmlGpus::Api {
#define PHASEWATT_MEMBER(need, member, result, parameters, newest, older) result(*member) parameters = nullptr;
  PHASEWATT_NVML_READ(PHASEWATT_MEMBER)
  PHASEWATT_NVML_WRITE(PHASEWATT_MEMBER)
#undef PHASEWATT_MEMBER
};

namespace {

template <class F>
bool find(void* library, F*& function, const char* newest, const char* older) {
  void* symbol = ::dlsym(library, newest);
  function = reinterpret_cast<F*>(symbol != nullptr ? symbol : ::dlsym(library, older));
  return function != nullptr;
}

Error unusable(const std::string& library, const std::string& why) {
  return {ErrorCode::unsupported, "cannot use '" + library + "': " + why, "is the NVIDIA driver installed and loaded?"};
}

}  // namespace

Result<std::unique_ptr<NvmlGpus>> NvmlGpus::load(const std::string& library, ClockRange range) {
  // Never closed: the library may keep threads, and it goes with the process.
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return unusable(library, ::dlerror());
  Api api;
#define PHASEWATT_FIND(need, member, result, parameters, newest, older)                    \
  if (!find(handle, api.member, #newest, #older) && std::string_view(#need) == "required") \
    return unusable(library, "it lacks " #newest);
  PHASEWATT_NVML_READ(PHASEWATT_FIND)
  PHASEWATT_NVML_WRITE(PHASEWATT_FIND)
#undef PHASEWATT_FIND
  if (api.set_locked_clocks == nullptr || api.reset_locked_clocks == nullptr)
    return unusable(library, "it cannot lock clocks");
  unsigned int count = 0;
  if (const auto failed = api.init()) return unusable(library, api.error_string(failed));
  if (const auto failed = api.device_count(&count)) return unusable(library, api.error_string(failed));
  auto gpus = std::make_unique<NvmlGpus>();
  gpus->api_ = std::make_shared<const Api>(api);
  gpus->enumerate(count, range);
  return gpus;
}

void NvmlGpus::enumerate(unsigned int count, ClockRange range) {
  for (unsigned int i = 0; i < count; ++i) {
    nvmlDevice_t gpu = nullptr;
    std::array<char, NVML_DEVICE_UUID_V2_BUFFER_SIZE> uuid{};
    // A GPU that has no name now is not locked.
    if (api_->device_by_index(i, &gpu) != NVML_SUCCESS || api_->uuid(gpu, uuid.data(), uuid.size()) != NVML_SUCCESS ||
        !device::lease::to_uuid(uuid.data()))
      continue;
    handles_.push_back(gpu);
    list_.push_back({uuid.data(), clocks_of(gpu, range)});
  }
}

int NvmlGpus::lock(std::size_t gpu, std::uint32_t mhz) { return api_->set_locked_clocks(handles_[gpu], mhz, mhz); }

int NvmlGpus::reset(std::size_t gpu) { return api_->reset_locked_clocks(handles_[gpu]); }

GpuLook NvmlGpus::look(std::size_t gpu) {
  GpuLook look;
  unsigned int value = 0;
  unsigned int pending = 0;
  unsigned long long reasons = 0;
  look.mig = api_->mig_mode != nullptr && api_->mig_mode(handles_[gpu], &value, &pending) == NVML_SUCCESS &&
             value == NVML_DEVICE_MIG_ENABLE;
  if (api_->clock_info != nullptr && api_->clock_info(handles_[gpu], NVML_CLOCK_SM, &value) == NVML_SUCCESS)
    look.sm_mhz = value;
  if (api_->clocks_event_reasons != nullptr && api_->clocks_event_reasons(handles_[gpu], &reasons) == NVML_SUCCESS)
    look.reasons = reasons;
  return look;
}

/// Ascending; empty when the GPU does not say. Those at the highest memory clock, which is the one under load.
std::vector<std::uint32_t> NvmlGpus::clocks_of(nvmlDevice_t gpu, ClockRange range) const {
  std::array<unsigned int, 64> memory{};
  std::array<unsigned int, 1024> graphics{};
  auto count = static_cast<unsigned int>(memory.size());
  if (api_->supported_memory_clocks == nullptr || api_->supported_graphics_clocks == nullptr ||
      api_->supported_memory_clocks(gpu, &count, memory.data()) != NVML_SUCCESS || count == 0)
    return {};
  const auto highest = *std::max_element(memory.begin(), memory.begin() + count);
  count = static_cast<unsigned int>(graphics.size());
  if (api_->supported_graphics_clocks(gpu, highest, &count, graphics.data()) != NVML_SUCCESS) return {};
  std::vector<std::uint32_t> clocks(graphics.begin(), graphics.begin() + count);
  std::erase_if(clocks, [&](std::uint32_t mhz) { return mhz < range.least || mhz > range.most; });
  std::sort(clocks.begin(), clocks.end());
  clocks.erase(std::unique(clocks.begin(), clocks.end()), clocks.end());
  return clocks;
}

}  // namespace phasewatt::clockd
