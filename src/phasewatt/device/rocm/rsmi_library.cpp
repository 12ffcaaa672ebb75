#include "phasewatt/device/rocm/rsmi_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <type_traits>
#include <vector>

namespace phasewatt::device::rocm {
namespace {

// The number changed with ROCm's releases; Debian calls all of them .1, and the name without one comes with the
// development package.
constexpr std::array kSystemNames{"librocm_smi64.so.1",
                                  "librocm_smi64.so.7",
                                  "librocm_smi64.so.6",
                                  "librocm_smi64.so.5",
                                  "librocm_smi64.so",
                                  "/opt/rocm/lib/librocm_smi64.so",
                                  "/opt/rocm/lib/librocm_smi64.so.1"};

constexpr const char* kGroups =
    "let this user reach the GPU: sudo usermod -aG render,video $USER, then log in again (the files are /dev/kfd and "
    "/dev/dri/renderD*)";

std::vector<std::string> candidates(const std::string& path) {
  if (!path.empty()) return {path};
  if (const char* named = ::secure_getenv("PHASEWATT_ROCM_LIBRARY"); named != nullptr && *named != '\0') return {named};
  return {kSystemNames.begin(), kSystemNames.end()};
}

}  // namespace

bool is_absent(rsmi_status_t status) {
  switch (status) {
    case RSMI_STATUS_INVALID_ARGS:  // said of a sensor or clock that the card does not have
    case RSMI_STATUS_NOT_SUPPORTED:
    case RSMI_STATUS_FILE_ERROR:
    case RSMI_STATUS_NOT_YET_IMPLEMENTED:
    case RSMI_STATUS_NO_DATA:
    case RSMI_STATUS_UNEXPECTED_SIZE:
    case RSMI_STATUS_UNEXPECTED_DATA: return true;
    default: return false;
  }
}

bool is_passing(rsmi_status_t status) { return status == RSMI_STATUS_BUSY || status == RSMI_STATUS_INTERRUPT; }

Result<std::shared_ptr<const RsmiLibrary>> RsmiLibrary::open(const std::string& path) {
  const auto names = candidates(path);
  for (const auto& name : names) {
    void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) continue;
    const std::shared_ptr<RsmiLibrary> library(new RsmiLibrary(handle, name));
    PHASEWATT_TRY(library->load());
    PHASEWATT_TRY(library->start());
    return std::shared_ptr<const RsmiLibrary>(library);
  }
  if (names.size() > 1)
    return Error{ErrorCode::not_found, "ROCm SMI (librocm_smi64) is not installed",
                 "on a machine with AMD GPUs install librocm-smi64-1 (Debian) or ROCm, or name the library in "
                 "PHASEWATT_ROCM_LIBRARY"};
  const char* reason = ::dlerror();
  return Error{ErrorCode::not_found,
               fmt::format("cannot load ROCm SMI: {}", reason != nullptr ? reason : names.front().c_str()),
               "check PHASEWATT_ROCM_LIBRARY"};
}

Status RsmiLibrary::load() {
  std::string missing;
  const auto optional = [&](auto& member, const char* symbol) {
    // POSIX lets dlsym's pointer be one to a function; C++ wants the detour.
    member = reinterpret_cast<std::remove_reference_t<decltype(member)>>(::dlsym(handle_, symbol));
  };
  const auto required = [&](auto& member, const char* symbol) {
    optional(member, symbol);
    if (member == nullptr && missing.empty()) missing = symbol;
  };
#define PHASEWATT_FIND(need, member, result, parameters, symbol) need(api_.member, #symbol);
  PHASEWATT_RSMI(PHASEWATT_FIND)
#undef PHASEWATT_FIND
  if (!missing.empty())
    return Error{ErrorCode::unsupported, fmt::format("'{}' lacks {}: it is no usable ROCm SMI", path_, missing),
                 "install ROCm 5 or newer"};
  simulated_ = ::dlsym(handle_, "rsmi_phasewatt_simulated") != nullptr;
  return ok();
}

Status RsmiLibrary::start() {
  const rsmi_status_t status = api_.init(0);
  if (status == RSMI_STATUS_SUCCESS) {
    started_ = true;
    return ok();
  }
  if (status == RSMI_STATUS_PERMISSION) return error("ROCm SMI does not start", status);
  // On a machine without the driver the library says INIT_ERROR; it does not tell a missing driver from a missing card.
  return Error{ErrorCode::not_found,
               fmt::format("ROCm SMI does not start: {}; the amdgpu driver is not loaded, or there is no AMD GPU",
                           words(status)),
               "load the driver with sudo modprobe amdgpu; /dev/kfd must then be there"};
}

RsmiLibrary::~RsmiLibrary() {
  if (started_) api_.shut_down();
  ::dlclose(handle_);
}

std::string RsmiLibrary::words(rsmi_status_t status) const {
  const char* text = nullptr;
  if (api_.status_string != nullptr && api_.status_string(status, &text) == RSMI_STATUS_SUCCESS && text != nullptr)
    return text;
  return fmt::format("status {}", static_cast<std::uint32_t>(status));
}

std::string RsmiLibrary::versions() const {
  std::string out;
  std::array<char, 256> driver{};
  if (api_.component_version != nullptr &&
      api_.component_version(RSMI_SW_COMP_DRIVER, driver.data(), driver.size() - 1) == RSMI_STATUS_SUCCESS &&
      driver[0] != '\0')
    out = fmt::format("amdgpu {}", driver.data());
  rsmi_version_t version{};
  if (api_.version != nullptr && api_.version(&version) == RSMI_STATUS_SUCCESS)
    out += fmt::format("{}ROCm SMI {}.{}.{}", out.empty() ? "" : ", ", version.major, version.minor, version.patch);
  return out;
}

Error RsmiLibrary::error(const std::string& doing, rsmi_status_t status) const {
  const std::string what = fmt::format("{}: {}", doing, words(status));
  switch (status) {
    case RSMI_STATUS_PERMISSION: return {ErrorCode::permission, what, kGroups};
    case RSMI_STATUS_INPUT_OUT_OF_BOUNDS:
    case RSMI_STATUS_NOT_FOUND:
      return {ErrorCode::not_found, what, "the card was removed or reset: see dmesg, and start again"};
    case RSMI_STATUS_BUSY:
      return {ErrorCode::io, what, "another program holds ROCm SMI's lock on the card: end it, or try again"};
    default:
      return {is_absent(status) ? ErrorCode::unsupported : ErrorCode::io, what,
              "see dmesg for messages of amdgpu, and whether rocm-smi says the same"};
  }
}

}  // namespace phasewatt::device::rocm
