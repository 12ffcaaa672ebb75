#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "phasewatt/base/units.h"

namespace phasewatt {

/// The system's monotonic clock (CLOCK_MONOTONIC), comparable between processes of one machine.
Nanos monotonic_now();

/// A thread that calls `work` at instants which `work` itself names: it gets the monotonic time and returns the next
/// deadline. Deadlines are absolute, so that the length of the work does not add up. The first call is at once. `work`
/// must not throw. Destruction wakes the thread, waits for a call in progress and ends it.
class PeriodicWorker {
 public:
  using Work = std::function<Nanos(Nanos now)>;
  explicit PeriodicWorker(Work work);

 private:
  void run(const std::stop_token& stop);

  Work work_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  ///< last: it ends before what it uses
};

}  // namespace phasewatt
