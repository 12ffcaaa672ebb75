#pragma once

#include <random>

#include "phasewatt/device/calibration/analysis.h"
#include "phasewatt/sim/sim_gpu.h"
#include "phasewatt/sim/spec_files.h"

/// A calibration on the simulated GPU in virtual time: a load steps at known instants while a poller beside it reads
/// the sensors, whose truth is the spec.
namespace phasewatt::device::test {

struct SensorCase {
  double update_s = 0.1;   ///< of all sensors
  double instant_s = 0.1;  ///< window of the instant power
  double average_s = 1.0;  ///< window of the average power
};

inline sim::GpuSpec card_with(const SensorCase& sensors) {
  auto spec = sim::find_gpu("h200-sxm").value();
  spec.sensor.power_inst.update_s = sensors.update_s;
  spec.sensor.power_inst.window_s = sensors.instant_s;
  spec.sensor.power_avg.update_s = sensors.update_s;
  spec.sensor.power_avg.window_s = sensors.average_s;
  return spec;
}

class CalibrationWorld {
 public:
  CalibrationWorld(const sim::GpuSpec& spec, std::uint64_t seed, const std::string& card = "card")
      : gpu_(spec, {.noise = true, .device_id = card}), random_(seed) {
    gpu_.begin_point({seed, 0, std::nullopt});
    gpu_.set_watcher([this] { poll(); });
  }

  [[nodiscard]] const sim::SimGpu& gpu() const { return gpu_; }

  /// Everything that a calibration of `seconds` per part looks at.
  CalibrationTraces record(double seconds) {
    CalibrationTraces out;
    gpu_.hold_context(false);
    idle(5);
    out.idle = taken([&] { idle(5); }, kPower, kEnergy);
    gpu_.hold_context(true);
    idle(3);
    out.idle_context = taken([&] { idle(5); }, kPower, kEnergy);
    out.power_steps = taken([&] { out.power_edges = steps(seconds); }, kPower, 0);
    out.energy_steps = taken([&] { out.energy_edges = steps(seconds); }, 0, kEnergy);
    out.steady_load.begin = gpu_.now();
    out.steady = taken([&] { busy(seconds); }, kPower, kEnergy);
    out.steady_load.end = gpu_.now();
    return out;
  }

  /// Mean true power of the steady load, measured apart.
  double steady_w() {
    const Nanos begin = gpu_.now();
    const double before = gpu_.true_joules();
    busy(2);
    return (gpu_.true_joules() - before) / to_seconds(gpu_.now() - begin);
  }

 private:
  static constexpr double kPower = 0.001;
  static constexpr double kEnergy = 0.005;

  struct Poller {
    double interval_s = 0;  ///< 0 = not read
    Nanos next{};
  };

  void idle(double seconds) { gpu_.idle(from_seconds(seconds)); }
  void busy(double seconds) {
    const Nanos until = gpu_.now() + from_seconds(seconds);
    while (gpu_.now() < until) gpu_.run({.bytes = 1.2e10, .host_s = 0.004}, {0, ++pass_});
  }

  /// Uniform between the bounds, the same with every library.
  double uniform(double least, double most) {
    return least + (most - least) * static_cast<double>(random_() >> 11) * 0x1p-53;
  }

  StepEdges steps(double seconds) {
    StepEdges edges;
    const Nanos until = gpu_.now() + from_seconds(seconds);
    while (gpu_.now() < until) {
      idle(uniform(0.35, 1.7));
      edges.on.push_back(gpu_.now());
      busy(uniform(0.35, 1.7));
      edges.off.push_back(gpu_.now());
    }
    return edges;
  }

  template <class Work>
  SensorTrace taken(Work work, double power_s, double energy_s) {
    trace_ = {};
    power_ = {power_s, gpu_.now()};
    energy_ = {energy_s, gpu_.now()};
    work();
    power_.interval_s = energy_.interval_s = 0;
    return std::move(trace_);
  }

  /// Reads of the past, each a little late, and some left out.
  void poll() {
    const auto& sensor = gpu_.spec().sensor;
    const auto each = [&](Poller& poller, double cost_s, const auto& read) {
      while (poller.interval_s > 0 && poller.next + from_seconds(cost_s) <= gpu_.now()) {
        const Nanos begin = poller.next;
        read(begin, begin + from_seconds(cost_s));
        poller.next += from_seconds(poller.interval_s + (uniform(0, 1) < 0.002 ? 0.02 : uniform(0, 2e-4)));
      }
    };
    each(power_, sensor.power_inst.call_s, [&](Nanos begin, Nanos end) {
      trace_.power_instant.push_back({begin, end, gpu_.power_inst_at(begin).value()});
      trace_.power_average.push_back({begin, end, gpu_.power_avg_at(begin).value()});
    });
    each(energy_, sensor.energy.call_s, [&](Nanos begin, Nanos end) {
      trace_.energy.push_back({begin, end, gpu_.energy_at(begin).value()});
    });
  }

  sim::SimGpu gpu_;
  std::mt19937_64 random_;
  std::uint32_t pass_ = 0;
  SensorTrace trace_;
  Poller power_;
  Poller energy_;
};

}  // namespace phasewatt::device::test
