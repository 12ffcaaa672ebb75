#include "phasewatt/device/calibration/recording.h"

#include <chrono>
#include <cmath>

namespace phasewatt::device {
namespace {

constexpr double kImpossibleW = 10'000;

template <class Quantity>
void append(std::vector<SensorRead>& to, const SampleRead& read, const std::optional<Quantity>& value, double most,
            SensorTrace& trace) {
  if (!value) {
    ++trace.failed;
  } else if (!std::isfinite(value->value()) || value->value() < 0 || value->value() > most) {
    ++trace.bad;
  } else {
    to.push_back({read.begin, read.end, value->value()});
  }
}

}  // namespace

Recording::Recording(Device& device, const std::vector<SamplePlan>& plans)
    : sampler_(
          {&device}, plans, [this](const SampleRead& read) { take(read); }, monotonic_now),
      worker_(std::in_place, [this](Nanos now) {
        // A lost device is not asked again and again.
        return trouble_ ? now + std::chrono::hours(1) : sampler_.step(now);
      }) {}

void Recording::take(const SampleRead& read) {
  ++trace_.reads;
  trace_.driver_s += to_seconds(read.end - read.begin);
  if (!read.readings) {
    if (!trouble_) trouble_ = read.readings.error();
    return;
  }
  const Readings& values = *read.readings;
  if (read.what.power_instant) append(trace_.power_instant, read, values.power_instant, kImpossibleW, trace_);
  if (read.what.power_average) append(trace_.power_average, read, values.power_average, kImpossibleW, trace_);
  if (read.what.energy) append(trace_.energy, read, values.energy, HUGE_VAL, trace_);
  if (read.what.clocks) trace_.clocks.push_back({read.begin + (read.end - read.begin) / 2, values.sm_clock, 0});
}

Result<SensorTrace> Recording::finish() {
  worker_.reset();
  trace_.missed = sampler_.missed();
  if (trouble_) return *trouble_;
  return std::move(trace_);
}

}  // namespace phasewatt::device
