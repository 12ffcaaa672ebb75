#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/device.h"
#include "phasewatt/device/sensor_trace.h"
#include "phasewatt/device/signal_sampler.h"

namespace phasewatt::device {

/// Reads a device in a thread of its own, from construction to finish() or destruction, and keeps all. For seconds or
/// minutes: the memory grows. The device is borrowed and must not be read by others meanwhile.
class Recording {
 public:
  Recording(Device& device, const std::vector<SamplePlan>& plans);

  /// Ends the thread. An error when the device was lost.
  Result<SensorTrace> finish();

 private:
  void take(const SampleRead& read);

  SensorTrace trace_;
  std::optional<Error> trouble_;
  SignalSampler sampler_;
  std::optional<PeriodicWorker> worker_;  ///< last: it ends before what it uses
};

}  // namespace phasewatt::device
