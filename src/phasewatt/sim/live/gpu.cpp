#include "phasewatt/sim/live/gpu.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "phasewatt/base/files.h"

namespace phasewatt::sim::live {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
/// Steps under load, and how often the power limit decides; without a load, leakage alone changes slowly.
constexpr std::int64_t kBusyStep = 10'000'000;
constexpr std::int64_t kIdleStep = 100'000'000;
/// What lies further back than any sensor looks is gone through in large steps.
constexpr std::int64_t kLongAgo = 5 * kSecond;

std::int64_t ns(double seconds) { return from_seconds(seconds).count(); }
double seconds(std::int64_t nanos) { return static_cast<double>(nanos) * 1e-9; }

bool active_at(const EventSlot& event, std::int64_t now) { return event.begin <= now && now < event.end; }
bool active_at(const LoadSegment& load, std::int64_t now) { return load.begin <= now && now < load.end; }

/// Place in a repeating trace.
std::int64_t trace_time(const GpuState& state, double repeat_s) {
  const std::int64_t t = state.now - state.started;
  return repeat_s > 0 ? t % ns(repeat_s) : t;
}

bool once(EventKind kind) { return kind == EventKind::foreign_lock; }

void record(GpuState& state, LockChange change, std::int32_t pid, std::int64_t at, ClockRange range) {
  state.lock_log[state.lock_changes++ % kLockRecords] = {at, change, pid, range};
}

}  // namespace

LiveGpu::LiveGpu(GpuConfig config, std::uint64_t seed, bool noise)
    : config_(std::move(config)),
      key_(seed ^ sha256_u64(config_.uuid)),
      noise_(noise),
      supported_(config_.spec.supported_clocks()) {}

void LiveGpu::start(GpuState& state, std::int64_t now) const {
  state = GpuState{};
  state.started = state.now = now / kGrid * kGrid;
  state.marks[0] = {.at = state.now};
  state.warmth.heat_at = Nanos(state.now) + kHeatPeriod;
  state.warmth.die_c = spec().thermal.ambient_c;
  for (int i = 0; i < 8; ++i)  // heat and leakage feed each other
    state.warmth.die_c =
        std::min(spec().thermal.slow_c, spec().thermal.ambient_c + spec().thermal.r_c_per_w * idle(state).watts);
  state.warmth.average_w = state.start_w = idle(state).watts;
  for (std::size_t i = 0; i < config_.events.size(); ++i) {
    const auto& event = config_.events[i];
    const std::int64_t begin = state.now + ns(event.at_s);
    state.events[i] = {.kind = event.kind,
                       .pid = event.pid,
                       .begin = begin,
                       .end = event.for_s ? begin + ns(*event.for_s) : kNever,
                       .value = event.value};
  }
}

void LiveGpu::advance(GpuState& state, std::int64_t now) const {
  const std::int64_t target = now / kGrid * kGrid;
  settle(state);
  while (state.now < target) {
    const std::int64_t aligned = (state.now / kGrid) * kGrid;
    std::int64_t until = std::min(target, next_change(state, target));
    // A step ends on the grid; a change inside a grid step splits that step alone, which leaves one mark.
    if (state.now != aligned)
      until = std::min(until, aligned + kGrid);
    else if (until / kGrid * kGrid > state.now)
      until = until / kGrid * kGrid;
    step(state, until);
    settle(state);
  }
}

void LiveGpu::step(GpuState& state, std::int64_t until) const {
  const Doing doing = this->doing(state);
  const double dt = seconds(until - state.now);
  state.joules += doing.watts * dt;
  state.busy_s += doing.busy * dt;
  state.memory_s += doing.memory * dt;
  state.now = until;
  state.warmth.spend(spec(), Nanos(until), dt, doing.watts);
  if (until % kGrid == 0) state.marks[++state.newest % kMarks] = {until, state.joules, state.busy_s, state.memory_s};
}

