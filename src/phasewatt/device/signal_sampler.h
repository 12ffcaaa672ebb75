#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "phasewatt/device/device.h"

namespace phasewatt::device {

/// What to read off one device, and how often.
struct SamplePlan {
  std::size_t device = 0;  ///< place in the sampler's list
  ReadMask what;
  Nanos interval{};  ///< > 0
  Nanos phase{};     ///< the first read lies so long after the sampler's begin
};

/// One read as it happened.
struct SampleRead {
  std::size_t device = 0;
  Nanos deadline{};  ///< when it should have begun
  Nanos begin{};     ///< monotonic clock before the call
  Nanos end{};       ///< and after it
  const ReadMask& what;
  const Result<Readings>& readings;
};

/// Reads many devices, each signal at its own rate, from absolute deadlines, and hands every read to `sink`. Deadlines
/// that pass while others are served are left out and counted, never made up for in a burst. It does not wait by
/// itself: a PeriodicWorker drives it in real time, a test by hand. The devices are borrowed. Not thread-safe; reads
/// for a window's edge go to the device itself.
class SignalSampler {
 public:
  using Sink = std::function<void(const SampleRead&)>;
  using Clock = Nanos (*)();

  SignalSampler(std::vector<Device*> devices, const std::vector<SamplePlan>& plans, Sink sink, Clock clock);

  /// Reads what is due, earliest deadline first; returns the next deadline (24 h from `now` when there is no plan).
  Nanos step(Nanos now);

  /// Deadlines that were left out so far.
  [[nodiscard]] std::uint64_t missed() const { return missed_; }

 private:
  struct Task {
    SamplePlan plan;
    Nanos next{};
  };
  void read(Task& task);

  std::vector<Device*> devices_;
  std::vector<Task> tasks_;
  Sink sink_;
  Clock clock_;
  bool begun_ = false;
  std::uint64_t missed_ = 0;
};

}  // namespace phasewatt::device
