#include "apps/cli/calibrate_text.h"

#include <fmt/format.h>

namespace phasewatt::cli {
namespace {

using device::Calibration;
using device::SensorTiming;

std::string sensor_row(const char* name, const std::optional<SensorTiming>& sensor, bool power) {
  if (!sensor) return fmt::format("{:<15} not there, or it never changed\n", name);
  const std::string window = power ? fmt::format("{:.1f}", sensor->window_s * 1e3) : "-";
  return fmt::format("{:<15} {:>9.2f} {:>9.2f} {:>9} {:>9.1f} {:>11.1f} {:>11.1f} {:>8.2f}\n", name,
                     sensor->update_s * 1e3, sensor->jitter_s * 1e3, window, sensor->lag_s * 1e3, sensor->read_s * 1e6,
                     sensor->read_max_s * 1e6, sensor->noise_w);
}

std::string watts(const std::optional<Watts>& value) {
  return value ? fmt::format("{:.1f} W", value->value()) : "not known";
}

std::string scaled(const std::optional<double>& value, double unit, const char* name) {
  return value ? fmt::format("{:.3g} {}", *value / unit, name) : "not known";
}

std::string switches_text(const Calibration& c) {
  if (c.switches.empty()) return {};
  std::string out =
      fmt::format("\n{:<22} {:>10} {:>16} {:>10}\n", "switch, MHz", "call ms", "first effect ms", "stable ms");
  for (const auto& one : c.switches)
    out += fmt::format("{:<22} {:>10.2f} {:>16.2f} {:>10.2f}\n",
                       fmt::format("{:g} -> {:g}", one.from.value(), one.to.value()), one.call_s * 1e3,
                       one.first_effect_s * 1e3, one.stable_s * 1e3);
  return out;
}

std::string ceilings_text(const device::Ceilings& c) {
  if (c.source.empty()) return "ceilings         not known\n";
  constexpr double kTera = 1e12;
  return fmt::format("ceilings         copy {}, stream {}, GEMM {}{}, launch {}: {}\n",
                     scaled(c.copy_bytes_per_s, kTera, "TB/s"), scaled(c.stream_bytes_per_s, kTera, "TB/s"),
                     scaled(c.gemm_flops_per_s, kTera, "TFLOP/s"),
                     c.gemm_clock ? fmt::format(" at {:.0f} MHz", c.gemm_clock->value()) : "",
                     scaled(c.launch_s, 1e-6, "us"), c.source);
}

}  // namespace

std::string calibration_text(const Calibration& c) {
  std::string out = fmt::format("{}{}  {}  driver {}\n", c.device_name, c.simulated ? "  SIMULATED" : "", c.device_id,
                                c.driver.empty() ? "unknown" : c.driver);
  out += fmt::format("\n{:<15} {:>9} {:>9} {:>9} {:>9} {:>11} {:>11} {:>8}\n", "sensor", "update ms", "jitter ms",
                     "window ms", "lag ms", "read us", "longest us", "noise W");
  out += sensor_row("power, instant", c.power_instant, true);
  out += sensor_row("power, average", c.power_average, true);
  out += sensor_row("energy counter", c.energy, false);
  out += fmt::format("\nidle             {} without a context, {} with one\n", watts(c.idle), watts(c.idle_context));
  out += c.gain ? fmt::format("gain             {:.4f} +- {:.4f}, integrated power over counter (95 %)\n", *c.gain,
                              c.gain_error)
                : std::string("gain             not known\n");
  out += fmt::format("shortest window  {:.2f} s for an edge error of 5 %\n", shortest_window_s(c));
  out += ceilings_text(c.ceilings);
  out += switches_text(c);
  for (const auto& note : c.notes) out += fmt::format("note: {}\n", note);
  return out;
}

std::string calibration_line(const Calibration& c) {
  return fmt::format("{}{}, shortest window {:.2f} s", c.made_utc.empty() ? "at an unknown time" : c.made_utc,
                     c.simulated ? " (SIMULATED)" : "", shortest_window_s(c));
}

}  // namespace phasewatt::cli
