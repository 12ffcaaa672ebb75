#include "phasewatt/sim/sensors.h"

#include <algorithm>
#include <cmath>

#include "phasewatt/base/files.h"

namespace phasewatt::sim {
namespace {

double floor_to(double value, double quantum) { return std::floor(value / quantum) * quantum; }

}  // namespace

Sensors::Sensors(const GpuSpec::Sensor& spec, std::string_view device_id, bool exact) : spec_(spec) {
  if (exact) {
    spec_.error.tick_sigma_w = 0;
    spec_.power_inst.update_jitter_s = 0;
    spec_.power_avg.update_jitter_s = 0;
    return;
  }
  const auto words = philox(sha256_u64(device_id), {0, 0, 0, static_cast<std::uint32_t>(Stream::device)});
  const auto z = normals(words[0], words[1]);
  gain_ = spec_.error.gain_sigma * z[0];
  offset_w_ = spec_.error.offset_sigma_w * z[1];
}

void Sensors::begin(std::uint64_t key, std::uint32_t repeat, Nanos start) {
  key_ = key;
  repeat_ = repeat;
  const auto words = draw(Stream::sensor_phase, 0);
  phase_inst_ = from_seconds(spec_.power_inst.update_s * uniform(words[0]));
  phase_avg_ = from_seconds(spec_.power_avg.update_s * uniform(words[1]));
  phase_energy_ = from_seconds(spec_.energy.update_s * uniform(words[2]));
  counter_start_j_ = floor_to(1e6 * uniform(words[3]), spec_.energy.quantum_mj * 1e-3);
  sampled_tick_ = last_tick(spec_.power_inst, phase_inst_, Stream::tick_inst, start).index;
  sampled_j_ = 0;
}

RandomWords Sensors::draw(Stream stream, std::int64_t index) const {
  const auto bits = static_cast<std::uint64_t>(index);
  return philox(key_, {repeat_, static_cast<std::uint32_t>(bits >> 32), static_cast<std::uint32_t>(bits),
                       static_cast<std::uint32_t>(stream)});
}

Nanos Sensors::tick_time(const PowerSensorSpec& sensor, Nanos phase, Stream stream, std::int64_t index) const {
  const Nanos regular = phase + from_seconds(sensor.update_s) * index;
  if (sensor.update_jitter_s == 0) return regular;
  return regular + from_seconds(sensor.update_jitter_s * (2.0 * uniform(draw(stream, index)[2]) - 1.0));
}

Sensors::Tick Sensors::last_tick(const PowerSensorSpec& sensor, Nanos phase, Stream stream, Nanos now) const {
  // The jitter is below a quarter of the period, so the last tick is the regular one or a neighbour.
  const Nanos period = from_seconds(sensor.update_s);
  for (std::int64_t index = (now - phase) / period + 1;; --index) {
    const Nanos at = tick_time(sensor, phase, stream, index);
    if (at <= now) return {index, at};
  }
}

double Sensors::power_at(const PowerSensorSpec& sensor, Stream stream, const Tick& tick,
                         const PowerHistory& history) const {
  double watts = history.mean_w(tick.at - from_seconds(sensor.window_s), tick.at) * (1.0 + gain_) + offset_w_;
  if (spec_.error.tick_sigma_w > 0) {
    const auto words = draw(stream, tick.index);
    watts += spec_.error.tick_sigma_w * normals(words[0], words[1])[0];
  }
  return std::max(0.0, floor_to(watts, spec_.error.power_quantum_mw * 1e-3));
}

Watts Sensors::power_inst(const PowerHistory& history, Nanos now) const {
  const Tick tick = last_tick(spec_.power_inst, phase_inst_, Stream::tick_inst, now);
  return Watts(power_at(spec_.power_inst, Stream::tick_inst, tick, history));
}

Watts Sensors::power_avg(const PowerHistory& history, Nanos now) const {
  const Tick tick = last_tick(spec_.power_avg, phase_avg_, Stream::tick_avg, now);
  return Watts(power_at(spec_.power_avg, Stream::tick_avg, tick, history));
}

Joules Sensors::energy(const PowerHistory& history, Nanos now) const {
  const double quantum = spec_.energy.quantum_mj * 1e-3;
  double joules = sampled_j_;  // already with gain and offset
  if (spec_.energy.integrates == EnergySensorSpec::Integrates::full) {
    const PowerSensorSpec regular{.update_s = spec_.energy.update_s};
    joules = history.joules_at(last_tick(regular, phase_energy_, Stream::tick_inst, now).at) * (1.0 + gain_);
  }
  return Joules(counter_start_j_ + floor_to(joules, quantum));
}

void Sensors::follow_samples(const PowerHistory& history) {
  for (;;) {
    const std::int64_t next = sampled_tick_ + 1;
    const Nanos at = tick_time(spec_.power_inst, phase_inst_, Stream::tick_inst, next);
    if (at > history.end()) return;
    sampled_j_ += power_at(spec_.power_inst, Stream::tick_inst, {next, at}, history) * spec_.power_inst.update_s;
    sampled_tick_ = next;
  }
}

}  // namespace phasewatt::sim
