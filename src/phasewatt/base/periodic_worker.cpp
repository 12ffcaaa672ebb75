#include "phasewatt/base/periodic_worker.h"

#include <chrono>

namespace phasewatt {

Nanos monotonic_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

PeriodicWorker::PeriodicWorker(Work work)
    : work_(std::move(work)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void PeriodicWorker::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::chrono::steady_clock::time_point next(work_(monotonic_now()));
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, stop, next, [] { return false; });
  }
}

}  // namespace phasewatt
