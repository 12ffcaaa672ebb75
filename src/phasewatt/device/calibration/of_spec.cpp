#include "phasewatt/device/calibration/of_spec.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "phasewatt/sim/gpu_model.h"

namespace phasewatt::device {
namespace {

SensorTiming timing_of(const sim::PowerSensorSpec& sensor, double noise_w) {
  // The spec's jitter is the half width of a uniform distribution.
  return {.update_s = sensor.update_s,
          .jitter_s = sensor.update_jitter_s / std::numbers::sqrt3,
          .window_s = sensor.window_s,
          .read_s = sensor.call_s,
          .read_max_s = sensor.call_s,
          .noise_w = noise_w};
}

}  // namespace

Ceilings ceilings_of_spec(const sim::GpuSpec& spec) {
  const auto point = sim::clock_point(spec, spec.clocks.sm_max_mhz);
  Ceilings ceilings;
  ceilings.copy_bytes_per_s = spec.memory.bw_bytes_per_s * spec.memory.bw_eta;
  ceilings.stream_bytes_per_s = ceilings.copy_bytes_per_s;
  ceilings.gemm_flops_per_s = point.flops_per_s;
  ceilings.gemm_clock = Mhz(spec.clocks.sm_max_mhz);
  ceilings.launch_s = point.kernel_s;
  ceilings.source = "spec file " + spec.id + ".toml";
  return ceilings;
}

Calibration calibration_of_spec(const sim::GpuSpec& spec) {
  constexpr double kNormal95 = 1.96;
  const auto& sensor = spec.sensor;
  Calibration c;
  c.device_id = "sim:" + spec.id;
  c.device_name = spec.name;
  c.simulated = true;
  c.assumed = false;
  c.power_instant = timing_of(sensor.power_inst, sensor.error.tick_sigma_w);
  c.power_average = timing_of(sensor.power_avg, sensor.error.tick_sigma_w);
  // Quantised down to a step at both ends of a period.
  constexpr double kJoulesPerMj = 1e-3;
  c.energy = SensorTiming{
      .update_s = sensor.energy.update_s,
      .read_s = sensor.energy.call_s,
      .read_max_s = sensor.energy.call_s,
      .noise_w = sensor.energy.quantum_mj * kJoulesPerMj / std::sqrt(6.0) / sensor.energy.update_s,
  };
  c.common_gain_sigma = sensor.error.gain_sigma;
  c.common_offset_sigma_w = sensor.error.offset_sigma_w;
  c.idle = Watts(spec.power.idle_no_context_w);
  c.idle_context = Watts(sim::context_idle_w(spec, spec.clocks.sm_max_mhz));
  // Gain is common to power and counter; the offset of the power alone weighs most where the card draws least.
  c.gain = 1.0;
  c.gain_error = kNormal95 * sensor.error.offset_sigma_w / std::max(c.idle_context->value(), 1.0);
  c.ceilings = ceilings_of_spec(spec);
  return c;
}

}  // namespace phasewatt::device