void LiveGpu::settle(GpuState& state) const {
  if (state.in_force_at != 0 && state.in_force_at <= state.now) {
    state.lock = state.asked;
    record(state, LockChange::in_force, state.asked_by, state.in_force_at, state.lock);
    state.in_force_at = 0;
  }
  for (auto& event : state.events) {
    if (event.end == 0) continue;
    if (once(event.kind) && event.done == 0 && active_at(event, state.now)) {
      event.done = state.now;
      const double mhz = nearest_clock(supported_, Mhz(event.value)).value();
      state.lock = state.asked = {mhz, mhz};
      state.asked_at = state.now;
      state.asked_by = event.pid;
      state.in_force_at = 0;
      record(state, LockChange::foreign_set, event.pid, state.now, state.lock);
      event.end = state.now;
    }
    if (event.end <= state.now) event = {};
  }
  for (auto& load : state.loads) {
    if (load.end != 0 && load.end <= state.now) load = {};
  }
}

std::int64_t LiveGpu::next_change(const GpuState& state, std::int64_t target) const {
  std::int64_t next = kNever;
  const auto consider = [&](std::int64_t at) {
    if (at > state.now) next = std::min(next, at);
  };
  bool busy = false;
  for (const auto& load : state.loads) {
    if (load.end == 0) continue;
    consider(load.begin);
    consider(load.end);
    busy = busy || active_at(load, state.now);
  }
  for (const auto& event : state.events) {
    if (event.end == 0) continue;
    consider(event.begin);
    consider(event.end);
  }
  consider(state.in_force_at);
  if (!config_.trace.empty()) {
    consider(next_trace_change(state));
    busy = true;
  }
  const std::int64_t most = target - state.now > kLongAgo ? kSecond : busy ? kBusyStep : kIdleStep;
  return std::min(next, (state.now / most + 1) * most);
}

std::int64_t LiveGpu::next_trace_change(const GpuState& state) const {
  const std::int64_t t = trace_time(state, config_.repeat_s);
  std::int64_t next = config_.repeat_s > 0 ? ns(config_.repeat_s) : kNever;
  for (const auto& step : config_.trace) {
    for (const std::int64_t at : {ns(step.at_s), ns(step.at_s + step.for_s)}) {
      if (at > t) next = std::min(next, at);
    }
  }
  return next == kNever ? kNever : state.now - t + next;
}

const EventSlot* LiveGpu::active(const GpuState& state, EventKind kind) const {
  for (const auto& event : state.events) {
    if (event.kind == kind && active_at(event, state.now)) return &event;
  }
  return nullptr;
}

double LiveGpu::allowed_mhz(const GpuState& state) const {
  const double stock = spec().clocks.sm_max_mhz;
  double asked = state.lock.most > 0 ? state.lock.most : stock;
  if (const auto* event = active(state, EventKind::clock_not_attained); event != nullptr)
    asked = event->value > 0 ? nearest_clock(supported_, Mhz(event->value)).value() : stock;
  return state.warmth.allowed_mhz(spec(), asked);
}

bool LiveGpu::has_context(const GpuState& state) const {
  if (config_.context || active(state, EventKind::foreign_process) != nullptr) return true;
  return std::any_of(state.processes.begin(), state.processes.end(), [](const auto& each) { return each.pid != 0; });
}

Doing LiveGpu::idle(const GpuState& state) const {
  Doing out;
  out.throttle_mask = throttle_idle;
  const bool locked = state.lock.most > 0;
  if (has_context(state)) {
    out.mhz = allowed_mhz(state);
    out.watts = context_idle_w(spec(), out.mhz, state.warmth.die_c);
  } else {
    // Without a context a card sinks to its lowest clock, or to the lower end of a lock.
    out.mhz = locked ? std::min(allowed_mhz(state), state.lock.least) : spec().clocks.sm_min_mhz;
    out.watts = spec().power.idle_no_context_w;
    if (locked) out.watts = std::max(out.watts, context_idle_w(spec(), out.mhz, state.warmth.die_c));
  }
  if (locked) out.throttle_mask |= throttle_locked_clocks;
  return out;
}

Doing LiveGpu::work_at(const GpuState& state, const Work& work, double step_s) const {
  Doing out;
  const double mhz = allowed_mhz(state);
  if (work.watts) {
    out.mhz = mhz;
    out.watts = *work.watts;
    out.busy = 1;
    return out;
  }
  PassOut pass = eval_at(spec(), clock_point(spec(), mhz), work.load, leak_factor(spec(), state.warmth.die_c));
  if (state.warmth.over_cap(spec(), step_s > 0 ? step_s : pass.t_s, pass.power_w))
    pass = eval_load(spec(), work.load, mhz, state.warmth.die_c);
  out.mhz = pass.f_eff_mhz;
  out.watts = pass.power_w;
  out.throttle_mask = pass.throttle_mask;
  out.busy = std::min(1.0, pass.t_gpu_s / pass.t_s);
  out.memory = std::min(1.0, pass.t_mem_s / pass.t_s);
  return out;
}

