#include "phasewatt/replay/gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace phasewatt::replay {
namespace {

using device::SensorRead;
using device::SensorTrace;

/// Share of the looks under load that may be off: the sampler can look just before a pass begins.
constexpr double kMaxOff = 0.05;
/// Share of the refreshes that may pass unseen. Estimators do well with a fifth missing; the rest is for the edges.
constexpr double kMaxUnseen = 0.2;
/// Share of a point's time in which no phase may have run. Host gaps between batches take 1 to 4 %.
constexpr double kMaxIdle = 0.15;
/// Temperature alone moved energy by 4.95 % from 40 to 70 degrees (measurement facts): 6 degrees are 1 %.
constexpr double kMaxDriftC = 6;

std::vector<SensorRead> inside(const std::vector<SensorRead>& reads, TimeSpan window) {
  std::vector<SensorRead> out;
  for (const auto& read : reads)
    if (read.begin >= window.begin && read.end <= window.end) out.push_back(read);
  return out;
}

/// The looks that fall into a phase of the window.
struct Looks {
  std::vector<Mhz> clocks;
  std::size_t count = 0;
  std::size_t capped = 0;
  std::size_t locked = 0;
  std::size_t missed = 0;
  std::uint64_t mask = 0;
  [[nodiscard]] double share(std::size_t some) const {
    return count == 0 ? 0 : static_cast<double>(some) / static_cast<double>(count);
  }
};

Looks look(const SensorTrace& trace, std::span<const PhaseStretch> stretches, const ClockLimits& limits,
           std::optional<Mhz> lock) {
  Looks looks;
  auto stretch = stretches.begin();
  for (const auto& read : trace.clocks) {
    while (stretch != stretches.end() && stretch->time.end < read.at) ++stretch;
    if (stretch == stretches.end()) break;
    if (read.at <= stretch->time.begin) continue;
    ++looks.count;
    looks.mask |= read.throttle_mask;
    const bool capped = (read.throttle_mask & throttle_sw_power_cap) != 0;
    looks.capped += capped ? 1 : 0;
    looks.locked += (read.throttle_mask & throttle_locked_clocks) != 0 ? 1 : 0;
    if (!read.sm_clock) continue;
    looks.clocks.push_back(*read.sm_clock);
    if (!lock) continue;
    const bool excused = capped && *read.sm_clock < *lock && is_highest(limits, *lock);
    const double off = std::abs(read.sm_clock->value() - lock->value());
    looks.missed += !excused && off > clock_tolerance(limits, *lock).value() ? 1 : 0;
  }
  return looks;
}

std::optional<Mhz> median(std::vector<Mhz> clocks) {
  if (clocks.empty()) return std::nullopt;
  const auto middle = clocks.begin() + static_cast<std::ptrdiff_t>(clocks.size() / 2);
  std::nth_element(clocks.begin(), middle, clocks.end());
  return *middle;
}

void gate_clock(const Looks& looks, const ClockLimits& limits, RunRecord& record) {
  const auto lock = record.clock.snapped;
  const auto seen = record.clock.seen;
  // Where the median misses it too, the verdict on the seen clock says so, unless the power cap excuses it there.
  const bool excused = lock && is_highest(limits, *lock) && looks.share(looks.capped) >= kLeastCapped;
  const bool told =
      lock && seen && !excused && std::abs(seen->value() - lock->value()) > clock_tolerance(limits, *lock).value();
  if (looks.share(looks.missed) > kMaxOff && !told)
    blame(record, Reason::clock_not_attained,
          fmt::format("{:.0f} % of {} looks under load missed the lock", 100 * looks.share(looks.missed), looks.count));
  if (!lock && looks.share(looks.locked) > kMaxOff)
    blame(record, Reason::foreign_lock,
          fmt::format("seen {:.0f} MHz under a lock of somebody else's", seen ? seen->value() : 0));
}

/// How far apart reads lie that follow each other at once: those that were lost only make longer gaps.
double usual_interval_s(const std::vector<SensorRead>& reads) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < reads.size(); ++i) gaps.push_back(to_seconds(reads[i].begin - reads[i - 1].begin));
  if (gaps.empty()) return 0;
  const auto tenth = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 10);
  std::nth_element(gaps.begin(), tenth, gaps.end());
  return *tenth;
}

