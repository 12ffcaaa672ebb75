#include "phasewatt/device/recorder.h"

#include <semaphore.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <system_error>
#include <thread>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/sample_lane.h"

namespace phasewatt::device {
namespace {

constexpr Nanos kCollectInterval = std::chrono::seconds(1);

/// A thread that works at instants which the work itself names, as PeriodicWorker, and that tells what it cost. It
/// waits on a semaphore: that is a quarter cheaper than a condition variable, and waking is most of what sampling
/// costs.
class TimedWorker {
 public:
  /// `work` gets the time and returns the next one. Throws std::system_error when there is no thread to be had.
  explicit TimedWorker(std::function<Nanos(Nanos)> work) : work_(std::move(work)) {
    ::sem_init(&stop_signal_, 0, 0);
    thread_ = std::thread([this] { run(); });
  }
  ~TimedWorker() {
    end();
    ::sem_destroy(&stop_signal_);
  }
  TimedWorker(const TimedWorker&) = delete;
  TimedWorker& operator=(const TimedWorker&) = delete;

  /// Waits for the work in progress and ends; the thread's processor time. The first call alone counts.
  Nanos end() {
    if (!thread_.joinable()) return {};
    stop_.store(true, std::memory_order_relaxed);
    ::sem_post(&stop_signal_);
    thread_.join();
    return cpu_;
  }

 private:
  void run() {
    while (!stop_.load(std::memory_order_relaxed)) {
      const Nanos next = work_(monotonic_now());
      const auto whole = std::chrono::floor<std::chrono::seconds>(next);
      const timespec until{.tv_sec = whole.count(), .tv_nsec = (next - whole).count()};
      while (::sem_clockwait(&stop_signal_, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR) continue;
    }
    timespec cpu{};
    if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
      cpu_ = std::chrono::seconds(cpu.tv_sec) + Nanos(cpu.tv_nsec);
  }

  std::function<Nanos(Nanos)> work_;
  sem_t stop_signal_{};
  std::atomic<bool> stop_ = false;
  Nanos cpu_{};
  std::thread thread_;  ///< last: it uses the rest
};

/// Whether a read of the energy counter takes long; the first one may be slow for other reasons.
bool energy_is_slow(Device& device) {
  if (!device.info().readable.energy) return false;
  Nanos best = Nanos::max();
  for (int i = 0; i < 3; ++i) {
    const Nanos begin = monotonic_now();
    if (!device.read({.energy = true})) return false;  // a lost device is found by whoever records
    best = std::min(best, monotonic_now() - begin);
  }
  return best > kSlowRead;
}

class RealTimeRecorder final : public Recorder {
 public:
  RealTimeRecorder(Device& device, const Rates& rates)
      : device_(device), plans_(lane_plans(device.info().readable, rates, energy_is_slow(device))) {}

  void start() override {
    running_.reset();
    try {
      running_ = std::make_unique<Running>(device_, plans_);
    } catch (const std::system_error& e) {
      failure_ = Error{ErrorCode::io, std::string("cannot start the thread that reads the sensors: ") + e.what(),
                       "too many threads: see ulimit -u"};
    }
  }

  Result<SensorTrace> stop() override {
    if (!running_) return failure_.value_or(Error{ErrorCode::internal, "a recording was stopped before its start", {}});
    const auto running = std::move(running_);
    return running->end();
  }

 private:
  /// One recording. The threads come last: they end before what they use.
  class Running {
   public:
    Running(Device& device, const LanePlans& plans)
        : main_(device, plans.main, monotonic_now), energy_(device, plans.energy, monotonic_now) {
      main_worker_.emplace([this](Nanos now) { return main_.step(now); });
      if (!plans.energy.empty()) energy_worker_.emplace([this](Nanos now) { return energy_.step(now); });
      collector_.emplace([this](Nanos now) {
        drain();
        return now + kCollectInterval;
      });
    }

    Result<SensorTrace> end() {
      Nanos cpu{};
      for (auto* worker : {&main_worker_, &energy_worker_, &collector_})
        if (*worker) cpu += (*worker)->end();
      drain();
      for (const auto* lane : {&main_, &energy_}) {
        if (lane->lost()) return *lane->lost();
        lane->finish(trace_);
      }
      trace_.cpu_s = to_seconds(cpu);
      return std::move(trace_);
    }

   private:
    void drain() {
      main_.drain(trace_);
      energy_.drain(trace_);
    }

    SampleLane main_;
    SampleLane energy_;
    SensorTrace trace_;  ///< the collector's while it runs
    std::optional<TimedWorker> main_worker_;
    std::optional<TimedWorker> energy_worker_;
    std::optional<TimedWorker> collector_;
  };

  Device& device_;
  LanePlans plans_;
  std::optional<Error> failure_;
  std::unique_ptr<Running> running_;
};

}  // namespace

std::unique_ptr<Recorder> record_in_real_time(Device& device, Recorder::Rates rates) {
  return std::make_unique<RealTimeRecorder>(device, rates);
}

}  // namespace phasewatt::device
