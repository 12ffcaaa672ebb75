#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "phasewatt/device/device.h"
#include "phasewatt/sim/random.h"

namespace phasewatt::device {

/// What can go wrong with the reads of a device, for tests and benchmarks of whoever must notice. Times count from
/// FaultyDevice::begin().
struct ReadFault {
  std::uint64_t seed = 1;               ///< which reads are hit
  double lost_share = 0;                ///< of the reads: everything that was asked for is absent
  double nan_share = 0;                 ///< of the reads: power is not a number
  std::optional<Nanos> stuck_from{};    ///< power repeats its last value for good
  std::optional<Nanos> reset_at{};      ///< the energy counter starts again from 0
  std::optional<Nanos> foreign_from{};  ///< another process, `foreign_pid`, is on the card
  std::uint32_t foreign_pid = 4242;
  /// Reads come up to so much late. A FaultyDevice waits inside the call; the recorder in virtual time wakes late
  /// instead, as a thread that does not get its processor does.
  Nanos late{};
  [[nodiscard]] bool any() const {
    return lost_share > 0 || nan_share > 0 || stuck_from || reset_at || foreign_from || late > Nanos(0);
  }
};

/// Any device with such faults. The device is borrowed. As thread-safe as it is.
class FaultyDevice final : public Device {
 public:
  FaultyDevice(Device& device, ReadFault fault) : device_(device), fault_(fault) {}

  [[nodiscard]] const DeviceInfo& info() const override { return device_.info(); }
  Result<Readings> read(const ReadMask& what) override;
  void wait(Nanos span) override { device_.wait(span); }

  /// The fault's times count from `now`; without it, from the end of the first read.
  void begin(Nanos now);

 private:
  [[nodiscard]] bool since(const std::optional<Nanos>& when, Nanos at) const;
  void spoil(Readings& readings, const sim::RandomWords& dice);

  Device& device_;
  const ReadFault fault_;
  std::mutex mutex_;  ///< for what follows; not held while the device is read
  std::optional<Nanos> begin_;
  std::uint32_t reads_ = 0;
  std::optional<Watts> last_instant_;
  std::optional<Watts> last_average_;
  std::optional<Joules> zero_;  ///< what the counter said at its reset
};

}  // namespace phasewatt::device
