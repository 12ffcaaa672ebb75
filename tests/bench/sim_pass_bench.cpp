// What one simulated pass costs: the paper's grid has 26 million of them.
#include <benchmark/benchmark.h>

#include "phasewatt/sim/sim_gpu.h"
#include "phasewatt/sim/spec_files.h"

namespace {

using namespace phasewatt;

struct Rig {
  sim::RuntimeSpec runtime = sim::find_runtime("rtx-pro-6000-host", "eager").value();
  sim::ArchSpec arch = sim::find_arch("llama-3.1-8b").value();
};

/// Decode steps as the engine makes them, the context growing to 100 and starting again.
void decode_steps(benchmark::State& state, bool noise, double batch, std::optional<Mhz> clock, double cap_w) {
  const Rig rig;
  sim::GpuSpec spec = sim::find_gpu("rtx-pro-6000-blackwell-ws").value();
  spec.power.cap_w = cap_w;
  sim::SimGpu gpu(spec, {.noise = noise, .device_id = {}});
  gpu.begin_point({1, 0, clock});
  std::uint32_t step = 0;
  for (auto _ : state) {
    const sim::PassIn in{Phase::decode, batch, 1, 336.5 + step % 100, 1};
    benchmark::DoNotOptimize(gpu.run(sim::pass_load(gpu.spec(), rig.runtime, rig.arch, in), {step / 100, step % 100}));
    ++step;
  }
  state.SetItemsProcessed(state.iterations());
}

void bm_decode_step(benchmark::State& state) { decode_steps(state, true, 8, Mhz(960), 600); }
void bm_decode_step_without_noise(benchmark::State& state) { decode_steps(state, false, 8, Mhz(960), 600); }
/// Every pass clipped by the power cap, so that the clock is solved for.
void bm_decode_step_at_the_cap(benchmark::State& state) { decode_steps(state, true, 8, std::nullopt, 300); }

void bm_point_begin(benchmark::State& state) {
  sim::SimGpu gpu(sim::find_gpu("rtx-pro-6000-blackwell-ws").value());
  std::uint64_t key = 0;
  for (auto _ : state) gpu.begin_point({++key, 0, Mhz(960)});
}

void bm_read_power(benchmark::State& state) {
  sim::SimGpu gpu(sim::find_gpu("rtx-pro-6000-blackwell-ws").value());
  for (auto _ : state) benchmark::DoNotOptimize(gpu.read_power_inst());
}

BENCHMARK(bm_decode_step);
BENCHMARK(bm_decode_step_without_noise);
BENCHMARK(bm_decode_step_at_the_cap);
BENCHMARK(bm_point_begin);
BENCHMARK(bm_read_power);

}  // namespace
