#include "apps/nvml_sim/truth.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace phasewatt::nvml_sim {
namespace {

using nlohmann::json;
using sim::live::ClockRange;
using sim::live::GpuState;
using sim::live::LiveGpu;
using sim::live::LockChange;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

json range_json(const ClockRange& range) {
  if (range.most == 0) return nullptr;
  return {{"least_mhz", range.least}, {"most_mhz", range.most}};
}

std::string_view to_string(LockChange change) {
  switch (change) {
    case LockChange::set: return "set";
    case LockChange::reset: return "reset";
    case LockChange::foreign_set: return "foreign_set";
    case LockChange::in_force: return "in_force";
  }
  return "";
}

json log_json(const GpuState& state) {
  json out = json::array();
  const auto first = state.lock_changes > sim::live::kLockRecords ? state.lock_changes - sim::live::kLockRecords : 0;
  for (auto i = first; i < state.lock_changes; ++i) {
    const auto& each = state.lock_log[i % sim::live::kLockRecords];
    out.push_back(
        {{"at_ns", each.at}, {"change", to_string(each.change)}, {"pid", each.pid}, {"range", range_json(each.range)}});
  }
  return out;
}

json gpu_json(const LiveGpu& gpu, const GpuState& state) {
  const auto doing = gpu.doing(state);
  json lock{{"in_force", range_json(state.lock)},
            {"asked", range_json(state.asked)},
            {"asked_at_ns", state.asked_at},
            {"asked_by", state.asked_by}};
  lock["in_force_at_ns"] = state.in_force_at == 0 ? json(nullptr) : json(state.in_force_at);
  json processes = json::array();
  for (const auto& each : state.processes) {
    if (each.pid != 0) processes.push_back({{"pid", each.pid}, {"bytes", each.bytes}});
  }
  json loads = json::array();
  for (const auto& each : state.loads) {
    if (each.end != 0)
      loads.push_back({{"begin_ns", each.begin}, {"end_ns", each.end}, {"pid", each.pid}, {"watts", each.watts}});
  }
  json events = json::array();
  for (const auto& each : state.events) {
    if (each.end == 0) continue;
    events.push_back({{"kind", sim::live::to_string(each.kind)},
                      {"begin_ns", each.begin},
                      {"value", each.value},
                      {"pid", each.pid},
                      {"end_ns", each.end == kNever ? json(nullptr) : json(each.end)}});
  }
  return {{"uuid", gpu.config().uuid},
          {"spec", gpu.spec().id},
          {"now_ns", state.now},
          {"started_ns", state.started},
          {"lock", lock},
          {"lock_log", log_json(state)},
          {"clock_mhz", doing.mhz},
          {"watts", doing.watts},
          {"throttle_mask", doing.throttle_mask},
          {"joules", state.joules},
          {"die_c", state.warmth.die_c},
          {"processes", processes},
          {"loads", loads},
          {"events", events}};
}

}  // namespace

Result<std::string> truth(sim::live::LiveRig& rig) {
  json gpus = json::array();
  for (std::size_t i = 0; i < rig.gpu_count(); ++i)
    PHASEWATT_TRY(
        rig.with(i, [&](LiveGpu& gpu, GpuState& state, std::int64_t) { gpus.push_back(gpu_json(gpu, state)); }));
  return json{{"simulated", true}, {"state", rig.path().string()}, {"gpus", gpus}}.dump(2) + "\n";
}

}  // namespace phasewatt::nvml_sim