Doing LiveGpu::doing(const GpuState& state) const {
  const Doing idle = this->idle(state);
  Doing out;
  bool works = false;
  const auto add = [&](const Doing& work) {
    // Loads of several processes: each adds what it draws above an idle card.
    out.watts += works ? std::max(0.0, work.watts - idle.watts) : work.watts;
    out.mhz = works ? std::min(out.mhz, work.mhz) : work.mhz;
    works = true;
    out.throttle_mask |= work.throttle_mask;
    out.busy = std::min(1.0, out.busy + work.busy);
    out.memory = std::min(1.0, out.memory + work.memory);
  };
  for (const auto& load : state.loads) {
    if (load.end == 0 || !active_at(load, state.now)) continue;
    add({load.watts, load.mhz > 0 ? load.mhz : allowed_mhz(state), load.throttle_mask, load.busy, load.memory});
  }
  const std::int64_t t = config_.trace.empty() ? 0 : trace_time(state, config_.repeat_s);
  for (const auto& step : config_.trace) {
    if (ns(step.at_s) <= t && t < ns(step.at_s + step.for_s)) add(work_at(state, step.work, seconds(kBusyStep)));
  }
  if (!works) {
    out = idle;
  } else if (state.lock.most > 0) {
    out.throttle_mask |= throttle_locked_clocks;
  }
  if (out.watts > spec().power.cap_w && state.warmth.over_cap(spec(), seconds(kBusyStep), out.watts)) {
    out.watts = spec().power.cap_w;
    out.throttle_mask |= throttle_sw_power_cap;
  }
  out.throttle_mask |= state.warmth.throttle_mask(spec());
  return out;
}

ClockRange LiveGpu::lock(GpuState& state, ClockRange asked, std::int32_t pid, std::int64_t now) const {
  const ClockRange range{nearest_clock(supported_, Mhz(asked.least)).value(),
                         nearest_clock(supported_, Mhz(asked.most)).value()};
  record(state, LockChange::set, pid, now, range);
  state.asked = range;
  state.asked_at = now;
  state.asked_by = pid;
  if (range == state.lock && state.in_force_at == 0) return range;
  const auto& delay = spec().clock_switch;
  const double wait = noise_ ? switch_delay_s(delay, key_, 0, state.switches) : delay.median_s;
  ++state.switches;
  state.in_force_at = now + ns(delay.call_s + wait);
  return range;
}

void LiveGpu::reset_lock(GpuState& state, std::int32_t pid, std::int64_t now) const {
  record(state, LockChange::reset, pid, now, {});
  const bool nothing = state.lock == ClockRange{} && state.in_force_at == 0;
  state.asked = {};
  state.asked_at = now;
  state.asked_by = pid;
  if (nothing) return;
  const auto& delay = spec().clock_switch;
  const double wait = noise_ ? switch_delay_s(delay, key_, 0, state.switches) : delay.median_s;
  ++state.switches;
  state.in_force_at = now + ns(delay.call_s + wait);
}

const LoadSegment* LiveGpu::add_load(GpuState& state, const Work& work, std::int64_t begin, double length_s,
                                     std::int32_t pid) const {
  const auto slot =
      std::find_if(state.loads.begin(), state.loads.end(), [](const auto& each) { return each.end == 0; });
  if (slot == state.loads.end()) return nullptr;
  begin = std::max(begin, state.now);
  const Doing doing = work_at(state, work, 0);
  if (!work.watts) {
    const auto clock = clock_point(spec(), doing.mhz);
    length_s = eval_at(spec(), clock, work.load, leak_factor(spec(), state.warmth.die_c)).t_s;
  }
  *slot = {.begin = begin,
           .end = begin + std::max<std::int64_t>(1, ns(length_s)),
           .pid = pid,
           .watts = doing.watts,
           .mhz = work.watts ? 0 : doing.mhz,
           .throttle_mask = doing.throttle_mask,
           .busy = doing.busy,
           .memory = doing.memory};
  return &*slot;
}

}  // namespace phasewatt::sim::live
