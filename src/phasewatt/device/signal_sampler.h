#pragma once

#include <array>
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
  /// The largest share of time that these reads may take. When their usual cost (median of the last five, so that one
  /// slow read changes nothing) is more, only every n-th deadline is kept. 1 = all deadlines are kept.
  double most_share = 1;
};

/// One read as it happened.
struct SampleRead {
  std::size_t device = 0;
  Nanos deadline{};  ///< when it should have begun
  Nanos begin{};     ///< monotonic clock before the call
  Nanos end{};       ///< and after it
  const ReadMask& what;
  const Result<Readings>& readings;
  std::size_t plan = 0;  ///< place in the sampler's plans
};

/// The monotonic clock of a sampler: the system's, or that of a simulation.
class SampleClock {
 public:
  using System = Nanos (*)();
  using Bound = Nanos (*)(const void* of);
  SampleClock(System clock) : system_(clock) {}  // NOLINT(google-explicit-constructor): a clock is mostly just this
  SampleClock(Bound clock, const void* of) : bound_(clock), of_(of) {}
  [[nodiscard]] Nanos now() const { return bound_ == nullptr ? system_() : bound_(of_); }

 private:
  System system_ = nullptr;
  Bound bound_ = nullptr;
  const void* of_ = nullptr;
};

/// Reads many devices, each signal at its own rate, from absolute deadlines, and hands every read to `sink`. Deadlines
/// that pass while others are served are left out and counted, never made up for in a burst. It does not wait by
/// itself: a thread drives it in real time, the events of a simulation in virtual time, a test by hand. The devices are
/// borrowed. Not thread-safe; reads for a window's edge go to the device itself.
class SignalSampler {
 public:
  using Sink = std::function<void(const SampleRead&)>;

  SignalSampler(std::vector<Device*> devices, const std::vector<SamplePlan>& plans, Sink sink, SampleClock clock);

  /// Reads what is due at `now`, earliest deadline first; returns the next deadline (24 h from `now` when there is no
  /// plan). A read that follows another at once begins at that one's end: the clock is not asked twice.
  Nanos step(Nanos now);

  /// Deadlines that passed unserved so far, those that most_share leaves out excepted.
  [[nodiscard]] std::uint64_t missed() const { return missed_; }
  /// Deadlines that most_share left out.
  [[nodiscard]] std::uint64_t thinned() const { return thinned_; }

 private:
  struct Task {
    SamplePlan plan;
    Nanos next{};
    std::array<Nanos, 5> costs{};
    std::size_t costs_seen = 0;
  };
  Nanos read(std::size_t place, Nanos begin);
  static Nanos usual_cost(const Task& task);
  void schedule(Task& task, Nanos end);

  std::vector<Device*> devices_;
  std::vector<Task> tasks_;
  Sink sink_;
  SampleClock clock_;
  bool begun_ = false;
  std::uint64_t missed_ = 0;
  std::uint64_t thinned_ = 0;
};

}  // namespace phasewatt::device