void gate_samples(const SensorTrace& trace, TimeSpan window, const device::Calibration& calibration,
                  RunRecord& record) {
  const auto unseen = [&](const std::vector<SensorRead>& reads, const std::optional<device::SensorTiming>& timing) {
    if (!timing) return 0.0;
    // A card may lack a sensor of an assumed calibration; one that has it and never answers says so by failing.
    if (reads.empty()) return trace.failed + trace.bad > 0 ? 1.0 : 0.0;
    return unseen_share(reads, window, std::max(timing->update_s, usual_interval_s(reads)));
  };
  const double power = unseen(trace.power_instant, calibration.power_instant);
  const double counter = unseen(trace.energy, calibration.energy);
  const double worst = std::max(power, counter);
  if (worst > kMaxUnseen)
    blame(record, Reason::lost_samples,
          fmt::format("{:.0f} % of the refreshes of {} were not seen", 100 * worst,
                      power >= counter ? "the power reading" : "the energy counter"));
  if (trace.bad > 0) blame(record, Reason::bad_reading, fmt::format("{} readings were no possible value", trace.bad));
}

void gate_sensors(const WindowEnergy& energy, RunRecord& record) {
  if (energy.counter_reset) blame(record, Reason::counter_reset, "the energy counter ran backwards");
  if (energy.power_stuck) blame(record, Reason::sensor_stuck, "the power reading repeated one value");
  if (energy.counter_stuck) blame(record, Reason::sensor_stuck, "the energy counter stood still");
  if (energy.disagree && energy.counter && energy.integral)
    blame(record, Reason::counter_power_disagree,
          fmt::format("the counter says {:.1f} ± {:.1f} J, integrated power {:.1f} ± {:.1f} J", energy.counter->value,
                      energy.counter->half_width, energy.integral->value, energy.integral->half_width));
}

void gate_heat(const SensorTrace& trace, TimeSpan window, RunRecord& record) {
  const auto reads = inside(trace.temperature, window);
  if (reads.empty()) return;
  record.temperature_begin = Celsius(reads.front().value);
  record.temperature_end = Celsius(reads.back().value);
  const double change = reads.back().value - reads.front().value;
  if (std::abs(change) > kMaxDriftC)
    blame(record, Reason::thermal_drift,
          fmt::format("the card went from {:.0f} to {:.0f} degrees C", reads.front().value, reads.back().value));
}

void gate_idle(TimeSpan window, std::span<const PhaseStretch> stretches, RunRecord& record) {
  double busy = 0;
  for (const auto& stretch : stretches) busy += stretch.time.seconds();
  const double idle = window.seconds() - busy;
  if (idle > kMaxIdle * window.seconds())
    blame(record, Reason::stalled, fmt::format("{:.1f} s of {:.1f} s in no phase", idle, window.seconds()));
}

}  // namespace

double unseen_share(std::span<const SensorRead> reads, TimeSpan window, double update_s) {
  const double periods = window.seconds() / update_s;
  if (periods < 1) return 0;
  double unseen = 0;
  Nanos last = window.begin;
  const auto gap = [&](Nanos until) {
    unseen += std::max(0.0, to_seconds(until - last) / update_s - 1);
    last = until;
  };
  for (const auto& read : reads)
    if (read.middle() > last && read.middle() < window.end) gap(read.middle());
  gap(window.end);
  return std::min(1.0, unseen / periods);
}

void apply_gates(const SensorTrace& trace, TimeSpan window, std::span<const PhaseStretch> stretches,
                 const WindowEnergy& energy, const device::Calibration& calibration, const ClockLimits& limits,
                 RunRecord& record) {
  const Looks looks = look(trace, stretches, limits, record.clock.snapped);
  record.clock.seen = median(looks.clocks);
  record.throttle_mask = looks.mask;
  gate_clock(looks, limits, record);
  if (!trace.other_processes.empty())
    blame(record, Reason::foreign_process,
          fmt::format("process {} used the GPU too", fmt::join(trace.other_processes, ", ")));
  gate_samples(trace, window, calibration, record);
  gate_sensors(energy, record);
  gate_heat(trace, window, record);
  gate_idle(window, stretches, record);
  judge(record, limits, looks.share(looks.capped));
}

}  // namespace phasewatt::replay
