#pragma once

#include <optional>
#include <vector>

#include "phasewatt/base/ring.h"
#include "phasewatt/device/recorder.h"
#include "phasewatt/device/signal_sampler.h"

/// What both drivers of the recorder share: plans, and the way of a read from the sampler into the trace.
namespace phasewatt::device {

/// One kind of read and how it is planned.
enum class SampleKind : std::uint8_t { power, energy, clocks, temperature, utilization, processes };
struct LanePlan {
  SampleKind kind{};
  SamplePlan plan;
};

/// The plans for a device with these signals, in the order in which they are served when they are due together.
struct LanePlans {
  std::vector<LanePlan> main;
  std::vector<LanePlan> energy;  ///< of the counter's own lane; empty when it has none
};
/// An energy counter that answers later than this has a lane of its own, so that power is not read late because of it.
inline constexpr Nanos kSlowRead = std::chrono::microseconds(250);
LanePlans lane_plans(const ReadMask& readable, const Recorder::Rates& rates, bool own_energy_lane);

/// One sampling thread's part of a recording: a sampler, and a ring from it to the trace. step() belongs to the
/// sampling thread, drain() to the collecting one; the others may be called once the sampling thread has ended.
class SampleLane {
 public:
  SampleLane(Device& device, const std::vector<LanePlan>& plans, SampleClock clock);
  SampleLane(const SampleLane&) = delete;
  SampleLane& operator=(const SampleLane&) = delete;

  /// Reads what is due; returns the next deadline. Does not allocate, the device's own calls excepted.
  Nanos step(Nanos now) { return sampler_.step(now); }
  /// Moves what was read into the trace.
  void drain(SensorTrace& trace);
  /// Adds the counts and the processes seen; after the last drain().
  void finish(SensorTrace& trace) const;
  [[nodiscard]] const std::optional<Error>& lost() const { return lost_; }

 private:
  /// One read, as it goes through the ring.
  struct Sample {
    Nanos begin{};
    Nanos end{};
    double first = 0;   ///< instant power, counter, clock, temperature or utilisation
    double second = 0;  ///< average power
    std::uint64_t mask = 0;
    SampleKind kind{};
    bool has_first = false;
    bool has_second = false;
    bool has_mask = false;
  };
  void keep(const SampleRead& read);
  void keep_processes(const std::vector<std::uint32_t>& pids);
  void add(const Sample& sample, SensorTrace& trace) const;
  void add_clocks(const Sample& sample, SensorTrace& trace) const;

  ReadMask readable_;
  std::vector<SampleKind> kinds_;  ///< per plan
  Ring<Sample> ring_;
  std::vector<std::uint32_t> pids_;  ///< ascending; does not outgrow its capacity
  std::uint64_t reads_ = 0;
  Nanos inside_{};
  std::optional<Error> lost_;
  SignalSampler sampler_;
};

}  // namespace phasewatt::device
