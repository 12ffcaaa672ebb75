#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "phasewatt/base/result.h"
#include "phasewatt/base/units.h"

/// What the commands that only look want to know of phasewatt-clockd, the helper that may change clocks.
namespace phasewatt::cli {

/// The clocks the helper has locked: what was asked for. NVML itself cannot tell. Not thread-safe.
class AskedClocks {
 public:
  AskedClocks();
  ~AskedClocks();
  AskedClocks(const AskedClocks&) = delete;
  AskedClocks& operator=(const AskedClocks&) = delete;

  /// Absent when the helper holds no lock, or there is no helper.
  std::optional<Mhz> of(const std::string& uuid);

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

/// Whether this user may lock clocks: in words how, or why not and what to do.
Result<std::string> may_lock_clocks();

}  // namespace phasewatt::cli
