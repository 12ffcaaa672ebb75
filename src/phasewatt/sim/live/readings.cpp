#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "phasewatt/base/files.h"
#include "phasewatt/sim/live/gpu.h"

namespace phasewatt::sim::live {
namespace {

constexpr std::int64_t kLookForOwners = 5'000'000;
constexpr std::int64_t kUtilizationPeriod = 100'000'000;
constexpr std::int64_t kUtilizationWindow = 1'000'000'000;

}  // namespace

std::int64_t monotonic_now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * std::int64_t{1'000'000'000} + at.tv_nsec;
}

std::uint64_t process_start(std::int32_t pid) {
  if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH)) return 0;
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return kUnknownStart;
  // The name, in parentheses, may hold anything; after it the state is the 1st field and the start the 20th.
  std::size_t at = stat->rfind(')');
  if (at == std::string::npos || at + 2 >= stat->size()) return kUnknownStart;
  const char state = (*stat)[at + 2];
  if (state == 'Z' || state == 'X') return 0;
  for (int field = 0; field < 20 && at != std::string::npos; ++field) at = stat->find(' ', at + 1);
  return at == std::string::npos ? kUnknownStart : std::strtoull(stat->c_str() + at, nullptr, 10);
}

void LiveGpu::bury_dead(GpuState& state) const {
  if (state.now - state.checked < kLookForOwners && state.checked != 0) return;
  state.checked = state.now;
  for (auto& process : state.processes) {
    if (process.pid == 0) continue;
    const std::uint64_t started = process_start(process.pid);
    const bool known = started != kUnknownStart && process.started != kUnknownStart;
    if (started == 0 || (known && started != process.started)) process = {};
  }
  std::array<std::int32_t, kMaxLoads> alive{};
  std::size_t count = 0;
  for (auto& load : state.loads) {
    if (load.end == 0 || load.pid == 0) continue;
    if (std::find(alive.begin(), alive.begin() + count, load.pid) != alive.begin() + count) continue;
    if (process_start(load.pid) != 0)
      alive[count++] = load.pid;
    else
      load = {};
  }
}

Sensors LiveGpu::sensors(const GpuState& state) const {
  Sensors out(spec().sensor, config_.uuid, !noise_);
  out.begin(key_, 0, Nanos(state.started));
  return out;
}

void LiveGpu::load_history(const GpuState& state, double Mark::*what, double before) {
  history_.restart(Nanos(state.started), before);
  const std::uint64_t oldest = state.newest < kMarks ? 1 : state.newest - kMarks + 1;
  double last = 0;
  for (std::uint64_t i = oldest; i <= state.newest; ++i) {
    const Mark& mark = state.marks[i % kMarks];
    history_.push(Nanos(mark.at), mark.*what - last);
    last = mark.*what;
  }
}

void LiveGpu::stick(GpuState& state) {
  if (active(state, EventKind::stuck_sensor) == nullptr) {
    state.stuck = false;
    return;
  }
  if (state.stuck) return;
  load_history(state, &Mark::joules, state.start_w);
  const Sensors sensors = this->sensors(state);
  state.stuck_instant_w = sensors.power_inst(history_, Nanos(state.now)).value();
  state.stuck_average_w = sensors.power_avg(history_, Nanos(state.now)).value();
  state.stuck_joules = sensors.energy(history_, Nanos(state.now)).value();
  state.stuck = true;
}

double LiveGpu::power_instant_w(GpuState& state) {
  stick(state);
  if (state.stuck) return state.stuck_instant_w;
  load_history(state, &Mark::joules, state.start_w);
  return sensors(state).power_inst(history_, Nanos(state.now)).value();
}

double LiveGpu::power_average_w(GpuState& state) {
  stick(state);
  if (state.stuck) return state.stuck_average_w;
  load_history(state, &Mark::joules, state.start_w);
  return sensors(state).power_avg(history_, Nanos(state.now)).value();
}

double LiveGpu::energy_j(GpuState& state) {
  stick(state);
  if (state.stuck) return state.stuck_joules;
  load_history(state, &Mark::joules, state.start_w);
  return sensors(state).energy(history_, Nanos(state.now)).value();
}

int LiveGpu::temperature_c(const GpuState& state) const {
  return static_cast<int>(std::floor(state.warmth.die_c + 0.5));
}

LiveGpu::Utilization LiveGpu::utilization(const GpuState& state) {
  const std::int64_t to = state.now / kUtilizationPeriod * kUtilizationPeriod;
  const std::int64_t from = std::max(state.started, to - kUtilizationWindow);
  Utilization out;
  if (to <= from) return out;
  load_history(state, &Mark::busy_s, 0);
  out.gpu = history_.mean_w(Nanos(from), Nanos(to));
  load_history(state, &Mark::memory_s, 0);
  out.memory = history_.mean_w(Nanos(from), Nanos(to));
  return out;
}

}  // namespace phasewatt::sim::live
