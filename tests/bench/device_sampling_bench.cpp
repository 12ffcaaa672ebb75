// What sampling costs outside the NVML calls: the sampling thread's CPU time, less that inside NVML, over real time
// (outside_percent, with what this measuring itself adds: trace_percent).
// 8 GPUs of the simulated NVML at 100 Hz; energy, utilisation and processes once a second.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <time.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/nvml/nvml_device.h"
#include "phasewatt/device/signal_sampler.h"
#include "phasewatt/device/signals.h"

namespace phasewatt::device {
namespace {

using namespace nvml;
using std::chrono::milliseconds;
using std::chrono::seconds;

Nanos thread_cpu() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return seconds(now.tv_sec) + Nanos(now.tv_nsec);
}

thread_local Nanos inside{};
thread_local std::int64_t calls = 0;
NvmlFunctions real;

/// The functions of the library, each with the thread's CPU time taken around it. Half of each of the two looks at the
/// clock falls outside the call: trace_percent says how much that is.
template <auto member, class Function>
struct Traced;
template <auto member, class R, class... A>
struct Traced<member, R (*NvmlFunctions::*)(A...)> {
  static R call(A... arguments) {
    const Nanos begin = thread_cpu();
    const R result = (real.*member)(arguments...);
    inside += thread_cpu() - begin;
    ++calls;
    return result;
  }
};

NvmlFunctions traced() {
  NvmlFunctions out = real;
#define PHASEWATT_TRACE(need, member, result, parameters, newest, older) \
  if (real.member != nullptr) out.member = &Traced<&NvmlFunctions::member, decltype(&NvmlFunctions::member)>::call;
  PHASEWATT_NVML_READ(PHASEWATT_TRACE)
#undef PHASEWATT_TRACE
  return out;
}

/// Seconds that one look at the thread's CPU clock costs.
double look_s() {
  constexpr int kLooks = 20'000;
  const Nanos begin = thread_cpu();
  for (int i = 0; i < kLooks; ++i) benchmark::DoNotOptimize(thread_cpu());
  return to_seconds(thread_cpu() - begin) / kLooks;
}

/// Eight cards with a state of their own.
struct Rig {
  Rig() {
    std::string name = (std::filesystem::temp_directory_path() / "phasewatt-bench-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    ::setenv("PHASEWATT_NVML_SIM_STATE", (folder / "state").c_str(), 1);
    ::setenv("PHASEWATT_NVML_SIM_GPUS", "h200-sxm,h200-sxm,h200-sxm,h200-sxm,h200-sxm,h200-sxm,h200-sxm,h200-sxm", 1);
    library = Nvml::open(PHASEWATT_NVML_SIM_LIBRARY).value();
    real = library->call();
    trace = Nvml::open(traced(), "traced", true).value();
    const auto gpus = list_gpus(*trace).value();
    for (const auto& gpu : gpus) {
      owned.push_back(NvmlDevice::open(trace, gpu).value());
      devices.push_back(owned.back().get());
    }
  }
  ~Rig() { std::filesystem::remove_all(folder); }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  std::filesystem::path folder;
  std::shared_ptr<const Nvml> library;
  std::shared_ptr<const Nvml> trace;
  std::vector<std::unique_ptr<NvmlDevice>> owned;
  std::vector<Device*> devices;
};

Rig& rig() {
  static Rig the_rig;
  return the_rig;
}

/// CPU time of the sampling thread.
struct Cost {
  std::atomic<std::int64_t> total{0};
  std::atomic<std::int64_t> in_nvml{0};
  std::atomic<std::int64_t> nvml_calls{0};
  std::atomic<std::int64_t> reads{0};
};

void sample(benchmark::State& state, const std::vector<ReadMask>& fast, const std::vector<ReadMask>& slow) {
  std::vector<SamplePlan> plans;
  const auto count = rig().devices.size();
  for (std::size_t i = 0; i < count; ++i) {
    for (const auto& what : fast) plans.push_back({i, what, milliseconds(10), {}});
    // Spread, as whoever measures spreads them.
    for (const auto& what : slow) plans.push_back({i, what, seconds(1), milliseconds(1000 * i / count)});
  }
  Cost cost;
  std::uint64_t missed = 0;
  for (auto _ : state) {
    SignalSampler sampler(
        rig().devices, plans,
        [&](const SampleRead& read) {
          benchmark::DoNotOptimize(read.readings->power_instant);
          ++cost.reads;
        },
        monotonic_now);
    const std::int64_t before = cost.total;
    const std::int64_t in_before = cost.in_nvml;
    const std::int64_t calls_before = cost.nvml_calls;
    const PeriodicWorker worker([&](Nanos now) {
      const Nanos next = sampler.step(now);
      missed = sampler.missed();
      cost.total = before + thread_cpu().count();
      cost.in_nvml = in_before + inside.count();
      cost.nvml_calls = calls_before + calls;
      return next;
    });
    std::this_thread::sleep_for(seconds(2));
  }
  const double span_ns = 2e9 * static_cast<double>(state.iterations());
  state.counters["outside_percent"] = 100.0 * static_cast<double>(cost.total - cost.in_nvml) / span_ns;
  state.counters["trace_percent"] = 100.0 * static_cast<double>(cost.nvml_calls) * look_s() / (span_ns * 1e-9);
  state.counters["in_nvml_percent"] = 100.0 * static_cast<double>(cost.in_nvml) / span_ns;
  state.counters["reads_per_s"] = static_cast<double>(cost.reads) / span_ns * 1e9;
  state.counters["nvml_calls_per_s"] = static_cast<double>(cost.nvml_calls) / span_ns * 1e9;
  state.counters["missed"] = static_cast<double>(missed);
}

const ReadMask kSlow{.energy = true};

/// What a study samples: power.
void power(benchmark::State& state) { sample(state, {{.power_instant = true}}, {kSlow}); }

/// Power, clock and reasons in one read.
void power_and_clock(benchmark::State& state) {
  sample(state, {{.power_instant = true, .clocks = true, .throttle = true}}, {kSlow});
}

/// Every signal in a read of its own, as `phasewatt devices watch --json` does.
void every_signal(benchmark::State& state) {
  sample(state,
         single_reads(
             {.power_instant = true, .power_average = true, .clocks = true, .temperature = true, .throttle = true}),
         single_reads({.energy = true, .utilization = true, .processes = true}));
}

BENCHMARK(power)->UseRealTime()->Iterations(5)->Unit(benchmark::kSecond);
BENCHMARK(power_and_clock)->UseRealTime()->Iterations(5)->Unit(benchmark::kSecond);
BENCHMARK(every_signal)->UseRealTime()->Iterations(5)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace phasewatt::device
