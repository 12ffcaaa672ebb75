#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "phasewatt/device/calibration.h"
#include "phasewatt/device/sensor_trace.h"
#include "phasewatt/engine/sim/sim_engine.h"
#include "phasewatt/replay/energy/phases.h"
#include "phasewatt/sim/random.h"
#include "phasewatt/sim/sim_gpu.h"
#include "phasewatt/sim/spec_files.h"

/// Runs on the simulated GPU whose truth is known, seen through its sensors: for tests and for measurement_accuracy.
namespace phasewatt::replay::accuracy {

/// Numbers drawn for a seed and a use, the same on every machine.
class Draw {
 public:
  Draw(std::uint64_t seed, std::uint32_t use) : seed_(seed), use_(use) {}
  double uniform() { return sim::uniform(sim::philox(seed_, {use_, next_++, 0x5eed, 0})[0]); }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  int integer(int low, int high) { return low + static_cast<int>(uniform() * (high - low + 1)); }

 private:
  std::uint64_t seed_;
  std::uint32_t use_;
  std::uint32_t next_ = 0;
};

/// How the sampler beside the engine reads: every `every_s`, late by up to `late_s`; with `worst_s` one read in a
/// hundred is late by up to that; `lost` of the reads never come, half of them in bursts of up to 0.4 s.
struct Polling {
  double every_s = 0.01;
  double late_s = 0.0;
  double worst_s = 0.0;
  double lost = 0.0;
  double energy_read_s = 3.8e-3;
};

/// What makes one run differ from another; drawn from the seed by `workload_of`.
struct Workload {
  std::string gpu;
  std::string model;
  std::string runtime;
  int batch = 1;
  int prompt_low = 1;  ///< tokens, drawn per request
  int prompt_high = 1;
  int output_low = 1;  ///< tokens, drawn per batch
  int output_high = 1;
  double gap_low_s = 0;
  double gap_high_s = 0;
  double length_s = 60;
};

/// A run: what the sensors said and what was true.
struct Run {
  device::SensorTrace trace;
  TimeSpan window;
  std::vector<PhaseStretch> stretches;
  std::array<double, kPhaseCount> truth_j{};
  double idle_truth_j = 0;
  double total_truth_j = 0;
  std::vector<std::pair<Nanos, double>> batches;  ///< begin of each, and J used from the window's begin until then
  double offset_w = 0;
  double gain = 0;
};

/// Four kinds of work with prefills of 20 to 60 ms and decodes of 50 to 1000 ms.
inline Workload workload_of(std::uint64_t seed) {
  Draw draw(seed, 1);
  Workload w;
  switch (seed % 4) {
    case 0: w = {"h200-sxm", "llama-3.1-8b", "eager", 4, 150, 500, 3, 45}; break;
    case 1: w = {"h200-sxm", "llama-3.1-8b", "graph", 4, 250, 550, 10, 110}; break;
    case 2: w = {"rtx-pro-6000-blackwell-ws", "llama-3.2-3b", "eager", 8, 100, 220, 5, 80}; break;
    default: w = {"h200-sxm", "qwen2.5-14b", "graph", 2, 200, 500, 5, 70}; break;
  }
  // Half of the runs generate a fixed number of tokens, as a study does; the others one that differs by batch.
  if (draw.uniform() < 0.5) w.output_low = w.output_high = draw.integer(w.output_low, w.output_high);
  w.gap_low_s = 0.5e-3;
  w.gap_high_s = draw.between(2e-3, 8e-3);
  w.length_s = draw.between(30, 120);
  return w;
}

/// Polls the sensors of the GPU in the past, as a thread beside the engine would have.
class Poller {
 public:
  Poller(sim::SimGpu& gpu, const Polling& polling, std::uint64_t seed, device::SensorTrace& trace)
      : gpu_(gpu), polling_(polling), draw_(seed, 2), trace_(trace), next_(gpu.now()) {}

