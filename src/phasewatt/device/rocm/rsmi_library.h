#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "phasewatt/base/result.h"
#include "phasewatt/device/rocm/rsmi_entry_points.h"

namespace phasewatt::device::rocm {

/// The functions of a loaded library; the optional ones are null where it lacks them.
struct RsmiApi {
#define PHASEWATT_MEMBER(need, member, result, parameters, symbol) result(*member) parameters = nullptr;
  PHASEWATT_RSMI(PHASEWATT_MEMBER)
#undef PHASEWATT_MEMBER
};

/// librocm_smi64, loaded and started; stopped and unloaded on destruction. Its calls are thread-safe as far as ROCm
/// SMI's are (it locks each card).
class RsmiLibrary {
 public:
  /// Loads `path`; empty: what PHASEWATT_ROCM_LIBRARY names (not in a setuid program), else the system's. Errors:
  /// not_found (no library, or no driver behind it), unsupported (it lacks a required function), permission, io.
  static Result<std::shared_ptr<const RsmiLibrary>> open(const std::string& path = {});

  ~RsmiLibrary();
  RsmiLibrary(const RsmiLibrary&) = delete;
  RsmiLibrary& operator=(const RsmiLibrary&) = delete;

  [[nodiscard]] const RsmiApi& api() const { return api_; }
  [[nodiscard]] bool simulated() const { return simulated_; }

  /// "amdgpu 6.7.0, ROCm SMI 5.2.3", as far as it is known. Debian's packages report 1.0.0 for the library.
  [[nodiscard]] std::string versions() const;

  /// A failed call as an error: permission, not_found (the card is gone), unsupported or io.
  [[nodiscard]] Error error(const std::string& doing, rsmi_status_t status) const;

 private:
  RsmiLibrary(void* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  Status load();
  Status start();
  [[nodiscard]] std::string words(rsmi_status_t status) const;

  void* handle_;
  std::string path_;
  RsmiApi api_;
  bool simulated_ = false;
  bool started_ = false;
};

/// Does `status` say that the card, driver or library does not offer the value? Then the reading is absent; any other
/// failure is an error.
bool is_absent(rsmi_status_t status);

/// Could the same call succeed a moment later?
bool is_passing(rsmi_status_t status);

}  // namespace phasewatt::device::rocm
