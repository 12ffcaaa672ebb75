#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/device/nvml/nvml_entry_points.h"

namespace phasewatt::device::nvml {

/// NVML's reading functions; null where the library lacks one that is optional.
struct NvmlFunctions {
#define PHASEWATT_MEMBER(need, member, result, parameters, newest, older) result(*member) parameters = nullptr;
  PHASEWATT_NVML_READ(PHASEWATT_MEMBER)
#undef PHASEWATT_MEMBER
};

/// The library's name when PHASEWATT_NVML_LIBRARY names no other one. (A setuid program ignores the variable.)
inline constexpr const char* kNvmlLibrary = "libnvidia-ml.so.1";
std::string nvml_library_from_environment();

/// An NVML return code as an error with its next step. `what` says what was tried ("cannot read GPU 0").
Error nvml_error(nvmlReturn_t code, const std::string& what);

/// NVML, loaded and initialised; shut down with the last owner. Immutable and, as NVML itself, thread-safe.
class Nvml {
 public:
  /// Loads and initialises. Errors: not_found (no such library), unsupported (a required function is missing, driver
  /// not loaded, driver and library of different versions), permission. The library stays loaded for the life of the
  /// process, because it may keep threads.
  static Result<std::shared_ptr<const Nvml>> open(const std::string& library = nvml_library_from_environment());

  /// The same over functions that somebody else found: a trace or a fake. All required ones must be there.
  static Result<std::shared_ptr<const Nvml>> open(const NvmlFunctions& functions, std::string library, bool simulated);

  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  [[nodiscard]] const NvmlFunctions& call() const { return functions_; }
  [[nodiscard]] const std::string& library() const { return library_; }
  /// It is libphasewatt-nvml-sim.so, under whatever name: it exports a symbol of its own.
  [[nodiscard]] bool simulated() const { return simulated_; }
  [[nodiscard]] std::optional<std::string> driver_version() const;
  [[nodiscard]] std::optional<std::string> nvml_version() const;
  /// Of the newest CUDA the driver runs, "13.0".
  [[nodiscard]] std::optional<std::string> cuda_version() const;
  /// Optional functions that this library lacks, by their newest names.
  [[nodiscard]] std::vector<std::string> missing() const;

 private:
  Nvml(const NvmlFunctions& functions, std::string library, bool simulated)
      : functions_(functions), library_(std::move(library)), simulated_(simulated) {}

  NvmlFunctions functions_;
  std::string library_;
  bool simulated_;
};

}  // namespace phasewatt::device::nvml
