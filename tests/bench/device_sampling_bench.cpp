// What sampling costs outside the NVML calls: processor time of the sampling threads, less that inside NVML, over real
// time (outside_percent of one core). The measuring itself is in that: trace_percent says how much, net_percent what is
// left without it. Simulated NVML, idle H200s; each call lasts as long as on the real card.
#include <benchmark/benchmark.h>
#include <semaphore.h>
#include <time.h>

#include <thread>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/recorder.h"
#include "phasewatt/device/signal_sampler.h"
#include "phasewatt/device/signals.h"
#include "tests/bench/recorder_rig.h"

namespace phasewatt::device::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanos kSpan = seconds(4);

/// What a run used, beyond what had been used before.
class Inside {
 public:
  [[nodiscard]] double seconds() const { return static_cast<double>(g_inside_ns - ns_) * 1e-9; }
  [[nodiscard]] double calls() const { return static_cast<double>(g_calls - calls_); }

 private:
  std::int64_t ns_ = g_inside_ns;
  std::int64_t calls_ = g_calls;
};

void report(benchmark::State& state, double cpu_s, double in_nvml_s, double calls, double reads) {
  const double span = to_seconds(kSpan) * static_cast<double>(state.iterations());
  const double outside = 100.0 * (cpu_s - in_nvml_s) / span;
  // Of the two looks around a call, one whole falls outside it.
  const double tracing = 100.0 * calls * look_s() / span;
  state.counters["outside_percent"] = outside;
  state.counters["trace_percent"] = tracing;
  state.counters["net_percent"] = outside - tracing;
  state.counters["in_nvml_percent"] = 100.0 * in_nvml_s / span;
  state.counters["reads_per_s"] = reads / span;
}

/// The recorder at its default rates beside so many GPUs: what each run of a study does.
void recorder(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<std::unique_ptr<Recorder>> recorders;
  for (std::size_t i = 0; i < count; ++i) recorders.push_back(record_in_real_time(*rig().devices[i]));
  double cpu_s = 0;
  double reads = 0;
  double missed = 0;
  double lost = 0;
  const Inside inside;
  for (auto _ : state) {
    for (const auto& each : recorders) each->start();
    std::this_thread::sleep_for(kSpan);
    for (const auto& each : recorders) {
      const auto trace = each->stop().value();
      cpu_s += trace.cpu_s;
      reads += static_cast<double>(trace.reads);
      missed += static_cast<double>(trace.missed);
      lost += static_cast<double>(trace.dropped + trace.failed + trace.bad);
    }
  }
  report(state, cpu_s, inside.seconds(), inside.calls(), reads);
  state.counters["missed_percent"] = 100.0 * missed / (reads + missed);
  state.counters["lost"] = lost;
}

/// A thread that wakes at the same instants as the recorder's two and does nothing: what the kernel takes for waking,
/// on this machine and in this state of it. A part of the above that no sampler of these rates can save.
void bare_wakes(benchmark::State& state) {
  double cpu_s = 0;
  double wakes = 0;
  for (auto _ : state) {
    std::vector<std::thread> threads;
    std::array<double, 2> used{};
    for (std::size_t i = 0; i < 2; ++i)
      threads.emplace_back([&used, i] {
        sem_t never;
        ::sem_init(&never, 0, 0);
        const Nanos interval = milliseconds(i == 0 ? 10 : 20);
        const Nanos begin = monotonic_now();
        for (Nanos next = begin + interval; next < begin + kSpan; next += interval) {
          const timespec until{.tv_sec = next / seconds(1), .tv_nsec = (next % seconds(1)).count()};
          ::sem_clockwait(&never, CLOCK_MONOTONIC, &until);
        }
        used[i] = to_seconds(thread_cpu());
        ::sem_destroy(&never);
      });
    for (auto& each : threads) each.join();
    cpu_s += used[0] + used[1];
    wakes += static_cast<double>(kSpan / milliseconds(10) + kSpan / milliseconds(20));
  }
  state.counters["outside_percent"] = 100.0 * cpu_s / (to_seconds(kSpan) * static_cast<double>(state.iterations()));
  state.counters["us_per_wake"] = 1e6 * cpu_s / wakes;
}

/// Every signal of eight GPUs in a read of its own, as `phasewatt devices watch --json` does.
void every_signal(benchmark::State& state) {
  std::vector<SamplePlan> plans;
  const auto count = rig().devices.size();
  const auto fast = single_reads(
      {.power_instant = true, .power_average = true, .clocks = true, .temperature = true, .throttle = true});
  const auto slow = single_reads({.energy = true, .utilization = true, .processes = true});
  for (std::size_t i = 0; i < count; ++i) {
    for (const auto& what : fast) plans.push_back({i, what, milliseconds(10), {}});
    for (const auto& what : slow) plans.push_back({i, what, seconds(1), milliseconds(1000 * i / count)});
  }
  std::atomic<std::int64_t> cpu_ns{0};
  std::atomic<std::int64_t> reads{0};
  const Inside inside;
  for (auto _ : state) {
    SignalSampler sampler(
        rig().devices, plans,
        [&](const SampleRead& read) {
          benchmark::DoNotOptimize(read.readings->power_instant);
          ++reads;
        },
        monotonic_now);
    const std::int64_t before = cpu_ns;
    const PeriodicWorker worker([&](Nanos now) {
      const Nanos next = sampler.step(now);
      cpu_ns = before + thread_cpu().count();
      return next;
    });
    std::this_thread::sleep_for(kSpan);
  }
  report(state, static_cast<double>(cpu_ns) * 1e-9, inside.seconds(), inside.calls(), static_cast<double>(reads));
}

BENCHMARK(bare_wakes)->UseRealTime()->Iterations(3)->Unit(benchmark::kSecond);
BENCHMARK(recorder)->Arg(1)->Arg(8)->ArgName("gpus")->UseRealTime()->Iterations(3)->Unit(benchmark::kSecond);
BENCHMARK(every_signal)->UseRealTime()->Iterations(3)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace phasewatt::device::bench
