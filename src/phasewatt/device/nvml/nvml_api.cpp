#include "phasewatt/device/nvml/nvml_api.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace phasewatt::device::nvml {
namespace {

constexpr const char* kSimulatedSymbol = "nvmlPhasewattSimulated";
constexpr const char* kInstall =
    "install the NVIDIA driver (Debian: apt install nvidia-driver); in a container, start it with the GPUs "
    "(docker run --gpus all); or name the library in PHASEWATT_NVML_LIBRARY";

struct Advice {
  nvmlReturn_t code;
  ErrorCode kind;
  const char* next;
};
constexpr std::array kAdvice{
    Advice{NVML_ERROR_NOT_SUPPORTED, ErrorCode::unsupported, "this GPU and driver do not offer it"},
    Advice{
        NVML_ERROR_NO_PERMISSION, ErrorCode::permission,
        "see who may use the GPU: ls -l /dev/nvidia*; in a container, start it with the GPUs (docker run --gpus all)"},
    Advice{NVML_ERROR_NOT_FOUND, ErrorCode::not_found, "phasewatt devices lists the GPUs"},
    Advice{NVML_ERROR_GPU_NOT_FOUND, ErrorCode::not_found, "phasewatt devices lists the GPUs"},
    Advice{NVML_ERROR_DRIVER_NOT_LOADED, ErrorCode::unsupported,
           "load the driver: sudo modprobe nvidia; when that fails, see sudo dmesg | grep -i nvrm"},
    Advice{NVML_ERROR_LIB_RM_VERSION_MISMATCH, ErrorCode::unsupported,
           "the driver was updated while it was loaded: reboot, or end what uses the GPU and reload it: "
           "sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia && sudo modprobe nvidia"},
    Advice{NVML_ERROR_GPU_IS_LOST, ErrorCode::io,
           "the GPU fell off the bus: see sudo dmesg | grep -i xid, then reboot (sudo nvidia-smi --gpu-reset may do)"},
    Advice{NVML_ERROR_RESET_REQUIRED, ErrorCode::io, "reset it: sudo nvidia-smi --gpu-reset, or reboot"},
    Advice{NVML_ERROR_OPERATING_SYSTEM, ErrorCode::io,
           "the system blocked it: see ls -l /dev/nvidia* and sudo dmesg | grep -i nvrm"},
    Advice{NVML_ERROR_MEMORY, ErrorCode::out_of_memory, "free memory and try again"},
};

template <class F>
void look_up(void* handle, F*& function, const char* newest, const char* older) {
  void* symbol = ::dlsym(handle, newest);
  function = reinterpret_cast<F*>(symbol != nullptr ? symbol : ::dlsym(handle, older));
}

/// The first required function that is not there; null when all are.
const char* lacking(const NvmlFunctions& functions) {
#define PHASEWATT_CHECK(need, member, result, parameters, newest, older) \
  if (std::string_view(#need) == "required" && functions.member == nullptr) return #newest;
  PHASEWATT_NVML_READ(PHASEWATT_CHECK)
#undef PHASEWATT_CHECK
  return nullptr;
}

using VersionCall = nvmlReturn_t (*)(char*, unsigned int);
std::optional<std::string> version(VersionCall call) {
  std::array<char, NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE> text{};
  if (call == nullptr || call(text.data(), text.size()) != NVML_SUCCESS) return std::nullopt;
  return text.data();
}

}  // namespace

std::string nvml_library_from_environment() {
  const char* named = ::secure_getenv("PHASEWATT_NVML_LIBRARY");
  return named != nullptr && *named != '\0' ? named : kNvmlLibrary;
}

Error nvml_error(nvmlReturn_t code, const std::string& what) {
  std::string_view why = "failed";
  switch (code) {
    case NVML_ERROR_NOT_SUPPORTED: why = "not supported"; break;
    case NVML_ERROR_NO_PERMISSION: why = "no permission"; break;
    case NVML_ERROR_NOT_FOUND:
    case NVML_ERROR_GPU_NOT_FOUND: why = "not found"; break;
    case NVML_ERROR_DRIVER_NOT_LOADED: why = "the NVIDIA driver is not loaded"; break;
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH: why = "driver and library are of different versions"; break;
    case NVML_ERROR_GPU_IS_LOST: why = "the GPU is lost"; break;
    case NVML_ERROR_RESET_REQUIRED: why = "the GPU needs a reset"; break;
    case NVML_ERROR_OPERATING_SYSTEM: why = "the operating system blocked it"; break;
    case NVML_ERROR_MEMORY: why = "out of memory"; break;
    case NVML_ERROR_TIMEOUT: why = "the driver did not answer in time"; break;
    default: break;
  }
  const std::string text = fmt::format("{}: {} (NVML code {})", what, why, static_cast<int>(code));
  for (const auto& advice : kAdvice)
    if (advice.code == code) return {advice.kind, text, advice.next};
  return {ErrorCode::io, text, "see sudo dmesg | grep -i nvrm, and nvidia-smi"};
}

Result<std::shared_ptr<const Nvml>> Nvml::open(const std::string& library) {
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = ::dlerror();
    return Error{ErrorCode::not_found, fmt::format("cannot load NVML: {}", why != nullptr ? why : library), kInstall};
  }
  NvmlFunctions functions;
#define PHASEWATT_FIND(need, member, result, parameters, newest, older) \
  look_up(handle, functions.member, #newest, #older);
  PHASEWATT_NVML_READ(PHASEWATT_FIND)
#undef PHASEWATT_FIND
  return open(functions, library, ::dlsym(handle, kSimulatedSymbol) != nullptr);
}

Result<std::shared_ptr<const Nvml>> Nvml::open(const NvmlFunctions& functions, std::string library, bool simulated) {
  if (const char* name = lacking(functions); name != nullptr)
    return Error{ErrorCode::unsupported, fmt::format("'{}' is no usable NVML: it lacks {}", library, name),
                 "install a driver of version 450 or newer, and check PHASEWATT_NVML_LIBRARY"};
  if (const auto result = functions.init(); result != NVML_SUCCESS)
    return nvml_error(result, fmt::format("cannot start NVML ('{}')", library));
  return std::shared_ptr<const Nvml>(new Nvml(functions, std::move(library), simulated));
}

Nvml::~Nvml() { functions_.shutdown(); }

std::optional<std::string> Nvml::driver_version() const { return version(functions_.system_driver_version); }

std::optional<std::string> Nvml::nvml_version() const { return version(functions_.system_nvml_version); }

std::optional<std::string> Nvml::cuda_version() const {
  int number = 0;
  if (functions_.system_cuda_driver_version == nullptr ||
      functions_.system_cuda_driver_version(&number) != NVML_SUCCESS)
    return std::nullopt;
  return fmt::format("{}.{}", number / 1000, number % 1000 / 10);
}

std::vector<std::string> Nvml::missing() const {
  std::vector<std::string> names;
#define PHASEWATT_NAME(need, member, result, parameters, newest, older) \
  if (functions_.member == nullptr) names.emplace_back(#newest);
  PHASEWATT_NVML_READ(PHASEWATT_NAME)
#undef PHASEWATT_NAME
  return names;
}

}  // namespace phasewatt::device::nvml
