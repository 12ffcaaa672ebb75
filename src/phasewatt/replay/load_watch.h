#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/signal_sampler.h"

namespace phasewatt::replay {

/// Looks at a device in real time, from a thread of its own, while an engine keeps it busy: what clock does it show
/// under load, and why not more; what does it draw; who else is there? The device must be thread-safe and outlive the
/// watch.
class LoadWatch {
 public:
  explicit LoadWatch(device::Device& device);
  LoadWatch(const LoadWatch&) = delete;
  LoadWatch& operator=(const LoadWatch&) = delete;

  /// Readings count between these two calls.
  void begin_load() { loaded_ = true; }
  void end_load() { loaded_ = false; }

  /// The clock at one instant under load.
  struct Look {
    std::optional<Mhz> clock;
    std::uint64_t throttle_mask = 0;
  };
  struct Seen {
    std::vector<Look> looks;
    std::optional<Watts> power;         ///< mean of the instant reading under load
    std::vector<std::uint32_t> others;  ///< processes besides this one, at any look
  };
  [[nodiscard]] Seen seen() const;
  /// Why the device could not be read any more, when it could not.
  [[nodiscard]] std::optional<Error> lost() const;

 private:
  void keep(const device::SampleRead& read);

  std::atomic<bool> loaded_ = false;
  mutable std::mutex mutex_;
  Seen seen_;
  double watts_ = 0;
  std::size_t power_reads_ = 0;
  std::optional<Error> lost_;
  device::SignalSampler sampler_;
  std::optional<PeriodicWorker> worker_;  ///< last: it ends before what it uses
};

/// Median of the looks' clocks; absent when none has one.
std::optional<Mhz> median_clock(const std::vector<LoadWatch::Look>& looks);

}  // namespace phasewatt::replay
