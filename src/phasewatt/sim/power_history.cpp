#include "phasewatt/sim/power_history.h"

#include <algorithm>

namespace phasewatt::sim {

PowerHistory::PowerHistory() : ring_(kCapacity) {}

void PowerHistory::restart(Nanos start, double watts_before) {
  newest_ = 0;
  joules_ = 0;
  start_ = end_ = start;
  watts_before_ = watts_before;
  ring_[0] = {start.count(), 0.0};
}

double PowerHistory::joules_at(Nanos t) const {
  if (t >= end_) return joules_;
  if (t <= start_) return watts_before_ * to_seconds(t - start_);
  // First kept mark after t; the one before it may be forgotten, then the start stands in.
  const std::uint64_t oldest = newest_ < kCapacity ? 0 : newest_ - kCapacity + 1;
  std::uint64_t low = oldest;
  std::uint64_t high = newest_;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (ring_[middle % kCapacity].at > t.count())
      high = middle;
    else
      low = middle + 1;
  }
  const Mark& after = ring_[low % kCapacity];
  const Mark before = low == oldest ? Mark{start_.count(), 0.0} : ring_[(low - 1) % kCapacity];
  const double share = static_cast<double>(t.count() - before.at) / static_cast<double>(after.at - before.at);
  return before.joules + (after.joules - before.joules) * share;
}

double PowerHistory::mean_w(Nanos from, Nanos to) const {
  return (joules_at(to) - joules_at(from)) / to_seconds(to - from);
}

}  // namespace phasewatt::sim
