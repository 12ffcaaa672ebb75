#include "phasewatt/device/sim/sim_observer.h"

#include <algorithm>

#include "phasewatt/device/sim/sim_device.h"

namespace phasewatt::device {

SimObserver::SimObserver(sim::SimGpu& gpu) : gpu_(gpu), info_(SimDevice(gpu).info()) { begin(); }

void SimObserver::begin() {
  at_ = gpu_.now();
  slices_.clear();
  work_mask_ = idle_mask_ = 0;
  worked_ = false;
  note();
}

void SimObserver::note() {
  slices_.push_back({gpu_.now(), gpu_.sm_clock(), gpu_.temperature(), gpu_.take_throttle_mask()});
}

void SimObserver::absorb(std::uint64_t mask) {
  const bool idle = (mask & throttle_idle) != 0;
  (idle ? idle_mask_ : work_mask_) |= mask;
  worked_ = worked_ || !idle;
}

void SimObserver::move_to(Nanos at) {
  while (slices_.size() > 1 && slices_.front().end < at) {
    absorb(slices_.front().throttle_mask);
    slices_.pop_front();
  }
}

std::uint64_t SimObserver::take_throttle_mask() {
  absorb(slices_.front().throttle_mask);
  // Idle is what the card was when nothing ran since the last look.
  const std::uint64_t out = worked_ ? work_mask_ : idle_mask_;
  work_mask_ = idle_mask_ = 0;
  worked_ = false;
  return out;
}

Nanos SimObserver::cost(const ReadMask& what) const {
  const auto& sensor = gpu_.spec().sensor;
  double seconds = 0;
  if (what.power_instant) seconds += sensor.power_inst.call_s;
  if (what.power_average) seconds += sensor.power_avg.call_s;
  if (what.energy) seconds += sensor.energy.call_s;
  return from_seconds(seconds);
}

Result<Readings> SimObserver::read(const ReadMask& what) {
  Readings out;
  if (!what.energy) move_to(at_);  // the counter may be read by another thread, at times of its own
  if (what.clocks) {
    out.sm_clock = slices_.front().clock;
    out.memory_clock = Mhz(gpu_.spec().clocks.mem_mhz);
  }
  if (what.temperature) out.temperature = slices_.front().temperature;
  if (what.throttle) out.throttle_mask = take_throttle_mask();
  // The values are those at the call's begin, as SimGpu's own calls give them.
  if (what.power_instant) out.power_instant = gpu_.power_inst_at(at_);
  if (what.power_average) out.power_average = gpu_.power_avg_at(at_);
  if (what.energy) out.energy = gpu_.energy_at(at_);
  if (what.processes) out.other_processes.emplace();
  at_ += cost(what);
  out.at = at_;
  return out;
}

}  // namespace phasewatt::device
