#include "phasewatt/sim/live/claim.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace phasewatt::sim::live {

double used_bytes(const GpuState& state) {
  double used = kReservedBytes;
  for (const auto& process : state.processes) used += process.pid != 0 ? process.bytes : 0;
  return used;
}

GpuClaim::GpuClaim(std::shared_ptr<LiveRig> rig, std::size_t gpu, std::size_t slot)
    : rig_(std::move(rig)), gpu_(gpu), slot_(slot) {}

GpuClaim::GpuClaim(GpuClaim&& other) noexcept = default;

Result<GpuClaim> GpuClaim::take(std::shared_ptr<LiveRig> rig, std::size_t gpu, double bytes) {
  Result<std::size_t> slot = Error{ErrorCode::unsupported, fmt::format("{} processes use the GPU", kMaxProcesses), {}};
  PHASEWATT_TRY(rig->with(gpu, [&](LiveGpu& card, GpuState& state, std::int64_t) {
    const double total = card.spec().silicon.mem_bytes;
    if (used_bytes(state) + bytes > total) {
      slot = Error{ErrorCode::out_of_memory,
                   fmt::format("{:.1f} GiB wanted, {:.1f} GiB free", bytes / 1073741824.0,
                               (total - used_bytes(state)) / 1073741824.0),
                   "use a smaller batch or model"};
      return;
    }
    for (std::size_t i = 0; i < state.processes.size(); ++i) {
      if (state.processes[i].pid != 0) continue;
      state.processes[i] = {.pid = getpid(), .started = process_start(getpid()), .bytes = bytes};
      slot = i;
      return;
    }
  }));
  if (!slot) return std::move(slot).error();
  return GpuClaim(std::move(rig), gpu, *slot);
}

GpuClaim::~GpuClaim() {
  if (!rig_) return;
  // Nothing can be done about an error here; the next look at the card buries a dead process anyway.
  (void)rig_->with(gpu_, [&](LiveGpu&, GpuState& state, std::int64_t) {
    if (state.processes[slot_].pid == getpid()) state.processes[slot_] = {};
  });
}

Result<GpuClaim::Pass> GpuClaim::add(const Work& work, double seconds) {
  Pass pass;
  bool full = false;
  PHASEWATT_TRY(rig_->with(gpu_, [&](LiveGpu& card, GpuState& state, std::int64_t now) {
    const LoadSegment* segment = card.add_load(state, work, std::max(now, last_end_), seconds, getpid());
    full = segment == nullptr;
    if (full) return;
    pass = {Nanos(segment->begin), Nanos(segment->end), Watts(segment->watts), Mhz(segment->mhz),
            segment->throttle_mask};
  }));
  if (full)
    return Error{ErrorCode::unsupported, fmt::format("{} passes are waiting", kMaxLoads), "wait for the end of a pass"};
  last_end_ = pass.end.count();
  return pass;
}

Result<GpuClaim::Pass> GpuClaim::run(const Load& load) { return add({.load = load}, 0); }

Result<GpuClaim::Pass> GpuClaim::draw(Watts power, Nanos length) {
  return add({.watts = power.value()}, to_seconds(length));
}

}  // namespace phasewatt::sim::live
