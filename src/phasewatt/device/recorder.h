#pragma once

#include <chrono>
#include <memory>

#include "phasewatt/base/result.h"
#include "phasewatt/device/device.h"
#include "phasewatt/device/sensor_trace.h"
#include "phasewatt/device/sim/faulty_device.h"
#include "phasewatt/sim/sim_gpu.h"

namespace phasewatt::device {

/// Records what the sensors of one device say beside an engine that keeps it busy: in real time from threads of its
/// own, in virtual time as events of the simulated GPU. Both drive SignalSampler::step; docs/sampling.md says what is
/// read how often and why. start() and stop() belong to one thread. Destruction ends a recording.
class Recorder {
 public:
  /// Wished intervals between reads; 0 = not read. What the device lacks is not read. Stretched where reads are dear.
  struct Rates {
    // No divisors of the refresh periods seen so far, so that reads fall everywhere between two refreshes.
    Nanos power = std::chrono::milliseconds(11);  ///< instant and average in one read
    Nanos energy = std::chrono::milliseconds(23);
    Nanos clocks = std::chrono::milliseconds(20);  ///< SM clock and throttle reasons in one read
    Nanos temperature = std::chrono::milliseconds(250);
    Nanos utilization = std::chrono::milliseconds(500);
    Nanos processes = std::chrono::milliseconds(500);
  };

  virtual ~Recorder() = default;
  /// Begins a new trace, empty; one that was being recorded is forgotten. The first reads are due at once.
  virtual void start() = 0;
  /// Ends it. The error of the first read at which the device was lost, if it was; `internal` without a start().
  virtual Result<SensorTrace> stop() = 0;
};

/// `device` is borrowed and thread-safe (NvmlDevice is): it is read by a thread of the recorder's, and by a second one
/// when its energy counter is slow to answer, which is tried here. A device that is not thread-safe may be recorded as
/// long as nobody else reads it and its counter is quick.
std::unique_ptr<Recorder> record_in_real_time(Device& device, Recorder::Rates rates = {});

/// `gpu` is borrowed; the recorder is its watcher from start() to stop(). The reads cost the card and the engine no
/// time, as those of other threads would not; each lasts as long as the spec file says. Clock and throttle reasons are
/// those of the passes: a read sees the reasons of every pass since the one before, so that it takes them from whoever
/// else calls take_throttle_mask(). Time must not be set back while it records: SimGpu::begin_point() comes before
/// start(). `faults` count their times from start().
std::unique_ptr<Recorder> record_in_virtual_time(sim::SimGpu& gpu, Recorder::Rates rates = {}, ReadFault faults = {});

}  // namespace phasewatt::device
