#include "phasewatt/device/sample_lane.h"

#include <algorithm>
#include <cmath>

namespace phasewatt::device {
namespace {

/// Shares of a lane's time that each kind of read may take, 25 % together. Power first: it alone must keep its rate.
constexpr double kPowerShare = 0.14;
constexpr double kClocksShare = 0.05;
constexpr double kQuickEnergyShare = 0.03;
constexpr double kRareShare = 0.01;
constexpr double kEnergyLaneShare = 0.25;

/// 25 s at the default rates: the collector may be late by so much. 3,600 s of them are 580,000 reads.
constexpr std::size_t kRingCapacity = 4096;
constexpr std::size_t kMostPids = 1024;  ///< more are not needed to know that one is not alone

struct Range {
  double least;
  double most;
  [[nodiscard]] bool holds(double value) const { return std::isfinite(value) && value >= least && value <= most; }
};
constexpr Range kPowerW{0, 10e3};
constexpr Range kEnergyJ{0, 1e15};
constexpr Range kTemperatureC{-100, 300};
constexpr Range kShare{0, 1};
constexpr Range kClockMhz{0, 100e3};

/// A value that the device has and that was asked for goes into `out`, or into the counts.
void put(const std::optional<double>& value, bool wanted, const Range& range, Nanos begin, Nanos end,
         std::vector<SensorRead>& out, SensorTrace& trace) {
  if (!wanted) return;
  if (!value)
    ++trace.failed;
  else if (!range.holds(*value))
    ++trace.bad;
  else
    out.push_back({begin, end, *value});
}

}  // namespace

LanePlans lane_plans(const ReadMask& readable, const Recorder::Rates& rates, bool own_energy_lane) {
  LanePlans out;
  const auto plan = [](std::vector<LanePlan>& lane, SampleKind kind, ReadMask what, Nanos interval, double share) {
    if (what == ReadMask{} || interval <= Nanos(0)) return;
    lane.push_back({kind, {.device = 0, .what = what, .interval = interval, .phase = {}, .most_share = share}});
  };
  plan(out.main, SampleKind::power, {.power_instant = readable.power_instant, .power_average = readable.power_average},
       rates.power, kPowerShare);
  plan(out.main, SampleKind::clocks, {.clocks = readable.clocks, .throttle = readable.throttle}, rates.clocks,
       kClocksShare);
  plan(own_energy_lane ? out.energy : out.main, SampleKind::energy, {.energy = readable.energy}, rates.energy,
       own_energy_lane ? kEnergyLaneShare : kQuickEnergyShare);
  plan(out.main, SampleKind::temperature, {.temperature = readable.temperature}, rates.temperature, kRareShare);
  plan(out.main, SampleKind::utilization, {.utilization = readable.utilization}, rates.utilization, kRareShare);
  plan(out.main, SampleKind::processes, {.processes = readable.processes}, rates.processes, kRareShare);
  return out;
}

SampleLane::SampleLane(Device& device, const std::vector<LanePlan>& plans, SampleClock clock)
    : readable_(device.info().readable), ring_(kRingCapacity), sampler_([&]() -> SignalSampler {
        std::vector<SamplePlan> only;
        for (const auto& each : plans) only.push_back(each.plan);
        return {{&device}, only, [this](const SampleRead& read) { keep(read); }, clock};
      }()) {
  for (const auto& each : plans) kinds_.push_back(each.kind);
  pids_.reserve(kMostPids);
}

void SampleLane::keep(const SampleRead& read) {
  ++reads_;
  inside_ += read.end - read.begin;
  if (!read.readings) {
    if (!lost_) lost_ = read.readings.error();
    return;
  }
  const Readings& now = *read.readings;
  Sample sample{.begin = read.begin, .end = read.end, .kind = kinds_[read.plan]};
  const auto first = [&](const auto& reading) {
    sample.has_first = reading.has_value();
    if (reading) sample.first = reading->value();
  };
  switch (sample.kind) {
    case SampleKind::power:
      first(now.power_instant);
      sample.has_second = now.power_average.has_value();
      if (now.power_average) sample.second = now.power_average->value();
      break;
    case SampleKind::energy: first(now.energy); break;
    case SampleKind::clocks:
      first(now.sm_clock);
      sample.has_mask = now.throttle_mask.has_value();
      sample.mask = now.throttle_mask.value_or(0);
      break;
    case SampleKind::temperature: first(now.temperature); break;
    case SampleKind::utilization:
      sample.has_first = now.gpu_utilization.has_value();
      sample.first = now.gpu_utilization.value_or(0);
      break;
    case SampleKind::processes:
      sample.has_first = now.other_processes.has_value();
      if (now.other_processes) keep_processes(*now.other_processes);
      break;
  }
  ring_.push(sample);
}

void SampleLane::keep_processes(const std::vector<std::uint32_t>& pids) {
  for (const std::uint32_t pid : pids) {
    const auto place = std::lower_bound(pids_.begin(), pids_.end(), pid);
    if (place != pids_.end() && *place == pid) continue;
    if (pids_.size() < kMostPids) pids_.insert(place, pid);
  }
}

void SampleLane::drain(SensorTrace& trace) {
  ring_.drain([&](const Sample& sample) { add(sample, trace); });
}

void SampleLane::add(const Sample& sample, SensorTrace& trace) const {
  const auto first = sample.has_first ? std::optional(sample.first) : std::nullopt;
  const auto second = sample.has_second ? std::optional(sample.second) : std::nullopt;
  const auto take = [&](const std::optional<double>& value, bool wanted, const Range& range, auto& out) {
    put(value, wanted, range, sample.begin, sample.end, out, trace);
  };
  switch (sample.kind) {
    case SampleKind::power:
      take(first, readable_.power_instant, kPowerW, trace.power_instant);
      take(second, readable_.power_average, kPowerW, trace.power_average);
      break;
    case SampleKind::energy: take(first, true, kEnergyJ, trace.energy); break;
    case SampleKind::clocks: add_clocks(sample, trace); break;
    case SampleKind::temperature: take(first, true, kTemperatureC, trace.temperature); break;
    case SampleKind::utilization: take(first, true, kShare, trace.utilization); break;
    case SampleKind::processes:
      if (!sample.has_first) ++trace.failed;
      break;
  }
}

void SampleLane::add_clocks(const Sample& sample, SensorTrace& trace) const {
  ClockRead read{.at = sample.begin + (sample.end - sample.begin) / 2, .sm_clock = {}, .throttle_mask = sample.mask};
  if (readable_.clocks && !sample.has_first) ++trace.failed;
  if (readable_.throttle && !sample.has_mask) ++trace.failed;
  if (sample.has_first && !kClockMhz.holds(sample.first)) ++trace.bad;
  if (sample.has_first && kClockMhz.holds(sample.first)) read.sm_clock = Mhz(sample.first);
  if (read.sm_clock || sample.has_mask) trace.clocks.push_back(read);
}

void SampleLane::finish(SensorTrace& trace) const {
  trace.reads += reads_;
  trace.missed += sampler_.missed();
  trace.dropped += ring_.dropped();
  trace.driver_s += to_seconds(inside_);
  std::vector<std::uint32_t> both;
  std::set_union(trace.other_processes.begin(), trace.other_processes.end(), pids_.begin(), pids_.end(),
                 std::back_inserter(both));
  trace.other_processes = std::move(both);
}

}  // namespace phasewatt::device
