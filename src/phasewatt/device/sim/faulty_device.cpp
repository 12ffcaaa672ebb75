#include "phasewatt/device/sim/faulty_device.h"

#include <algorithm>
#include <limits>

namespace phasewatt::device {
namespace {

constexpr Watts kNoNumber(std::numeric_limits<double>::quiet_NaN());

/// The value that stays: the first one seen.
template <class T>
void hold(std::optional<T>& value, std::optional<T>& last) {
  if (!value) return;
  if (last) value = last;
  last = value;
}

}  // namespace

void FaultyDevice::begin(Nanos now) {
  const std::scoped_lock lock(mutex_);
  begin_ = now;
  reads_ = 0;
  last_instant_.reset();
  last_average_.reset();
  zero_.reset();
}

Result<Readings> FaultyDevice::read(const ReadMask& what) {
  std::unique_lock lock(mutex_);
  const auto dice = sim::philox(fault_.seed, {reads_++, 0, 0, 0});
  lock.unlock();
  if (fault_.late > Nanos(0)) device_.wait(from_seconds(to_seconds(fault_.late) * sim::uniform(dice[0])));
  auto readings = device_.read(what);
  if (!readings) return readings;
  lock.lock();
  spoil(*readings, dice);
  return readings;
}

bool FaultyDevice::since(const std::optional<Nanos>& when, Nanos at) const { return when && at - *begin_ >= *when; }

void FaultyDevice::spoil(Readings& readings, const sim::RandomWords& dice) {
  const Nanos at = readings.at;
  if (!begin_) begin_ = at;
  if (sim::uniform(dice[1]) < fault_.lost_share) {
    readings = {};
    readings.at = at;
    return;
  }
  if (since(fault_.stuck_from, at)) {
    hold(readings.power_instant, last_instant_);
    hold(readings.power_average, last_average_);
  }
  if (sim::uniform(dice[2]) < fault_.nan_share) {
    if (readings.power_instant) readings.power_instant = kNoNumber;
    if (readings.power_average) readings.power_average = kNoNumber;
  }
  if (readings.energy && since(fault_.reset_at, at)) {
    if (!zero_) zero_ = readings.energy;
    *readings.energy -= *zero_;
  }
  if (readings.other_processes && since(fault_.foreign_from, at)) {
    auto& others = *readings.other_processes;
    others.insert(std::lower_bound(others.begin(), others.end(), fault_.foreign_pid), fault_.foreign_pid);
  }
}

}  // namespace phasewatt::device
