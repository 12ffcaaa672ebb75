#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

/// The port to a GPU that can be read. Read-only: clocks are asked for through clock_control.h.
namespace phasewatt::device {

/// What a device can say of itself; constant over its life.
struct DeviceInfo {
  std::string id;      ///< UUID, or "sim:<spec id>"
  std::string name;
  std::string driver;  ///< empty when simulated
  std::string spec_hash;  ///< SHA-256 of the spec file when simulated, else empty
  bool simulated = false;
  std::vector<Mhz> supported_clocks;  ///< ascending; empty when unknown
  std::optional<Watts> power_cap;
  std::optional<double> memory_bytes;
};

/// One look at the card. Every reading is optional: a card that lacks it leaves it absent.
struct Readings {
  Nanos at{};                              ///< monotonic clock after the read
  std::optional<Watts> power_instant;
  std::optional<Watts> power_average;
  std::optional<Joules> energy;            ///< counter since its start
  std::optional<Mhz> sm_clock;
  std::optional<Mhz> memory_clock;
  std::optional<Celsius> temperature;
  std::optional<std::uint64_t> throttle_mask;
};

/// Which readings a call should fetch; each costs its own call time.
struct ReadMask {
  bool power_instant = false;
  bool power_average = false;
  bool energy = false;
  bool clocks = false;
  bool temperature = false;
  bool throttle = false;
};

/// Not thread-safe unless an implementation says so.
class Device {
 public:
  virtual ~Device() = default;
  [[nodiscard]] virtual const DeviceInfo& info() const = 0;
  virtual Result<Readings> read(const ReadMask& what) = 0;
  /// Lets `span` pass: sleeps on real hardware, moves virtual time on the simulated one.
  virtual void wait(Nanos span) = 0;
};

/// Nearest of `supported` (ascending, not empty) to `asked`; the lower one on a tie.
Mhz snap(const std::vector<Mhz>& supported, Mhz asked);

}  // namespace phasewatt::device
