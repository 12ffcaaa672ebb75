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
/// under load, and why not more? The device must be thread-safe and outlive the watch.
class LoadWatch {
 public:
  explicit LoadWatch(device::Device& device);
  ~LoadWatch();
  LoadWatch(const LoadWatch&) = delete;
  LoadWatch& operator=(const LoadWatch&) = delete;

  /// Readings count between these two calls.
  void begin_load() { loaded_ = true; }
  void end_load() { loaded_ = false; }

  struct Seen {
    std::optional<Mhz> clock;  ///< median under load
    std::uint64_t throttle_mask = 0;
    std::size_t readings = 0;
    std::optional<Error> lost;  ///< the device could not be read any more
  };
  [[nodiscard]] Seen seen() const;

 private:
  void keep(const device::SampleRead& read);

  std::atomic<bool> loaded_ = false;
  mutable std::mutex mutex_;
  std::vector<Mhz> clocks_;
  std::uint64_t mask_ = 0;
  std::optional<Error> lost_;
  device::SignalSampler sampler_;
  std::optional<PeriodicWorker> worker_;  ///< last: it ends before what it uses
};

}  // namespace phasewatt::replay
