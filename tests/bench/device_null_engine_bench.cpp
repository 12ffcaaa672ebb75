// How much slower an engine gets with the recorder beside it (rounds.h). The null engine does nothing but a
// fixed amount of work of the processor in each pass. *_percent are medians, *_low and *_high enclose them with 95 %.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/recorder.h"
#include "tests/bench/recorder_rig.h"
#include "tests/bench/rounds.h"

namespace phasewatt::device::bench {
namespace {

/// One pass: about a millisecond of dependent integer arithmetic.
void pass() {
  std::uint64_t x = 88172645463325252ULL;
  for (int i = 0; i < 500'000; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  benchmark::DoNotOptimize(x);
}

constexpr int kPassesPerBlock = 200;

/// Passes per second.
double block() {
  const Nanos begin = monotonic_now();
  for (int i = 0; i < kPassesPerBlock; ++i) pass();
  return kPassesPerBlock / to_seconds(monotonic_now() - begin);
}

int rounds() {
  const char* wanted = std::getenv("PHASEWATT_BENCH_ROUNDS");
  return wanted != nullptr ? std::max(1, std::atoi(wanted)) : 100;  // NOLINT(cert-err34-c): nonsense is 1
}

void null_engine(benchmark::State& state) {
  const auto recorder = record_in_real_time(*rig().devices[0]);
  for (auto _ : state) {
    const auto cost = phasewatt::bench::recorder_cost(
        *recorder, rounds(), [] { return Result<double>(block()); }, [](int) {});
    if (!cost) {
      state.SkipWithError(cost.error().what.c_str());
      return;
    }
    state.counters["change_percent"] = cost->change.middle;
    state.counters["change_low"] = cost->change.low;
    state.counters["change_high"] = cost->change.high;
    state.counters["control_percent"] = cost->control.middle;
    state.counters["control_low"] = cost->control.low;
    state.counters["control_high"] = cost->control.high;
  }
}

BENCHMARK(null_engine)->UseRealTime()->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace phasewatt::device::bench
