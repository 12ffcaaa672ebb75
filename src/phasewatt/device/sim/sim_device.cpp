#include "phasewatt/device/sim/sim_device.h"

namespace phasewatt::device {

SimDevice::SimDevice(sim::SimGpu& gpu) : gpu_(gpu) {
  const auto& spec = gpu.spec();
  info_.id = gpu.device_id();
  info_.name = spec.name;
  info_.spec_hash = spec.sha256;
  info_.simulated = true;
  info_.readable = {.power_instant = true,
                    .power_average = true,
                    .energy = true,
                    .clocks = true,
                    .temperature = true,
                    .throttle = true,
                    .utilization = false,
                    .processes = true};
  info_.supported_clocks = gpu.supported_clocks();
  info_.power_cap = Watts(spec.power.cap_w);
  info_.memory_bytes = spec.silicon.mem_bytes;
}

Result<Readings> SimDevice::read(const ReadMask& what) {
  Readings out;
  // What belongs to the work just done is read before the sensors' calls let the card fall idle.
  if (what.clocks) {
    out.sm_clock = gpu_.sm_clock();
    out.memory_clock = Mhz(gpu_.spec().clocks.mem_mhz);
  }
  if (what.temperature) out.temperature = gpu_.temperature();
  if (what.throttle) out.throttle_mask = gpu_.take_throttle_mask();
  if (what.power_instant) out.power_instant = gpu_.read_power_inst();
  if (what.power_average) out.power_average = gpu_.read_power_avg();
  if (what.energy) out.energy = gpu_.read_energy();
  // A card in virtual time has no other user.
  if (what.processes) out.other_processes.emplace();
  out.at = gpu_.now();
  return out;
}

}  // namespace phasewatt::device
