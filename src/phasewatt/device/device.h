#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

/// The port to a GPU that can be read. Read-only: clocks are asked for through clock_control.h.
namespace phasewatt::device {

/// Which readings a call should fetch (each costs its own call time), or which a device has.
struct ReadMask {
  bool power_instant = false;
  bool power_average = false;
  bool energy = false;
  bool clocks = false;
  bool temperature = false;
  bool throttle = false;
  bool utilization = false;
  bool processes = false;
  bool operator==(const ReadMask&) const = default;
};

/// What a device can say of itself; constant over its life.
struct DeviceInfo {
  std::string id;  ///< UUID, or "sim:<spec id>"
  std::string name;
  std::string driver;     ///< version; empty when there is none
  std::string spec_hash;  ///< SHA-256 of the spec file when it is simulated and known, else empty
  bool simulated = false;
  ReadMask readable;                  ///< what it has; asked once, when it was opened. Of the clocks, the SM clock
  std::vector<Mhz> supported_clocks;  ///< ascending; empty when unknown
  std::optional<Watts> power_cap;
  std::optional<double> memory_bytes;
};

/// One look at the card. What was not asked for is absent. So is what the card lacks, or could not tell this time.
struct Readings {
  Nanos at{};  ///< monotonic clock after the read
  std::optional<Watts> power_instant;
  std::optional<Watts> power_average;
  std::optional<Joules> energy;  ///< counter since its start
  std::optional<Mhz> sm_clock;
  std::optional<Mhz> memory_clock;
  std::optional<Celsius> temperature;
  std::optional<std::uint64_t> throttle_mask;
  std::optional<double> gpu_utilization;     ///< 0..1: share of the last period in which a kernel ran
  std::optional<double> memory_utilization;  ///< 0..1: share in which device memory was read or written
  /// Process ids that hold a context on the GPU, ascending, this process excepted.
  std::optional<std::vector<std::uint32_t>> other_processes;
};

/// Not thread-safe unless an implementation says so.
class Device {
 public:
  virtual ~Device() = default;
  [[nodiscard]] virtual const DeviceInfo& info() const = 0;
  /// An error only when the device itself is gone (lost, driver unloaded); it may come back.
  virtual Result<Readings> read(const ReadMask& what) = 0;
  /// Lets `span` pass: sleeps on real hardware, moves virtual time on the simulated one.
  virtual void wait(Nanos span) = 0;
};

/// Nearest of `supported` (ascending, not empty) to `asked`; the lower one on a tie.
Mhz snap(const std::vector<Mhz>& supported, Mhz asked);

}  // namespace phasewatt::device
