#include "phasewatt/replay/load_watch.h"

#include <algorithm>

namespace phasewatt::replay {
namespace {

/// Clocks and throttle reasons follow the load at once; a look costs some ten microseconds.
constexpr Nanos kInterval = std::chrono::milliseconds(20);

}  // namespace

LoadWatch::LoadWatch(device::Device& device)
    : sampler_(
          {&device}, {{.device = 0, .what = {.clocks = true, .throttle = true}, .interval = kInterval, .phase = {}}},
          [this](const device::SampleRead& read) { keep(read); }, monotonic_now) {
  worker_.emplace([this](Nanos now) { return sampler_.step(now); });
}

LoadWatch::~LoadWatch() = default;

void LoadWatch::keep(const device::SampleRead& read) {
  if (!loaded_) return;
  const std::scoped_lock lock(mutex_);
  if (!read.readings) {
    if (!lost_) lost_ = read.readings.error();
    return;
  }
  if (read.readings->sm_clock) clocks_.push_back(*read.readings->sm_clock);
  if (read.readings->throttle_mask) mask_ |= *read.readings->throttle_mask;
}

LoadWatch::Seen LoadWatch::seen() const {
  const std::scoped_lock lock(mutex_);
  Seen seen{std::nullopt, mask_, clocks_.size(), lost_};
  if (clocks_.empty()) return seen;
  std::vector<Mhz> clocks = clocks_;
  const auto middle = clocks.begin() + static_cast<std::ptrdiff_t>(clocks.size() / 2);
  std::nth_element(clocks.begin(), middle, clocks.end());
  seen.clock = *middle;
  return seen;
}

}  // namespace phasewatt::replay
