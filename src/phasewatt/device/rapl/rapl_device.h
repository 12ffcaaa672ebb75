#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "phasewatt/base/unique_fd.h"
#include "phasewatt/device/device.h"
#include "phasewatt/device/rapl/powercap.h"
#include "phasewatt/device/rapl/wrap_counter.h"

namespace phasewatt::device::rapl {

/// Which counters are added up. They overlap, therefore each is a device of its own: `system` (Intel's psys) holds the
/// packages and more; `memory` (dram) lies beside the packages on servers.
enum class RaplScope { packages, memory, system };

/// The energy of the host's processors: the sum over the zones of one scope, since the device was opened.
///
/// Only `energy` is there. RAPL has no power sensor: power is a difference of energies over the time between, which is
/// the reader's choice and not a reading; power_instant and power_average are therefore absent, as is everything else.
/// The counters move about every millisecond; the error at each edge of a window is what was drawn meanwhile.
///
/// Not thread-safe.
class RaplDevice final : public Device {
 public:
  /// Zones of one scope, at least one. Their counters are read once: that is the zero. permission when one may not be
  /// read, with the command that mends it; io or bad_input otherwise.
  static Result<std::unique_ptr<RaplDevice>> open(RaplScope scope, const std::vector<Zone>& zones);

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  Result<Readings> read(const ReadMask& what) override;
  void wait(Nanos span) override;

  /// The time in which a counter runs through its range when each zone draws `watts` (> 0): read the energy at least
  /// this often, or a wrap is lost. 262 kJ, the range of Intel's servers, is 10 min at 400 W; AMD's 65 kJ is 2.7 min.
  [[nodiscard]] Nanos longest_safe_interval(Watts watts) const;

 private:
  struct Counter {
    Zone zone;
    UniqueFd file;
    WrapCounter wraps;
  };
  RaplDevice() = default;
  Result<Joules> energy();

  std::vector<Counter> counters_;
  DeviceInfo info_;
};

/// The host's processors below `root` (empty: default_root()). not_found when this machine has no such counter;
/// else as find_zones() and RaplDevice::open().
Result<std::unique_ptr<RaplDevice>> open_rapl(RaplScope scope = RaplScope::packages,
                                              const std::filesystem::path& root = {});

}  // namespace phasewatt::device::rapl
