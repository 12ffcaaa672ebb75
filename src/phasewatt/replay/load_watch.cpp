#include "phasewatt/replay/load_watch.h"

#include <algorithm>

namespace phasewatt::replay {
namespace {

using std::chrono::milliseconds;

/// Clocks, throttle reasons and power cost some ten microseconds together; who else is there changes slowly.
std::vector<device::SamplePlan> plans() {
  return {{.device = 0,
           .what = {.power_instant = true, .clocks = true, .throttle = true},
           .interval = milliseconds(20),
           .phase = {}},
          {.device = 0, .what = {.processes = true}, .interval = milliseconds(500), .phase = milliseconds(5)}};
}

}  // namespace

LoadWatch::LoadWatch(device::Device& device)
    : sampler_(
          {&device}, plans(), [this](const device::SampleRead& read) { keep(read); }, monotonic_now) {
  worker_.emplace([this](Nanos now) { return sampler_.step(now); });
}

void LoadWatch::keep(const device::SampleRead& read) {
  if (!loaded_) return;
  const std::scoped_lock lock(mutex_);
  if (!read.readings) {
    if (!lost_) lost_ = read.readings.error();
    return;
  }
  const device::Readings& now = *read.readings;
  if (now.other_processes)
    for (const std::uint32_t pid : *now.other_processes)
      if (std::find(seen_.others.begin(), seen_.others.end(), pid) == seen_.others.end()) seen_.others.push_back(pid);
  if (read.what.clocks) seen_.looks.push_back({now.sm_clock, now.throttle_mask.value_or(0)});
  if (now.power_instant) {
    watts_ += now.power_instant->value();
    ++power_reads_;
  }
}

LoadWatch::Seen LoadWatch::seen() const {
  const std::scoped_lock lock(mutex_);
  Seen seen = seen_;
  if (power_reads_ > 0) seen.power = Watts(watts_ / static_cast<double>(power_reads_));
  return seen;
}

std::optional<Error> LoadWatch::lost() const {
  const std::scoped_lock lock(mutex_);
  return lost_;
}

std::optional<Mhz> median_clock(const std::vector<LoadWatch::Look>& looks) {
  std::vector<Mhz> clocks;
  for (const auto& look : looks)
    if (look.clock) clocks.push_back(*look.clock);
  if (clocks.empty()) return std::nullopt;
  const auto middle = clocks.begin() + static_cast<std::ptrdiff_t>(clocks.size() / 2);
  std::nth_element(clocks.begin(), middle, clocks.end());
  return *middle;
}

}  // namespace phasewatt::replay