  void catch_up() {
    while (plan() <= gpu_.now()) {
      const Nanos at = plan();
      planned_.reset();
      next_ += from_seconds(polling_.every_s);
      if (lose(at)) continue;
      const Nanos cost = from_seconds(26e-6);
      if (at < free_) continue;  // the read before is still going on
      trace_.power_instant.push_back({at, at + cost, gpu_.power_inst_at(at).value()});
      trace_.power_average.push_back({at, at + cost, gpu_.power_avg_at(at).value()});
      // The counter is read beside, by a thread of its own.
      trace_.energy.push_back({at, at + from_seconds(polling_.energy_read_s), gpu_.energy_at(at).value()});
      free_ = at + cost;
    }
  }

 private:
  Nanos plan() {
    if (!planned_) {
      double late = polling_.late_s * draw_.uniform();
      if (polling_.worst_s > 0 && draw_.uniform() < 0.01) late = polling_.worst_s * draw_.uniform();
      planned_ = next_ + from_seconds(late);
    }
    return *planned_;
  }

  bool lose(Nanos at) {
    if (polling_.lost <= 0) return false;
    if (at < burst_until_) return true;
    // Bursts of 0.2 s on the average: begun so often that they take half of what is lost.
    if (draw_.uniform() < 0.5 * polling_.lost * polling_.every_s / 0.2)
      burst_until_ = at + from_seconds(draw_.between(0.0, 0.4));
    return draw_.uniform() < 0.5 * polling_.lost;
  }

  sim::SimGpu& gpu_;
  Polling polling_;
  Draw draw_;
  device::SensorTrace& trace_;
  Nanos next_;
  Nanos free_{};
  Nanos burst_until_{};
  std::optional<Nanos> planned_;
};

/// Merges steps of one phase that follow each other, and sums what was true.
class Collector final : public engine::PhaseListener {
 public:
  explicit Collector(Run& run) : run_(run) {}
  void on_span(const PhaseSpan& span) override {
    run_.truth_j[static_cast<std::size_t>(span.phase)] += span.energy_truth->value();
    auto& list = run_.stretches;
    if (!list.empty() && list.back().phase == span.phase && list.back().time.end == span.begin) {
      list.back().time.end = span.end;
      *list.back().tokens += span.tokens;
      return;
    }
    list.push_back({span.phase, {span.begin, span.end}, span.tokens});
  }

 private:
  Run& run_;
};

/// The card of a seed: `change` alters its sensors first.
inline Run simulate(std::uint64_t seed, const Workload& w, const Polling& polling,
                    const std::function<void(sim::GpuSpec::Sensor&)>& change) {
  auto spec = sim::find_gpu(w.gpu).value();
  change(spec.sensor);
  const auto runtime = sim::find_runtime(spec.default_host, w.runtime).value();
  sim::SimGpu gpu(spec, {.noise = true, .device_id = "card " + std::to_string(seed)});
  engine::SimEngine::Options options;
  options.seed = seed;
  engine::SimEngine engine(gpu, runtime, options);
  (void)engine.load(w.model);
  RunPoint point;
  point.model = w.model;
  point.dataset = "random";
  point.batch = w.batch;
  (void)engine.begin_point(point);

  Run run;
  Poller poller(gpu, polling, seed, run.trace);
  gpu.set_watcher([&] { poller.catch_up(); });
  Collector collector(run);
  Draw draw(seed, 3);
  // Clean edges: the card idles before and after, and the window lies inside.
  gpu.idle(from_seconds(1.5 + draw.uniform() * 0.1));
  run.window.begin = gpu.now();
  const double before_j = gpu.true_joules();
  Query query;
  query.id = "random/0";
  const Features features;
  std::uint32_t index = 0;
  while (to_seconds(gpu.now() - run.window.begin) < w.length_s) {
    run.batches.emplace_back(gpu.now(), gpu.true_joules() - before_j);
    std::vector<Request> batch;
    for (int i = 0; i < w.batch; ++i)
      batch.push_back({index++, &query, &features, draw.integer(w.prompt_low, w.prompt_high), {}});
    (void)engine.generate(batch, {.max_new_tokens = draw.integer(w.output_low, w.output_high)}, collector);
    const double idle_before_j = gpu.true_joules();
    gpu.idle(from_seconds(draw.between(w.gap_low_s, w.gap_high_s)));
    run.idle_truth_j += gpu.true_joules() - idle_before_j;
  }
  run.window.end = gpu.now();
  run.total_truth_j = gpu.true_joules() - before_j;
  gpu.idle(from_seconds(1.5));
  run.offset_w = gpu.sensors().offset_w();
  run.gain = gpu.sensors().gain();
  return run;
}

/// What a calibration of such a card would find.
inline device::Calibration calibration_of(const Workload& w, const sim::GpuSpec::Sensor& sensor) {
  device::Calibration c;
  const auto power = [&](const sim::PowerSensorSpec& s) {
    return device::SensorTiming{.update_s = s.update_s,
                                .jitter_s = s.update_jitter_s / std::sqrt(3.0),
                                .window_s = s.window_s,
                                .noise_w = sensor.error.tick_sigma_w};
  };
  c.assumed = false;
  c.power_instant = power(sensor.power_inst);
  c.power_average = power(sensor.power_avg);
  c.energy = device::SensorTiming{.update_s = sensor.energy.update_s};
  c.common_gain_sigma = sensor.error.gain_sigma;
  c.common_offset_sigma_w = sensor.error.offset_sigma_w;
  const auto spec = sim::find_gpu(w.gpu).value();
  c.idle_context = Watts(std::round(sim::context_idle_w(spec, spec.clocks.sm_max_mhz)));
  return c;
}

/// One sensor condition: how the card's sensors differ from the shipped ones, how they are polled, which are looked at.
struct Condition {
  std::string name;
  double instant_update_s = 0.1;
  double instant_window_s = 0.025;
  double gain_sigma = 0;
  Polling polling{};
  bool instant = false;
  bool average = false;
  bool counter = false;

