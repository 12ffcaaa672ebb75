// How much slower an engine gets with the recorder beside it. The null engine does nothing but a fixed amount of work
// of the processor in each pass. Rounds of three blocks in random order: with the recorder, without, without again;
// each block gives a throughput. change_percent is the median over the rounds of (with / without - 1), control_percent
// that of (without again / without - 1), which would be 0 on a quiet machine; *_low and *_high enclose the median with
// 95 %.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/recorder.h"
#include "tests/bench/recorder_rig.h"

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

struct Median {
  double low;
  double middle;
  double high;
};

/// Median with its distribution-free 95 % interval: ranks n/2 ± 0.98 √n.
Median median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const auto at = [&](double rank) {
    return values[static_cast<std::size_t>(std::clamp(std::floor(rank), 0.0, n - 1))];
  };
  return {at(n / 2 - 0.98 * std::sqrt(n)), at(n / 2), at(n / 2 + 0.98 * std::sqrt(n))};
}

int rounds() {
  const char* wanted = std::getenv("PHASEWATT_BENCH_ROUNDS");
  return wanted != nullptr ? std::max(1, std::atoi(wanted)) : 100;  // NOLINT(cert-err34-c): nonsense is 1
}

void null_engine(benchmark::State& state) {
  const auto recorder = record_in_real_time(*rig().devices[0]);
  std::mt19937 random(1);
  std::vector<double> change;
  std::vector<double> control;
  for (auto _ : state) {
    for (int round = 0; round < rounds(); ++round) {
      std::array<int, 3> order{0, 1, 2};
      std::shuffle(order.begin(), order.end(), random);
      std::array<double, 3> rate{};
      for (const int which : order) {
        if (which == 0) recorder->start();
        rate[static_cast<std::size_t>(which)] = block();
        if (which == 0) benchmark::DoNotOptimize(recorder->stop());
      }
      change.push_back(100 * (rate[0] / rate[1] - 1));
      control.push_back(100 * (rate[2] / rate[1] - 1));
    }
  }
  const Median with = median(change);
  const Median without = median(control);
  state.counters["change_percent"] = with.middle;
  state.counters["change_low"] = with.low;
  state.counters["change_high"] = with.high;
  state.counters["control_percent"] = without.middle;
  state.counters["control_low"] = without.low;
  state.counters["control_high"] = without.high;
}

BENCHMARK(null_engine)->UseRealTime()->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace phasewatt::device::bench
