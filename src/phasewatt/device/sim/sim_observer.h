#pragma once

#include <deque>

#include "phasewatt/device/device.h"
#include "phasewatt/device/signal_sampler.h"
#include "phasewatt/sim/sim_gpu.h"

namespace phasewatt::device {

/// The simulated GPU as another thread sees it: it reads the past, at instants of its own, and that costs the card no
/// time. The watcher of the GPU calls note() whenever time has passed; reads then lie at or before now(), in order of
/// time. The GPU is borrowed. Not thread-safe.
class SimObserver final : public Device {
 public:
  explicit SimObserver(sim::SimGpu& gpu);

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  /// A read at the observer's time, which then moves on by what the calls last.
  Result<Readings> read(const ReadMask& what) override;
  void wait(Nanos span) override { at_ += std::max(span, Nanos(0)); }

  /// Forgets what the card did before now; the observer's time is now.
  void begin();
  /// Takes down what the card did since the last note.
  void note();
  void set_time(Nanos at) { at_ = at; }
  [[nodiscard]] SampleClock clock() const {
    return {[](const void* self) { return static_cast<const SimObserver*>(self)->at_; }, this};
  }
  /// How long a read of all of these lasts.
  [[nodiscard]] Nanos cost(const ReadMask& what) const;

 private:
  /// What the card did until `end`: one pass, or idling.
  struct Slice {
    Nanos end{};
    Mhz clock{};
    Celsius temperature{};
    std::uint64_t throttle_mask = 0;
  };
  void move_to(Nanos at);
  std::uint64_t take_throttle_mask();
  void absorb(std::uint64_t mask);

  sim::SimGpu& gpu_;
  DeviceInfo info_;
  Nanos at_{};
  std::deque<Slice> slices_;  ///< the first holds the time last read; not empty
  std::uint64_t work_mask_ = 0;
  std::uint64_t idle_mask_ = 0;
  bool worked_ = false;
};

}  // namespace phasewatt::device