  [[nodiscard]] sim::GpuSpec::Sensor sensors(const std::string& gpu) const {
    auto out = sim::find_gpu(gpu).value().sensor;
    out.power_inst.update_s = instant_update_s;
    out.power_inst.window_s = instant_window_s;
    out.error.gain_sigma = gain_sigma;
    return out;
  }
  /// Conditions with equal keys look at the same run.
  [[nodiscard]] auto run_key() const {
    return std::tuple(instant_update_s, instant_window_s, gain_sigma, polling.lost);
  }
  /// What is left of a trace when the other sensors are switched off.
  [[nodiscard]] device::SensorTrace only(const Run& run) const {
    device::SensorTrace out;
    if (instant) out.power_instant = run.trace.power_instant;
    if (average) out.power_average = run.trace.power_average;
    if (counter) out.energy = run.trace.energy;
    return out;
  }
};

inline std::vector<Condition> conditions() {
  const Polling bad{.late_s = 4e-3, .worst_s = 0.1, .lost = 0.2};
  return {
      {.name = "instant 100 ms / 25 ms", .instant = true},
      {.name = "average 100 ms / 1 s", .average = true},
      {.name = "instant 20 ms / 10 ms", .instant_update_s = 0.02, .instant_window_s = 0.01, .instant = true},
      {.name = "counter 100 ms", .counter = true},
      {.name = "late and lost reads: instant 100 / 25", .polling = bad, .instant = true},
      {.name = "late and lost reads: average 100 / 1 s", .polling = bad, .average = true},
      {.name = "late and lost reads: counter 100", .polling = bad, .counter = true},
      {.name = "gain 1 %: instant 100 / 25", .gain_sigma = 0.01, .instant = true},
      {.name = "gain 1 %: average 100 / 1 s", .gain_sigma = 0.01, .average = true},
      {.name = "gain 1 %: counter 100", .gain_sigma = 0.01, .counter = true},
      {.name = "all three sensors", .instant = true, .average = true, .counter = true},
  };
}

inline Run simulate(std::uint64_t seed, const Workload& w, const Condition& condition) {
  return simulate(seed, w, condition.polling, [&](sim::GpuSpec::Sensor& s) { s = condition.sensors(w.gpu); });
}

}  // namespace phasewatt::replay::accuracy
