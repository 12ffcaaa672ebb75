// What a look at a simulated card in real time costs, on top of the time that the call takes on a real one.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>

#include "phasewatt/sim/live/rig.h"

namespace {

using namespace phasewatt::sim::live;

/// A rig whose state file goes with it; the card is busy and its history full.
struct BusyRig {
  BusyRig() {
    path = std::filesystem::temp_directory_path() / ("phasewatt-live-bench-" + std::to_string(getpid()));
    rig = LiveRig::open({.state = path, .config = config_text("h200-sxm")}).value();
    (void)rig->with(0, [](LiveGpu& gpu, GpuState& state, std::int64_t now) {
      gpu.start(state, now - 10'000'000'000);
      for (std::int64_t i = 10'000; i > 0; --i) gpu.advance(state, now - i * 1'000'000);
    });
  }
  ~BusyRig() { std::filesystem::remove(path); }
  std::filesystem::path path;
  std::shared_ptr<LiveRig> rig;
};

void look(benchmark::State& state) {
  const BusyRig busy;
  for (auto _ : state) benchmark::DoNotOptimize(busy.rig->with(0, [](LiveGpu&, GpuState&, std::int64_t) {}));
}
BENCHMARK(look);

void read_average_power(benchmark::State& state) {
  const BusyRig busy;
  for (auto _ : state) {
    benchmark::DoNotOptimize(busy.rig->with(
        0, [](LiveGpu& gpu, GpuState& now, std::int64_t) { benchmark::DoNotOptimize(gpu.power_average_w(now)); }));
  }
}
BENCHMARK(read_average_power);

/// What the first look after an hour of a repeating decode load has to catch up with.
void catch_up_an_hour(benchmark::State& state) {
  const auto config = parse_live_config(
      "schema = \"nvml-sim/1\"\n[[gpu]]\nrepeat_s = 20\n[[gpu.load]]\nat_s = 5\nfor_s = 10\nkind = \"decode\"\n"
      "arch = \"llama-3.1-8b\"\ntokens = 300\n",
      "bench");
  const LiveGpu gpu(config->gpus.at(0), 1, true);
  const auto card = std::make_unique<GpuState>();
  for (auto _ : state) {
    gpu.start(*card, 1'000'000'000'000);
    gpu.advance(*card, 4'600'000'000'000);
  }
}
BENCHMARK(catch_up_an_hour)->Unit(benchmark::kMillisecond);

}  // namespace
